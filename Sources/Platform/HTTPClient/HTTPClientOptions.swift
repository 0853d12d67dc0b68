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
    package var admits: @Sendable (SocketAddress) -> Bool = { _ in true }

    /// The defaults.
    package init() {}
}
