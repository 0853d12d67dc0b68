import Testing

@testable import HTTPCore
@testable import HTTPServer

@Suite("HTTP/1.1 on a real socket")
struct HTTP1Tests {
    @Test func `answers and keeps the connection`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            for number in 0..<3 {
                client.send("GET /a?n=\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try #require(client.readAnswer())
                #expect(answer.status == 200)
                #expect(answer.body == "GET /a n=\(number) ")
                #expect(answer["X-Request-Id"]?.count == 16)
                #expect(answer["X-Content-Type-Options"] == "nosniff")
                #expect(answer["Cache-Control"] == "no-store")
                #expect(
                    answer["Content-Security-Policy"]
                        == "default-src 'none'; frame-ancestors 'none'"
                )
                #expect(answer["Date"]?.hasSuffix(" GMT") == true)
                #expect(answer["Connection"] == nil)
            }
        }
    }

    @Test(arguments: [
        ("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "close", true),
        ("GET /a HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", "close", true),
        ("GET /a HTTP/1.0\r\n\r\n", "close", true),
        ("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", false),
    ])
    func `honours what the client says about the connection`(
        request: String,
        field: String,
        closes: Bool
    ) async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send(request)
            #expect(client.readAnswer()?["Connection"] == field)
            if closes {
                #expect(client.isAtEnd())
            } else {
                client.send(request)
                #expect(client.readAnswer()?.status == 200)
            }
        }
    }

    @Test(arguments: [
        ("GET http://example.org:80/a/b?c HTTP/1.1\r\nHost: y\r\n\r\n", "GET /a/b c "),
        ("GET https://example.org HTTP/1.1\r\nHost: y\r\n\r\n", "GET / "),
        ("GET HTTP://example.org?q HTTP/1.1\r\nHost: y\r\n\r\n", "GET / q "),
        ("OPTIONS * HTTP/1.1\r\nHost: y\r\n\r\n", "OPTIONS * "),
        ("OPTIONS /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "OPTIONS /a "),
        ("\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a "),
        ("GET /a%2Fb?x=%zz HTTP/1.1\r\nhost:x\t\r\nA: \r\nB:\tü\t\r\n\r\n", "GET /a%2Fb x=%zz "),
        ("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "PUT /a  abc"),
        ("DELETE /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "DELETE /a  "),
        (
            "PATCH /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "3;x=\"y z\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nA-b: c\r\nD:\r\n\r\n",
            "PATCH /a  abc0123456789"
        ),
    ])
    func `accepts what the RFC allows`(request: String, body: String) async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send(request)
            let answer = try #require(client.readAnswer())
            #expect(answer.status == 200, "\(answer.body)")
            // The echo puts a space behind method, path and query.
            #expect(answer.body.split(separator: " ") == body.split(separator: " "))
            client.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.readAnswer()?.body == "GET /b  ")
        }
    }

    @Test func `lets an absolute target overrule Host and folds names`() throws {
        var parser = RequestHeadParser(limits: HTTPLimits())
        let request = Request()
        let head = Array("GET http://a:1/p HTTP/1.1\r\nX-ID: Q\r\nHOST: b\r\n\r\n".utf8)
        #expect(parser.feed(head.span, into: request) == .complete(bytes: head.count))
        #expect(request.text(of: "host") == "a:1")
        #expect(request.text(of: "x-id") == "Q")
        #expect(request.text(of: "x-ie") == nil)
    }

    @Test func `answers pipelined requests in order, whatever each takes`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            var bytes = ""
            for number in 0..<200 {
                let path = number % 7 == 0 ? "later" : "a"
                bytes +=
                    "POST /\(path)?\(number) HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
            }
            client.send(bytes)
            for number in 0..<200 {
                let answer = try #require(client.readAnswer())
                #expect(answer.body.split(separator: " ").dropFirst(2).first == "\(number)")
            }
        }
    }

    @Test func `answers HEAD with the length and without the body`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.readAnswer(isHead: true)?["Content-Length"] == "11")
            #expect(client.readAnswer()?.body == "GET /a  ")
        }
    }

    @Test func `sends 304 with its tag and without a length`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send("GET /unchanged HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try #require(client.readAnswer())
            #expect(answer.status == 304)
            #expect(answer["ETag"] == "\"1\"")
            #expect(answer["Content-Length"] == nil)
        }
    }

    @Test func `drops response fields that would break the message`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send("GET /fields HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try #require(client.readAnswer())
            #expect(answer["X-Good"] == "yes")
            #expect(answer["X-Evil"] == nil)
            #expect(answer["X-Injected"] == nil)
            #expect(answer["Content-Length"] == "0")
            #expect(answer["Cache-Control"] == "private")
            #expect(!answer.head.contains("no-store"))
        }
    }

    @Test func `says continue only after the responder has admitted the body`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            let fields = "Host: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"
            client.send("POST /a HTTP/1.1\r\n" + fields)
            #expect(client.readAnswer()?.status == 100)
            client.send("hi")
            #expect(client.readAnswer()?.body == "POST /a  hi")
            client.send("POST /a HTTP/1.1\r\n" + fields + "hi")
            #expect(client.readAnswer()?.status == 200)
            client.send("POST /refused HTTP/1.1\r\n" + fields)
            let refusal = try #require(client.readAnswer())
            #expect(refusal.status == 403)
            #expect(refusal["Connection"] == "close")
            #expect(client.isAtEnd())
        }
    }

    @Test func `keeps the connection after refusing a short body, not a long one`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send("POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234")
            #expect(client.readAnswer()?.status == 403)
            client.send("56789GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.readAnswer()?.body == "GET /a  ")
            client.send("POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n")
            #expect(client.readAnswer()?["Connection"] == "close")
            // The client is still sending, and must be able to read the answer first.
            client.send([UInt8](repeating: 0, count: 99_999))
            #expect(client.isAtEnd())
        }
    }

    @Test func `answers a client that has finished sending`() async throws {
        try await TestServer.with { server in
            for path in ["/a", "/later"] {
                let client = try Client(port: server.port)
                client.send("GET \(path)?1 HTTP/1.1\r\nHost: x\r\n\r\n")
                client.send("GET \(path)?2 HTTP/1.1\r\nHost: x\r\n\r\nGET /incomp")
                client.finishSending()
                #expect(client.readAnswer()?.body == "GET \(path) 1 ")
                #expect(client.readAnswer()?.body == "GET \(path) 2 ")
                #expect(client.isAtEnd())
            }
        }
    }

    @Test func `closes by itself after answering a client that has finished sending`() async throws
    {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send("GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            client.finishSending()
            #expect(client.readAnswer()?.status == 200)
            #expect(client.isAtEnd())
        }
    }

    @Test func `takes a large body and gives a large answer`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            let size = 8 << 20
            client.send("POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n")
            client.send([UInt8](repeating: 97, count: size))
            let answer = try #require(client.readAnswer())
            #expect(answer.body.utf8.count == size + "POST /large  ".utf8.count)
        }
    }

    @Test func `listens on several loops with one port`() async throws {
        try await TestServer.with(loops: 4) { server in
            for _ in 0..<64 {
                let client = try Client(port: server.port)
                client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(client.readAnswer()?.status == 200)
            }
        }
    }
}
