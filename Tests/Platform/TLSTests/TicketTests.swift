import COpenSSL
import Crypto
import Primitives
import Synchronization
import Testing

@testable import TLS

/// A clock that stands still until a test moves it.
private final class FakeClock: Sendable {
    private let time = Mutex(Timestamp(seconds: 2_000_000_000))

    var now: Timestamp { time.withLock { $0 } }

    func advance(windows: Int64) {
        time.withLock { $0 = $0.adding(seconds: windows * TLSTicketKeys.windowSeconds) }
    }
}

@Suite("TLS session tickets")
struct TicketTests {
    private let files: ServerFiles
    private let client: TLSClientContext
    private let secret = RandomBytes.make(32)
    private let clock = FakeClock()

    init() throws {
        files = try ServerFiles()
        client = try files.client()
    }

    /// The keys of a process that has just started.
    private func keys(secret: [UInt8]? = nil, ahead windows: Int64 = 0) -> TLSTicketKeys {
        TLSTicketKeys(secret: secret ?? self.secret) { [clock] in
            clock.now.adding(seconds: windows * TLSTicketKeys.windowSeconds)
        }
    }

    private func firstVisit(
        _ keys: TLSTicketKeys,
        _ client: TLSClientContext? = nil
    ) throws -> TLSResumption {
        let pair = try Pair(client ?? self.client, files.server(keys: keys))
        try pair.shakeHands()
        #expect(!pair.client.isResumed)
        return try #require(pair.client.resumption())
    }

    private func isTaken(
        _ resumption: TLSResumption,
        by keys: TLSTicketKeys,
        _ client: TLSClientContext? = nil
    ) throws -> Bool {
        let pair = try Pair(
            client ?? self.client,
            files.server(keys: keys),
            resuming: resumption
        )
        try pair.shakeHands()
        #expect(pair.client.isResumed == pair.server.isResumed)
        #expect(try pair.send([1], from: pair.client, to: pair.server) == [1])
        return pair.server.isResumed
    }

    @Test func `a client resumes after a restart and at another process with the secret`() throws {
        let resumption = try firstVisit(keys())
        #expect(try isTaken(resumption, by: keys()))
        // The other process's clock has passed midnight already, or not yet.
        #expect(try isTaken(resumption, by: keys(ahead: 1)))
        #expect(try isTaken(firstVisit(keys(ahead: 1)), by: keys()))
        #expect(try !isTaken(resumption, by: keys(secret: RandomBytes.make(32))))
    }

    @Test func `TLS 1.2 resumes too`() throws {
        let client = try TLSClientContext(
            trust: .only(files.authorityPEM),
            protocols: [],
            versions: TLSSettings.Versions(highest: TLS1_2_VERSION)
        )
        let keys = keys()
        #expect(try isTaken(firstVisit(keys, client), by: keys, client))
    }

    @Test func `keys rotate: the former window opens, the one before it does not`() throws {
        let keys = keys()
        let resumption = try firstVisit(keys)
        clock.advance(windows: 1)
        #expect(try isTaken(resumption, by: keys))
        clock.advance(windows: 1)
        #expect(try !isTaken(resumption, by: keys))
        #expect(try !isTaken(resumption, by: self.keys()))
    }

    @Test func `a resumed session's ticket is sealed under the newest key`() throws {
        let keys = keys()
        let first = try firstVisit(keys)
        clock.advance(windows: 1)
        let pair = try Pair(client, files.server(keys: keys), resuming: first)
        try pair.shakeHands()
        #expect(pair.server.isResumed)
        let second = try #require(pair.client.resumption())
        clock.advance(windows: 1)
        #expect(try isTaken(second, by: keys))
        #expect(try !isTaken(first, by: keys))
    }

    @Test func `a handshake gives one ticket`() throws {
        let pair = try Pair(client, files.server(keys: keys()))
        try pair.client.startHandshake()
        pair.carry(from: pair.client, to: pair.server)
        var ignored: [UInt8] = []
        _ = try pair.server.readPlaintext(into: &ignored, max: 9)
        pair.carry(from: pair.server, to: pair.client)
        _ = try pair.client.readPlaintext(into: &ignored, max: 9)
        pair.carry(from: pair.client, to: pair.server)
        _ = try pair.server.readPlaintext(into: &ignored, max: 9)
        // One record in one flight: each further ticket would be another record.
        let flight = Array(pair.server.pendingOutput)
        let length = Int(flight[3]) << 8 | Int(flight[4])
        #expect(flight.count == 5 + length)
    }

    @Test func `no ticket allows early data`() throws {
        let resumption = try firstVisit(keys())
        #expect(SSL_SESSION_get_max_early_data(resumption.handle) == 0)
        let pair = try Pair(client, files.server(keys: keys()), resuming: resumption)
        var written = 0
        #expect(SSL_write_early_data(pair.client.handleForTests, "POST", 4, &written) != 1)
    }

    @Test func `early data that a client sends all the same is thrown away`() throws {
        let resumption = try firstVisit(keys())
        // The client believes that the server allows it.
        #expect(SSL_SESSION_set_max_early_data(resumption.handle, 16_384) == 1)
        let pair = try Pair(client, files.server(keys: keys()), resuming: resumption)
        var written = 0
        #expect(SSL_write_early_data(pair.client.handleForTests, "POST", 4, &written) == 1)
        pair.carry(from: pair.client, to: pair.server)
        var arrived: [UInt8] = []
        #expect(try pair.server.readPlaintext(into: &arrived, max: 9) == .wouldBlock)
        pair.carry(from: pair.server, to: pair.client)
        try pair.client.startHandshake()
        pair.carry(from: pair.client, to: pair.server)
        #expect(try pair.server.readPlaintext(into: &arrived, max: 9) == .wouldBlock)
        #expect(arrived.isEmpty)
        #expect(SSL_get_early_data_status(pair.server.handleForTests) != SSL_EARLY_DATA_ACCEPTED)
        #expect(try pair.send([7], from: pair.client, to: pair.server) == [7])
    }
}
