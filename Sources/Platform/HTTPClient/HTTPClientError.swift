import TLS

/// Why a request got no answer; the description is a sentence for an operator.
package enum HTTPClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was under way when time ran out.
    package enum Stage: String, Sendable, Hashable {
        case connecting = "connecting"
        case handshake = "agreeing on TLS"
        case transfer = "waiting for more bytes"
        case whole = "waiting for the whole answer"
    }

    /// The request holds what cannot be sent; the text says what.
    case invalidRequest(String)
    /// The host's name has no address.
    case unknownHost(String)
    /// The address policy forbids every address of the host.
    case addressRefused(host: String)
    /// Nobody listens there.
    case connectionRefused(authority: String)
    /// The network gives no way there; with the system's words.
    case unreachable(authority: String, reason: String)
    /// Time ran out.
    case timedOut(authority: String, Stage)
    /// TLS failed; for `TLSError.untrustedPeer` the server is not the one it should be.
    case tls(authority: String, TLSError)
    /// TLS cannot be set up, or was not configured.
    case tlsSetup(String)
    /// The answer breaks HTTP; the text says how.
    case protocolViolation(authority: String, String)
    /// The answer's body is larger than allowed.
    case bodyTooLarge(bytesMax: Int)
    /// The server closed the connection before its answer was complete.
    case connectionLost(authority: String)
    /// The task that asked was cancelled.
    case cancelled
    /// Too many requests are under way, or too many names wait to be looked up.
    case saturated
    /// The client has been shut down.
    case shutDown

    /// A sentence for an operator.
    package var description: String {
        switch self {
        case .invalidRequest(let reason): "The request cannot be sent: \(reason)."
        case .unknownHost(let host):
            "The host name \(host) has no address; check its spelling and the DNS."
        case .addressRefused(let host):
            "The address of \(host) lies in a network that must not be reached from here."
        case .connectionRefused(let authority):
            "Nobody listens at \(authority); check the port and whether the server runs."
        case .unreachable(let authority, let reason): "\(authority) cannot be reached: \(reason)."
        case .timedOut(let authority, let stage):
            "\(authority) did not answer in time, while \(stage.rawValue)."
        case .tls(let authority, let error): "TLS with \(authority) failed: \(error)."
        case .tlsSetup(let reason): "TLS cannot be set up: \(reason)."
        case .protocolViolation(let authority, let reason):
            "\(authority) sent something that is not HTTP/1.1: \(reason)"
        case .bodyTooLarge(let bytesMax): "The answer is larger than \(bytesMax) bytes."
        case .connectionLost(let authority):
            "\(authority) closed the connection before its answer was complete."
        case .cancelled: "The request was cancelled."
        case .saturated: "Too many requests are under way."
        case .shutDown: "The client has been shut down."
        }
    }
}
