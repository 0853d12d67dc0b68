import COpenSSL
import Crypto
import Glibc
import Primitives
import Testing

@testable import TLS

@Suite("TLS handshakes")
struct HandshakeTests {
    @Test(arguments: ["localhost", "127.0.0.1", "::1"])
    func `a client that trusts the authority talks to the server`(host: String) throws {
        let files = try ServerFiles()
        let pair = try Pair(files.client(), files.server(), host: host)
        #expect(pair.client.isHandshaking)
        try pair.shakeHands()
        #expect(pair.client.handshakeState == .established)
        #expect(pair.server.handshakeState == .established)
        #expect(pair.client.version == "TLSv1.3")
        #expect(pair.server.negotiatedProtocol == "http/1.1")
        #expect(try pair.send([1, 2, 3], from: pair.client, to: pair.server) == [1, 2, 3])
        #expect(try pair.send([4], from: pair.server, to: pair.client) == [4])
    }

    @Test func `TLS 1.2 still works`() throws {
        let files = try ServerFiles()
        let client = try TLSClientContext(
            trust: .only(files.authorityPEM),
            protocols: [],
            versions: TLSSettings.Versions(highest: TLS1_2_VERSION)
        )
        let pair = try Pair(client, files.server())
        try pair.shakeHands()
        #expect(pair.server.version == "TLSv1.2")
        #expect(pair.server.negotiatedProtocol == nil)
        #expect(try pair.send([1], from: pair.client, to: pair.server) == [1])
    }

    @Test(arguments: [TLS1_VERSION, TLS1_1_VERSION])
    func `older versions are refused`(version: Int32) throws {
        let files = try ServerFiles()
        let client = try TLSClientContext(
            trust: .only(files.authorityPEM),
            protocols: [],
            versions: TLSSettings.Versions(lowest: version, highest: version, securityLevel: 0)
        )
        let pair = try Pair(client, files.server())
        let error = try #require(throws: TLSError.self) { try pair.shakeHands() }
        #expect("\(error)".contains("protocol"))
    }

    @Test func `another authority is not trusted`() throws {
        let files = try ServerFiles()
        let other = try ServerFiles()
        let pair = try Pair(other.client(), files.server())
        let error = try #require(throws: TLSError.self) { try pair.shakeHands() }
        guard case .untrustedPeer(let reason) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(reason.contains("issuer") || reason.contains("self-signed"))
        #expect(throws: TLSError.self) { try pair.client.write([1]) }
    }

    @Test func `the system's authorities do not vouch for ours`() throws {
        let files = try ServerFiles()
        let pair = try Pair(TLSClientContext(), files.server())
        #expect(throws: TLSError.self) { try pair.shakeHands() }
    }

    @Test(arguments: ["example.org", "127.0.0.2", "localhost.example", "::2"])
    func `a certificate for another host is refused`(host: String) throws {
        let files = try ServerFiles()
        let pair = try Pair(files.client(), files.server(), host: host)
        let error = try #require(throws: TLSError.self) { try pair.shakeHands() }
        #expect("\(error)".contains("mismatch"))
    }

    @Test func `an expired certificate is refused by clients and reported by the server`() throws {
        let longAgo = Timestamp.now().adding(seconds: -60 * 86400)
        let files = try ServerFiles(days: 30, issuedAt: longAgo)
        let server = try files.server()
        #expect(server.warnings.count == 1)
        #expect(server.warnings.first?.contains("expired") == true)
        let error = try #require(throws: TLSError.self) {
            try Pair(files.client(), server).shakeHands()
        }
        #expect("\(error)".contains("expired"))
    }

    @Test func `ALPN follows the server's order and refuses what it does not speak`() throws {
        let files = try ServerFiles()
        let server = try files.server(protocols: ["h2", "http/1.1"])
        let pair = try Pair(files.client(protocols: ["http/1.1", "h2"]), server)
        try pair.shakeHands()
        #expect(pair.server.negotiatedProtocol == "h2")
        #expect(pair.client.negotiatedProtocol == "h2")
        let foreign = try Pair(files.client(protocols: ["spdy/3"]), server)
        #expect(throws: TLSError.self) { try foreign.shakeHands() }
    }

    @Test func `a host that is neither name nor address makes no session`() throws {
        let files = try ServerFiles()
        let client = try files.client()
        for host in ["", "a b", "[::1]", "localhost:443", "a/b"] {
            #expect(throws: TLSConfigurationError.self) { try client.makeSession(host: host) }
        }
    }

    @Test func `the preferred cipher and curve are chosen`() throws {
        let files = try ServerFiles()
        let pair = try Pair(files.client(), files.server())
        try pair.shakeHands()
        #expect(pair.server.cipher == "TLS_AES_128_GCM_SHA256")
    }

    // MARK: Files

    @Test func `says which file is missing, unreadable or foreign`() throws {
        let files = try ServerFiles()
        let other = try ServerFiles()
        func problem(_ chain: String, _ key: String) -> String {
            do throws(TLSConfigurationError) {
                _ = try TLSServerCertificate(certificatePath: chain, keyPath: key)
                return ""
            } catch { return error.description }
        }
        #expect(problem("/nowhere.pem", files.keyPath).contains("/nowhere.pem: does not exist"))
        #expect(problem(files.chainPath, "/nowhere.key").contains("/nowhere.key: does not exist"))
        #expect(problem(files.chainPath, other.keyPath).contains("does not belong"))
        #expect(problem(files.keyPath, files.keyPath).contains("not a PEM certificate"))
        #expect(problem(files.chainPath, files.chainPath).contains("not a PEM private key"))
    }

    @Test func `warns of a key that others may read`() throws {
        let files = try ServerFiles()
        #expect(try files.server().warnings.isEmpty)
        chmod(files.keyPath, 0o644)
        #expect(try files.server().warnings.first?.contains("chmod 600") == true)
    }
}
