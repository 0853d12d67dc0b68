import COpenSSL
import Crypto
import Primitives
import Testing

@testable import TLS

@Suite("TLS data")
struct TransferTests {
    private func pair() throws -> Pair {
        let files = try ServerFiles()
        let pair = try Pair(files.client(), files.server())
        try pair.shakeHands()
        return pair
    }

    @Test(arguments: 1...20)
    func `any bytes arrive whole however they are cut`(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let pair = try pair()
        let sent = (0..<Int.random(in: 0...200_000, using: &numbers)).map { _ in
            UInt8(truncatingIfNeeded: numbers.next())
        }
        // Plaintext in pieces, ciphertext in other pieces, reads of yet another size.
        var rest = sent[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...40_000, using: &numbers))
            try pair.client.write(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        var wire: [UInt8] = []
        pair.client.drainOutput(into: &wire)
        #expect(!pair.client.hasPendingOutput)
        var arrived: [UInt8] = []
        var onWire = wire[...]
        while !onWire.isEmpty {
            let piece = onWire.prefix(Int.random(in: 1...30_000, using: &numbers))
            pair.server.receive(Array(piece))
            onWire = onWire.dropFirst(piece.count)
            var result = TLSSession.ReadResult.bytes(0)
            while case .bytes = result {
                let room = Int.random(in: 1...20_000, using: &numbers)
                result = try pair.server.readPlaintext(into: &arrived, max: room)
            }
            #expect(result == .wouldBlock)
        }
        #expect(arrived == sent)
    }

    @Test func `a handshake survives arriving byte by byte`() throws {
        let files = try ServerFiles()
        let pair = try Pair(files.client(), files.server())
        try pair.client.startHandshake()
        var plaintext: [UInt8] = []
        for _ in 0..<4 {
            for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
                var wire: [UInt8] = []
                from.drainOutput(into: &wire)
                for byte in wire {
                    to.receive([byte])
                    #expect(try to.readPlaintext(into: &plaintext, max: 10) == .wouldBlock)
                }
            }
        }
        #expect(pair.server.handshakeState == .established)
        #expect(pair.client.handshakeState == .established)
    }

    @Test func `the output can be sent in parts`() throws {
        let pair = try pair()
        try pair.server.write([UInt8](repeating: 1, count: 1000))
        while pair.server.hasPendingOutput {
            let part = min(7, pair.server.pendingOutput.count)
            pair.client.receive(
                UnsafeRawBufferPointer(rebasing: pair.server.pendingOutput[..<part])
            )
            pair.server.consumeOutput(part)
        }
        var arrived: [UInt8] = []
        #expect(try pair.client.readPlaintext(into: &arrived, max: 5000) == .bytes(1000))
    }

    @Test func `says whether another read would give something`() throws {
        let pair = try pair()
        try pair.client.write([1, 2, 3, 4])
        pair.carry(from: pair.client, to: pair.server)
        #expect(pair.server.hasBufferedInput)
        var arrived: [UInt8] = []
        #expect(try pair.server.readPlaintext(into: &arrived, max: 3) == .bytes(3))
        #expect(pair.server.hasBufferedInput)
        #expect(try pair.server.readPlaintext(into: &arrived, max: 3) == .bytes(1))
        #expect(!pair.server.hasBufferedInput)
    }

    @Test func `nothing can be written before the handshake or after the end`() throws {
        let files = try ServerFiles()
        let early = try Pair(files.client(), files.server())
        #expect(throws: TLSError.handshakeUnfinished) { try early.server.write([1]) }
        let pair = try pair()
        pair.client.shutdown()
        pair.client.shutdown()
        #expect(throws: TLSError.ended) { try pair.client.write([1]) }
    }

    @Test func `an orderly close is told from a cut connection`() throws {
        let closed = try pair()
        try closed.client.write([1])
        closed.client.shutdown()
        closed.carry(from: closed.client, to: closed.server)
        closed.server.receiveEnd()
        var arrived: [UInt8] = []
        #expect(try closed.server.readPlaintext(into: &arrived, max: 9) == .bytes(1))
        #expect(try closed.server.readPlaintext(into: &arrived, max: 9) == .closed)
        #expect(try closed.server.readPlaintext(into: &arrived, max: 9) == .closed)
        // The other direction is still open (RFC 8446 §6.1).
        #expect(try closed.send([7], from: closed.server, to: closed.client) == [7])

        let cut = try pair()
        try cut.client.write([1])
        cut.carry(from: cut.client, to: cut.server)
        cut.server.receiveEnd()
        #expect(try cut.server.readPlaintext(into: &arrived, max: 9) == .bytes(1))
        #expect(throws: TLSError.truncated) {
            try cut.server.readPlaintext(into: &arrived, max: 9)
        }
        #expect(cut.server.handshakeState == .failed(.truncated))
    }

    @Test func `a connection cut within a record or the handshake is truncated`() throws {
        let pair = try pair()
        var wire: [UInt8] = []
        try pair.client.write([1, 2, 3])
        pair.client.drainOutput(into: &wire)
        pair.server.receive(Array(wire.dropLast()))
        pair.server.receiveEnd()
        var arrived: [UInt8] = []
        #expect(throws: TLSError.truncated) {
            try pair.server.readPlaintext(into: &arrived, max: 9)
        }
        let files = try ServerFiles()
        let silent = try files.server().makeSession()
        silent.receiveEnd()
        #expect(throws: TLSError.truncated) { try silent.readPlaintext(into: &arrived, max: 9) }
        #expect(arrived.isEmpty)
    }

    @Test func `a changed record ends the session with an alert`() throws {
        let pair = try pair()
        var wire: [UInt8] = []
        try pair.client.write([1, 2, 3])
        pair.client.drainOutput(into: &wire)
        wire[wire.count - 1] ^= 1
        pair.server.receive(wire)
        var arrived: [UInt8] = []
        #expect(throws: TLSError.self) { try pair.server.readPlaintext(into: &arrived, max: 9) }
        #expect(pair.server.hasPendingOutput)
        #expect(!pair.server.hasBufferedInput)
        // The same answer from then on, and no byte of it is plaintext.
        #expect(throws: TLSError.self) { try pair.server.readPlaintext(into: &arrived, max: 9) }
        #expect(arrived.isEmpty)
    }

    @Test(arguments: 1...200)
    func `garbage before and after the handshake ends the session and nothing else`(
        seed: UInt64
    ) throws {
        var numbers = SeededNumbers(seed: seed)
        var garbage = (0..<Int.random(in: 1...600, using: &numbers)).map { _ in
            UInt8(truncatingIfNeeded: numbers.next())
        }
        // Half of them look like a handshake record, to get further in.
        if seed % 2 == 0 {
            garbage = [22, 3, 1, 0, UInt8(truncatingIfNeeded: garbage.count & 0xFF), 1] + garbage
        }
        let pair = seed % 3 == 0 ? try pair() : nil
        let session: TLSSession
        if let pair {
            session = pair.server
        } else {
            session = try ServerFiles().server().makeSession()
        }
        session.receive(garbage)
        session.receiveEnd()
        var arrived: [UInt8] = []
        #expect(throws: TLSError.self) { try session.readPlaintext(into: &arrived, max: 9) }
        #expect(arrived.isEmpty)
    }

    @Test func `plain HTTP on the TLS port is named as such`() throws {
        let session = try ServerFiles().server().makeSession()
        session.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
        var arrived: [UInt8] = []
        let error = try #require(throws: TLSError.self) {
            try session.readPlaintext(into: &arrived, max: 9)
        }
        #expect("\(error)".contains("http request"))
    }

    @Test func `renegotiation is refused`() throws {
        let files = try ServerFiles()
        let client = try TLSClientContext(
            trust: .only(files.authorityPEM),
            protocols: [],
            versions: TLSSettings.Versions(highest: TLS1_2_VERSION)
        )
        let pair = try Pair(client, files.server())
        try pair.shakeHands()
        // The client's own options would keep it from asking.
        SSL_clear_options(pair.client.handleForTests, easel_options)
        #expect(SSL_renegotiate(pair.client.handleForTests) == 1)
        SSL_do_handshake(pair.client.handleForTests)
        pair.carry(from: pair.client, to: pair.server)
        var arrived: [UInt8] = []
        _ = try? pair.server.readPlaintext(into: &arrived, max: 9)
        pair.carry(from: pair.server, to: pair.client)
        let error = try #require(throws: TLSError.self) {
            try pair.client.readPlaintext(into: &arrived, max: 9)
        }
        #expect("\(error)".contains("renegotiation"))
    }

    @Test func `many key updates are answered within bounds`() throws {
        let pair = try pair()
        for _ in 0..<1000 {
            SSL_key_update(pair.client.handleForTests, SSL_KEY_UPDATE_REQUESTED)
            try pair.client.write([1])
        }
        pair.carry(from: pair.client, to: pair.server)
        var arrived: [UInt8] = []
        while case .bytes = try pair.server.readPlaintext(into: &arrived, max: 9) {}
        #expect(arrived.count == 1000)
        #expect(pair.server.pendingOutput.count < 64 * 1000)
    }
}
