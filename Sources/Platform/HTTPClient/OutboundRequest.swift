import Crypto
import HTTPCore
import Primitives
import TLS

/// Whose certificates count for what a user lets the server fetch.
package struct OutboundTrust: Sendable, Hashable {
    /// The longest text of certificates that is taken.
    package static let pemBytesMax = 256 << 10

    /// The authorities of the system.
    package static let system = OutboundTrust(tls: .system)

    let tls: TLSTrust

    private init(tls: TLSTrust) {
        self.tls = tls
    }

    /// Trusts these authorities beside those of the system, or skips the check altogether.
    ///
    /// - Throws: `.badCertificates`, also for a text with a private key in it: it was put there by
    ///   mistake, and must not be stored.
    package init(certificatesPEM pem: [UInt8], skipsCheck: Bool) throws(OutboundError) {
        if !pem.isEmpty {
            let text = String(decoding: pem, as: UTF8.self)
            guard pem.count <= Self.pemBytesMax, !text.contains("PRIVATE KEY"),
                (try? Certificate.readAll(pem: pem)) != nil
            else { throw .badCertificates }
        }
        tls = TLSTrust(usesSystemRoots: true, certificatesPEM: pem, checksServer: !skipsCheck)
    }
}

/// One thing to fetch from an address that a user wrote.
package struct OutboundRequest: Sendable {
    /// What is asked; redirects are followed for GET and HEAD only.
    package var method = HTTPMethod.get
    /// Of whom, and of what.
    package var url: HTTPURL
    /// The `Authorization` field; another origin than that of `url` is never told.
    package var authorization: String?
    /// Further header fields, such as `Accept`; nothing secret.
    package var fields: [(name: String, value: String)] = []
    /// The whole body; empty for none.
    package var body: [UInt8] = []
    /// Whose certificates count.
    package var trust = OutboundTrust.system
    /// The longest answer that is taken, as it comes and inflated.
    package var bytesMax: Int
    /// How long all of it may take, redirects and names included.
    package var deadline = Duration.seconds(60)
    /// Whether the answer may be compressed on its way, for texts such as an index.
    ///
    /// Not for archives: some servers call those a coding of what is inside.
    package var acceptsGzip = false

    /// Describes a GET.
    package init(_ url: HTTPURL, bytesMax: Int) {
        self.url = url
        self.bytesMax = bytesMax
    }

    /// The `Authorization` field for a name and a password (RFC 7617).
    package static func basic(_ user: String, _ password: String) -> String {
        "Basic " + Base64.encode(Array("\(user):\(password)".utf8))
    }
}
