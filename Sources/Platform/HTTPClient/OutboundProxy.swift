import Primitives

/// The operator's proxy for `https`, as `HTTPS_PROXY` and `NO_PROXY` name it.
package struct OutboundProxy: Sendable {
    /// Where it listens; always plain `http`, as TLS runs inside the tunnel.
    let url: HTTPURL
    private let authorization: String?
    private var bypassesAll = false
    private var bypassedNames: [String] = []
    private var bypassedNetworks: [IPNetwork] = []

    /// Reads `http://[USER:PASSWORD@]HOST:PORT`; nil when it is none.
    ///
    /// - Parameter exceptions: names with what lies below them, addresses and networks that are
    ///   reached directly, separated by commas; `*` for all.
    package init?(_ text: String, except exceptions: String = "") {
        let scheme = "http://"
        let rest = text.lowercased().hasPrefix(scheme) ? text.dropFirst(scheme.count) : text[...]
        let parts = rest.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count <= 2, let place = parts.last, !place.contains("://"),
            let url = HTTPURL(scheme + place), url.target == "/"
        else { return nil }
        self.url = url
        authorization = parts.count == 2 ? Self.basic(parts[0]) : nil
        for part in exceptions.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let entry = part.lowercased()
            if entry == "*" {
                bypassesAll = true
            } else if let network = IPNetwork(entry) {
                bypassedNetworks.append(network)
            } else {
                bypassedNames.append(String(entry.drop { $0 == "." || $0 == "*" }))
            }
        }
    }

    /// Whether the way to a host leads through the proxy.
    package func serves(_ host: String) -> Bool {
        if bypassesAll { return false }
        if let address = IPAddress(host.utf8) {
            return !bypassedNetworks.contains { $0.contains(address) }
        }
        return !bypassedNames.contains { host == $0 || host.hasSuffix("." + $0) }
    }

    /// What asks for a tunnel to a server.
    func request(for origin: Origin) -> [UInt8] {
        let host = origin.host.contains(":") ? "[\(origin.host)]" : origin.host
        let authority = "\(host):\(origin.port)"
        let field = authorization.map { "Proxy-Authorization: \($0)\r\n" } ?? ""
        return Array("CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n\(field)\r\n".utf8)
    }

    /// The field for a name and password that are percent-encoded in a URL.
    private static func basic(_ user: Substring) -> String {
        var plain: [UInt8] = []
        var rest = Array(user.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                plain.append(code)
                rest = rest.dropFirst(2)
            } else {
                plain.append(byte)
            }
        }
        return "Basic " + Base64.encode(plain)
    }
}
