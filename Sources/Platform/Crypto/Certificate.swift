import COpenSSL
import Glibc
import Primitives

/// Why a certificate or its key cannot be made, read or used.
package enum CertificateError: Error, Hashable, CustomStringConvertible {
    /// The text holds no PEM certificate, or a damaged one.
    case unreadableCertificate(OpenSSLFailure)
    /// The text holds no PEM private key, or a damaged or encrypted one.
    case unreadableKey(OpenSSLFailure)
    /// The text holds no usable PEM request for a certificate.
    case unreadableRequest(OpenSSLFailure)
    /// The key is not that of the certificate.
    case keyMismatch
    /// A host that is neither a DNS name nor an IP address.
    case invalidHost(String)
    /// The authority's certificate ends before anything it could sign.
    case expiredAuthority
    /// A file cannot be used.
    case file(SecretFileError)
    /// OpenSSL failed.
    case openSSL(OpenSSLFailure)

    /// A phrase for an operator, with OpenSSL's reason where it has one.
    package var description: String {
        switch self {
        case .unreadableCertificate(let failure): "not a PEM certificate (\(failure))"
        case .unreadableKey(let failure): "not a PEM private key without a password (\(failure))"
        case .unreadableRequest(let failure): "not a usable PEM request (\(failure))"
        case .keyMismatch: "the private key does not belong to the certificate"
        case .invalidHost(let host): "\(host) is neither a DNS name nor an IP address"
        case .expiredAuthority: "the certificate authority has expired"
        case .file(let error): error.description
        case .openSSL(let failure): failure.description
        }
    }
}

/// One X.509 certificate (RFC 5280), read-only.
package final class Certificate {
    /// OpenSSL's `X509 *`, for the TLS target; owned by this object.
    package let handle: OpaquePointer

    /// Reads the first certificate of a PEM text.
    package init(pem: [UInt8]) throws(CertificateError) {
        let memory = try MemoryBIO(pem)
        guard let handle = PEM_read_bio_X509(memory.handle, nil, nil, nil) else {
            throw .unreadableCertificate(.take("reading a certificate"))
        }
        self.handle = handle
    }

    /// Reads every certificate of a PEM text, at least one and at most `chainLengthMax`.
    package static func readAll(pem: [UInt8]) throws(CertificateError) -> [Certificate] {
        let memory = try MemoryBIO(pem)
        var certificates: [Certificate] = []
        while let handle = PEM_read_bio_X509(memory.handle, nil, nil, nil) {
            certificates.append(Certificate(owning: handle))
            guard certificates.count <= chainLengthMax else {
                throw .unreadableCertificate(
                    OpenSSLFailure(
                        action: "reading certificates",
                        reasons: ["more than \(chainLengthMax)"]
                    )
                )
            }
        }
        // The end of the text is reported as a missing start line.
        let code = ERR_peek_last_error()
        guard !certificates.isEmpty, easel_error_reason(code) == PEM_R_NO_START_LINE else {
            throw .unreadableCertificate(.take("reading certificates"))
        }
        ERR_clear_error()
        return certificates
    }

    /// How many certificates one PEM text may hold; the system's roots are about 150.
    package static let chainLengthMax = 1000

    /// Takes ownership of OpenSSL's `X509 *`.
    package init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { X509_free(handle) }

    /// SHA-256 over the certificate's DER form, what `openssl x509 -fingerprint -sha256` shows.
    package var fingerprint: Digest {
        var digest = Digest()
        digest.withUnsafeMutableBytes { target in
            var count = UInt32(target.count)
            X509_digest(
                handle,
                EVP_sha256(),
                target.baseAddress?.assumingMemoryBound(to: UInt8.self),
                &count
            )
        }
        return digest
    }

    /// The fingerprint of the first certificate in a PEM text.
    package static func fingerprint(_ pem: [UInt8]) throws(CertificateError) -> Digest {
        try Certificate(pem: pem).fingerprint
    }

    /// The first moment at which it counts.
    package var notBefore: Timestamp { time(X509_get0_notBefore(handle)) }

    /// The last moment at which it counts.
    package var notAfter: Timestamp { time(X509_get0_notAfter(handle)) }

    /// The subject's common name; empty when it has none.
    package var commonName: String { subjectText(NID_commonName) }

    /// The first part of this kind in the subject's name; empty when there is none.
    func subjectText(_ kind: Int32) -> String {
        guard let name = X509_get_subject_name(handle) else { return "" }
        let index = X509_NAME_get_index_by_NID(name, kind, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(name, index) else { return "" }
        var text: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))
        defer { easel_free(text) }
        guard count > 0, let text else { return "" }
        return String(
            decoding: UnsafeBufferPointer(start: text, count: Int(count)),
            as: UTF8.self
        )
    }

    /// The DNS names that it is for, in lower case, wildcards included: those of its subject
    /// alternative names, or, where it has none, its common name.
    package var hostNames: [String] {
        defer { ERR_clear_error() }
        let list = X509_get_ext_d2i(handle, NID_subject_alt_name, nil, nil)
        defer { easel_general_names_free(list) }
        var names: [String] = []
        for index in 0..<max(0, easel_general_names_count(list)) {
            guard let text = easel_general_name_dns(list, index) else { continue }
            let bytes = UnsafeBufferPointer(
                start: ASN1_STRING_get0_data(text),
                count: Int(ASN1_STRING_length(text))
            )
            names.append(String(decoding: bytes, as: UTF8.self).lowercased())
        }
        if names.isEmpty { names = [commonName.lowercased()] }
        return names.filter { HostText.kind($0) == .name }
    }

    /// Whether the certificate is for this host: a DNS name (RFC 6125) or an IP address.
    package func covers(_ host: String) -> Bool {
        if X509_check_ip_asc(handle, host, 0) == 1 { return true }
        ERR_clear_error()
        return X509_check_host(handle, host, 0, 0, nil) == 1
    }

    /// Whether the other certificate's key signed this one.
    package func isSigned(by issuer: Certificate) -> Bool {
        defer { ERR_clear_error() }
        return X509_verify(handle, X509_get0_pubkey(issuer.handle)) == 1
    }

    /// Whether this is the private key of the certificate.
    package func matches(_ key: PrivateKey) -> Bool {
        defer { ERR_clear_error() }
        return X509_check_private_key(handle, key.handle) == 1
    }

    func pem() throws(CertificateError) -> [UInt8] {
        let memory = try MemoryBIO()
        guard PEM_write_bio_X509(memory.handle, handle) == 1 else {
            throw .openSSL(.take("writing a certificate"))
        }
        return memory.content
    }

    private func time(_ value: UnsafePointer<ASN1_TIME>?) -> Timestamp {
        var parts = tm()
        guard let value, ASN1_TIME_to_tm(value, &parts) == 1 else {
            // What cannot be read counts as long past.
            ERR_clear_error()
            return Timestamp(seconds: 0)
        }
        return Timestamp(seconds: Int64(timegm(&parts)))
    }
}

/// A private key in memory.
package final class PrivateKey {
    /// OpenSSL's `EVP_PKEY *`, for the TLS target; owned by this object.
    package let handle: OpaquePointer

    /// A fresh key on the curve P-256.
    package init() throws(CertificateError) {
        guard let handle = easel_p256_key() else { throw .openSSL(.take("making a key")) }
        self.handle = handle
    }

    /// What kind of key it is, as OpenSSL numbers them: one certificate of each kind may serve a
    /// name.
    package var kind: Int32 { EVP_PKEY_get_base_id(handle) }

    /// Reads a key without a password from PEM.
    package init(pem: [UInt8]) throws(CertificateError) {
        let memory = try MemoryBIO(pem)
        // Without a callback OpenSSL asks the terminal for the password of an encrypted key.
        guard
            let handle = PEM_read_bio_PrivateKey(memory.handle, nil, { _, _, _, _ in -1 }, nil)
        else {
            throw .unreadableKey(.take("reading a private key"))
        }
        self.handle = handle
    }

    deinit { EVP_PKEY_free(handle) }

    /// PKCS #8, not encrypted.
    package func pem() throws(CertificateError) -> [UInt8] {
        let memory = try MemoryBIO()
        guard PEM_write_bio_PKCS8PrivateKey(memory.handle, handle, nil, nil, 0, nil, nil) == 1
        else { throw .openSSL(.take("writing a private key")) }
        return memory.content
    }
}

/// Bytes in the form that OpenSSL reads from and writes to.
struct MemoryBIO: ~Copyable {
    let handle: OpaquePointer

    init() throws(CertificateError) {
        guard let handle = BIO_new(BIO_s_mem()) else { throw .openSSL(.take("making a buffer")) }
        self.handle = handle
    }

    /// A copy of these bytes.
    init(_ bytes: [UInt8]) throws(CertificateError) {
        try self.init()
        BIO_write(handle, bytes, Int32(clamping: bytes.count))
    }

    deinit { BIO_free(handle) }

    var content: [UInt8] {
        var bytes: UnsafeMutablePointer<CChar>?
        let count = easel_bio_bytes(handle, &bytes)
        return Array(UnsafeRawBufferPointer(start: bytes, count: max(0, count)))
    }
}
