import COpenSSL
import Primitives
import Testing

@testable import Crypto

@Suite("The authority of clients")
struct ClientAuthorityTests {
    private let credential = SHA256.digest(Array("easel_agent_1".utf8))

    /// Makes a request for a certificate, signed by its key or by another one.
    private func request(
        _ key: PrivateKey,
        signedBy signer: PrivateKey? = nil
    ) throws -> [UInt8] {
        let request = try #require(X509_REQ_new())
        defer { X509_REQ_free(request) }
        X509_REQ_set_version(request, 0)
        X509_REQ_set_pubkey(request, key.handle)
        #expect(X509_REQ_sign(request, (signer ?? key).handle, EVP_sha256()) > 0)
        let memory = try MemoryBIO()
        #expect(PEM_write_bio_X509_REQ(memory.handle, request) == 1)
        return memory.content
    }

    private func rsaKey(bits: Int32) throws -> PrivateKey {
        let context = try #require(EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nil))
        defer { EVP_PKEY_CTX_free(context) }
        EVP_PKEY_keygen_init(context)
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits)
        var key: OpaquePointer?
        #expect(EVP_PKEY_keygen(context, &key) == 1)
        let memory = try MemoryBIO()
        #expect(PEM_write_bio_PrivateKey(memory.handle, key, nil, nil, 0, nil, nil) == 1)
        EVP_PKEY_free(key)
        return try PrivateKey(pem: memory.content)
    }

    @Test func `signs a certificate for the key, the holder and the credential`() throws {
        let folder = Folder()
        let authority = try ClientAuthority(folder: folder.path, at: .now())
        let key = try PrivateKey()
        let chain = try authority.sign(
            request: request(key),
            for: "appliance-1",
            credential: credential,
            at: .now()
        )
        let certificates = try Certificate.readAll(pem: chain)
        #expect(certificates.count == 2)
        #expect(certificates[0].matches(key))
        #expect(certificates[0].commonName == "appliance-1")
        #expect(authority.credential(of: certificates[0], at: .now()) == credential)
        // The same authority after a restart.
        let again = try ClientAuthority(folder: folder.path, at: .now())
        #expect(again.credential(of: certificates[0], at: .now()) == credential)
    }

    @Test func `signs a request that was made here, for a year at most`() throws {
        let folder = Folder()
        let now = Timestamp.now()
        let authority = try ClientAuthority(folder: folder.path, at: now)
        let key = try PrivateKey()
        let chain = try authority.sign(
            request: CertificateRequest.make(key),
            for: "appliance-1",
            credential: credential,
            at: now
        )
        let certificate = try Certificate(pem: chain)
        #expect(certificate.matches(key))
        #expect(certificate.notAfter <= now.adding(seconds: 365 * 86_400))
        #expect(certificate.notAfter > now.adding(seconds: 364 * 86_400))
        // What the holder keeps of its key is read back.
        #expect(certificate.matches(try PrivateKey(pem: key.pem())))
    }

    @Test func `its key is for the owner alone`() throws {
        let folder = Folder()
        _ = try ClientAuthority(folder: folder.path, at: .now())
        #expect(folder.mode(of: "client-ca.key") == 0o600)
    }

    @Test func `another authority's certificate and an expired one stand for nothing`() throws {
        let folder = Folder()
        let other = Folder()
        let authority = try ClientAuthority(folder: folder.path, at: .now())
        let stranger = try ClientAuthority(folder: other.path, at: .now())
        let chain = try stranger.sign(
            request: request(PrivateKey()),
            for: "appliance-1",
            credential: credential,
            at: .now()
        )
        let certificate = try Certificate(pem: chain)
        #expect(authority.credential(of: certificate, at: .now()) == nil)
        #expect(stranger.credential(of: certificate, at: .now()) == credential)
        let late = certificate.notAfter.adding(seconds: 1)
        #expect(stranger.credential(of: certificate, at: late) == nil)
    }

    @Test func `refuses what is no request, is not signed by its key, or has a weak key`() throws {
        let folder = Folder()
        let authority = try ClientAuthority(folder: folder.path, at: .now())
        let whole = try request(PrivateKey())
        for bad in [
            [], Array("hello".utf8), Array(whole.dropLast(60)),
            [UInt8](repeating: 65, count: CertificateRequest.bytesMax + 1),
            try request(PrivateKey(), signedBy: PrivateKey()), try request(rsaKey(bits: 1024)),
        ] {
            let error = #expect(throws: CertificateError.self) {
                try authority.sign(
                    request: bad,
                    for: "appliance-1",
                    credential: credential,
                    at: .now()
                )
            }
            guard case .unreadableRequest = error else {
                Issue.record("\(error.map { "\($0)" } ?? "none")")
                continue
            }
        }
    }
}
