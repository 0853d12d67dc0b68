import COpenSSL
import Primitives

/// The private authority that signs the certificates of clients, each made out for a credential.
///
/// Its files `client-ca.pem` and `client-ca.key` (mode 0600) lie in one folder. A certificate names
/// its holder as common name and carries the credential's digest as the subject's serial number: it
/// counts for as long as the credential does, so that nothing else has to be revoked.
package final class ClientAuthority: @unchecked Sendable {
    // Unchecked: OpenSSL's keys and certificates are not changed, and may be shared.
    private let authority: CertificateAuthority

    /// The authority's certificate in PEM.
    package var certificatePEM: [UInt8] { authority.certificatePEM }

    /// Reads the files, or makes them when there are none.
    package init(folder: String, at now: Timestamp) throws(CertificateError) {
        authority = try ServerCertificateFiles.authority(
            "\(folder)/client-ca.pem",
            "\(folder)/client-ca.key",
            name: "Easel clients",
            at: now
        )
    }

    /// How long a certificate counts at most: what it stands for ends it sooner, and its holder can
    /// have it renewed.
    package static let daysMax = 365

    /// Signs a certificate for the key of a request (PKCS#10, RFC 2986).
    ///
    /// Of the request only the key counts; what else it asks for is not read.
    ///
    /// - Parameters:
    ///   - request: in PEM.
    ///   - holder: who it is for; the first 64 characters become its common name.
    ///   - credential: the digest of the credential that it stands for.
    /// - Returns: the certificate, then the authority's, in PEM.
    /// - Throws: `.unreadableRequest` when it is none, is not signed by its own key, or its key is
    ///   too weak.
    package func sign(
        request: [UInt8],
        for holder: String,
        credential: Digest,
        at now: Timestamp
    ) throws(CertificateError) -> [UInt8] {
        let key = try CertificateRequest.key(pem: request)
        return try authority.issueClient(
            key: key,
            commonName: String(holder.prefix(64)),
            serialNumber: credential.hex,
            days: Self.daysMax,
            at: now
        )
    }

    /// The digest of the credential that a certificate stands for.
    ///
    /// Checks the signature: a certificate of another authority may say what it likes.
    ///
    /// - Returns: nil when it is not of this authority, or has expired since it was first shown.
    package func credential(of certificate: Certificate, at now: Timestamp) -> Digest? {
        guard now <= certificate.notAfter, certificate.isSigned(by: authority.certificate) else {
            return nil
        }
        return Digest(hex: certificate.subjectText(NID_serialNumber))
    }
}

/// A request for a certificate (PKCS#10).
package enum CertificateRequest {
    /// OpenSSL's level 2, as for every key we speak to: worth 112 bits, RSA of 2048.
    private static let securityBitsMin: Int32 = 112
    /// No honest request is larger; RSA of 8192 bits takes half of it.
    package static let bytesMax = 8 * 1024
    /// Larger keys only cost us time at each handshake.
    private static let keyBitsMax: Int32 = 4096

    /// A request in PEM for a certificate of this key, signed by it.
    ///
    /// It names nobody: who the certificate is for is the authority's business.
    package static func make(_ key: PrivateKey) throws(CertificateError) -> [UInt8] {
        guard let request = X509_REQ_new() else { throw .openSSL(.take("making a request")) }
        defer { X509_REQ_free(request) }
        let memory = try MemoryBIO()
        guard X509_REQ_set_version(request, 0) == 1,
            X509_REQ_set_pubkey(request, key.handle) == 1,
            X509_REQ_sign(request, key.handle, EVP_sha256()) > 0,
            PEM_write_bio_X509_REQ(memory.handle, request) == 1
        else { throw .openSSL(.take("making a request")) }
        return memory.content
    }

    /// The key of a request in PEM that its holder has signed.
    static func key(pem: [UInt8]) throws(CertificateError) -> PublicKey {
        func refusal(_ reason: String) -> CertificateError {
            .unreadableRequest(OpenSSLFailure(action: "reading a request", reasons: [reason]))
        }
        guard pem.count <= bytesMax else { throw refusal("more than \(bytesMax) bytes") }
        let memory = try MemoryBIO(pem)
        guard let request = PEM_read_bio_X509_REQ(memory.handle, nil, nil, nil) else {
            throw .unreadableRequest(.take("reading a request"))
        }
        defer { X509_REQ_free(request) }
        guard let key = X509_REQ_get_pubkey(request) else {
            throw .unreadableRequest(.take("reading a request's key"))
        }
        let owned = PublicKey(owning: key)
        guard EVP_PKEY_get_security_bits(key) >= securityBitsMin else {
            throw refusal("the key is too short")
        }
        guard EVP_PKEY_get_bits(key) <= keyBitsMax else { throw refusal("the key is too long") }
        // Whoever asks must hold the key.
        guard X509_REQ_verify(request, key) == 1 else {
            throw .unreadableRequest(.take("checking a request's signature"))
        }
        return owned
    }
}

/// A public key in memory.
final class PublicKey {
    let handle: OpaquePointer

    /// Takes ownership.
    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { EVP_PKEY_free(handle) }
}
