import TLS

/// Why something was not fetched from an address that a user wrote.
///
/// Few and neutral kinds: an answer must not tell what listens where, nor repeat what an upstream
/// says, for who writes addresses may be curious about a network that is not theirs.
package enum OutboundError: Error, Sendable, Hashable, CustomStringConvertible {
    /// No address, nobody there, no answer in time, or nothing that speaks HTTP.
    case unreachable
    /// The address lies in a network that the policy closes, or a redirect leads to a URL that is
    /// not followed.
    case refusedByPolicy
    /// The server's certificate is not trusted.
    case untrusted
    /// The credentials are missing, wrong, or not enough.
    case unauthorised
    /// The answer is longer than allowed, as it comes or inflated.
    case tooBig
    /// The server answers with something else than what was asked for.
    case badAnswer
    /// The certificates to be trusted are no PEM text of certificates, or hold a private key.
    case badCertificates
    /// The server fetches too much at once, or is about to stop.
    case busy

    /// A sentence for an operator.
    package var description: String {
        switch self {
        case .unreachable:
            "The address cannot be reached, or what answers there is no such server."
        case .refusedByPolicy:
            "The address lies in a network that this server is not allowed to reach; "
                + "its operator can open it with --outbound-allow."
        case .untrusted:
            "The certificate of the server is not trusted; give the certificate of its authority."
        case .unauthorised: "The credentials were not accepted."
        case .tooBig: "The answer is larger than this server takes."
        case .badAnswer: "The server did not answer with what was asked for."
        case .badCertificates:
            "The certificate must be a text of PEM certificates without any private key."
        case .busy: "This server fetches too much at once; try again later."
        }
    }

    init(_ error: HTTPClientError) {
        switch error {
        case .addressRefused: self = .refusedByPolicy
        case .tls(authority: _, .untrustedPeer): self = .untrusted
        case .bodyTooLarge: self = .tooBig
        // What a request of ours cannot hold came out of an answer, such as a token.
        case .invalidRequest: self = .badAnswer
        case .cancelled, .saturated, .shutDown: self = .busy
        case .unknownHost, .connectionRefused, .unreachable, .timedOut, .tls, .tlsSetup,
            .protocolViolation, .connectionLost:
            self = .unreachable
        }
    }
}
