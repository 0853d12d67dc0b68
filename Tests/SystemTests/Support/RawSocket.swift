import Glibc

/// A connection whose bytes a test chooses itself; every call blocks, for ten seconds at most.
final class RawSocket: Sendable {
    /// A call failed, or nothing came in time.
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: Int32

    init(port: UInt16, receiveSeconds: Int = 10) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failed(description: "socket: errno \(errno)") }
        var limit = timeval(tv_sec: receiveSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(
                descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            let number = errno
            close(descriptor)
            throw Failed(description: "connect: errno \(number)")
        }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL.rawValue))
            }
            guard count > 0 else { throw Failed(description: "send: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// What the other side sends until it closes.
    func receiveToEnd() throws -> [UInt8] {
        var all: [UInt8] = []
        while let more = try receive() { all += more }
        return all
    }

    /// Some bytes; nil when the other side has closed.
    func receive() throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == ECONNRESET { return nil }
        guard count >= 0 else { throw Failed(description: "recv: errno \(errno)") }
        return count == 0 ? nil : Array(buffer[..<count])
    }

    /// One answer with its body, which must have a `Content-Length` or be empty.
    func receiveAnswer() throws -> (status: Int, head: String, body: [UInt8]) {
        var bytes: [UInt8] = []
        while true {
            if let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
                let length =
                    head.lowercased().split(separator: "\r\n")
                    .first { $0.hasPrefix("content-length:") }
                    .flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
                let body = bytes[end.upperBound...]
                let status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
                let hasBody = status != 304 && status != 204
                if !hasBody || body.count >= length {
                    return (status, head, hasBody ? Array(body.prefix(length)) : [])
                }
            }
            guard let more = try receive() else {
                throw Failed(
                    description: "closed after \(String(decoding: bytes, as: UTF8.self))")
            }
            bytes += more
        }
    }
}

/// Text of one HTTP/1.1 request.
func requestText(
    _ method: String, _ path: String, fields: [String] = [], body: String? = nil
) -> String {
    var lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1"] + fields
    if let body {
        lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"]
    }
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
}
