import Glibc

/// Reads one HTTP/1 request head, byte by byte or all at once (RFC 9112 §2–§6).
///
/// Strict: whatever the RFC lets a server refuse because two readers could understand it
/// differently is refused. After `complete` or `refuse` use a new parser.
package struct RequestHeadParser {
    /// What the bytes so far amount to.
    package enum Step: Sendable, Equatable {
        /// The head is not complete.
        case needsMore
        /// The head is complete and took this many bytes.
        case complete(bytes: Int)
        /// Answer with the fault and close.
        case refuse(ProtocolFault)
    }

    /// Whether the version is 1.0, whose connections close unless asked not to.
    package private(set) var isHTTP10 = false
    /// Whether the client wants the connection kept after the answer (RFC 9112 §9.3).
    package private(set) var keepsAlive = true
    /// Whether the client waits for 100 before it sends the body (RFC 9110 §10.1.1).
    package private(set) var expectsContinue = false

    /// Whether the head is complete and keeps to the rules.
    package private(set) var isComplete = false

    // Of the limits only what a head needs: a parser is made for each request.
    private let headBytesMax: Int
    private let targetBytesMax: Int
    private let fieldCountMax: Int
    /// Where the first line that is not parsed yet begins.
    private var lineStart = 0
    /// There is no line feed from `lineStart` up to here.
    private var searched = 0
    private var hasRequestLine = false
    private var skippedEmptyLine = false
    private var host: Int?
    private var authority: Range<Int>?
    private var contentLength: Int?
    private var isChunked = false
    private var wantsClose = false
    private var wantsKeepAlive = false
    private var unknownExpectation = false

    /// Makes a parser at the beginning of a head.
    package init(limits: HTTPLimits) {
        headBytesMax = limits.headBytesMax
        targetBytesMax = limits.targetBytesMax
        fieldCountMax = limits.fieldCountMax
    }

    /// Whether part of a request has come, beyond an empty line before it.
    package var hasBegun: Bool { hasRequestLine || searched > lineStart }

    /// Takes the bytes received since the head began, those of former calls included.
    ///
    /// - Parameter request: Receives the head; its other members stay as they are.
    package mutating func feed(_ bytes: Span<UInt8>, into request: Request) -> Step {
        bytes.withUnsafeBufferPointer { feed($0, into: request) }
    }

    private mutating func feed(_ bytes: UnsafeBufferPointer<UInt8>, into request: Request) -> Step {
        guard let base = bytes.baseAddress else { return .needsMore }
        do throws(ProtocolFault) {
            while true {
                guard let found = memchr(base + searched, 10, bytes.count - searched) else {
                    searched = bytes.count
                    try checkBegun(bytes, end: bytes.count)
                    return .needsMore
                }
                let lineFeed = UnsafeRawPointer(found) - UnsafeRawPointer(base)
                // What can be refused before a line ends is refused first, so that the answer
                // does not depend on how the bytes came.
                try checkBegun(bytes, end: lineFeed + 1)
                guard lineFeed > lineStart, base[lineFeed - 1] == 13 else {
                    throw .badRequest("A line must end in CR LF.")
                }
                let line = UnsafeBufferPointer(
                    start: base + lineStart,
                    count: lineFeed - 1 - lineStart
                )
                searched = lineFeed + 1
                if !hasRequestLine {
                    if line.isEmpty {
                        // RFC 9112 §2.2: one empty line before the request is forgiven.
                        if skippedEmptyLine { throw .badRequest("A request line is missing.") }
                        skippedEmptyLine = true
                    } else {
                        try parseRequestLine(line, into: request)
                        hasRequestLine = true
                    }
                } else if line.isEmpty {
                    try finish(UnsafeBufferPointer(rebasing: bytes[..<searched]), into: request)
                    isComplete = true
                    return .complete(bytes: searched)
                } else {
                    try parseField(line, into: request)
                }
                lineStart = searched
            }
        } catch {
            return .refuse(error)
        }
    }

    /// Refuses what no further byte can mend in the line that begins at `lineStart`.
    ///
    /// - Parameter end: Behind the line's end, or behind all bytes when it has not come.
    private func checkBegun(
        _ bytes: UnsafeBufferPointer<UInt8>,
        end: Int
    ) throws(ProtocolFault) {
        if hasRequestLine {
            if end > headBytesMax { throw .headTooLarge }
        } else if end > lineStart {
            try checkRequestLineBegun(UnsafeBufferPointer(rebasing: bytes[lineStart..<end]))
        }
    }

    /// Bounds the parts of the request line, in the order in which they come.
    private func checkRequestLineBegun(
        _ line: UnsafeBufferPointer<UInt8>
    ) throws(ProtocolFault) {
        // Something that is not HTTP at all, such as a TLS greeting, need not wait for its
        // time-out.
        let token = CharacterClass.token
        if line[0] != 13, !token.contains(line[0]) {
            throw .badRequest("The request line is malformed.")
        }
        guard let methodEnd = line.prefix(Self.methodBytesMax + 1).position(of: 32, from: 0)
        else {
            guard line.count > Self.methodBytesMax else { return }
            for byte in line.prefix(Self.methodBytesMax + 1) where !token.contains(byte) {
                throw .badRequest("The request line is malformed.")
            }
            throw .unknownMethod
        }
        let targetEnd = line.position(of: 32, from: methodEnd + 1) ?? line.count
        if targetEnd - methodEnd - 1 > targetBytesMax { throw .targetTooLong }
        // Behind the target stand a blank, eight characters and the end of line.
        if line.count - targetEnd > 11 {
            throw .badRequest("The protocol version is malformed.")
        }
    }

    /// Longer than the name of any method that there is (RFC 9110 §16.1.1).
    private static let methodBytesMax = 24

    // MARK: Request line

    private mutating func parseRequestLine(
        _ line: UnsafeBufferPointer<UInt8>,
        into request: Request
    ) throws(ProtocolFault) {
        guard let methodEnd = line.position(of: 32, from: 0), methodEnd > 0 else {
            throw .badRequest("The request line is malformed.")
        }
        let token = CharacterClass.token
        for index in 0..<methodEnd where !token.contains(line[index]) {
            throw .badRequest("The request line is malformed.")
        }
        guard let targetEnd = line.position(of: 32, from: methodEnd + 1) else {
            throw .badRequest("The request line is malformed.")
        }
        let target = methodEnd + 1..<targetEnd
        try parseVersion(UnsafeBufferPointer(rebasing: line[(targetEnd + 1)...]))
        guard let method = HTTPMethod(UnsafeBufferPointer(rebasing: line[..<methodEnd])) else {
            throw .unknownMethod
        }
        request.method = method
        try parseTarget(line, target, into: request)
    }

    private mutating func parseVersion(
        _ text: UnsafeBufferPointer<UInt8>
    ) throws(ProtocolFault) {
        guard text.count == 8, text.hasPrefix("HTTP/"), isDigit(text[5]), text[6] == 46,
            isDigit(text[7])
        else { throw .badRequest("The protocol version is malformed.") }
        guard text[5] == 49, text[7] <= 49 else { throw .version }
        isHTTP10 = text[7] == 48
    }

    private mutating func parseTarget(
        _ line: UnsafeBufferPointer<UInt8>,
        _ target: Range<Int>,
        into request: Request
    ) throws(ProtocolFault) {
        var start = target.lowerBound
        guard start < target.upperBound else { throw .badRequest("The target is empty.") }
        if line[start] != 47 {
            if target.count == 1 && line[start] == 42 {
                guard request.method == .options else {
                    throw .badRequest("The target * is only for OPTIONS.")
                }
                request.path = lineStart + start..<lineStart + start + 1
                request.query = 0..<0
                return
            }
            start = try parseAuthority(line, target)
        }
        let pathEnd = try RequestTarget.pathEnd(line, start..<target.upperBound)
        request.path = lineStart + start..<lineStart + pathEnd
        request.query =
            pathEnd < target.upperBound
            ? lineStart + pathEnd + 1..<lineStart + target.upperBound : 0..<0
    }

    /// Reads scheme and authority of an absolute target, which overrule Host (RFC 9112 §3.2.2).
    ///
    /// - Returns: Where the path begins.
    private mutating func parseAuthority(
        _ line: UnsafeBufferPointer<UInt8>,
        _ target: Range<Int>
    ) throws(ProtocolFault) -> Int {
        let text = UnsafeBufferPointer(rebasing: line[target])
        let schemeLength: Int
        if text.count > 7 && text.prefix(7).matches("http://") {
            schemeLength = 7
        } else if text.count > 8 && text.prefix(8).matches("https://") {
            schemeLength = 8
        } else {
            throw .badRequest("The target must be a path or an absolute http URL.")
        }
        let start = target.lowerBound + schemeLength
        var end = start
        while end < target.upperBound, line[end] != 47, line[end] != 63 { end += 1 }
        try RequestTarget.checkHost(UnsafeBufferPointer(rebasing: line[start..<end]))
        authority = lineStart + start..<lineStart + end
        return end
    }

    // MARK: Fields

    private mutating func parseField(
        _ line: UnsafeBufferPointer<UInt8>,
        into request: Request
    ) throws(ProtocolFault) {
        if line[0] == 32 || line[0] == 9 {
            throw .badRequest("A header field must not be folded over lines.")
        }
        let token = CharacterClass.token
        var nameEnd = 0
        while nameEnd < line.count && line[nameEnd] != 58 {
            guard token.contains(line[nameEnd]) else {
                throw .badRequest("A header field name is malformed.")
            }
            nameEnd += 1
        }
        guard nameEnd > 0, nameEnd < line.count else {
            throw .badRequest("A header field must be a name, a colon and a value.")
        }
        var start = nameEnd + 1
        var end = line.count
        while start < end, line[start] == 32 || line[start] == 9 { start += 1 }
        while end > start, line[end - 1] == 32 || line[end - 1] == 9 { end -= 1 }
        let value = UnsafeBufferPointer(rebasing: line[start..<end])
        guard !value.holdsControl else {
            throw .badRequest("A header field value holds a control character.")
        }
        guard request.fields.count < fieldCountMax else { throw .tooManyFields }
        try takeFraming(
            UnsafeBufferPointer(rebasing: line[..<nameEnd]),
            value,
            index: request.fields.count
        )
        request.fields.append(
            Request.Field(
                name: lineStart..<lineStart + nameEnd,
                value: lineStart + start..<lineStart + end
            )
        )
    }

    /// Looks at the fields that decide where the message ends and what becomes of the connection.
    private mutating func takeFraming(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        index: Int
    ) throws(ProtocolFault) {
        switch name.count {
        case 4 where name.matches("host"):
            guard host == nil else { throw .badRequest("The Host field is repeated.") }
            try RequestTarget.checkHost(value)
            host = index
        case 6 where name.matches("expect"):
            if value.matches("100-continue") {
                expectsContinue = true
            } else {
                unknownExpectation = true
            }
        case 10 where name.matches("connection"):
            if value.holdsListItem("close") { wantsClose = true }
            if value.holdsListItem("keep-alive") { wantsKeepAlive = true }
        case 14 where name.matches("content-length"):
            guard contentLength == nil else {
                throw .badRequest("The Content-Length field is repeated.")
            }
            // 18 digits are more than any limit and still fit in 64 bits.
            guard !value.isEmpty, value.count <= 18 else {
                throw .badRequest("The Content-Length is malformed.")
            }
            var length = 0
            for byte in value {
                guard isDigit(byte) else { throw .badRequest("The Content-Length is malformed.") }
                length = length * 10 + Int(byte - 48)
            }
            contentLength = length
        case 17 where name.matches("transfer-encoding"):
            guard !isChunked, value.matches("chunked") else {
                throw .badRequest("The only transfer coding is chunked, given once.")
            }
            isChunked = true
        default:
            break
        }
    }

    // MARK: End of the head

    private mutating func finish(
        _ bytes: UnsafeBufferPointer<UInt8>,
        into request: Request
    ) throws(ProtocolFault) {
        if isChunked && contentLength != nil {
            throw .badRequest("Content-Length and Transfer-Encoding exclude each other.")
        }
        if isHTTP10 {
            // A reader of version 1.0 does not know chunked, so the two would disagree.
            if isChunked { throw .badRequest("HTTP/1.0 has no transfer codings.") }
            expectsContinue = false
            unknownExpectation = false
        } else if host == nil {
            throw .badRequest("The Host field is missing.")
        }
        if unknownExpectation { throw .expectation }
        keepsAlive = !wantsClose && (!isHTTP10 || wantsKeepAlive)
        request.bodyFraming =
            isChunked ? .chunked : contentLength.map { $0 == 0 ? .none : .length($0) } ?? .none
        if request.bodyFraming == .none { expectsContinue = false }
        request.head.removeAll(keepingCapacity: true)
        request.head.append(contentsOf: bytes)
        if request.path.isEmpty {
            // `http://host` without a path means the root.
            request.path = request.head.count..<request.head.count + 1
            request.head.append(47)
        }
        if let authority, let host { request.fields[host].value = authority }
        foldNames(of: request)
    }

    private func foldNames(of request: Request) {
        request.head.withUnsafeMutableBufferPointer { head in
            for field in request.fields {
                for index in field.name where head[index] &- 65 < 26 { head[index] |= 32 }
            }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Where the byte stands first at or after `start`.
    @inline(__always)
    fileprivate func position(of byte: UInt8, from start: Int) -> Int? {
        guard let base = baseAddress, start < count,
            let found = memchr(base + start, Int32(byte), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    /// Whether these bytes begin with the text.
    @inline(__always)
    func hasPrefix(_ text: StaticString) -> Bool {
        guard let base = baseAddress, count >= text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    fileprivate func prefix(_ length: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: self[..<Swift.min(length, count)])
    }

    /// Whether these bytes are the text, given in lower case, in any case.
    @inline(__always)
    func matches(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count {
            let byte = self[index]
            let folded = byte &- 65 < 26 ? byte | 32 : byte
            if folded != text.utf8Start[index] { return false }
        }
        return true
    }

    /// Whether one item of a comma-separated list is the text, in any case.
    fileprivate func holdsListItem(_ text: StaticString) -> Bool {
        var start = 0
        while start <= count {
            let comma = position(of: 44, from: start) ?? count
            var first = start
            var last = comma
            while first < last, self[first] == 32 || self[first] == 9 { first += 1 }
            while last > first, self[last - 1] == 32 || self[last - 1] == 9 { last -= 1 }
            if UnsafeBufferPointer(rebasing: self[first..<last]).matches(text) { return true }
            start = comma + 1
        }
        return false
    }

    /// Whether a byte below space, tab excepted, or DEL is among these.
    ///
    /// Eight bytes at a time.
    fileprivate var holdsControl: Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        var index = 0
        let raw = UnsafeRawBufferPointer(self)
        while index + 8 <= count {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let flipped = word ^ (ones &* 127)
            let suspect =
                ((word &- ones &* 32) & ~word | (flipped &- ones) & ~flipped) & tops
            // A tab is suspect too, and so rare that the eight are looked at one by one.
            if suspect != 0 && holdsControl(index..<index + 8) { return true }
            index += 8
        }
        return holdsControl(index..<count)
    }

    private func holdsControl(_ range: Range<Int>) -> Bool {
        for index in range {
            let byte = self[index]
            if byte < 32 && byte != 9 || byte == 127 { return true }
        }
        return false
    }
}
