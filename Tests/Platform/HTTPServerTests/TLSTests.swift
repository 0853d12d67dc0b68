import Crypto
import EventLoop
import Glibc
import HTTPCore
import Primitives
import TLS
import Testing

@testable import HTTPServer

@Suite("HTTP over TLS")
struct SecureServerTests {
    let server: TLSServerContext
    let client: TLSClientContext
    let http2Client: TLSClientContext

    init() throws {
        let folder = "/tmp/easel-https-\(Hex.encode(RandomBytes.make(8)))"
        mkdir(folder, 0o700)
        defer {
            for name in ["chain", "key"] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        let authority = try CertificateAuthority.make(commonName: "Test", at: .now())
        let issued = try authority.issue(hosts: ["127.0.0.1"], days: 1, at: .now())
        try SecretFile.write(issued.chainPEM, to: "\(folder)/chain", .everybody, replacing: true)
        try SecretFile.write(issued.keyPEM, to: "\(folder)/key", .owner, replacing: true)
        server = try TLSServerContext(
            certificates: [
                TLSServerCertificate(certificatePath: "\(folder)/chain", keyPath: "\(folder)/key")
            ],
            protocols: ["h2", "http/1.1"]
        )
        client = try TLSClientContext(trust: .only(authority.certificatePEM))
        http2Client = try TLSClientContext(
            trust: .only(authority.certificatePEM),
            protocols: ["h2", "http/1.1"]
        )
    }

    func connect(_ testServer: TestServer, receiveBuffer: Int32? = nil) throws -> Client {
        let connection = try Client(port: testServer.port, receiveBuffer: receiveBuffer)
        try connection.startTLS(client)
        return connection
    }

    @Test func `answers, keeps the connection and pipelines`() async throws {
        try await TestServer.with(tls: server) { server in
            let client = try connect(server)
            for _ in 0..<3 {
                client.send(
                    "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n"
                )
                #expect(client.readAnswer()?.body == "GET /a  ")
                #expect(client.readAnswer()?.body == "GET /later  ")
            }
            client.send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(client.readAnswer()?.status == 200)
            #expect(client.isAtEnd())
        }
    }

    @Test func `speaks HTTP/2 where ALPN chose it`() async throws {
        try await TestServer.with(tls: server) { server in
            let connection = try Client(port: server.port, receiveBuffer: 4096)
            try connection.startTLS(http2Client)
            let client = HTTP2Client(connection)
            client.send(.get(1, "/megabyte"), .get(3, "/later"), .post(5, "/length"))
            for number in 0..<20 {
                let piece = [UInt8](repeating: 97, count: 1000)
                client.send(Frame(.data, number == 19 ? 1 : 0, on: 5, piece))
            }
            #expect(client.answer(3)?.text == "GET /later  ")
            #expect(client.answer(5)?.text == "20000")
            #expect(client.answer(1)?.body.count == 1 << 20)
        }
    }

    @Test func `tells the responder what the certificate says, over HTTP/2 too`() async throws {
        let server = try TestServer(tls: server, clientCertificates: .required)
        let old = try connect(server)
        old.send("GET /client HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(old.readAnswer()?.body == "lacksCertificate")
        let connection = try Client(port: server.port)
        try connection.startTLS(http2Client)
        let client = HTTP2Client(connection)
        client.send(.get(1, "/client"))
        #expect(client.answer(1)?.text == "lacksCertificate")
        await server.stop()
    }

    @Test func `greets an HTTP/2 client that says nothing yet`() async throws {
        try await TestServer.with(tls: server) { server in
            let connection = try Client(port: server.port)
            try connection.startTLS(http2Client)
            #expect(connection.read(9).map(Frame.init)?.kind == Frame.Kind.settings.rawValue)
        }
    }

    @Test func `takes a large body and gives a large answer to a slow reader`() async throws {
        let limits = LimitTests.limits { $0.unsentBytesMax = 1000 }
        try await TestServer.with(limits: limits, tls: server) { server in
            let client = try connect(server, receiveBuffer: 4096)
            let size = 3 << 20
            client.send("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            client.send([UInt8](repeating: 97, count: 1_000_000))
            #expect(client.readAnswer()?.body == "1000000")
            for _ in 0..<5 { client.send("GET /megabyte HTTP/1.1\r\nHost: x\r\n\r\n") }
            for _ in 0..<5 { #expect(client.readAnswer()?.body.utf8.count == 1 << 20) }
            client.send("POST /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send("\(String(size, radix: 16))\r\n")
            client.send([UInt8](repeating: 97, count: size))
            client.send("\r\n0\r\n\r\n")
            #expect(client.readAnswer()?.body.utf8.count == size + "POST /large  ".utf8.count)
        }
    }

    @Test func `answers a client that has finished sending`() async throws {
        try await TestServer.with(tls: server) { server in
            let client = try connect(server)
            client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
            client.finishSending()
            #expect(client.readAnswer()?.body == "GET /later  ")
            #expect(client.isAtEnd())
        }
    }

    @Test func `serves a storm of handshakes a few at a time`() async throws {
        let limits = LimitTests.limits { $0.handshakesPerTurnMax = 1 }
        try await TestServer.with(limits: limits, tls: server) { server in
            let early = try connect(server)
            // All greetings are sent before the first is answered.
            try await withThrowingTaskGroup(of: Void.self) { group in
                let context = client
                let port = server.port
                for _ in 0..<100 {
                    group.addTask {
                        let client = try Client(port: port)
                        try client.startTLS(context)
                        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
                        #expect(client.readAnswer()?.status == 200)
                    }
                }
                early.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(early.readAnswer()?.status == 200)
                try await group.waitForAll()
            }
        }
    }

    @Test func `closes a handshake that does not end`() async throws {
        let limits = LimitTests.limits { $0.handshakeTimeout = .milliseconds(30) }
        try await TestServer.with(limits: limits, tls: server) { server in
            let client = try Client(port: server.port)
            client.sendRaw([22, 3, 1, 0, 200, 1])
            #expect(client.isAtEnd())
        }
    }

    @Test func `closes a connection that speaks no TLS`() async throws {
        try await TestServer.with(tls: server) { server in
            let client = try Client(port: server.port)
            client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = client.readToEnd()
            while server.group.loops[0].metrics.connections > 0 { await Task.yield() }
            #expect(server.responder.answered.count == 0)
        }
    }

    @Test func `closes when a record is forged`() async throws {
        try await TestServer.with(tls: server) { server in
            let client = try connect(server)
            client.sendRaw([23, 3, 3, 0, 32] + [UInt8](repeating: 1, count: 32))
            client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.isAtEnd())
            #expect(server.responder.answered.count == 0)
        }
    }

    @Test func `answers parked handlers when it stops`() async throws {
        let server = try TestServer(tls: server)
        let client = try connect(server)
        client.send("GET /parked HTTP/1.1\r\nHost: x\r\n\r\n")
        await server.responder.parked.wait()
        await server.server.stop(within: .seconds(10))
        #expect(client.readAnswer()?.status == 204)
        #expect(client.isAtEnd())
        server.group.shutdown()
    }
}
