import Glibc

/// Finds the end of one HTTP/1.1 answer with a `Content-Length` or without a body.
struct AnswerReader {
    private var received: [UInt8] = []
    private(set) var last: [UInt8] = []

    /// Takes bytes of the answer.
    ///
    /// - Returns: its status when it is complete.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws -> Int? {
        received += bytes
        guard let answer = try received.withUnsafeBytes(Self.measure) else { return nil }
        guard received.count >= answer.bytes else { return nil }
        guard received.count == answer.bytes else {
            throw BenchError("an answer is longer than it says")
        }
        swap(&last, &received)
        received.removeAll(keepingCapacity: true)
        return answer.status
    }

    /// The status and the length of head and body together; nil before the head is whole.
    private static func measure(
        _ bytes: UnsafeRawBufferPointer
    ) throws -> (status: Int, bytes: Int)? {
        guard let base = bytes.baseAddress, bytes.count > 12 else { return nil }
        let digits = bytes[9..<12].map { Int($0) - 48 }
        let status = digits[0] * 100 + digits[1] * 10 + digits[2]
        var at = 0
        var length = 0
        while let found = memchr(base + at, 10, bytes.count - at) {
            let end = UnsafeRawPointer(found) - base
            if end - at <= 1 {
                let hasBody = status >= 200 && status != 204 && status != 304
                return (status, end + 1 + (hasBody ? length : 0))
            }
            if end - at > 16, strncasecmp(base + at, "content-length: ", 16) == 0 {
                length = bytes[(at + 16)..<end].reduce(0) {
                    (48...57).contains($1) ? $0 * 10 + Int($1) - 48 : $0
                }
            } else if end - at > 19, strncasecmp(base + at, "transfer-encoding: ", 19) == 0 {
                throw BenchError("an answer has no Content-Length")
            }
            at = end + 1
        }
        return nil
    }

    private static func strncasecmp(
        _ bytes: UnsafeRawPointer,
        _ name: StaticString,
        _ count: Int
    ) -> Int32 {
        Glibc.strncasecmp(
            bytes.assumingMemoryBound(to: CChar.self),
            UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
            count
        )
    }
}
