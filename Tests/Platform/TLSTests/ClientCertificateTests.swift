import COpenSSL
import Crypto
import Primitives
import Testing

@testable import TLS

@Suite("Client certificates")
struct ClientCertificateTests {
    private let files: ServerFiles
    private let authority: CertificateAuthority
    private let server: TLSServerContext
    private static let credential = SHA256.digest([1, 2, 3])

    init() throws {
        files = try ServerFiles()
        authority = try CertificateAuthority.make(commonName: "Clients", at: .now())
        server = try files.server(clientAuthorities: authority.certificatePEM)
    }

    /// A chain and the key of its leaf, in PEM.
    fileprivate typealias Shown = (chain: [UInt8], key: [UInt8])

    private func pair(
        showing shown: Shown?,
        asks: Bool = true,
        highest: Int32 = TLS1_3_VERSION,
        resuming resumption: TLSResumption? = nil
    ) throws -> Pair {
        let client = try TLSClientContext(
            trust: .only(files.authorityPEM),
            protocols: [],
            versions: TLSSettings.Versions(highest: highest)
        )
        let pair = Pair(
            client: try client.makeSession(host: "localhost", resuming: resumption),
            server: try server.makeSession(asksClient: asks)
        )
        guard let shown else { return pair }
        let session = pair.client.handleForTests
        for (index, certificate) in try Certificate.readAll(pem: shown.chain).enumerated() {
            let isTaken =
                index == 0
                ? SSL_use_certificate(session, certificate.handle) == 1
                : easel_ssl_add_chain(session, certificate.handle) == 1
            #expect(isTaken)
        }
        let key = try PrivateKey(pem: shown.key)
        #expect(SSL_use_PrivateKey(session, key.handle) == 1)
        return pair
    }

    private func client(
        purpose: String? = "clientAuth",
        until: Timestamp = .now().adding(seconds: 3600),
        of authority: CertificateAuthority? = nil
    ) throws -> Shown {
        try ClientCertificate(
            of: authority ?? self.authority,
            purpose: purpose,
            until: until
        ).shown
    }

    /// Why the server ended the handshake.
    private func refusal(by server: TLSSession) -> String {
        guard case .failed(let error) = server.handshakeState else { return "not refused" }
        return error.description
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func `the server learns the certificate of a client that shows one`(version: Int32) throws {
        let pair = try pair(showing: client(), highest: version)
        try pair.shakeHands()
        #expect(pair.server.peerCertificate?.commonName == "appliance")
        #expect(try pair.send([1], from: pair.client, to: pair.server) == [1])
    }

    @Test func `a client without a certificate is served and is nobody`() throws {
        let pair = try pair(showing: nil)
        try pair.shakeHands()
        #expect(pair.server.peerCertificate == nil)
        #expect(try pair.send([1], from: pair.client, to: pair.server) == [1])
    }

    @Test func `a certificate that nobody asked for is not shown`() throws {
        let pair = try pair(showing: client(), asks: false)
        try pair.shakeHands()
        #expect(pair.server.peerCertificate == nil)
    }

    @Test func `an expired certificate is refused`() throws {
        let pair = try pair(showing: client(until: .now().adding(seconds: -60)))
        #expect(throws: TLSError.self) { try pair.shakeHands() }
        #expect(refusal(by: pair.server).contains("expired"))
    }

    @Test func `a certificate of another authority is refused`() throws {
        let other = try CertificateAuthority.make(commonName: "Clients", at: .now())
        let pair = try pair(showing: client(of: other))
        #expect(throws: TLSError.self) { try pair.shakeHands() }
        #expect(refusal(by: pair.server).contains("not trusted"))
        #expect(pair.server.peerCertificate == nil)
    }

    @Test(arguments: ["serverAuth", nil])
    func `a certificate that is not for clients is refused`(purpose: String?) throws {
        let pair = try pair(showing: client(purpose: purpose))
        #expect(throws: TLSError.self) { try pair.shakeHands() }
        #expect(refusal(by: pair.server).contains("purpose"))
    }

    @Test func `a huge chain is refused before it is verified`() throws {
        var shown = try client()
        for _ in 0..<60 { shown.chain += authority.certificatePEM }
        let pair = try pair(showing: shown)
        #expect(throws: TLSError.self) { try pair.shakeHands() }
        #expect(refusal(by: pair.server).contains("excessive message size"))
    }

    @Test func `a resumed session still knows its client, and only where clients are asked`()
        throws
    {
        let first = try pair(showing: client())
        try first.shakeHands()
        let resumption = try #require(first.client.resumption())
        let again = try pair(showing: nil, resuming: resumption)
        try again.shakeHands()
        #expect(again.server.isResumed)
        #expect(again.server.peerCertificate?.commonName == "appliance")
        // A ticket from an address that asks nobody makes nobody known where it counts.
        let unasked = try pair(showing: nil, asks: false, resuming: resumption)
        _ = try? unasked.shakeHands()
        #expect(unasked.server.peerCertificate == nil)
    }

    @Test func `a ticket does not outlive the trust in its authority`() throws {
        let first = try pair(showing: client())
        try first.shakeHands()
        let resumption = try #require(first.client.resumption())
        let other = try CertificateAuthority.make(commonName: "Others", at: .now())
        let changed = try files.server(clientAuthorities: other.certificatePEM)
        let again = Pair(
            client: try files.client().makeSession(host: "localhost", resuming: resumption),
            server: try changed.makeSession(asksClient: true)
        )
        _ = try? again.shakeHands()
        #expect(!again.server.isResumed)
        #expect(again.server.peerCertificate == nil)
    }
}

/// A client's certificate as nobody honest makes it: for any purpose, ended at any time.
private struct ClientCertificate {
    let shown: ClientCertificateTests.Shown

    init(of authority: CertificateAuthority, purpose: String?, until: Timestamp) throws {
        let certificate = try #require(X509_new())
        defer { X509_free(certificate) }
        let key = try #require(easel_p256_key())
        defer { EVP_PKEY_free(key) }
        let issuer = authority.certificate.handle
        X509_set_version(certificate, Int(X509_VERSION_3))
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7)
        X509_NAME_add_entry_by_NID(
            X509_get_subject_name(certificate),
            NID_commonName,
            MBSTRING_UTF8,
            Array("appliance".utf8),
            Int32("appliance".utf8.count),
            -1,
            0
        )
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer))
        ASN1_TIME_set(X509_getm_notBefore(certificate), Int(until.seconds - 7200))
        ASN1_TIME_set(X509_getm_notAfter(certificate), Int(until.seconds))
        X509_set_pubkey(certificate, key)
        if let purpose {
            #expect(easel_add_extension(certificate, issuer, NID_ext_key_usage, purpose) == 1)
        }
        let signer = try PrivateKey(pem: authority.keyPEM())
        #expect(X509_sign(certificate, signer.handle, EVP_sha256()) > 0)
        shown = (
            try Self.pem { PEM_write_bio_X509($0, certificate) },
            try Self.pem { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
        )
    }

    private static func pem(_ write: (OpaquePointer) -> Int32) throws -> [UInt8] {
        let memory = try #require(BIO_new(BIO_s_mem()))
        defer { BIO_free(memory) }
        #expect(write(memory) == 1)
        var bytes: UnsafeMutablePointer<CChar>?
        let count = easel_bio_bytes(memory, &bytes)
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
