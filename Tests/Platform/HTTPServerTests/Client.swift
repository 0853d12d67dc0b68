import CSystem
import EventLoop
import Glibc
import TLS

/// A blocking client that sends and reads exact bytes.
///
/// Every read gives up after ten seconds, so that a fault of the server fails a test instead of
/// hanging it.
final class Client {
    let descriptor: Int32
    private var pending: [UInt8] = []
    private var tls: TLSSession?

    init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        guard let address = try SocketAddress.resolve(host: "127.0.0.1", port: port).first else {
            throw SystemError("resolve", code: ENOENT)
        }
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        if let receiveBuffer {
            System.setOption(descriptor, level: SOL_SOCKET, SO_RCVBUF, receiveBuffer)
        }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_SNDTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
        guard address.withSocketAddress({ connect(descriptor, $0, $1) }) == 0 else {
            throw SystemError("connect")
        }
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        send(Array(text.utf8))
    }

    /// Speaks TLS from now on.
    func startTLS(_ context: TLSClientContext) throws {
        let session = try context.makeSession(host: "127.0.0.1")
        tls = session
        try session.startHandshake()
        flushTLS()
        while session.isHandshaking {
            guard readMore() || !session.isHandshaking else { throw TLSError.truncated }
        }
    }

    private func flushTLS() {
        guard let tls else { return }
        var bytes: [UInt8] = []
        tls.drainOutput(into: &bytes)
        sendRaw(bytes)
    }

    func send(_ bytes: [UInt8]) {
        if let tls {
            try? tls.write(bytes)
            flushTLS()
        } else {
            sendRaw(bytes)
        }
    }

    func sendRaw(_ bytes: [UInt8]) {
        var sent = 0
        bytes.withUnsafeBytes { buffer in
            while sent < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                guard case .bytes(let count) = System.send(descriptor, rest) else { return }
                sent += count
            }
        }
    }

    /// Ends the sending side only.
    func finishSending() {
        tls?.shutdown()
        flushTLS()
        System.finishSending(descriptor)
    }

    /// Closes with a reset instead of an end.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_LINGER,
            &option,
            socklen_t(MemoryLayout<linger>.size)
        )
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private func readMore() -> Bool {
        let count = withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 1) { buffer in
            let result = System.receive(descriptor, into: buffer)
            guard case .bytes(let count) = result else { return 0 }
            guard let tls else {
                pending.append(contentsOf: buffer[..<count])
                return count
            }
            tls.receive(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            while case .bytes? = try? tls.readPlaintext(into: &pending, max: 65_536) {}
            flushTLS()
            return count
        }
        return count > 0
    }

    /// Reads one answer: the status, the head in text, and the body by its Content-Length.
    func readAnswer(isHead: Bool = false) -> Answer? {
        while true {
            if let answer = takeAnswer(isHead: isHead) { return answer }
            if !readMore() { return nil }
        }
    }

    private func takeAnswer(isHead: Bool) -> Answer? {
        let end: [UInt8] = [13, 10, 13, 10]
        guard
            let headEnd = pending.indices.first(where: { pending[$0...].starts(with: end) })
        else { return nil }
        let head = String(decoding: pending[..<headEnd], as: UTF8.self)
        var answer = Answer(head: head)
        let length = isHead ? 0 : Int(answer["Content-Length"] ?? "") ?? 0
        guard pending.count >= headEnd + 4 + length else { return nil }
        answer.body = String(
            decoding: pending[(headEnd + 4)..<(headEnd + 4 + length)],
            as: UTF8.self
        )
        pending.removeFirst(headEnd + 4 + length)
        return answer
    }

    /// Reads exactly so many bytes; nil when the connection ends before.
    func read(_ count: Int) -> [UInt8]? {
        while pending.count < count {
            if !readMore() { return nil }
        }
        defer { pending.removeFirst(count) }
        return Array(pending.prefix(count))
    }

    /// Whether the server ends the connection cleanly, with nothing more to read.
    func isAtEnd() -> Bool {
        if tls != nil { while readMore() {} }
        if !pending.isEmpty { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, 0) == 0
    }

    /// Reads until the server closes or resets; counts the bytes.
    func readToEnd() -> Int {
        while readMore() {}
        return pending.count
    }
}

/// One answer as a client sees it.
struct Answer {
    var head: String
    var body = ""

    var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }

    subscript(_ name: String) -> String? {
        for line in head.split(separator: "\r\n") {
            let prefix = name.lowercased() + ":"
            if line.lowercased().hasPrefix(prefix) {
                var value = line.dropFirst(prefix.count)
                while value.first == " " { value.removeFirst() }
                return String(value)
            }
        }
        return nil
    }
}
