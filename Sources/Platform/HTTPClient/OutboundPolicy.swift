import Primitives

/// Which addresses the server connects to when a user has written where.
///
/// Without the operator's word only what the whole internet can reach: a request that a user
/// steers must not see what only this machine or its site sees.
package struct OutboundPolicy: Sendable {
    /// Networks that the operator opened, such as that of a private registry.
    ///
    /// Plain `http` is spoken with them only.
    package var allowed: [IPNetwork]

    /// Opens these networks beside the internet.
    package init(allowed: [IPNetwork] = []) {
        self.allowed = allowed
    }

    /// Whether a connection may be made; to be asked for the address that is then connected to.
    package func admits(_ address: IPAddress, isSecure: Bool) -> Bool {
        if allowed.contains(where: { $0.contains(address) }) { return true }
        return isSecure && Self.isPublic(address)
    }

    /// Whether an address belongs to the internet as a whole.
    ///
    /// An address that carries an IPv4 address (mapped, 6to4, NAT64) is what the carried one is.
    static func isPublic(_ address: IPAddress) -> Bool {
        if address.isIPv4 { return !closed4.contains { $0.contains(address) } }
        if nat64.contains(address) { return isPublic(IPAddress(carried: address.low)) }
        if sixToFour.contains(address) { return isPublic(IPAddress(carried: address.high >> 16)) }
        // Whatever is not global unicast (2000::/3) is of this link, this site or nobody's.
        return address.high >> 61 == 1 && !closed6.contains { $0.contains(address) }
    }

    private static func networks(_ texts: String...) -> [IPNetwork] {
        texts.compactMap { IPNetwork($0) }
    }

    // The registries of special-purpose addresses at IANA, and 168.63.129.16, where Azure's
    // machines find their platform.
    private static let closed4 = networks(
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4"
    )
    // Teredo and its neighbours, documentation.
    private static let closed6 = networks("2001::/23", "2001:db8::/32", "3fff::/20")
    private static let nat64 = IPNetwork(high: 0x0064_FF9B_0000_0000, low: 0, length: 96)
    private static let sixToFour = IPNetwork(high: 0x2002_0000_0000_0000, low: 0, length: 16)
}

extension IPAddress {
    /// The IPv4 address in the last 32 bits of a word.
    fileprivate init(carried word: UInt64) {
        self.init(high: 0, low: 0xFFFF_0000_0000 | word & 0xFFFF_FFFF)
    }
}
