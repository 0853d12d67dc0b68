import Glibc

/// An IPv4 or IPv6 address without a port.
package struct IPAddress: Sendable, Hashable {
    /// The first 8 bytes of the IPv6 form; IPv4 stands there as `::ffff:a.b.c.d`.
    package let high: UInt64
    /// The last 8 bytes.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads an address as `inet_pton` does; no name, no port, no zone.
    package init?(_ text: some Collection<UInt8>) {
        guard (2...45).contains(text.count), !text.contains(0) else { return nil }
        let words: (UInt64, UInt64)? = withUnsafeTemporaryAllocation(
            of: CChar.self,
            capacity: text.count + 1
        ) { copy in
            let end = copy.initialize(fromContentsOf: text.lazy.map { CChar(bitPattern: $0) })
            copy.initializeElement(at: end, to: 0)
            guard let start = copy.baseAddress else { return nil }
            var four: UInt32 = 0
            if inet_pton(AF_INET, start, &four) == 1 {
                return (0, 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: four)))
            }
            var six: (UInt64, UInt64) = (0, 0)
            guard inet_pton(AF_INET6, start, &six) == 1 else { return nil }
            return (UInt64(bigEndian: six.0), UInt64(bigEndian: six.1))
        }
        guard let words else { return nil }
        (high, low) = words
    }

    /// Whether it is an IPv4 address, however it was written.
    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// Whether it is an address of this machine that no other can use.
    package var isLoopback: Bool { high == 0 && (low == 1 || isIPv4 && low >> 24 & 0xFF == 127) }

    /// What limits count as one client: the IPv4 address, or the /64 network of an IPv6 one, as
    /// whoever has one address there usually has them all.
    package var client: IPAddress {
        high == 0 ? self : IPAddress(high: high, low: 0)
    }

    /// The address in text, IPv4 in its own form.
    package var text: String {
        if isIPv4 {
            return [24, 16, 8, 0].map { String(low >> UInt64($0) & 255) }.joined(separator: ".")
        }
        var bytes = (high.bigEndian, low.bigEndian)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) {
            guard let start = $0.baseAddress,
                inet_ntop(AF_INET6, &bytes, start, socklen_t($0.count)) != nil
            else { return "" }
            return String(cString: start)
        }
    }
}

/// A range of addresses, such as `10.0.0.0/8`.
package struct IPNetwork: Sendable, Hashable {
    private let address: IPAddress
    private let highMask: UInt64
    private let lowMask: UInt64

    /// Reads `ADDRESS/LENGTH`, or an address alone.
    ///
    /// Bits behind the length have to be zero: `10.1.2.3/8` is most likely a mistake.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let address = IPAddress(first.utf8)
        else { return nil }
        let isIPv4 = address.isIPv4 && !first.contains(":")
        var length = 128
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...(isIPv4 ? 32 : 128)).contains(given) else {
                return nil
            }
            length = isIPv4 ? given + 96 : given
        }
        self.init(high: address.high, low: address.low, length: length)
        guard address.high & ~highMask == 0, address.low & ~lowMask == 0 else { return nil }
    }

    /// The network that an address begins.
    ///
    /// - Parameter length: bits of the IPv6 form that count, from 0 to 128.
    package init(high: UInt64, low: UInt64, length: Int) {
        highMask = length >= 64 ? .max : ~(UInt64.max >> UInt64(length))
        lowMask = length <= 64 ? 0 : length == 128 ? .max : ~(UInt64.max >> UInt64(length - 64))
        address = IPAddress(high: high & highMask, low: low & lowMask)
    }

    /// Whether the address lies in the range.
    package func contains(_ other: IPAddress) -> Bool {
        other.high & highMask == address.high && other.low & lowMask == address.low
    }
}
