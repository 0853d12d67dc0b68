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
                #expect(answer["Date"]?.hasSuffix(" GMT") == true)
                #expect(answer["Connection"] == nil)
            }
        }
    }
}
