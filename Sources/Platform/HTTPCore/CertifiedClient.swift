/// Who a connection's client is by its TLS certificate; found out once per connection.
///
/// Nothing but the handshake makes one: header fields in which proxies tell of certificates are
/// not read.
package enum CertifiedClient: Sendable, Hashable {
    /// No certificate says anything.
    case unknown
    /// The address requires a certificate, and the client has shown none that counts.
    case lacksCertificate
    /// The digest of the credential that the certificate stands for.
    case credential([UInt8])
}
