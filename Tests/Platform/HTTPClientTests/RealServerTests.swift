import EventLoop
import HTTPClient
import HTTPCore
import HTTPServer
import Primitives
import Testing

/// Answers with the body it got.
private struct Echo: Responder {
    func admit(_ request: Request) -> Admission { .accept(bodyBytesMax: 4 << 20) }

    func respond(to request: Request) async -> Response {
        Response(
            status: 200,
            contentType: .octetStream,
            body: request.body,
            fields: [("X-Target", request.text(request.path))]
        )
    }
}

@Suite("The HTTP client and the HTTP server")
struct RealServerTests {
    @Test func `understand each other over many requests on one connection`() async throws {
        let group = try LoopGroup(count: 1)
        let server = Server(
            configuration: ServerConfiguration(endpoints: [.init(host: "127.0.0.1", port: 0)]),
            loops: group,
            responder: Echo()
        )
        let port = try #require(try server.start().first?.port)
        let client = try TestClient()
        let url = try #require(HTTPURL("http://127.0.0.1:\(port)/echo"))
        for size in [0, 1, 1000, 100_000, 3_000_000] {
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
            let response = try await client.client.send(ClientRequest(.put, url, body: body))
            #expect(response.status == 200)
            #expect(response.field("x-target") == "/echo")
            #expect(response.body == body)
        }
        client.stop()
        await server.stop(within: .seconds(1))
        group.shutdown()
    }
}
