import EventLoop
import Glibc
import Primitives
import TLS

/// One appliance's connection that never blocks: connecting, handshake, request and answer.
final class WaitingClient {
    let descriptor: Int32
    private let session: TLSSession?
    private let request: [UInt8]
    private var answer = AnswerReader()
    private var hasBegun = false
    /// Bytes that the socket did not take.
    private var unsent: [UInt8] = []
    /// The status of the last answer, until the next request.
    private(set) var status: Int?

    /// Begins to connect and sends nothing yet.
    init(to target: LoadTarget, request: [UInt8]) throws {
        self.request = request
        session = try target.tls?.makeSession(host: "127.0.0.1")
        let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        descriptor = socket(AF_INET, Int32(kind), 0)
        guard descriptor >= 0 else {
            throw BenchError("no socket: \(String(cString: strerror(errno)))")
        }
        System.sendWithoutDelay(descriptor)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = target.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard outcome == 0 || errno == EINPROGRESS else {
            throw BenchError("cannot connect: \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// The bytes of the last answer's head and body.
    var lastAnswer: [UInt8] { answer.last }

    /// The socket is connected or takes more.
    func onWritable() throws {
        if !hasBegun {
            hasBegun = true
            if let session { try session.startHandshake() } else { unsent += request }
        }
        try flush()
    }

    /// Sends the request again on the connection that is there.
    func repeatRequest(_ request: [UInt8]) throws {
        status = nil
        if let session { try session.write(request) } else { unsent += request }
        try flush()
    }

    /// Takes what has come.
    ///
    /// - Returns: Whether an answer is complete.
    func onReadable(_ scratch: UnsafeMutableRawBufferPointer) throws -> Bool {
        switch System.receive(descriptor, into: scratch) {
        case .wouldBlock: return false
        case .finished, .broken: throw BenchError("the server closed a connection")
        case .bytes(let count):
            let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
            guard let session else {
                status = try answer.feed(bytes)
                return status != nil
            }
            let wasHandshaking = session.isHandshaking
            session.receive(bytes)
            while case .bytes(let plain) = try session.read(into: scratch) {
                status = try answer.feed(UnsafeRawBufferPointer(rebasing: scratch[..<plain]))
                if !session.hasBufferedInput { break }
            }
            if wasHandshaking, !session.isHandshaking { try session.write(request) }
            try flush()
            return status != nil
        }
    }

    private func flush() throws {
        if let session {
            unsent += session.pendingOutput
            session.consumeOutput(session.pendingOutput.count)
        }
        guard !unsent.isEmpty else { return }
        switch unsent.withUnsafeBytes({ System.send(descriptor, $0) }) {
        case .bytes(let count): unsent.removeFirst(count)
        case .wouldBlock: break
        case .finished, .broken: throw BenchError("a request could not be sent")
        }
    }
}
