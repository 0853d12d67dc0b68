import Crypto
import Glibc
import Primitives
import Testing

@Suite("Certificates")
struct CertificateTests {
    let now = Timestamp(seconds: 1_800_000_000)

    @Test func `an authority lasts ten years and reads back`() throws {
        let authority = try CertificateAuthority.make(commonName: "Easel test", at: now)
        #expect(authority.certificate.commonName == "Easel test")
        #expect(authority.certificate.notAfter.seconds(since: now) >= 3652 * 86400)
        #expect(authority.certificate.notBefore < now)
        let again = try CertificateAuthority.read(
            certificatePEM: authority.certificatePEM,
            keyPEM: authority.keyPEM()
        )
        #expect(again.certificate.fingerprint == authority.certificate.fingerprint)
    }

    @Test func `a leaf covers its hosts only and is signed by its authority`() throws {
        let authority = try CertificateAuthority.make(commonName: "Easel test", at: now)
        let issued = try authority.issue(
            hosts: ["easel.example", "*.edge.example", "10.0.0.1", "fd00::1"],
            days: 90,
            at: now
        )
        let leaf = try Certificate(pem: issued.chainPEM)
        #expect(leaf.notAfter == now.adding(seconds: 90 * 86400))
        #expect(leaf.isSigned(by: authority.certificate))
        for host in ["easel.example", "EASEL.example", "a.edge.example", "10.0.0.1", "fd00::1"] {
            #expect(leaf.covers(host))
        }
        for host in ["example", "edge.example", "a.b.edge.example", "10.0.0.2", "fd00::2", ""] {
            #expect(!leaf.covers(host))
        }
        let other = try CertificateAuthority.make(commonName: "Easel test", at: now)
        #expect(!leaf.isSigned(by: other.certificate))
    }

    @Test func `a leaf does not outlive its authority`() throws {
        let authority = try CertificateAuthority.make(commonName: "Easel test", at: now)
        let issued = try authority.issue(hosts: ["a"], days: 100_000, at: now)
        #expect(try Certificate(pem: issued.chainPEM).notAfter == authority.certificate.notAfter)
        let end = authority.certificate.notAfter
        #expect(throws: CertificateError.expiredAuthority) {
            try authority.issue(hosts: ["a"], days: 1, at: end)
        }
    }

    @Test(arguments: [
        "", "a,IP:1.2.3.4", "a b", "-a", "a-", "a..b", "a_b", "*", "*.com", "a.*", "1.2.3.4/8",
        "ä.example", "a\0b", String(repeating: "a", count: 64),
    ])
    func `issues nothing for what is no host`(host: String) throws {
        let authority = try CertificateAuthority.make(commonName: "Easel test", at: now)
        #expect(throws: CertificateError.invalidHost(host)) {
            try authority.issue(hosts: [host], days: 1, at: now)
        }
    }

    @Test func `says what is wrong with a text that is no certificate or key`() throws {
        let authority = try CertificateAuthority.make(commonName: "Easel test", at: now)
        let error = try #require(throws: CertificateError.self) { try Certificate(pem: [1, 2]) }
        #expect(error.description.contains("no start line"))
        #expect(throws: CertificateError.self) {
            try CertificateAuthority.read(
                certificatePEM: authority.certificatePEM,
                keyPEM: authority.certificatePEM
            )
        }
        let other = try CertificateAuthority.make(commonName: "Easel test", at: now)
        #expect(throws: CertificateError.keyMismatch) {
            try CertificateAuthority.read(
                certificatePEM: authority.certificatePEM,
                keyPEM: other.keyPEM()
            )
        }
    }

    private func prepare(
        _ folder: borrowing Folder,
        hosts: [String] = ["localhost", "127.0.0.1"],
        at now: Timestamp
    ) throws -> ServerCertificateFiles {
        try ServerCertificateFiles.prepare(
            folder: folder.path,
            authorityName: "Easel",
            hosts: hosts,
            at: now
        )
    }

    private func leaf(_ files: ServerCertificateFiles) throws -> Digest {
        let pem = try SecretFile.read(files.chainPath, .everybody)
        return try Certificate.fingerprint(#require(pem))
    }

    @Test func `files are made once, keys for their owner only, and used again`() throws {
        let folder = Folder()
        let first = try prepare(folder, at: now)
        #expect(folder.mode(of: "ca.key") == 0o600)
        #expect(folder.mode(of: "server.key") == 0o600)
        let firstLeaf = try leaf(first)
        let second = try prepare(folder, at: now.adding(seconds: 300 * 86400))
        #expect(second.authorityFingerprint == first.authorityFingerprint)
        #expect(try leaf(second) == firstLeaf)
    }

    @Test func `the leaf alone is made again when it nears its end or lacks a host`() throws {
        let folder = Folder()
        let first = try prepare(folder, at: now)
        let firstLeaf = try leaf(first)
        let late = now.adding(seconds: 368 * 86400)
        let second = try prepare(folder, at: late)
        let secondLeaf = try leaf(second)
        #expect(secondLeaf != firstLeaf)
        #expect(second.authorityFingerprint == first.authorityFingerprint)
        let third = try prepare(folder, hosts: ["localhost", "10.1.1.1"], at: late)
        #expect(try leaf(third) != secondLeaf)
        #expect(third.authorityFingerprint == first.authorityFingerprint)
    }

    @Test func `never replaces half an authority`() throws {
        let folder = Folder()
        _ = try prepare(folder, at: now)
        unlink("\(folder.path)/ca.key")
        #expect(throws: CertificateError.self) { try prepare(folder, at: now) }
    }

    @Test func `refuses an authority key that others may read`() throws {
        let folder = Folder()
        _ = try prepare(folder, at: now)
        chmod("\(folder.path)/ca.key", 0o640)
        #expect(throws: CertificateError.self) { try prepare(folder, at: now) }
    }
}
