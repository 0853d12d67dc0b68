import COpenSSL
import Crypto
import Primitives

/// What OpenSSL's callbacks reach from C: the same for all of a server's names.
///
/// Unchecked: complete before the first session is made, and not changed afterwards.
final class TLSServerCallbacks: @unchecked Sendable {
    let ticketKeys: TLSTicketKeys
    /// In ALPN's form, the best first.
    let protocols: [UInt8]
    /// By host name in lower case, wildcards as they stand in the certificates.
    var settingsByName: [String: TLSServerSettings] = [:]

    init(ticketKeys: TLSTicketKeys, protocols: [String]) {
        self.ticketKeys = ticketKeys
        self.protocols = protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + $0.utf8 }
    }

    func settings(for host: String) -> TLSServerSettings? {
        let host = host.lowercased()
        if let exact = settingsByName[host] { return exact }
        guard let dot = host.firstIndex(of: ".") else { return nil }
        return settingsByName["*" + host[dot...]]
    }

    static func of(_ session: OpaquePointer?) -> TLSServerCallbacks? {
        guard let session, let data = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), 0) else {
            return nil
        }
        return Unmanaged<TLSServerCallbacks>.fromOpaque(data).takeUnretainedValue()
    }
}

/// One of OpenSSL's contexts: the settings and the certificates that serve some host names.
///
/// Unchecked: OpenSSL's contexts may be shared once they are set up.
final class TLSServerSettings: @unchecked Sendable {
    let context: OpaquePointer

    /// What a client may send of certificates, in bytes and in links above the leaf.
    private static let clientChainBytesMax = 16 * 1024
    private static let clientChainDepthMax: Int32 = 3

    /// - Parameter callbacks: not owned; must live as long as these settings are used.
    init(
        _ certificates: [TLSServerCertificate],
        _ clientAuthorities: [Certificate],
        _ callbacks: TLSServerCallbacks
    ) throws(TLSConfigurationError) {
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw .refused(.take("setting up TLS"))
        }
        self.context = context
        SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(callbacks).toOpaque())
        try TLSSettings.apply(to: context)
        for certificate in certificates { try use(certificate) }
        useTickets()
        useProtocols()
        try trust(clientAuthorities)
    }

    deinit { SSL_CTX_free(context) }

    private func use(_ certificate: TLSServerCertificate) throws(TLSConfigurationError) {
        // OpenSSL keeps one certificate with its chain for each kind of key.
        guard SSL_CTX_use_certificate(context, certificate.leaf.handle) == 1 else {
            throw .refused(.take("using the certificate \(certificate.path)"))
        }
        for link in certificate.chain.dropFirst() {
            // Who trusts a root has it (RFC 8446 §4.4.2); sending it costs each handshake.
            if X509_get_extension_flags(link.handle) & UInt32(EXFLAG_SS) != 0 { continue }
            guard easel_ctx_add_chain(context, link.handle) == 1 else {
                throw .refused(.take("using the chain of \(certificate.path)"))
            }
        }
        guard SSL_CTX_use_PrivateKey(context, certificate.key.handle) == 1 else {
            throw .refused(.take("using the private key of \(certificate.path)"))
        }
    }

    /// Has clients that name a host served by the certificates for it.
    func chooseByName() {
        easel_ctx_server_name_callback(context) { session, _, _ in
            guard let session, let name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name),
                let callbacks = TLSServerCallbacks.of(session),
                let settings = callbacks.settings(for: String(cString: name)),
                settings.context != SSL_get_SSL_CTX(session)
            else { return SSL_TLSEXT_ERR_OK }
            SSL_set_SSL_CTX(session, settings.context)
            return SSL_TLSEXT_ERR_OK
        }
    }

    private func useTickets() {
        // Tickets alone carry sessions: nothing to keep for each client.
        easel_ctx_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_num_tickets(context, 1)
        SSL_CTX_set_timeout(context, Int(TLSTicketKeys.windowSeconds))
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { session, name, iv, cipher, mac, seals in
            guard let name, let iv, let cipher, let mac,
                let callbacks = TLSServerCallbacks.of(session)
            else { return -1 }
            return callbacks.ticketKeys.prepare(
                name: name,
                iv: iv,
                cipher: cipher,
                mac: mac,
                seals: seals == 1
            )
        }
    }

    private func useProtocols() {
        SSL_CTX_set_alpn_select_cb(
            context,
            { session, chosen, chosenCount, offered, offeredCount, _ in
                guard let chosen, let chosenCount, let offered,
                    let callbacks = TLSServerCallbacks.of(session)
                else { return SSL_TLSEXT_ERR_ALERT_FATAL }
                let offer = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
                guard let range = TLSSettings.choose(from: offer, by: callbacks.protocols) else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                // Points into the offer, which outlives the callback.
                chosen.pointee = offered + range.lowerBound
                chosenCount.pointee = UInt8(clamping: range.count)
                return SSL_TLSEXT_ERR_OK
            },
            nil
        )
    }

    private func trust(_ authorities: [Certificate]) throws(TLSConfigurationError) {
        for authority in authorities {
            guard
                X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.handle) == 1,
                SSL_CTX_add_client_CA(context, authority.handle) == 1
            else { throw .refused(.take("trusting a client authority")) }
        }
        SSL_CTX_set_verify_depth(context, TLSServerSettings.clientChainDepthMax)
        easel_ctx_max_cert_list(context, TLSServerSettings.clientChainBytesMax)
    }

    /// Has a session ask its client for a certificate; without one the client is served, as HTTP
    /// can tell it what it lacks.
    static func askClient(_ session: OpaquePointer) {
        SSL_set_verify(session, SSL_VERIFY_PEER) { isGood, store in
            guard isGood == 1, let store, X509_STORE_CTX_get_error_depth(store) == 0,
                let leaf = X509_STORE_CTX_get_current_cert(store)
            else { return isGood }
            // OpenSSL takes a certificate that says nothing of its purpose for any purpose.
            if X509_get_extension_flags(leaf) & UInt32(EXFLAG_XKUSAGE) != 0,
                X509_get_extended_key_usage(leaf) & UInt32(XKU_SSL_CLIENT) != 0
            {
                return 1
            }
            X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE)
            return 0
        }
    }
}
