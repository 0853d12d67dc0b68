import HTTPCore
import Primitives

/// The proxies before the server whose word on who called is believed.
///
/// One field is believed, the one that the proxies are known to write: a client can send the other
/// and have it passed on untouched.
package struct TrustedProxies: Sendable {
    /// Where the proxies name the address that called them.
    package enum Field: String, Sendable, CaseIterable {
        /// `X-Forwarded-For`: addresses separated by commas.
        case xForwardedFor = "x-forwarded-for"
        /// `Forwarded` (RFC 7239).
        case forwarded = "forwarded"

        fileprivate var name: StaticString {
            switch self {
            case .xForwardedFor: "x-forwarded-for"
            case .forwarded: "forwarded"
            }
        }
    }

    private let networks: [IPNetwork]
    private let field: Field

    /// - Parameter networks: none, and every peer is who called.
    package init(_ networks: [IPNetwork] = [], field: Field = .xForwardedFor) {
        self.networks = networks
        self.field = field
    }

    /// Puts the address of the client in the place of the proxy's: the right-most hop that is no
    /// trusted proxy.
    ///
    /// What stands left of it anybody can have written. A hop that is no address ends the search;
    /// then it is the proxy that reported it.
    func reveal(_ request: Request) {
        guard !networks.isEmpty, var client = IPAddress(request.peerAddress.utf8), trusts(client)
        else { return }
        search: for part in request.fields.reversed()
        where request.matches(part.name, "\(field.name)") {
            // A comma never stands in an address, and quotes left open further to the left must
            // not hide what a proxy appended.
            for hop in request.head[part.value]
                .split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).reversed()
            {
                guard let address = address(in: hop) else { break search }
                client = address
                guard trusts(address) else { break search }
            }
        }
        request.peerAddress = client.text
    }

    private func trusts(_ address: IPAddress) -> Bool {
        networks.contains { $0.contains(address) }
    }

    private func address(in hop: ArraySlice<UInt8>) -> IPAddress? {
        switch field {
        case .xForwardedFor: Self.node(hop)
        case .forwarded:
            hop.split(separator: UInt8(ascii: ";")).lazy.map(Self.trimmed)
                .first {
                    $0.prefix(4).map { $0 | 0x20 }.elementsEqual("for=".utf8.map { $0 | 0x20 })
                }
                .flatMap { Self.node($0.dropFirst(4)) }
        }
    }

    /// An address, perhaps with a port, in brackets or in quotes.
    private static func node(_ text: ArraySlice<UInt8>) -> IPAddress? {
        var text = trimmed(text)
        if text.first == UInt8(ascii: "\""), text.last == UInt8(ascii: "\""), text.count >= 2 {
            text = text.dropFirst().dropLast()
        }
        if text.first == UInt8(ascii: "[") {
            guard let end = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            return IPAddress(text[..<end].dropFirst())
        }
        let colon = UInt8(ascii: ":")
        if let only = text.firstIndex(of: colon), text.lastIndex(of: colon) == only {
            text = text[..<only]
        }
        return IPAddress(text)
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }
}
