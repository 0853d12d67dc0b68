import COpenSSL
import Crypto
import Glibc
import Primitives

@testable import TLS

/// A server's files in a folder of their own, made afresh for a test.
final class ServerFiles {
    static let ticketKeys = TLSTicketKeys()

    let folder: String
    let authorityPEM: [UInt8]
    let chainPath: String
    let keyPath: String

    init(
        hosts: [String] = ["localhost", "127.0.0.1", "::1"],
        days: Int = 30,
        issuedAt: Timestamp = .now()
    ) throws {
        folder = "/tmp/easel-tls-\(Hex.encode(RandomBytes.make(8)))"
        mkdir(folder, 0o700)
        chainPath = "\(folder)/server.pem"
        keyPath = "\(folder)/server.key"
        let authority = try CertificateAuthority.make(commonName: "Easel test", at: issuedAt)
        authorityPEM = authority.certificatePEM
        let issued = try authority.issue(hosts: hosts, days: days, at: issuedAt)
        try SecretFile.write(issued.chainPEM, to: chainPath, .everybody, replacing: true)
        try SecretFile.write(issued.keyPEM, to: keyPath, .owner, replacing: true)
    }

    /// Files that hold what is given; the certificate vouches for itself.
    init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws {
        folder = "/tmp/easel-tls-\(Hex.encode(RandomBytes.make(8)))"
        mkdir(folder, 0o700)
        chainPath = "\(folder)/server.pem"
        keyPath = "\(folder)/server.key"
        authorityPEM = certificatePEM
        try SecretFile.write(certificatePEM, to: chainPath, .everybody, replacing: true)
        try SecretFile.write(keyPEM, to: keyPath, .owner, replacing: true)
    }

    deinit {
        for path in [chainPath, keyPath] { unlink(path) }
        rmdir(folder)
    }

    func certificate() throws(TLSConfigurationError) -> TLSServerCertificate {
        try TLSServerCertificate(certificatePath: chainPath, keyPath: keyPath)
    }

    func server(
        protocols: [String] = ["http/1.1"],
        keys: TLSTicketKeys = ServerFiles.ticketKeys,
        clientAuthorities: [UInt8] = []
    ) throws -> TLSServerContext {
        try TLSServerContext(
            certificates: [certificate()],
            protocols: protocols,
            ticketKeys: keys,
            clientAuthoritiesPEM: clientAuthorities
        )
    }

    func client(protocols: [String] = ["http/1.1"]) throws -> TLSClientContext {
        try TLSClientContext(trust: .only(authorityPEM), protocols: protocols)
    }
}

/// Two sessions with nothing between them but this test.
struct Pair {
    let client: TLSSession
    let server: TLSSession

    init(client: TLSSession, server: TLSSession) {
        self.client = client
        self.server = server
    }

    init(
        _ client: TLSClientContext,
        _ server: TLSServerContext,
        host: String = "localhost",
        resuming resumption: TLSResumption? = nil
    ) throws {
        self.client = try client.makeSession(host: host, resuming: resumption)
        self.server = try server.makeSession()
    }

    /// Runs the handshake to its end.
    func shakeHands() throws {
        try client.startHandshake()
        // A handshake takes two round trips at most, and the ticket another half.
        for _ in 0..<4 {
            var ignored: [UInt8] = []
            carry(from: client, to: server)
            do {
                _ = try server.readPlaintext(into: &ignored, max: 100)
            } catch {
                carry(from: server, to: client)
                _ = try client.readPlaintext(into: &ignored, max: 100)
                throw error
            }
            carry(from: server, to: client)
            do {
                _ = try client.readPlaintext(into: &ignored, max: 100)
            } catch {
                carry(from: client, to: server)
                throw error
            }
        }
    }

    func carry(from one: TLSSession, to other: TLSSession) {
        other.receive(one.pendingOutput)
        one.consumeOutput(one.pendingOutput.count)
    }

    /// Sends these bytes and gives what arrives.
    func send(_ bytes: [UInt8], from one: TLSSession, to other: TLSSession) throws -> [UInt8] {
        try one.write(bytes)
        carry(from: one, to: other)
        var arrived: [UInt8] = []
        while case .bytes = try other.readPlaintext(into: &arrived, max: 64 << 10) {}
        return arrived
    }
}

/// A small generator with a seed that a failing test can print.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    // SplitMix64 (Steele, Lea, Flood 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
