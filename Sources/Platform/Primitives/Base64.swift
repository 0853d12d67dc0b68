/// Bytes as base64 text (RFC 4648 §4 and §5).
package enum Base64 {
    /// Which 64 characters, and whether the end is padded.
    package enum Alphabet: Sendable {
        /// `+` and `/`, padded with `=` (RFC 4648 §4).
        case standard
        /// `-` and `_`, without padding (RFC 4648 §5, as in tokens).
        case url
    }

    /// The bytes as text.
    package static func encode(_ bytes: [UInt8], _ alphabet: Alphabet = .standard) -> String {
        encode(bytes.span, alphabet)
    }

    /// The bytes as text.
    package static func encode(_ bytes: Span<UInt8>, _ alphabet: Alphabet = .standard) -> String {
        let capacity = (bytes.count + 2) / 3 * 4
        return String(unsafeUninitializedCapacity: capacity) { buffer in
            var written = 0
            func put(_ value: UInt32) {
                buffer[written] = character(UInt8(truncatingIfNeeded: value & 63), alphabet)
                written += 1
            }
            var index = 0
            while index + 2 < bytes.count {
                let group =
                    UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 8
                    | UInt32(bytes[index + 2])
                put(group >> 18)
                put(group >> 12)
                put(group >> 6)
                put(group)
                index += 3
            }
            if index < bytes.count {
                let hasTwo = index + 1 < bytes.count
                let group =
                    UInt32(bytes[index]) << 16 | (hasTwo ? UInt32(bytes[index + 1]) << 8 : 0)
                put(group >> 18)
                put(group >> 12)
                if hasTwo { put(group >> 6) }
            }
            while alphabet == .standard, written < capacity {
                buffer[written] = UInt8(ascii: "=")
                written += 1
            }
            return written
        }
    }

    /// The bytes that the text spells; nil unless it is exactly what ``encode(_:_:)`` writes.
    ///
    /// Strict, so that one value has one spelling: no white space, no foreign characters, padding
    /// as the alphabet wants it, unused bits zero (RFC 4648 §3.5). With `.url`, padding is taken
    /// too, when it is complete.
    package static func decode(_ text: String, _ alphabet: Alphabet = .standard) -> [UInt8]? {
        decode(text.utf8.span, alphabet)
    }

    /// The bytes that the text spells; nil unless it is exactly what ``encode(_:_:)`` writes.
    package static func decode(
        _ text: Span<UInt8>,
        _ alphabet: Alphabet = .standard
    ) -> [UInt8]? {
        var count = text.count
        while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
        let isPadded = count < text.count
        guard count % 4 != 1, isPadded || alphabet == .standard ? text.count % 4 == 0 : true else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count / 4 * 3 + 2)
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for index in 0..<count {
            guard let value = value(text[index], alphabet) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
                bits &= (1 << bitCount) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    private static func character(_ value: UInt8, _ alphabet: Alphabet) -> UInt8 {
        switch value {
        case 0..<26: 0x41 &+ value
        case 26..<52: 0x61 &+ (value &- 26)
        case 52..<62: 0x30 &+ (value &- 52)
        case 62: alphabet == .standard ? UInt8(ascii: "+") : UInt8(ascii: "-")
        default: alphabet == .standard ? UInt8(ascii: "/") : UInt8(ascii: "_")
        }
    }

    private static func value(_ character: UInt8, _ alphabet: Alphabet) -> UInt8? {
        switch (character, alphabet) {
        case (0x41...0x5A, _): character &- 0x41
        case (0x61...0x7A, _): character &- 0x61 &+ 26
        case (0x30...0x39, _): character &- 0x30 &+ 52
        case (UInt8(ascii: "+"), .standard), (UInt8(ascii: "-"), .url): 62
        case (UInt8(ascii: "/"), .standard), (UInt8(ascii: "_"), .url): 63
        default: nil
        }
    }
}
