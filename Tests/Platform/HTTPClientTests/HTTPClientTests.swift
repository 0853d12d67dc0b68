import EventLoop
import Glibc
import HTTPClient
import HTTPCore
import Primitives
import Synchronization
import TLS
import Testing

/// A client on a loop of its own.
final class TestClient {
    let loops: LoopGroup
    let workers: WorkerPool
    let client: HTTPClient

    init(_ change: (inout HTTPClientOptions) -> Void = { _ in }) throws {
        var options = HTTPClientOptions()
        options.trust = nil
        options.deadline = .seconds(20)
        change(&options)
        loops = try LoopGroup(count: 1)
        workers = try WorkerPool(threads: 1)
        client = try HTTPClient(loop: loops.loops[0], workers: workers, options: options)
    }

    func stop() {
        client.shutDown()
        loops.shutdown()
        workers.shutdown()
    }
}

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

@Suite("The HTTP client")
struct HTTPClientTests {
    private func with(
        _ script: [[ScriptServer.Step]],
        tls: TestCertificate? = nil,
        _ change: (inout HTTPClientOptions) -> Void = { _ in },
        _ body: (HTTPClient, ScriptServer, HTTPURL) async throws -> Void
    ) async throws {
        let server = try ScriptServer(tls: tls?.context, script)
        let client = try TestClient { options in
            if let tls { options.trust = .only(tls.authorityPEM) }
            change(&options)
        }
        let url = try #require(
            HTTPURL("\(tls == nil ? "http" : "https")://127.0.0.1:\(server.port)/a?b=c")
        )
        let outcome: Result<Void, any Error>
        do {
            try await body(client.client, server, url)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        client.stop()
        server.stop()
        try outcome.get()
    }

    private func expectAnswer(
        _ client: HTTPClient,
        _ request: ClientRequest,
        body: String? = nil
    ) async throws {
        let response = try await client.send(request)
        #expect(response.status == 200)
        if let body { #expect(response.body == Array(body.utf8)) }
    }

    private func failure(
        _ client: HTTPClient,
        _ request: ClientRequest
    ) async -> HTTPClientError? {
        do throws(HTTPClientError) {
            _ = try await client.send(request)
            return nil
        } catch { return error }
    }

    @Test func `sends a request as RFC 9112 wants it and gives the answer`() async throws {
        try await with([
            [.read, .trickle("HTTP/1.1 201 Made\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\nok")]
        ]) {
            client,
            server,
            url in
            let request = ClientRequest(
                .post,
                url,
                fields: [("Content-Type", "text/plain")],
                body: Array("hello".utf8)
            )
            let response = try await client.send(request)
            #expect(response.status == 201)
            #expect(response.field("etag") == "\"1\"")
            #expect(response.body == Array("ok".utf8))
            #expect(
                server.requests == [
                    "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n"
                        + "Content-Type: text/plain\r\nUser-Agent: easel\r\nContent-Length: 5\r\n"
                        + "\r\nhello"
                ]
            )
        }
    }

    @Test(arguments: [false, true])
    func `uses a connection again`(isSecure: Bool) async throws {
        let certificate = isSecure ? try TestCertificate() : nil
        try await with([[.read, .send(ok), .read, .send(ok), .read, .send(ok)]], tls: certificate) {
            client,
            server,
            url in
            for _ in 0..<3 {
                try await expectAnswer(client, ClientRequest(.get, url))
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test func `opens a new connection after a close, and resumes TLS on it`() async throws {
        let certificate = try TestCertificate()
        let closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
        try await with(
            [[.read, .send(closing), .close], [.read, .send(ok)]],
            tls: certificate
        ) { client, server, url in
            for _ in 0..<2 {
                try await expectAnswer(client, ClientRequest(.get, url))
            }
            #expect(server.connectionCount == 2)
            #expect(server.resumedCount == 1)
        }
    }

    @Test(arguments: [HTTPMethod.get, .put, .delete])
    func `sends an idempotent request again when a kept connection was stale`(
        method: HTTPMethod
    ) async throws {
        try await with([[.read, .send(ok), .read, .cut], [.read, .send(ok)]]) {
            client,
            server,
            url in
            try await expectAnswer(client, ClientRequest(.get, url))
            try await expectAnswer(client, ClientRequest(method, url))
            #expect(server.connectionCount == 2)
            #expect(server.requests.count == 3)
        }
    }

    @Test func `does not send a POST again, nor anything of which an answer has begun`()
        async throws
    {
        try await with([[.read, .send(ok), .read, .cut]]) { client, server, url in
            try await expectAnswer(client, ClientRequest(.get, url))
            let error = await failure(client, ClientRequest(.post, url))
            #expect(error == .connectionLost(authority: url.authority))
        }
        try await with([[.read, .send(ok), .read, .send("HTTP/1.1 200"), .cut]]) {
            client,
            server,
            url in
            try await expectAnswer(client, ClientRequest(.get, url))
            let error = await failure(client, ClientRequest(.get, url))
            #expect(error == .connectionLost(authority: url.authority))
        }
    }

    @Test func `gives what had come of an answer that is cut off`() async throws {
        let begun = "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\n\r\n12345"
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
        for (sent, expected) in [(begun, ["206 12345"]), (head, [])] {
            try await with([[.read, .send(sent), .cut]]) { client, _, url in
                let given = Mutex<[String]>([])
                var request = ClientRequest(.get, url)
                request.onCutOff = { answer in
                    let text = String(decoding: answer.body, as: UTF8.self)
                    given.withLock { $0.append("\(answer.status) \(text)") }
                }
                let error = await failure(client, request)
                #expect(error == .connectionLost(authority: url.authority))
                #expect(given.withLock { $0 } == expected)
            }
        }
    }

    @Test func `does not send again on a fresh connection`() async throws {
        try await with([[.read, .cut]]) { client, server, url in
            let error = await failure(client, ClientRequest(.get, url))
            #expect(error == .connectionLost(authority: url.authority))
            #expect(server.connectionCount == 1)
        }
    }

    @Test func `takes a body that ends with the connection, if TLS says that it ended`()
        async throws
    {
        let certificate = try TestCertificate()
        let open = "HTTP/1.1 200 OK\r\n\r\nwhole"
        try await with([[.read, .send(open), .close]], tls: certificate) { client, _, url in
            try await expectAnswer(client, ClientRequest(.get, url), body: "whole")
        }
        try await with([[.read, .send(open), .cut]], tls: certificate) { client, _, url in
            let error = await failure(client, ClientRequest(.get, url))
            #expect(error == .connectionLost(authority: url.authority))
        }
        try await with([[.read, .send(open), .close]]) { client, _, url in
            try await expectAnswer(client, ClientRequest(.get, url), body: "whole")
        }
    }

    @Test(arguments: [false, true])
    func `carries large bodies both ways`(isSecure: Bool) async throws {
        let certificate = isSecure ? try TestCertificate() : nil
        let large = String(repeating: "0123456789abcdef", count: 1 << 17)
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: \(large.utf8.count)\r\n\r\n" + large
        try await with([[.read, .send(answer)]], tls: certificate) { client, server, url in
            let response = try await client.send(
                ClientRequest(.put, url, body: Array(large.utf8))
            )
            #expect(response.body == Array(large.utf8))
            #expect(server.requests.first?.hasSuffix(large) == true)
        }
    }

    @Test func `runs many requests at once`() async throws {
        let script = [[ScriptServer.Step]](repeating: [.read, .send(ok), .close], count: 20)
        try await with(script) { client, server, url in
            await withTaskGroup(of: Int?.self) { group in
                for _ in 0..<20 {
                    group.addTask { try? await client.send(ClientRequest(.get, url)).status }
                }
                for await status in group { #expect(status == 200) }
            }
        }
    }

    @Test func `HEAD has no body whatever its length says`() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        try await with([[.read, .send(head), .read, .send(ok)]]) { client, server, url in
            try await expectAnswer(client, ClientRequest(.head, url), body: "")
            try await expectAnswer(client, ClientRequest(.get, url), body: "ok")
            #expect(server.connectionCount == 1)
        }
    }

    // MARK: Failures

    @Test func `says that nobody listens`() async throws {
        let server = try ScriptServer([])
        let url = try #require(HTTPURL("http://127.0.0.1:\(server.port)/"))
        server.stop()
        let client = try TestClient()
        defer { client.stop() }
        let error = await failure(client.client, ClientRequest(.get, url))
        #expect(error == .connectionRefused(authority: url.authority))
    }

    @Test func `says that a name has no address`() async throws {
        let client = try TestClient()
        defer { client.stop() }
        let url = try #require(HTTPURL("http://no-such-host.invalid/"))
        let error = await failure(client.client, ClientRequest(.get, url))
        #expect(error == .unknownHost("no-such-host.invalid"))
    }

    @Test func `asks the address policy, after names too`() async throws {
        let client = try TestClient {
            $0.admits = { address, _ in !address.text.hasPrefix("127.") && address.text != "::1" }
        }
        defer { client.stop() }
        for host in ["127.0.0.1", "localhost"] {
            let url = try #require(HTTPURL("http://\(host):1/"))
            let error = await failure(client.client, ClientRequest(.get, url))
            #expect(error == .addressRefused(host: host))
        }
    }

    @Test func `gives up at the deadline, and in a pause within an answer`() async throws {
        try await with([[.read, .waitForClose]]) { client, _, url in
            let request = ClientRequest(.get, url, deadline: .milliseconds(50))
            #expect(
                await failure(client, request) == .timedOut(authority: url.authority, .whole)
            )
        }
        try await with(
            [[.read, .send("HTTP/1.1 200 OK\r\n"), .waitForClose]],
            { $0.transferTimeout = .milliseconds(50) }
        ) { client, _, url in
            let error = await failure(client, ClientRequest(.get, url))
            #expect(error == .timedOut(authority: url.authority, .transfer))
        }
    }

    @Test func `gives up on a server that does not finish its TLS handshake`() async throws {
        // A server without TLS that says nothing.
        try await with(
            [[.waitForClose]],
            {
                $0.trust = .only([])
                $0.handshakeTimeout = .milliseconds(50)
            }
        ) { client, server, url in
            let secure = try #require(HTTPURL("https://127.0.0.1:\(server.port)/"))
            let error = await failure(client, ClientRequest(.get, secure))
            #expect(error == .timedOut(authority: secure.authority, .handshake))
        }
    }

    @Test func `refuses a server that it does not trust, or that is another`() async throws {
        let certificate = try TestCertificate(hosts: ["127.0.0.1"])
        let stranger = try TestCertificate()
        try await with(
            [[.read], [.read]],
            tls: certificate,
            { $0.trust = .only(stranger.authorityPEM) }
        ) { client, server, url in
            guard case .tls(_, .untrustedPeer) = await failure(client, ClientRequest(.get, url))
            else {
                Issue.record("trusted")
                return
            }
            #expect(server.requests.isEmpty)
        }
        try await with([[.read]], tls: certificate) { client, server, _ in
            let other = try #require(HTTPURL("https://localhost:\(server.port)/"))
            guard
                case .tls(_, .untrustedPeer(let reason)) =
                    await failure(client, ClientRequest(.get, other))
            else {
                Issue.record("taken for localhost")
                return
            }
            #expect(reason.contains("mismatch"))
        }
    }

    @Test func `names an answer that is no HTTP and one that is too large`() async throws {
        try await with([[.read, .send("SSH-2.0-OpenSSH\r\n\r\n")]]) { client, _, url in
            guard case .protocolViolation = await failure(client, ClientRequest(.get, url)) else {
                Issue.record("taken")
                return
            }
        }
        try await with([[.read, .send(ok)]]) { client, _, url in
            let request = ClientRequest(.get, url, bodyBytesMax: 1)
            #expect(await failure(client, request) == .bodyTooLarge(bytesMax: 1))
        }
    }

    @Test func `does not send fields that would change the request`() async throws {
        let client = try TestClient()
        defer { client.stop() }
        let url = try #require(HTTPURL("http://127.0.0.1:1/"))
        for (name, value) in [
            ("A", "b\r\nC: d"), ("A\r\nB", "c"), ("", "a"), ("A B", "c"), ("A", "\0"),
            ("Host", "other"), ("content-length", "5"), ("Transfer-Encoding", "chunked"),
            ("Connection", "close"),
        ] {
            let request = ClientRequest(.get, url, fields: [(name, value)])
            guard case .invalidRequest = await failure(client.client, request) else {
                Issue.record("sent \(name)")
                return
            }
        }
    }

    @Test func `a cancelled task gets its answer at once`() async throws {
        try await with([[.read, .waitForClose]]) { client, _, url in
            let task = Task { await failure(client, ClientRequest(.get, url)) }
            task.cancel()
            #expect(await task.value == .cancelled)
        }
    }

    @Test func `refuses more exchanges than allowed, and all after shutting down`() async throws {
        try await with([[.read, .waitForClose]], { $0.exchangesMax = 0 }) { client, _, url in
            #expect(await failure(client, ClientRequest(.get, url)) == .saturated)
            client.shutDown()
            #expect(await failure(client, ClientRequest(.get, url)) == .shutDown)
        }
    }

    @Test func `blocks for programs without a loop`() async throws {
        let server = try ScriptServer([[.read, .send(ok)]])
        var options = HTTPClientOptions()
        options.trust = nil
        let url = try #require(HTTPURL("http://localhost:\(server.port)/"))
        do {
            let client = try HTTPClient.blocking(options: options)
            #expect(try client.send(ClientRequest(.get, url)).status == 200)
        }
        server.stop()
    }
}
