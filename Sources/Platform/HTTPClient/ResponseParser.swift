import HTTPCore

/// Reads one answer from a connection, byte by byte as it comes (RFC 9112): bytes in, decision
/// out.
///
/// Strict where a lenient reader could be led to see other boundaries than the next one: line ends
/// are CRLF, lengths are digits and stand once, a length and a transfer coding exclude each other.
struct ResponseParser {
    enum Step: Equatable {
        case needsMore
        /// The answer is complete; `consumed` bytes of this feed belong to it.
        case complete(consumed: Int)
        case violation(String)
        case bodyTooLarge
    }

    private enum Phase {
        case head
        case length(remaining: Int)
        case chunked(ChunkedDecoder)
        case untilClose
    }

    static let headBytesMax = 64 * 1024
    private static let start = Array("HTTP/1.".utf8)
    static let fieldCountMax = 200
    /// Interim answers (1xx) that are skipped before the real one.
    static let interimCountMax = 16

    private let isHead: Bool
    let bodyBytesMax: Int
    private var phase = Phase.head
    private var head: [UInt8] = []
    private var interimCount = 0

    private(set) var response = ClientResponse(status: 0, fields: [], body: [])
    /// Whether the connection may carry another request afterwards.
    private(set) var keepsAlive = true
    /// Whether the server has said anything at all.
    private(set) var hasBegun = false

    init(method: HTTPMethod, bodyBytesMax: Int) {
        isHead = method == .head
        self.bodyBytesMax = bodyBytesMax
    }

    mutating func feed(_ bytes: Span<UInt8>) -> Step {
        var index = 0
        if !bytes.isEmpty { hasBegun = true }
        while true {
            switch phase {
            case .head:
                do throws(Malformed) {
                    guard let head = try takeHead(bytes, from: &index) else { return .needsMore }
                    if let step = try finishHead(head, at: index) { return step }
                } catch {
                    return .violation(error.reason)
                }
            case .length(let remaining):
                let count = min(remaining, bytes.count - index)
                append(bytes, index..<index + count)
                index += count
                if count == remaining { return .complete(consumed: index) }
                phase = .length(remaining: remaining - count)
                return .needsMore
            case .chunked(var decoder):
                let step = decoder.feed(
                    bytes.extracting(index..<bytes.count),
                    into: &response.body,
                    bodyBytesMax: bodyBytesMax
                )
                phase = .chunked(decoder)
                switch step {
                case .needsMore: return .needsMore
                case .complete(let count): return .complete(consumed: index + count)
                case .refuse(.bodyTooLarge): return .bodyTooLarge
                case .refuse(let fault): return .violation(fault.message)
                }
            case .untilClose:
                guard bytes.count - index <= bodyBytesMax - response.body.count else {
                    return .bodyTooLarge
                }
                append(bytes, index..<bytes.count)
                return .needsMore
            }
        }
    }

    /// The server has closed its side in an orderly way: whether that completes the answer.
    func isCompleteAtClose() -> Bool {
        if case .untilClose = phase { return true }
        return false
    }

    private mutating func append(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        bytes.extracting(range).withUnsafeBufferPointer { response.body.append(contentsOf: $0) }
    }

    /// Moves bytes into the head until its empty line; gives the head, or nil for more.
    private mutating func takeHead(
        _ bytes: Span<UInt8>,
        from index: inout Int
    ) throws(Malformed) -> [UInt8]? {
        while index < bytes.count {
            let byte = bytes[index]
            // Seen here and not at the end, as a head without CRLF might have no end.
            guard byte != 10 || head.last == 13 else {
                throw Malformed(reason: "a line does not end with CRLF")
            }
            guard head.count < ResponseParser.headBytesMax else {
                throw Malformed(reason: "the head of the answer is too long")
            }
            // What does not begin like HTTP may never send the empty line that ends a head.
            guard
                head.count >= ResponseParser.start.count || ResponseParser.start[head.count] == byte
            else { throw Malformed(reason: "a malformed status line") }
            head.append(byte)
            index += 1
            if byte == 10, head.suffix(4).elementsEqual([13, 10, 13, 10]) {
                defer { head = [] }
                return Array(head.dropLast(2))
            }
        }
        return nil
    }

    /// Nil to go on; a step when the answer has no body or cannot be taken.
    private mutating func finishHead(_ head: [UInt8], at index: Int) throws(Malformed) -> Step? {
        let parsed = try ParsedHead(head)
        if (100...199).contains(parsed.status) {
            // 101 answers only an upgrade that we never ask for.
            interimCount += 1
            guard parsed.status != 101, interimCount <= ResponseParser.interimCountMax else {
                throw Malformed(reason: "interim answers that were not asked for")
            }
            return nil
        }
        response.status = parsed.status
        response.fields = parsed.fields
        keepsAlive = parsed.keepsAlive
        if isHead || parsed.status == 204 || parsed.status == 304 {
            return .complete(consumed: index)
        }
        switch try parsed.framing() {
        case .chunked:
            phase = .chunked(ChunkedDecoder(limits: HTTPLimits()))
        case .length(let count):
            guard count <= bodyBytesMax else { return .bodyTooLarge }
            guard count > 0 else { return .complete(consumed: index) }
            // No more is set aside on the word of the other side.
            response.body.reserveCapacity(min(count, 1 << 20))
            phase = .length(remaining: count)
        case .untilClose:
            keepsAlive = false
            phase = .untilClose
        }
        return nil
    }
}

private struct Malformed: Error {
    let reason: String
}

/// The head of an answer, taken apart.
private struct ParsedHead {
    enum Framing {
        case length(Int)
        case chunked
        case untilClose
    }

    let status: Int
    let fields: [(name: String, value: String)]
    private let isVersion10: Bool

    /// - Parameter head: whole lines, each with its CRLF.
    init(_ head: [UInt8]) throws(Malformed) {
        var lines = head.split(separator: 10, omittingEmptySubsequences: false)
        lines.removeLast()
        for line in lines where line.last != 13 || line.dropLast().contains(13) {
            throw Malformed(reason: "a line does not end with CRLF")
        }
        guard let first = lines.first?.dropLast() else { throw Malformed(reason: "no status line") }
        (status, isVersion10) = try ParsedHead.statusLine(Array(first))
        guard lines.count - 1 <= ResponseParser.fieldCountMax else {
            throw Malformed(reason: "too many header fields")
        }
        var fields: [(name: String, value: String)] = []
        for line in lines.dropFirst() { fields.append(try ParsedHead.field(line.dropLast())) }
        self.fields = fields
    }

    var keepsAlive: Bool { !isVersion10 && !tokens("connection").contains("close") }

    func framing() throws(Malformed) -> Framing {
        let lengths = fields.filter { $0.name == "content-length" }
        let codings = tokens("transfer-encoding")
        if !codings.isEmpty {
            guard lengths.isEmpty else {
                throw Malformed(reason: "both a length and a transfer coding")
            }
            guard codings == ["chunked"], !isVersion10 else {
                throw Malformed(reason: "an unknown transfer coding")
            }
            return .chunked
        }
        guard let length = lengths.first else { return .untilClose }
        let digits = length.value.utf8
        guard lengths.count == 1, (1...18).contains(digits.count),
            digits.allSatisfy({ (0x30...0x39) ~= $0 }), let count = Int(length.value)
        else { throw Malformed(reason: "a malformed length") }
        return .length(count)
    }

    private func tokens(_ name: String) -> [String] {
        fields.filter { $0.name == name }.flatMap { field in
            field.value.split(separator: ",").map { part in
                let trimmed = part.drop { $0 == " " || $0 == "\t" }
                return String(trimmed.prefix { $0 != " " && $0 != "\t" }).lowercased()
            }
        }
    }

    /// `HTTP/1.1 200 OK`; the reason may be empty or, with its space, missing (RFC 9112 §4).
    private static func statusLine(
        _ line: [UInt8]
    ) throws(Malformed) -> (status: Int, isVersion10: Bool) {
        let isVersion10 = line.starts(with: "HTTP/1.0 ".utf8)
        guard isVersion10 || line.starts(with: "HTTP/1.1 ".utf8), line.count >= 12,
            line[9..<12].allSatisfy({ (0x30...0x39) ~= $0 }),
            line.count == 12 || line[12] == 0x20
        else { throw Malformed(reason: "a malformed status line") }
        let status = line[9..<12].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard (100...599).contains(status) else { throw Malformed(reason: "an unknown status") }
        return (status, isVersion10)
    }

    private static func field(
        _ line: ArraySlice<UInt8>
    ) throws(Malformed) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
            line[..<colon].allSatisfy(isTokenCharacter)
        else { throw Malformed(reason: "a malformed header field") }
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        var value = line[(colon + 1)...].drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw Malformed(reason: "a control character in a header field")
        }
        return (
            String(decoding: line[..<colon], as: UTF8.self).lowercased(),
            String(decoding: value, as: UTF8.self)
        )
    }
}
