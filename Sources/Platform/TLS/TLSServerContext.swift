import COpenSSL
import Crypto
import Primitives

/// A server's side of TLS: its certificates, its settings and its ticket keys; usable from any
/// thread.
///
/// TLS 1.2 and 1.3, AES-128-GCM first, X25519 before P-256, one ticket a handshake, no
/// renegotiation, no compression, no early data. A client that names a host (SNI, RFC 6066 §3)
/// is shown the certificate for it, any other client the first one.
package final class TLSServerContext: @unchecked Sendable {
    // Unchecked: nothing changes once `init` has completed.
    private let first: TLSServerSettings
    private let callbacks: TLSServerCallbacks
    // A ticket holds a client's certificate unchecked: it counts only where clients are asked,
    // and for the authorities under which it was checked.
    private let clientTickets: [UInt8]
    private static let ordinaryTickets = Array("easel".utf8)

    /// When each certificate ends, by the path of its file.
    package let certificateEnds: [(path: String, notAfter: Timestamp)]
    /// What an operator should know, each a sentence.
    package let warnings: [String]

    /// Sets up TLS with these certificates.
    ///
    /// - Parameters:
    ///   - certificates: at least one; the first is for clients that name no host or an unknown
    ///     one. Several for one name may have keys of different kinds.
    ///   - protocols: what ALPN may choose, the best first; a client that offers only others is
    ///     refused (RFC 7301 §3.2), one that offers none is served.
    ///   - clientAuthoritiesPEM: whose certificates are good where clients are asked for theirs;
    ///     empty where they never are.
    package init(
        certificates: [TLSServerCertificate],
        protocols: [String] = ["http/1.1"],
        ticketKeys: TLSTicketKeys = TLSTicketKeys(),
        clientAuthoritiesPEM: [UInt8] = []
    ) throws(TLSConfigurationError) {
        precondition(!certificates.isEmpty, "A server needs a certificate.")
        certificateEnds = certificates.map { ($0.path, $0.notAfter) }
        warnings = certificates.flatMap(\.warnings)
        let clientAuthorities: [Certificate]
        do {
            clientAuthorities =
                clientAuthoritiesPEM.isEmpty
                ? [] : try Certificate.readAll(pem: clientAuthoritiesPEM)
        } catch { throw .certificate(path: "the client authorities", error) }
        clientTickets = SHA256.digest(Array("easel clients".utf8) + clientAuthoritiesPEM).bytes
        let callbacks = TLSServerCallbacks(ticketKeys: ticketKeys, protocols: protocols)
        // Names that the same certificates serve share what OpenSSL keeps of them.
        var made: [[Int]: TLSServerSettings] = [:]
        func settings(_ chosen: [Int]) throws(TLSConfigurationError) -> TLSServerSettings {
            if let known = made[chosen] { return known }
            let settings = try TLSServerSettings(
                chosen.map { certificates[$0] },
                clientAuthorities,
                callbacks
            )
            made[chosen] = settings
            return settings
        }
        var byName: [String: TLSServerSettings] = [:]
        for name in Set(certificates.flatMap(\.leaf.hostNames)) {
            byName[name] = try settings(TLSServerCertificate.indices(of: certificates, for: name))
        }
        let firstName = certificates[0].leaf.hostNames.first
        first =
            if let firstName, let found = byName[firstName] { found } else { try settings([0]) }
        self.callbacks = callbacks
        // Looked at only where there is a choice.
        if made.count > 1 {
            callbacks.settingsByName = byName
            first.chooseByName()
        }
    }

    /// A session for one accepted connection.
    ///
    /// - Parameter asksClient: whether the client is asked for a certificate; it is served without
    ///   one, but refused with one that none of the client authorities has signed for clients.
    package func makeSession(
        asksClient: Bool = false
    ) throws(TLSConfigurationError) -> TLSSession {
        guard let session = SSL_new(first.context) else {
            throw .refused(.take("making a TLS session"))
        }
        SSL_set_accept_state(session)
        let tickets = asksClient ? clientTickets : TLSServerContext.ordinaryTickets
        SSL_set_session_id_context(session, tickets, UInt32(tickets.count))
        if asksClient { TLSServerSettings.askClient(session) }
        return try TLSSession(owning: session, of: self)
    }
}
