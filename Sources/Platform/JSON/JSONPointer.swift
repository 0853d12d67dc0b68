/// The way to one value in a JSON document (RFC 6901), such as `/spec/pools/0/name`.
package struct JSONPointer: Sendable, Hashable {
    /// The pointer's text; empty for the whole document.
    package private(set) var text: String

    /// The whole document.
    package static let root = JSONPointer()

    private init() { text = "" }

    /// Makes a pointer from member names, outermost first.
    package init(_ names: String...) {
        text = ""
        for name in names { append(name) }
    }

    /// Takes a pointer as written, nil when it is none: every part must begin with a slash, and
    /// a tilde must be followed by 0 or 1.
    package init?(parsing text: String) {
        guard text.isEmpty || text.utf8.first == UInt8(ascii: "/") else { return nil }
        var afterTilde = false
        for byte in text.utf8 {
            if afterTilde, byte != UInt8(ascii: "0"), byte != UInt8(ascii: "1") { return nil }
            afterTilde = byte == UInt8(ascii: "~")
        }
        if afterTilde { return nil }
        self.text = text
    }

    /// Goes on to a member of that name.
    package mutating func append(_ name: String) {
        text += "/"
        guard name.utf8.contains(where: { $0 == 0x7E || $0 == 0x2F }) else {
            text += name
            return
        }
        for scalar in name.unicodeScalars {
            switch scalar {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }

    /// Goes on to an element.
    package mutating func append(_ index: Int) { append(String(index)) }

    /// The pointer that goes on to a member of that name.
    package func appending(_ name: String) -> JSONPointer {
        var longer = self
        longer.append(name)
        return longer
    }

    /// The pointer that goes on to an element.
    package func appending(_ index: Int) -> JSONPointer { appending(String(index)) }

    /// The names and indices on the way, outermost first, without escapes.
    package var parts: [String] {
        text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .dropFirst().map { Self.unescaped(String(Substring($0))) }
    }

    private static func unescaped(_ part: String) -> String {
        guard part.utf8.contains(UInt8(ascii: "~")) else { return part }
        var plain: [UInt8] = []
        var afterTilde = false
        for byte in part.utf8 {
            if afterTilde {
                plain.append(byte == UInt8(ascii: "0") ? 0x7E : 0x2F)
                afterTilde = false
            } else if byte == UInt8(ascii: "~") {
                afterTilde = true
            } else {
                plain.append(byte)
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}

extension JSONPointer: CustomStringConvertible {
    /// The pointer's text.
    package var description: String { text }
}

extension JSONValue {
    /// The value a pointer leads to, nil when it leads nowhere.
    package subscript(_ pointer: JSONPointer) -> JSONValue? {
        var value = self
        for part in pointer.parts {
            let next: JSONValue?
            switch value {
            case .object(let members): next = members[part]
            case .array:
                // An index has no sign and no leading zero (RFC 6901 §4).
                let index = Int(part).flatMap { String($0) == part ? $0 : nil }
                next = index.flatMap { value[$0] }
            default: next = nil
            }
            guard let next else { return nil }
            value = next
        }
        return value
    }
}
