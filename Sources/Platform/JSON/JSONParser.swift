import Glibc

/// Reads a whole JSON document (RFC 8259), refusing what the RFC calls interoperability trouble.
///
/// Refused besides bad syntax: a byte order mark, text that is not UTF-8, a name twice in one
/// object, half a surrogate pair, integers beyond 64 bits, numbers beyond a double, anything
/// beyond the limits. Time and memory are linear in the length.
package enum JSONParser {
    /// Parses the bytes of one document.
    ///
    /// - Throws: `JSONError` naming the place and what to change.
    package static func parse(
        _ bytes: [UInt8],
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try parse(buffer, limits: limits)
        }
    }

    /// Parses the bytes of one document.
    ///
    /// - Throws: `JSONError` naming the place and what to change.
    package static func parse(
        _ bytes: Span<UInt8>,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try parse(buffer, limits: limits)
        }
    }

    /// Parses a text.
    ///
    /// - Throws: `JSONError` naming the place and what to change.
    package static func parse(
        _ text: String,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), limits: limits)
    }

    static func parse(
        _ text: UnsafeBufferPointer<UInt8>,
        limits: JSONLimits
    ) throws(JSONError) -> JSONValue {
        guard text.count <= limits.bytesMax else {
            throw JSONError(
                "The document has \(text.count) bytes; \(limits.bytesMax) are allowed.",
                at: 0,
                in: text
            )
        }
        guard let base = text.baseAddress, text.count > 0 else {
            throw JSONError("The document is empty.", at: 0, in: text)
        }
        if text.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw JSONError(
                "The document starts with a byte order mark; send UTF-8 without one.",
                at: 0,
                in: text
            )
        }
        var reader = JSONReader(base: base, count: text.count, limits: limits)
        return try reader.document()
    }
}

/// The state of one parse: a position in the text and what of the limits is left.
struct JSONReader {
    let base: UnsafePointer<UInt8>
    let count: Int
    let limits: JSONLimits
    var at = 0
    var membersLeft: Int

    init(base: UnsafePointer<UInt8>, count: Int, limits: JSONLimits) {
        self.base = base
        self.count = count
        self.limits = limits
        membersLeft = limits.membersMax
    }

    func failure(_ reason: String, at offset: Int? = nil) -> JSONError {
        JSONError(
            reason,
            at: min(offset ?? at, count),
            in: UnsafeBufferPointer(start: base, count: count)
        )
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        skipBlanks()
        guard at == count else {
            throw failure("Something follows the end of the document.")
        }
        return value
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipBlanks()
        guard at < count else { throw failure("The document ends where a value should stand.") }
        switch base[at] {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: throw failure("A value should stand here.")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        var members = JSONObject()
        if try closes(with: UInt8(ascii: "}")) { return .object(members) }
        members.reserveCapacity(6)
        while true {
            skipBlanks()
            guard at < count, base[at] == UInt8(ascii: "\"") else {
                throw failure("A member name in double quotes should stand here.")
            }
            let keyOffset = at
            let key = try string()
            skipBlanks()
            guard at < count, base[at] == UInt8(ascii: ":") else {
                throw failure("A colon should follow the member name.")
            }
            at += 1
            try spendMember()
            let value = try value(depth: depth)
            guard members.insert(value, named: key) else {
                throw failure("The member \(quoted(key)) is given twice.", at: keyOffset)
            }
            if try continues(until: UInt8(ascii: "}"), "object") == false { break }
        }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        var elements: [JSONValue] = []
        if try closes(with: UInt8(ascii: "]")) { return .array(elements) }
        while true {
            try spendMember()
            elements.append(try value(depth: depth))
            if try continues(until: UInt8(ascii: "]"), "array") == false { break }
        }
        return .array(elements)
    }

    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth <= limits.depthMax else {
            throw failure("The document is nested deeper than \(limits.depthMax) levels.")
        }
        at += 1
    }

    private mutating func spendMember() throws(JSONError) {
        guard membersLeft > 0 else {
            throw failure(
                "The document has more than \(limits.membersMax) members and elements."
            )
        }
        membersLeft -= 1
    }

    private mutating func closes(with mark: UInt8) throws(JSONError) -> Bool {
        skipBlanks()
        guard at < count, base[at] == mark else { return false }
        at += 1
        return true
    }

    private mutating func continues(
        until mark: UInt8,
        _ kind: StaticString
    ) throws(JSONError) -> Bool {
        skipBlanks()
        guard at < count else { throw failure("The document ends inside an \(kind).") }
        if base[at] == UInt8(ascii: ",") {
            at += 1
            return true
        }
        guard base[at] == mark else {
            throw failure("A comma or the end of the \(kind) should stand here.")
        }
        at += 1
        return false
    }

    private mutating func skipBlanks() {
        while at < count {
            switch base[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return
            }
        }
    }

    private mutating func word(
        _ spelling: StaticString,
        _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        let length = spelling.utf8CodeUnitCount
        guard count - at >= length, memcmp(base + at, spelling.utf8Start, length) == 0 else {
            throw failure("A value should stand here; did you mean \(spelling)?")
        }
        at += length
        return value
    }
}

/// A name in quotes for a message, cut to a length that fits a line.
func quoted(_ name: String) -> String {
    name.count <= 64 ? "\"\(name)\"" : "\"\(name.prefix(64))…\""
}
