import COpenSSL
import Crypto
import Primitives
import Testing

@testable import TLS

@Suite("Certificates by name")
struct NameTests {
    private let first: ServerFiles
    private let second: ServerFiles
    private let rsa: ServerFiles
    private let server: TLSServerContext

    init() throws {
        first = try ServerFiles(hosts: ["localhost", "one.example"])
        second = try ServerFiles(hosts: ["two.example", "*.two.example"])
        rsa = try ServerFiles(
            certificatePEM: RSASample.certificatePEM,
            keyPEM: RSASample.keyPEM
        )
        server = try TLSServerContext(certificates: [
            first.certificate(), second.certificate(), rsa.certificate(),
        ])
    }

    /// The common name of the certificate that a client sees, and what its key signed with.
    private func shown(
        _ host: String,
        trusting files: ServerFiles,
        to server: TLSServerContext,
        algorithms: String? = nil,
        versions: TLSSettings.Versions = TLSSettings.Versions()
    ) throws -> (name: String?, keyKind: Int32?) {
        let client = try TLSClientContext(
            trust: .only(files.authorityPEM),
            protocols: [],
            versions: versions
        )
        let pair = try Pair(client, server, host: host)
        if let algorithms {
            #expect(easel_ssl_signatures(pair.client.handleForTests, algorithms) == 1)
        }
        try pair.shakeHands()
        let certificate = try #require(pair.client.peerCertificate)
        let key = X509_get0_pubkey(certificate.handle)
        return (certificate.commonName, key.map { EVP_PKEY_get_base_id($0) })
    }

    @Test func `shows the certificate for the host that the client names`() throws {
        #expect(try shown("one.example", trusting: first, to: server).name == "localhost")
        #expect(try shown("two.example", trusting: second, to: server).name == "two.example")
        #expect(try shown("a.two.example", trusting: second, to: server).name == "two.example")
        #expect(try shown("TWO.example", trusting: second, to: server).name == "two.example")
        #expect(try shown("x.rsa.example", trusting: rsa, to: server).keyKind == EVP_PKEY_RSA)
    }

    @Test func `shows the first certificate where the name is unknown or missing`() throws {
        for host in ["three.example", "a.b.two.example", "127.0.0.1"] {
            let error = try #require(throws: TLSError.self) {
                try shown(host, trusting: first, to: server)
            }
            // Trusted, but for another host: it was the first one.
            #expect("\(error)".contains("mismatch"))
        }
    }

    @Test func `ECDSA and RSA serve one name, each for clients that can verify it`() throws {
        let modern = try shown("localhost", trusting: first, to: server)
        #expect(modern.keyKind == EVP_PKEY_EC)
        let old = try shown(
            "localhost",
            trusting: rsa,
            to: server,
            algorithms: "RSA-PSS+SHA256:RSA+SHA256"
        )
        #expect(old.keyKind == EVP_PKEY_RSA)
        let older = try shown(
            "localhost",
            trusting: rsa,
            to: server,
            algorithms: "RSA+SHA256",
            versions: TLSSettings.Versions(highest: TLS1_2_VERSION)
        )
        #expect(older.keyKind == EVP_PKEY_RSA)
    }

    @Test func `a session resumes under a name that is not the first`() throws {
        let client = try second.client()
        let pair = try Pair(client, server, host: "two.example")
        try pair.shakeHands()
        let resumption = try #require(pair.client.resumption())
        let again = try Pair(client, server, host: "two.example", resuming: resumption)
        try again.shakeHands()
        #expect(again.server.isResumed)
    }

    @Test func `tells when each certificate ends`() {
        #expect(server.certificateEnds.map(\.path) == [first, second, rsa].map(\.chainPath))
        #expect(server.certificateEnds.allSatisfy { Timestamp.now() < $0.notAfter })
    }

    @Test(arguments: [
        ("AES128-SHA", false), ("ECDHE-ECDSA-AES128-SHA", false), ("AES128-GCM-SHA256", false),
        ("DHE-RSA-AES128-GCM-SHA256", false), ("ECDHE-RSA-AES128-SHA256", false),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", true), ("ECDHE-RSA-AES256-GCM-SHA384", true),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", true),
    ])
    func `TLS 1.2 is spoken with forward secrecy and authenticated ciphers only`(
        cipher: String,
        isSpoken: Bool
    ) throws {
        let client = try TLSClientContext(
            trust: .only(first.authorityPEM + rsa.authorityPEM),
            protocols: [],
            versions: TLSSettings.Versions(highest: TLS1_2_VERSION)
        )
        let pair = try Pair(client, server)
        #expect(SSL_set_cipher_list(pair.client.handleForTests, cipher) == 1)
        if isSpoken {
            try pair.shakeHands()
            #expect(pair.server.cipher == cipher)
        } else {
            #expect(throws: TLSError.self) { try pair.shakeHands() }
        }
    }
}
