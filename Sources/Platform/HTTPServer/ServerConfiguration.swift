import HTTPCore
import Primitives

/// Where and how a server listens.
package struct ServerConfiguration: Sendable {
    /// One address to listen on.
    package struct Endpoint: Sendable, Hashable {
        /// A name or an address; empty for every address of the machine.
        package var host: String
        /// The port; 0 lets the system choose one.
        package var port: UInt16
        /// Whether TLS is spoken here.
        package var isSecure: Bool
        /// What is expected of clients' certificates, where TLS is spoken.
        package var clientCertificates: ClientCertificates

        /// Describes an address to listen on.
        package init(
            host: String,
            port: UInt16,
            isSecure: Bool = false,
            clientCertificates: ClientCertificates = .none
        ) {
            self.host = host
            self.port = port
            self.isSecure = isSecure
            self.clientCertificates = clientCertificates
        }
    }

    /// What an address expects of its clients' certificates.
    package enum ClientCertificates: String, Sendable, CaseIterable {
        /// They are not asked for.
        case none
        /// Whoever has one may show it.
        case optional
        /// Whoever shows none is answered 401.
        case required
    }

    /// The addresses to listen on.
    package var endpoints: [Endpoint]
    /// What a client may do at most.
    package var limits: HTTPLimits
    /// Connections the kernel keeps for us before they are accepted, per listener.
    package var backlog: Int32
    /// Proxies, behind which many clients stand: no limit by address holds for them.
    package var proxies: [IPNetwork]

    /// Describes a server.
    package init(
        endpoints: [Endpoint],
        limits: HTTPLimits = HTTPLimits(),
        backlog: Int32 = 4096,
        proxies: [IPNetwork] = []
    ) {
        self.endpoints = endpoints
        self.limits = limits
        self.backlog = backlog
        self.proxies = proxies
    }
}

/// An address the server listens on.
package struct BoundAddress: Sendable, Hashable {
    /// The address in text.
    package let host: String
    /// The host as it was asked for; empty for every address of the machine.
    package let givenHost: String
    /// The port, also where the system chose it.
    package let port: UInt16
    /// Whether TLS is spoken there.
    package let isSecure: Bool
}
