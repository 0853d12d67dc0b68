/// The rules for targets, hosts and methods that hold for every version of HTTP.
enum RequestTarget {
    /// Checks the characters of a path and its query (RFC 9112 §3.2.1).
    ///
    /// - Returns: Where the path ends: at the question mark, or at the end of the range.
    static func pathEnd(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ range: Range<Int>
    ) throws(ProtocolFault) -> Int {
        var pathEnd = range.upperBound
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = bytes[index]
            guard byte > 32, byte < 127, byte != 35 else {
                throw .badRequest("The target holds a character that must be percent-encoded.")
            }
            if byte == 63 && pathEnd == range.upperBound {
                pathEnd = index
            } else if byte == 37 && pathEnd == range.upperBound {
                guard index + 2 < range.upperBound, hexValue(bytes[index + 1]) != nil,
                    hexValue(bytes[index + 2]) != nil
                else { throw .badRequest("A percent sign must be followed by two hex digits.") }
            }
            index += 1
        }
        return pathEnd
    }

    /// Checks the characters of a host with its port.
    static func checkHost(_ text: UnsafeBufferPointer<UInt8>) throws(ProtocolFault) {
        guard !text.isEmpty else { throw .badRequest("The host is empty.") }
        let allowed = CharacterClass.host
        for byte in text where !allowed.contains(byte) {
            throw .badRequest("The host is malformed.")
        }
    }
}

extension HTTPMethod {
    /// The method of this name; nil for one the server does not know.
    init?(_ text: UnsafeBufferPointer<UInt8>) {
        let method: HTTPMethod? =
            switch text.count {
            case 3: text.hasPrefix("GET") ? .get : text.hasPrefix("PUT") ? .put : nil
            case 4: text.hasPrefix("POST") ? .post : text.hasPrefix("HEAD") ? .head : nil
            case 5: text.hasPrefix("PATCH") ? .patch : nil
            case 6: text.hasPrefix("DELETE") ? .delete : nil
            case 7: text.hasPrefix("OPTIONS") ? .options : nil
            default: nil
            }
        guard let method else { return nil }
        self = method
    }
}
