import EventLoop
import TLS

/// What a client allows itself and its servers, in one table.
package struct HTTPClientOptions: Sendable {
    /// Whom to trust for `https`; nil for a client that speaks `http` only.
    package var trust: TLSTrust? = .system
    /// Shown to servers that ask for a certificate; nil for none.
    package var identity: TLSIdentity?
    /// What `User-Agent` says, unless a request has its own.
    package var userAgent = "easel"
    /// The time to reach each address of a host.
    package var connectTimeout: Duration = .seconds(10)
    /// The time for a TLS handshake.
    package var handshakeTimeout: Duration = .seconds(10)
    /// The longest pause within an answer, or with no byte of the request taken.
    ///
    /// The wait for the
    /// first byte of an answer is bounded by the deadline only, so that long polls can wait.
    package var transferTimeout: Duration = .seconds(30)
    /// The time for a whole exchange, unless a request has its own.
    package var deadline: Duration = .seconds(60)
    /// The largest body of an answer, unless a request has its own.
    package var bodyBytesMax = 16 << 20
    /// How long an unused connection is kept; shorter than the server's own limit of three
    /// minutes, so that it is rarely found closed.
    package var idleTimeout: Duration = .seconds(150)
    /// Unused connections kept for one server.
    package var idlePerServerMax = 1
    /// Exchanges under way at once; more are refused.
    package var exchangesMax = 256
    /// Servers whose TLS sessions are remembered.
    package var resumptionsMax = 64
    /// Which addresses may be connected to; asked for each one after the name was looked up, so
    /// that a name cannot point past it (SECURITY row 33).
    package var admits: @Sendable (SocketAddress, _ isSecure: Bool) -> Bool = { _, _ in true }
    /// Finds the addresses of a host; blocks, so it is called on a thread of the pool unless the
    /// host is an address.
    package var resolve: @Sendable (String, UInt16) throws -> [SocketAddress] = {
        try SocketAddress.resolve(host: $0, port: $1)
    }
    /// The way out for `https`, where there is no direct one; plain `http` is always direct.
    package var proxy: OutboundProxy?

    /// The defaults.
    package init() {}

    /// The proxy that leads to a server; nil for the direct way.
    func proxy(to origin: Origin) -> OutboundProxy? {
        origin.isSecure && proxy?.serves(origin.host) == true ? proxy : nil
    }

    /// The addresses to connect to for a server, all of them admitted.
    ///
    /// A proxy looks the name up itself, so what it will find is not known here: what the name
    /// means to this machine has to be admitted, and a name that means nothing here is left to
    /// the proxy.
    func addresses(of origin: Origin) throws(HTTPClientError) -> [SocketAddress] {
        let found = (try? resolve(origin.host, origin.port)) ?? []
        guard let proxy = proxy(to: origin) else {
            guard !found.isEmpty else { throw .unknownHost(origin.host) }
            let admitted = found.filter { admits($0, origin.isSecure) }
            guard !admitted.isEmpty else { throw .addressRefused(host: origin.host) }
            return admitted
        }
        guard found.allSatisfy({ admits($0, true) }) else {
            throw .addressRefused(host: origin.host)
        }
        // The operator chose the proxy, so its address is not asked about.
        let addresses = (try? resolve(proxy.url.host, proxy.url.port)) ?? []
        guard !addresses.isEmpty else { throw .unknownHost(proxy.url.host) }
        return addresses
    }
}
