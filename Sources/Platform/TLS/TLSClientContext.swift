import COpenSSL
import Crypto

/// Whom a client trusts to vouch for servers.
package struct TLSTrust: Sendable, Hashable {
    /// Whether the certificate authorities of the system count.
    package var usesSystemRoots: Bool
    /// Certificates that count beside them, in PEM; empty for none.
    package var certificatesPEM: [UInt8]
    /// Whether the server's certificate is checked at all.
    ///
    /// Off only where a user of the API asked for it, for one registry of theirs.
    package var checksServer: Bool

    /// Names whom to trust.
    package init(
        usesSystemRoots: Bool,
        certificatesPEM: [UInt8] = [],
        checksServer: Bool = true
    ) {
        self.usesSystemRoots = usesSystemRoots
        self.certificatesPEM = certificatesPEM
        self.checksServer = checksServer
    }

    /// The certificate authorities of the system.
    package static let system = TLSTrust(usesSystemRoots: true)

    /// These certificates only.
    package static func only(_ certificatesPEM: [UInt8]) -> TLSTrust {
        TLSTrust(usesSystemRoots: false, certificatesPEM: certificatesPEM)
    }
}

/// What a client shows of itself: a certificate, the chain behind it, and its key, all in PEM.
package struct TLSIdentity: Sendable, Hashable {
    /// The certificate first, then who signed it.
    package let chainPEM: [UInt8]
    /// Without a password.
    package let keyPEM: [UInt8]

    /// Names a certificate and its key; whether they belong together shows when they are used.
    package init(chainPEM: [UInt8], keyPEM: [UInt8]) {
        self.chainPEM = chainPEM
        self.keyPEM = keyPEM
    }
}

/// A client's side of TLS: whom it trusts and what it speaks; usable from any thread.
///
/// The server's certificate is checked for its chain, its dates and its host, unless the trust
/// says that it is not.
package final class TLSClientContext: @unchecked Sendable {
    // Unchecked: OpenSSL's contexts may be shared once they are set up, which `init` completes.
    private let context: OpaquePointer
    private let protocols: [UInt8]

    /// - Parameters:
    ///   - identity: shown to servers that ask for a certificate.
    ///   - protocols: what is offered by ALPN, the best first; none for no offer.
    package convenience init(
        trust: TLSTrust = .system,
        identity: TLSIdentity? = nil,
        protocols: [String] = ["http/1.1"]
    ) throws(TLSConfigurationError) {
        try self.init(trust: trust, protocols: protocols, versions: TLSSettings.Versions())
        if let identity { try use(identity) }
    }

    init(
        trust: TLSTrust,
        protocols: [String],
        versions: TLSSettings.Versions
    ) throws(TLSConfigurationError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw .refused(.take("setting up TLS"))
        }
        self.context = context
        self.protocols = protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + $0.utf8 }
        try TLSSettings.apply(to: context, versions)
        SSL_CTX_set_verify(context, trust.checksServer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        if trust.usesSystemRoots, SSL_CTX_set_default_verify_paths(context) != 1 {
            throw .refused(.take("reading the system's certificate authorities"))
        }
        guard !trust.certificatesPEM.isEmpty else { return }
        do {
            for certificate in try Certificate.readAll(pem: trust.certificatesPEM) {
                X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.handle)
            }
        } catch {
            throw .certificate(path: "trusted certificates", error)
        }
    }

    deinit { SSL_CTX_free(context) }

    private func use(_ identity: TLSIdentity) throws(TLSConfigurationError) {
        do throws(CertificateError) {
            let chain = try Certificate.readAll(pem: identity.chainPEM)
            let key = try PrivateKey(pem: identity.keyPEM)
            guard let leaf = chain.first, leaf.matches(key) else { throw .keyMismatch }
            // OpenSSL counts its own references; the server knows who signed it.
            guard SSL_CTX_use_certificate(context, leaf.handle) == 1,
                SSL_CTX_use_PrivateKey(context, key.handle) == 1
            else { throw .openSSL(.take("using a certificate")) }
        } catch {
            throw .certificate(path: "the client's certificate", error)
        }
    }

    /// A session with a server.
    ///
    /// - Parameters:
    ///   - host: the DNS name or IP address (IPv6 without brackets) that the certificate must be
    ///     for; a name is also told to the server (SNI, RFC 6066 §3).
    ///   - resumption: from an earlier session with the same server.
    package func makeSession(
        host: String,
        resuming resumption: TLSResumption? = nil
    ) throws(TLSConfigurationError) -> TLSSession {
        guard let kind = HostText.kind(host) else {
            throw .certificate(path: "host", .invalidHost(host))
        }
        guard let session = SSL_new(context) else {
            throw .refused(.take("making a TLS session"))
        }
        SSL_set_connect_state(session)
        let isSet =
            switch kind {
            case .address:
                X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1
            case .name:
                SSL_set1_host(session, host) == 1 && easel_ssl_server_name(session, host) == 1
            }
        SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        // Zero means success here, unlike everywhere else.
        let isOffered =
            protocols.isEmpty
            || SSL_set_alpn_protos(session, protocols, UInt32(protocols.count)) == 0
        guard isSet, isOffered else {
            SSL_free(session)
            throw .refused(.take("naming the server"))
        }
        if let resumption { SSL_set_session(session, resumption.handle) }
        return try TLSSession(owning: session, of: self)
    }
}
