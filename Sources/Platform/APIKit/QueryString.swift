/// Percent-decoding of path segments and query values (RFC 3986 §2.1).
package enum PercentCoding {
    /// The decoded text, or `nil` when an escape is broken or the bytes are no UTF-8 or hold NUL.
    package static func decode(_ bytes: ArraySlice<UInt8>, plusIsSpace: Bool) -> String? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let byte = bytes[at]
            if byte == UInt8(ascii: "%") {
                guard bytes.endIndex - at > 2, let high = nibble(bytes[at + 1]),
                    let low = nibble(bytes[at + 2])
                else { return nil }
                decoded.append(high << 4 | low)
                at += 3
            } else {
                decoded.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
                at += 1
            }
        }
        guard !decoded.contains(0) else { return nil }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}

/// Reading of `application/x-www-form-urlencoded` query strings.
package enum QueryString {
    /// More pairs than this are not looked at.
    static let pairsMax = 100

    /// Whether every escape can be decoded; one that cannot would count as missing, and a filter
    /// or a scope that somebody set would not hold.
    package static func isWellFormed(_ query: ArraySlice<UInt8>) -> Bool {
        !query.contains(UInt8(ascii: "%")) || PercentCoding.decode(query, plusIsSpace: true) != nil
    }

    /// The first value of a name; names are compared decoded and ignoring case, as clients write
    /// `ApiKey`, `apiKey` and `ProjectUid`, `projectUid`.
    package static func value(of name: String, in query: ArraySlice<UInt8>) -> String? {
        for pair in query.split(separator: UInt8(ascii: "&"), maxSplits: pairsMax) {
            let parts = pair.split(
                separator: UInt8(ascii: "="),
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            guard let key = PercentCoding.decode(parts[0], plusIsSpace: true),
                key.lowercased() == name.lowercased()
            else { continue }
            return parts.count > 1 ? PercentCoding.decode(parts[1], plusIsSpace: true) : ""
        }
        return nil
    }
}
