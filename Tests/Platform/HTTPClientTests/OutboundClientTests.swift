import Archive
import EventLoop
import HTTPCore
import Primitives
import Synchronization
import Testing

@testable import HTTPClient

/// A resolver that answers from a list, then again and again with the last entry.
private final class ScriptedNames: Sendable {
    private let answers: Mutex<[String: [String]]>
    private let count = Mutex(0)

    init(_ answers: [String: [String]]) {
        self.answers = Mutex(answers)
    }

    var askedCount: Int { count.withLock { $0 } }

    func resolve(_ host: String, _ port: UInt16) throws -> [SocketAddress] {
        if IPAddress(host.utf8) != nil { return try SocketAddress.resolve(host: host, port: port) }
        count.withLock { $0 += 1 }
        let address = answers.withLock { answers -> String? in
            guard let all = answers[host], let first = all.first else { return nil }
            if all.count > 1 { answers[host] = Array(all.dropFirst()) }
            return first
        }
        guard let address else { return [] }
        return try SocketAddress.resolve(host: address, port: port)
    }
}

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

private func redirect(_ location: String, status: Int = 302) -> String {
    "HTTP/1.1 \(status) Found\r\nLocation: \(location)\r\nContent-Length: 0\r\n"
        + "Connection: close\r\n\r\n"
}

@Suite("Fetching from where users say")
struct OutboundClientTests {
    /// Runs a body with a client that may reach 127.0.0.0/8 unless the networks say otherwise.
    private func with(
        allowed: [String] = ["127.0.0.0/8"],
        names: ScriptedNames = ScriptedNames([:]),
        proxy: OutboundProxy? = nil,
        _ body: (OutboundClient) async throws -> Void
    ) async throws {
        let loops = try LoopGroup(count: 1)
        let workers = try WorkerPool(threads: 1)
        let client = OutboundClient(
            loop: loops.loops[0],
            workers: workers,
            policy: OutboundPolicy(allowed: allowed.compactMap { IPNetwork($0) }),
            proxy: proxy,
            resolve: { try names.resolve($0, $1) }
        )
        let outcome: Result<Void, any Error>
        do {
            try await body(client)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        loops.shutdown()
        workers.shutdown()
        try outcome.get()
    }

    private func request(_ text: String, bytesMax: Int = 1000) throws -> OutboundRequest {
        OutboundRequest(try #require(HTTPURL(text)), bytesMax: bytesMax)
    }

    private func error(
        _ client: OutboundClient,
        _ request: OutboundRequest
    ) async -> OutboundError? {
        do throws(OutboundError) {
            _ = try await client.fetch(request)
            return nil
        } catch { return error }
    }

    @Test func `fetches with the credentials that are given`() async throws {
        let server = try ScriptServer([[.read, .send(ok)]])
        defer { server.stop() }
        try await with { client in
            var request = try request("http://127.0.0.1:\(server.port)/a")
            request.authorization = OutboundRequest.basic("me", "secret")
            #expect(try await client.fetch(request).body == Array("ok".utf8))
            let seen = try #require(server.requests.first)
            #expect(seen.contains("Authorization: Basic bWU6c2VjcmV0\r\n"))
        }
    }

    @Test func `says the same of a closed network whether anything listens there`() async throws {
        let server = try ScriptServer([])
        defer { server.stop() }
        try await with(allowed: []) { client in
            for port in [Int(server.port), 1] {
                for scheme in ["http", "https"] {
                    let request = try request("\(scheme)://127.0.0.1:\(port)/")
                    #expect(await error(client, request) == .refusedByPolicy)
                }
            }
        }
        #expect(server.connectionCount == 0)
    }

    @Test func `says the same of a port without a listener and one that speaks otherwise`()
        async throws
    {
        let server = try ScriptServer([[.send("SSH-2.0-OpenSSH_9\r\n"), .waitForClose]])
        let closed = try ScriptServer([])
        closed.stop()
        defer { server.stop() }
        try await with { client in
            for port in [server.port, closed.port] {
                let request = try request("http://127.0.0.1:\(port)/")
                #expect(await error(client, request) == .unreachable)
            }
        }
    }

    @Test func `checks the address that it connects to, each time a name is looked up`()
        async throws
    {
        let server = try ScriptServer([[.read, .send(ok)]])
        defer { server.stop() }
        // First an address that is admitted; then, with the check passed, another.
        let names = ScriptedNames(["rebind.example": ["127.0.0.1", "127.1.0.1"]])
        try await with(allowed: ["127.0.0.1"], names: names) { client in
            let request = try request("http://rebind.example:\(server.port)/")
            #expect(await error(client, request) == nil)
            #expect(names.askedCount == 1)
            #expect(await error(client, request) == .refusedByPolicy)
            #expect(names.askedCount == 2)
        }
        #expect(server.connectionCount == 1)
    }

    @Test(arguments: [
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "//169.254.169.254/",
        "http://metadata.example/", "file:///etc/passwd", "gopher://127.0.0.1/",
        "http://user:pw@127.0.0.1/", "http://0x7f000001/",
    ])
    func `follows no redirect to where it must not go`(location: String) async throws {
        let server = try ScriptServer([[.read, .send(redirect(location))]])
        defer { server.stop() }
        let names = ScriptedNames(["metadata.example": ["169.254.169.254"]])
        try await with(names: names) { client in
            let request = try request("http://127.0.0.1:\(server.port)/")
            #expect(await error(client, request) == .refusedByPolicy)
        }
    }

    @Test func `follows five redirects and not six`() async throws {
        for count in [5, 6] {
            var script: [[ScriptServer.Step]] = (1...count).map {
                [.read, .send(redirect("/\($0)", status: [301, 302, 303, 307, 308][$0 % 5]))]
            }
            script.append([.read, .send(ok)])
            let server = try ScriptServer(script)
            try await with { client in
                let request = try request("http://127.0.0.1:\(server.port)/0")
                #expect(await error(client, request) == (count == 5 ? nil : .badAnswer))
            }
            #expect(server.connectionCount == 6)
            server.stop()
        }
    }

    @Test func `tells credentials to no other origin, also on the way back`() async throws {
        let first = try ScriptServer([[.read, .send(redirect("/b"))], [.read, .send(ok)]])
        let second = try ScriptServer([
            [.read, .send(redirect("http://127.0.0.1:\(first.port)/c"))]
        ])
        let third = try ScriptServer([
            [.read, .send(redirect("/again"))],
            [.read, .send(redirect("http://127.0.0.1:\(second.port)/"))],
        ])
        defer {
            for server in [first, second, third] { server.stop() }
        }
        try await with { client in
            var request = try request("http://127.0.0.1:\(third.port)/a")
            request.authorization = "Bearer secret"
            #expect(await error(client, request) == nil)
        }
        #expect(third.requests.count == 2)
        for seen in third.requests { #expect(seen.contains("Authorization: Bearer secret")) }
        for seen in second.requests + first.requests { #expect(!seen.contains("secret")) }
        #expect(first.requests.count == 2)
    }

    @Test func `never leaves https by a redirect`() async throws {
        let certificate = try TestCertificate()
        let plain = try ScriptServer([])
        let server = try ScriptServer(
            tls: certificate.context,
            [[.read, .send(redirect("http://127.0.0.1:\(plain.port)/"))]]
        )
        defer {
            server.stop()
            plain.stop()
        }
        try await with { client in
            var request = try request("https://127.0.0.1:\(server.port)/")
            request.trust = try OutboundTrust(
                certificatesPEM: certificate.authorityPEM,
                skipsCheck: false
            )
            #expect(await error(client, request) == .refusedByPolicy)
        }
        #expect(plain.connectionCount == 0)
    }

    @Test func `trusts whom the call trusts`() async throws {
        let certificate = try TestCertificate()
        let steps: [ScriptServer.Step] = [.read, .send(ok), .close]
        let server = try ScriptServer(tls: certificate.context, [steps, steps, steps])
        defer { server.stop() }
        try await with { client in
            var request = try request("https://127.0.0.1:\(server.port)/")
            #expect(await error(client, request) == .untrusted)
            request.trust = try OutboundTrust(
                certificatesPEM: certificate.authorityPEM,
                skipsCheck: false
            )
            #expect(await error(client, request) == nil)
            request.trust = try OutboundTrust(certificatesPEM: [], skipsCheck: true)
            #expect(await error(client, request) == nil)
        }
    }

    @Test(arguments: [
        "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ])
    func `takes no certificates that are none`(text: String) {
        #expect(throws: OutboundError.badCertificates) {
            _ = try OutboundTrust(certificatesPEM: Array(text.utf8), skipsCheck: false)
        }
    }

    @Test func `takes no private key beside a certificate`() throws {
        let pem = try TestCertificate().authorityPEM
        let key = Array("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n".utf8)
        _ = try OutboundTrust(certificatesPEM: pem, skipsCheck: false)
        #expect(throws: OutboundError.badCertificates) {
            _ = try OutboundTrust(certificatesPEM: pem + key, skipsCheck: false)
        }
    }

    @Test(
        arguments: [
            ("401 No", .unauthorised), ("403 No", .unauthorised), ("404 No", .badAnswer),
            ("500 No", .badAnswer), ("204 Yes", nil),
        ] as [(String, OutboundError?)]
    )
    func `gives a neutral word for an answer`(status: String, expected: OutboundError?)
        async throws
    {
        let server = try ScriptServer([
            [.read, .send("HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")]
        ])
        defer { server.stop() }
        try await with { client in
            let request = try request("http://127.0.0.1:\(server.port)/")
            #expect(await error(client, request) == expected)
        }
    }

    @Test func `bounds what comes`() async throws {
        let server = try ScriptServer([
            [.read, .send("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), .waitForClose],
            [.read, .send("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1001))],
        ])
        defer { server.stop() }
        try await with { client in
            let request = try request("http://127.0.0.1:\(server.port)/", bytesMax: 1000)
            #expect(await error(client, request) == .tooBig)
            #expect(await error(client, request) == .tooBig)
        }
    }

    @Test func `inflates what it asked for, up to the limit`() throws {
        // The server of these tests sends text, so the answers are handed over as values.
        let packed = Gzip.compress([UInt8](repeating: 7, count: 1000))
        var request = OutboundRequest(try #require(HTTPURL("https://a/")), bytesMax: 1000)
        var response = ClientResponse(
            status: 200,
            fields: [("content-encoding", "gzip")],
            body: packed
        )
        #expect(try OutboundClient.inflated(response, request).body == packed)
        request.acceptsGzip = true
        #expect(try OutboundClient.inflated(response, request).body.count == 1000)
        request.bytesMax = 999
        #expect(throws: OutboundError.tooBig) { try OutboundClient.inflated(response, request) }
        response.body = Array("no gzip".utf8)
        #expect(throws: OutboundError.badAnswer) { try OutboundClient.inflated(response, request) }
        response.fields = [("content-encoding", "br")]
        #expect(throws: OutboundError.badAnswer) { try OutboundClient.inflated(response, request) }
    }

    @Test func `gives up when the time for all of it is over`() async throws {
        let server = try ScriptServer([[.read, .waitForClose]])
        defer { server.stop() }
        try await with { client in
            var request = try request("http://127.0.0.1:\(server.port)/")
            request.deadline = .milliseconds(50)
            #expect(await error(client, request) == .unreachable)
        }
    }

    @Test func `speaks through the operator's proxy, of hosts that are admitted`() async throws {
        // A proxy that answers with the handshake's end is not needed to see what it is asked.
        let server = try ScriptServer([
            [.read, .send("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nsecret")],
            [.read, .send("HTTP/1.1 200 OK\r\n\r\nearly")],
        ])
        defer { server.stop() }
        let proxy = OutboundProxy("http://127.0.0.1:\(server.port)", except: "direct.example")
        let names = ScriptedNames([
            "inside.example": ["10.0.0.1"], "outside.example": ["1.1.1.1"],
            "direct.example": ["10.0.0.1"],
        ])
        try await with(allowed: [], names: names, proxy: proxy) { client in
            for (host, expected) in [
                ("inside.example", OutboundError.refusedByPolicy), ("10.0.0.1", .refusedByPolicy),
                ("direct.example", .refusedByPolicy), ("outside.example", .unreachable),
                ("unknown-here.example", .unreachable),
            ] {
                let request = try request("https://\(host)/")
                #expect(await error(client, request) == expected, "\(host)")
            }
        }
        #expect(
            server.requests == [
                "CONNECT outside.example:443 HTTP/1.1\r\nHost: outside.example:443\r\n\r\n",
                "CONNECT unknown-here.example:443 HTTP/1.1\r\n"
                    + "Host: unknown-here.example:443\r\n\r\n",
            ]
        )
    }

    @Test func `runs TLS with the server inside the proxy's tunnel`() async throws {
        let certificate = try TestCertificate(hosts: ["registry.example"])
        let server = try ScriptServer(tls: certificate.context, [[.read, .send(ok), .close]])
        let relay = try TunnelRelay(to: server.port)
        defer {
            relay.stop()
            server.stop()
        }
        let proxy = OutboundProxy("http://127.0.0.1:\(relay.port)")
        try await with(allowed: [], proxy: proxy) { client in
            var request = try request("https://registry.example/v2/")
            request.trust = try OutboundTrust(
                certificatesPEM: certificate.authorityPEM,
                skipsCheck: false
            )
            #expect(try await client.fetch(request).body == Array("ok".utf8))
        }
        #expect(
            server.requests.first?.hasPrefix("GET /v2/ HTTP/1.1\r\nHost: registry.example\r\n")
                == true
        )
    }
}
