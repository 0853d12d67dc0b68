/// Classes of ASCII characters as bit sets: one shift and one mask a byte, no table in memory.
struct CharacterClass {
    private let low: UInt64
    private let high: UInt64

    /// The class of exactly these ASCII characters.
    init(_ members: StaticString) {
        var low: UInt64 = 0
        var high: UInt64 = 0
        for index in 0..<members.utf8CodeUnitCount {
            let byte = members.utf8Start[index]
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte & 63) }
        }
        self.low = low
        self.high = high
    }

    func contains(_ byte: UInt8) -> Bool {
        guard byte < 128 else { return false }
        return (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 == 1
    }

    /// The characters of a method or a field name (RFC 9110 §5.6.2).
    static let token = CharacterClass(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )
    /// The characters of a host and port, brackets of IPv6 included (RFC 3986 §3.2.2).
    static let host = CharacterClass(
        "-._~!$&'()*+,;=:[]%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool {
    byte &- 48 < 10
}

/// The value of a hex digit, or nil.
@inline(__always)
func hexValue(_ byte: UInt8) -> UInt8? {
    let digit = byte &- 48
    if digit < 10 { return digit }
    let letter = (byte | 32) &- 97
    return letter < 6 ? letter + 10 : nil
}
