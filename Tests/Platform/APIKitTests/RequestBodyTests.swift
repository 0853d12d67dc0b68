import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("A request's body")
struct RequestBodyTests {
    private struct Named: WireInput {
        let name: String

        init(from fields: Fields) {
            name = fields.optionalText("name") ?? ""
        }
    }

    private struct Wanted: WireInput {
        static var isOptional: Bool { true }

        init(from fields: Fields) {
            _ = fields.optionalText("name")
        }
    }

    private let api = TestDispatcher([
        Endpoint(
            .post,
            "/v1/things",
            id: "search",
            tag: "things",
            summary: "Searches.",
            access: .open,
            input: Wanted.self
        ) { _, _ in },
        probe(.get, "/v1/things", "list"),
        Endpoint(
            .patch,
            "/v1/things/{uid}/publish",
            id: "publish",
            tag: "things",
            summary: "Publishes.",
            access: .open
        ) { _, _ in },
        Endpoint(
            .put,
            "/v1/things/{uid}",
            id: "update",
            tag: "things",
            summary: "Updates.",
            access: .open,
            input: Named.self
        ) { _, _ in },
    ])

    @Test(arguments: ["", "{}", " {\n} ", "{\"metadata\":{\"a\":[1]}}"])
    func `may be nothing or an object where none is taken`(_ body: String) async throws {
        // What `curl -d` says of a body must not matter when there is none.
        let form = [("Content-Type", "application/x-www-form-urlencoded")]
        for headers in [[], form] {
            let patch = try await api.call(
                .patch,
                "/v1/things/a/publish",
                headers: headers,
                raw: Array(body.utf8)
            )
            #expect(patch.status == 204, "\(patch.text)")
            let get = try await api.call(.get, "/v1/things", raw: Array(body.utf8))
            #expect(get.status == 200, "\(get.text)")
        }
    }

    @Test(arguments: ["{\"a\":1,}", "[]", "null", "1", "x", "{", "\u{0}"])
    func `is refused where none is taken`(_ body: String) async throws {
        let answer = try await api.call(.patch, "/v1/things/a/publish", raw: Array(body.utf8))
        #expect(answer.status == 400)
        #expect(answer.faults == [" NoBodyTaken"])
        #expect(answer.message.hasPrefix("This operation takes no body"))
    }

    @Test func `may be left out only where its input says so`() async throws {
        #expect(try await api.call(.post, "/v1/things", raw: []).status == 204)
        let missing = try await api.call(.put, "/v1/things/a", raw: [])
        #expect(missing.status == 400)
        #expect(missing.faults == [" Required"])
        for target in ["/v1/things/a", "/v1/things"] {
            let method: HTTPMethod = target == "/v1/things" ? .post : .put
            let null = try await api.call(method, target, raw: Array("null".utf8))
            #expect(null.status == 400)
            #expect(null.faults == [" WrongType"])
        }
    }

    @Test func `is not even read where none is taken and it is long`() {
        let request = Request()
        request.method = .patch
        request.head = Array("/v1/things/a/publish".utf8)
        request.path = 0..<request.head.count
        request.bodyFraming = .length(1 << 20)
        guard case .answer(let response) = api.dispatcher.admit(request) else {
            Issue.record("it is read")
            return
        }
        #expect(response.status == 400)
    }

    @Test(arguments: [
        ("text/plain", 415), ("application/json; charset=utf-8", 204),
        ("application/merge-patch+json", 204), ("APPLICATION/JSON", 204),
    ])
    func `is JSON and says so`(type: String, status: UInt16) async throws {
        let answer = try await api.call(
            .put,
            "/v1/things/a",
            headers: [("Content-Type", type)],
            raw: Array("{}".utf8)
        )
        #expect(answer.status == status)
        if status == 415 {
            #expect(answer.code == "UnsupportedMediaType")
            #expect(answer.message == "Send the body as application/json, not as text/plain.")
            #expect(answer.header("Accept-Encoding") == nil)
        }
    }

    @Test(arguments: [("gzip", 415), ("identity, br", 415), ("Identity", 204), ("", 204)])
    func `is not encoded`(coding: String, status: UInt16) async throws {
        let answer = try await api.call(
            .put,
            "/v1/things/a",
            headers: [("Content-Encoding", coding)],
            raw: Array("{}".utf8)
        )
        #expect(answer.status == status)
        if status == 415 {
            #expect(answer.code == "UnsupportedContentEncoding")
            #expect(answer.header("Accept-Encoding") == "identity")
        }
    }

    @Test func `OPTIONS for the server itself lists what it knows`() async throws {
        let answer = try await api.call(.options, "*", as: nil)
        #expect(answer.status == 204)
        #expect(answer.header("Allow") == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
    }
}
