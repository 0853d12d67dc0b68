import Crypto

/// Why a TLS connection ended, or never began.
package enum TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer's certificate is not trusted, has expired, or is for another host.
    case untrustedPeer(String)
    /// The peer broke the protocol, offered nothing that we accept, or sent an alert.
    case failed(OpenSSLFailure)
    /// The connection ended without the peer's word that it was complete (RFC 8446 §6.1).
    case truncated
    /// The session is over, by an earlier error or by `shutdown`.
    case ended
    /// Something was to be written before the handshake was complete.
    case handshakeUnfinished

    /// A phrase for the log or an operator.
    package var description: String {
        switch self {
        case .untrustedPeer(let reason): "the peer's certificate is not trusted: \(reason)"
        case .failed(let failure): failure.description
        case .truncated: "the connection was cut without a TLS close"
        case .ended: "the TLS session is over"
        case .handshakeUnfinished: "the TLS handshake is not complete"
        }
    }
}

/// Why TLS cannot be set up with what the operator gave.
package enum TLSConfigurationError: Error, Hashable, CustomStringConvertible {
    /// A file is missing or cannot be used.
    case file(SecretFileError)
    /// A certificate or key cannot be read, or they do not belong together.
    case certificate(path: String, CertificateError)
    /// OpenSSL refuses the settings or the certificate, such as a key that is too short.
    case refused(OpenSSLFailure)

    /// A phrase for the log or an operator.
    package var description: String {
        switch self {
        case .file(let error): error.description
        case .certificate(let path, let error): "\(path): \(error)"
        case .refused(let failure): failure.description
        }
    }
}
