import COpenSSL
import Glibc
import Primitives

/// A private certificate authority, so that a server has TLS without anybody buying certificates.
///
/// P-256 throughout: agents handshake with it for a third of RSA's cost.
package struct CertificateAuthority {
    private static let years: Int64 = 10
    /// Clocks of appliances that have just started are often behind.
    private static let backdatedSeconds: Int64 = 24 * 3600

    /// The authority's own certificate.
    package let certificate: Certificate
    /// The certificate in PEM: what clients are told to trust.
    package let certificatePEM: [UInt8]
    private let key: PrivateKey

    /// A leaf certificate with its chain and its key, both in PEM.
    package struct Issued {
        /// The leaf, then the authority.
        package let chainPEM: [UInt8]
        /// PKCS #8, not encrypted.
        package let keyPEM: [UInt8]
    }

    /// Makes a self-signed authority for ten years, allowed to sign leaves only.
    package static func make(
        commonName: String,
        at now: Timestamp
    ) throws(CertificateError) -> CertificateAuthority {
        let key = try PrivateKey()
        let end = now.adding(seconds: years * 366 * 24 * 3600)
        let draft = try CertificateDraft(
            commonName: commonName,
            from: now,
            until: end,
            key: key.handle
        )
        try draft.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0", issuer: nil)
        try draft.add(NID_key_usage, "critical,keyCertSign,cRLSign", issuer: nil)
        try draft.add(NID_subject_key_identifier, "hash", issuer: nil)
        let certificate = try draft.sign(issuer: nil, key: key)
        return CertificateAuthority(
            certificate: certificate,
            certificatePEM: try certificate.pem(),
            key: key
        )
    }

    /// Reads an authority from its certificate and key in PEM.
    package static func read(
        certificatePEM: [UInt8],
        keyPEM: [UInt8]
    ) throws(CertificateError) -> CertificateAuthority {
        let certificate = try Certificate(pem: certificatePEM)
        let key = try PrivateKey(pem: keyPEM)
        guard certificate.matches(key) else { throw .keyMismatch }
        return CertificateAuthority(
            certificate: certificate,
            certificatePEM: try certificate.pem(),
            key: key
        )
    }

    /// The authority's private key in PEM.
    package func keyPEM() throws(CertificateError) -> [UInt8] { try key.pem() }

    /// Issues a server certificate for these DNS names and IP addresses.
    ///
    /// - Parameter days: how long it counts; never longer than the authority.
    /// - Throws: `.invalidHost` for anything that is neither, and when there is no host.
    package func issue(
        hosts: [String],
        days: Int,
        at now: Timestamp
    ) throws(CertificateError) -> Issued {
        guard let first = hosts.first else { throw .invalidHost("") }
        guard now < certificate.notAfter else { throw .expiredAuthority }
        var names: [String] = []
        for host in hosts {
            guard let kind = HostText.kind(host) else { throw .invalidHost(host) }
            names.append("\(kind.rawValue):\(host)")
        }
        let leafKey = try PrivateKey()
        let end = now.adding(
            seconds: Int64(clamping: days).multipliedReportingOverflow(by: 86400).0
        )
        let draft = try CertificateDraft(
            // A common name is limited to 64 characters (RFC 5280, ub-common-name).
            commonName: String(first.prefix(64)),
            from: now,
            until: min(end, certificate.notAfter),
            key: leafKey.handle
        )
        try draft.add(NID_basic_constraints, "critical,CA:FALSE", issuer: certificate)
        try draft.add(NID_key_usage, "critical,digitalSignature", issuer: certificate)
        try draft.add(NID_ext_key_usage, "serverAuth", issuer: certificate)
        try draft.add(NID_subject_alt_name, names.joined(separator: ","), issuer: certificate)
        try draft.add(NID_subject_key_identifier, "hash", issuer: certificate)
        try draft.add(NID_authority_key_identifier, "keyid:always", issuer: certificate)
        let leaf = try draft.sign(issuer: certificate, key: key)
        return Issued(chainPEM: try leaf.pem() + certificatePEM, keyPEM: try leafKey.pem())
    }

    /// Issues a client certificate for a key that somebody else holds.
    ///
    /// - Parameter days: how long it counts; never longer than the authority.
    /// - Returns: the certificate and the authority's, in PEM.
    func issueClient(
        key: PublicKey,
        commonName: String,
        serialNumber: String,
        days: Int,
        at now: Timestamp
    ) throws(CertificateError) -> [UInt8] {
        guard now < certificate.notAfter else { throw .expiredAuthority }
        let draft = try CertificateDraft(
            commonName: commonName,
            from: now,
            until: min(now.adding(seconds: Int64(days) * 86_400), certificate.notAfter),
            key: key.handle
        )
        try draft.add(subject: NID_serialNumber, serialNumber)
        try draft.add(NID_basic_constraints, "critical,CA:FALSE", issuer: certificate)
        try draft.add(NID_key_usage, "critical,digitalSignature", issuer: certificate)
        try draft.add(NID_ext_key_usage, "clientAuth", issuer: certificate)
        try draft.add(NID_authority_key_identifier, "keyid:always", issuer: certificate)
        return try draft.sign(issuer: certificate, key: self.key).pem() + certificatePEM
    }

    /// A certificate before it is signed.
    private struct CertificateDraft: ~Copyable {
        private let handle: OpaquePointer

        init(
            commonName: String,
            from start: Timestamp,
            until end: Timestamp,
            key: OpaquePointer
        ) throws(CertificateError) {
            guard let handle = X509_new() else { throw .openSSL(.take("making a certificate")) }
            // 20 bytes at most, positive (RFC 5280 §4.1.2.2).
            var serial = RandomBytes.make(16)
            serial[0] = serial[0] & 0x7F | 0x40
            let number = BN_bin2bn(serial, Int32(serial.count), nil)
            defer { BN_free(number) }
            guard X509_set_version(handle, Int(X509_VERSION_3)) == 1,
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(handle)) != nil,
                Self.name(handle, NID_commonName, commonName),
                ASN1_TIME_set(
                    X509_getm_notBefore(handle),
                    Int(start.seconds - CertificateAuthority.backdatedSeconds)
                ) != nil,
                ASN1_TIME_set(X509_getm_notAfter(handle), Int(end.seconds)) != nil,
                X509_set_pubkey(handle, key) == 1
            else {
                X509_free(handle)
                throw .openSSL(.take("filling in a certificate"))
            }
            self.handle = handle
        }

        deinit { X509_free(handle) }

        /// Adds a part to the subject's name.
        private static func name(_ handle: OpaquePointer, _ kind: Int32, _ text: String) -> Bool {
            let text = Array(text.utf8)
            return X509_NAME_add_entry_by_NID(
                X509_get_subject_name(handle),
                kind,
                MBSTRING_UTF8,
                text,
                Int32(clamping: text.count),
                -1,
                0
            ) == 1
        }

        func add(subject kind: Int32, _ text: String) throws(CertificateError) {
            guard Self.name(handle, kind, text) else {
                throw .openSSL(.take("naming a certificate's holder"))
            }
        }

        /// - Parameter issuer: nil when the certificate signs itself.
        func add(_ kind: Int32, _ value: String, issuer: Certificate?) throws(CertificateError) {
            guard easel_add_extension(handle, issuer?.handle ?? handle, kind, value) == 1 else {
                throw .openSSL(.take("adding an extension"))
            }
        }

        func sign(issuer: Certificate?, key: PrivateKey) throws(CertificateError) -> Certificate {
            guard
                X509_set_issuer_name(handle, X509_get_subject_name(issuer?.handle ?? handle)) == 1,
                X509_sign(handle, key.handle, EVP_sha256()) > 0
            else { throw .openSSL(.take("signing a certificate")) }
            X509_up_ref(handle)
            return Certificate(owning: handle)
        }
    }
}

/// What a host is, told from its text.
package enum HostText {
    /// The kinds of host, spelled as OpenSSL spells subject alternative names.
    package enum Kind: String, Sendable {
        case name = "DNS"
        case address = "IP"
    }

    /// Nil for what is neither an IP address nor a DNS name of letters, digits and hyphens
    /// (RFC 1123 §2.1), a wildcard allowed as the first label.
    package static func kind(_ host: String) -> Kind? {
        var address = in6_addr()
        if inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1 {
            return .address
        }
        guard (1...253).contains(host.utf8.count) else { return nil }
        var labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count > 2, labels.first == "*" { labels.removeFirst() }
        return labels.allSatisfy(isLabel) ? .name : nil
    }

    private static func isLabel(_ label: Substring) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard (1...63).contains(label.utf8.count), label.utf8.first != hyphen,
            label.utf8.last != hyphen
        else { return false }
        return label.utf8.allSatisfy { character in
            switch character {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, hyphen: true
            default: false
            }
        }
    }
}
