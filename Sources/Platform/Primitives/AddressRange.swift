/// A network in CIDR notation: `10.96.0.0/12`, `fd00::/108`.
package struct AddressRange: Sendable, Hashable {
    private let first: IPAddress
    private let last: IPAddress

    /// Reads a network; an address without a length is a network of its own.
    ///
    /// Bits behind the length may be set, as in `192.168.1.1/16`; they count for nothing.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let head = parts.first, let address = IPAddress(head.utf8) else { return nil }
        let isShort = address.isIPv4 && !head.contains(":")
        var length = 128
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count),
                parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bits = Int(parts[1]),
                bits <= (isShort ? 32 : 128)
            else { return nil }
            length = isShort ? bits + 96 : bits
        }
        let highMask: UInt64 = length >= 64 ? .max : ~(.max >> UInt64(length))
        let lowMask: UInt64 = length <= 64 ? 0 : ~(.max >> UInt64(length - 64))
        let mask = (high: highMask, low: length == 128 ? .max : lowMask)
        first = IPAddress(high: address.high & mask.high, low: address.low & mask.low)
        last = IPAddress(high: address.high | ~mask.high, low: address.low | ~mask.low)
    }

    /// Whether some address is in both.
    package func overlaps(_ other: AddressRange) -> Bool {
        Self.isAtMost(first, other.last) && Self.isAtMost(other.first, last)
    }

    private static func isAtMost(_ one: IPAddress, _ other: IPAddress) -> Bool {
        (one.high, one.low) <= (other.high, other.low)
    }
}
