import EventLoop
import Glibc
import TLS

/// One kept-alive connection of the load generator, with at most one request under way.
final class LoadConnection {
    let descriptor: Int32
    let number: Int
    private let session: TLSSession?
    private var answer = AnswerReader()
    private var request: [UInt8] = []
    private(set) var sentAt: Int64 = 0
    private(set) var sequence = 0

    /// Connects, and shakes hands when there is a context for it; blocks until both are done.
    init(
        number: Int,
        to target: LoadTarget,
        resuming resumption: TLSResumption? = nil
    ) throws {
        self.number = number
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw BenchError("no socket: \(String(cString: strerror(errno)))")
        }
        session = try target.tls?.makeSession(host: "127.0.0.1", resuming: resumption)
        try connect(to: target.port)
        System.sendWithoutDelay(descriptor)
        if let session { try shakeHands(session) }
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    }

    deinit { close(descriptor) }

    private func connect(to port: UInt16) throws {
        // A server that does not answer must not hold the run for ever.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard outcome == 0 else {
            throw BenchError("port \(port) refuses: \(String(cString: strerror(errno)))")
        }
    }

    private func shakeHands(_ session: TLSSession) throws {
        try session.startHandshake()
        var scratch = [UInt8](repeating: 0, count: 16_384)
        while session.isHandshaking {
            try flush(session)
            let result = scratch.withUnsafeMutableBytes { System.receive(descriptor, into: $0) }
            guard case .bytes(let count) = result else {
                throw BenchError("the TLS handshake ended early: \(result)")
            }
            session.receive(Array(scratch[..<count]))
            _ = try scratch.withUnsafeMutableBytes { try session.read(into: $0) }
        }
        try flush(session)
    }

    /// Whether the handshake took up an earlier session.
    var isResumed: Bool { session?.isResumed == true }

    /// Waits for the server's ticket, which is the end of its part of the handshake.
    func awaitTicket() throws -> TLSResumption {
        guard let session else { throw BenchError("a plain connection has no ticket") }
        var scratch = [UInt8](repeating: 0, count: 16_384)
        while true {
            if let resumption = session.resumption() { return resumption }
            var pending = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&pending, 1, 10_000) == 1 else { throw BenchError("no ticket comes") }
            let result = scratch.withUnsafeMutableBytes { System.receive(descriptor, into: $0) }
            guard case .bytes(let count) = result else {
                throw BenchError("the connection ended before its ticket: \(result)")
            }
            session.receive(Array(scratch[..<count]))
            _ = try scratch.withUnsafeMutableBytes { try session.read(into: $0) }
        }
    }

    private func flush(_ session: TLSSession) throws {
        while session.hasPendingOutput {
            let count = try sendSome(session.pendingOutput)
            session.consumeOutput(count)
        }
    }

    private func sendSome(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        // One request lies in an empty socket buffer, so it goes out at once.
        guard case .bytes(let count) = System.send(descriptor, bytes) else {
            throw BenchError("a request could not be sent")
        }
        return count
    }

    /// Sends the request that `write` appends for this connection's next number.
    func send(at now: Int64, _ write: LoadPlan.Request) throws {
        request.removeAll(keepingCapacity: true)
        write(number, sequence, &request)
        sequence += 1
        sentAt = now
        if let session {
            try session.write(request)
            try flush(session)
            return
        }
        try request.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                sent += try sendSome(UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            }
        }
    }

    /// Takes what has come.
    ///
    /// - Returns: the status of the answer when it is complete.
    func receive(_ scratch: UnsafeMutableRawBufferPointer) throws -> Int? {
        switch System.receive(descriptor, into: scratch) {
        case .wouldBlock: return nil
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
            guard let session else { return try answer.feed(bytes) }
            session.receive(bytes)
            var status: Int?
            while case .bytes(let plain) = try session.read(into: scratch) {
                status = try answer.feed(UnsafeRawBufferPointer(rebasing: scratch[..<plain]))
                if !session.hasBufferedInput { break }
            }
            return status
        case .finished, .broken: throw BenchError("the server closed a connection")
        }
    }

    /// The bytes of the last answer's head and body.
    var lastAnswer: [UInt8] { answer.last }
}
