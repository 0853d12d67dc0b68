import COpenSSL
import Crypto
import Primitives

/// A server's side of TLS: its certificate, its settings and its ticket keys; usable from any
/// thread.
///
/// TLS 1.2 and 1.3, AES-128-GCM first, X25519 before P-256, one ticket a handshake, no
/// renegotiation, no compression, no early data. SNI is not looked at.
package final class TLSServerContext: @unchecked Sendable {
    // Unchecked: OpenSSL's contexts may be shared once they are set up, which `init` completes.
    private let context: OpaquePointer
    private let shared: Shared

    /// The keys of the session tickets; call `replace` on them to rotate.
    package let ticketKeys: TLSTicketKeys
    /// When the certificate ends.
    package let certificateNotAfter: Timestamp
    /// What an operator should know, each a sentence: an expired certificate, a readable key.
    package let warnings: [String]

    /// How long a client may come back with a ticket: a day.
    private static let ticketSeconds = 86400

    // What callbacks reach from C; kept alive by the context.
    private final class Shared {
        let ticketKeys: TLSTicketKeys
        let protocols: [UInt8]

        init(ticketKeys: TLSTicketKeys, protocols: [UInt8]) {
            self.ticketKeys = ticketKeys
            self.protocols = protocols
        }
    }

    /// Reads the certificate chain (leaf first) and its key, both PEM files.
    ///
    /// - Parameters:
    ///   - protocols: what ALPN may choose, the best first; a client that offers only others is
    ///     refused (RFC 7301 §3.2), one that offers none is served.
    ///   - now: the time against which the certificate's end is told.
    package init(
        certificatePath: String,
        keyPath: String,
        protocols: [String] = ["http/1.1"],
        ticketKeys: TLSTicketKeys = TLSTicketKeys(),
        at now: Timestamp = .now()
    ) throws(TLSConfigurationError) {
        var warnings: [String] = []
        let chainPEM = try TLSServerContext.read(certificatePath, .everybody)
        var keyPEM: [UInt8]
        do {
            keyPEM = try TLSServerContext.read(keyPath, .owner)
        } catch {
            // Operators keep keys under groups of their own; that is theirs to decide.
            keyPEM = try TLSServerContext.read(keyPath, .everybody)
            warnings.append("\(error)")
        }
        let chain: [Certificate]
        do { chain = try Certificate.readAll(pem: chainPEM) } catch {
            throw .certificate(path: certificatePath, error)
        }
        let key: PrivateKey
        do { key = try PrivateKey(pem: keyPEM) } catch {
            throw .certificate(path: keyPath, error)
        }
        guard let leaf = chain.first, leaf.matches(key) else {
            throw .certificate(path: keyPath, .keyMismatch)
        }
        if leaf.notAfter < now {
            warnings.append("\(certificatePath): the certificate expired at \(leaf.notAfter)")
        } else if now < leaf.notBefore {
            warnings.append("\(certificatePath): the certificate counts from \(leaf.notBefore) on")
        }
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw .refused(.take("setting up TLS"))
        }
        self.context = context
        self.ticketKeys = ticketKeys
        self.warnings = warnings
        certificateNotAfter = leaf.notAfter
        shared = Shared(
            ticketKeys: ticketKeys,
            protocols: protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + $0.utf8 }
        )
        try TLSSettings.apply(to: context)
        try use(chain, key)
        useTickets()
        useProtocols()
    }

    deinit { SSL_CTX_free(context) }

    /// A session for one accepted connection.
    package func makeSession() throws(TLSConfigurationError) -> TLSSession {
        guard let session = SSL_new(context) else {
            throw .refused(.take("making a TLS session"))
        }
        SSL_set_accept_state(session)
        return try TLSSession(owning: session, of: self)
    }

    private static func read(
        _ path: String,
        _ access: SecretFile.Access
    ) throws(TLSConfigurationError) -> [UInt8] {
        do {
            if let content = try SecretFile.read(path, access) { return content }
        } catch { throw .file(error) }
        throw .file(SecretFileError(path: path, problem: "does not exist"))
    }

    private func use(_ chain: [Certificate], _ key: PrivateKey) throws(TLSConfigurationError) {
        for (index, certificate) in chain.enumerated() {
            let added =
                index == 0
                ? SSL_CTX_use_certificate(context, certificate.handle)
                : easel_ctx_add_chain(context, certificate.handle)
            guard added == 1 else { throw .refused(.take("using the certificate")) }
        }
        guard SSL_CTX_use_PrivateKey(context, key.handle) == 1 else {
            throw .refused(.take("using the private key"))
        }
    }

    private func useTickets() {
        // Tickets alone carry sessions: nothing to keep for each client.
        easel_ctx_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        SSL_CTX_set_num_tickets(context, 1)
        SSL_CTX_set_timeout(context, TLSServerContext.ticketSeconds)
        let name = Array("easel".utf8)
        SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
        SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(shared).toOpaque())
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { session, name, iv, cipher, mac, seals in
            guard let session, let name, let iv, let cipher, let mac,
                let data = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), 0)
            else { return -1 }
            let shared = Unmanaged<Shared>.fromOpaque(data).takeUnretainedValue()
            return shared.ticketKeys.prepare(
                name: name,
                iv: iv,
                cipher: cipher,
                mac: mac,
                seals: seals == 1
            )
        }
    }

    private func useProtocols() {
        let data = Unmanaged.passUnretained(shared).toOpaque()
        SSL_CTX_set_alpn_select_cb(
            context,
            { _, chosen, chosenCount, offered, offeredCount, data in
                guard let chosen, let chosenCount, let offered, let data else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                let shared = Unmanaged<Shared>.fromOpaque(data).takeUnretainedValue()
                let offer = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
                guard let range = TLSSettings.choose(from: offer, by: shared.protocols) else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                // Points into the offer, which outlives the callback.
                chosen.pointee = offered + range.lowerBound
                chosenCount.pointee = UInt8(clamping: range.count)
                return SSL_TLSEXT_ERR_OK
            },
            data
        )
    }
}
