import APIKit
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("Answers")
struct AnswerTests {
    private struct Unexpected: Error {}

    private func failing(_ error: any Error) -> TestDispatcher {
        TestDispatcher([
            Endpoint(.get, "/v1/fail", id: "fail", tag: "t", summary: "Fails.", access: .open) {
                _,
                _ in throw error
            }
        ])
    }

    @Test func `a failure has the envelope`() {
        let failure = Failure(
            .inUse,
            "It is in use.",
            faults: [Fault("/name", "Required", "say \"it\"")],
            details: ["referrers": ["a", "b"]],
            retryAfterSeconds: 3
        )
        let response = failure.response(requestID: 0x1F)
        #expect(response.status == 409)
        #expect(response.contentType == .json)
        #expect(
            String(decoding: response.body, as: UTF8.self)
                == #"{"code":"ResourceInUse","message":"It is in use.","details":{"errors":["#
                + #"{"pointer":"/name","code":"Required","message":"say \"it\""}],"#
                + #""referrers":["a","b"]},"ref":"000000000000001f"}"#
        )
        #expect(response.fields.first { $0.name == "Retry-After" }?.value == "3")
    }

    @Test func `what is unknown and what is foreign differ in nothing`() {
        let one = Failure.notFound("Profile", "x").response(requestID: 7)
        let other = Failure.notFound("Profile", "x").response(requestID: 7)
        #expect(one.body == other.body && one.status == 404)
    }

    @Test func `every code has a status that is an error, but for what is pending`() {
        for code in Failure.Code.allCases where code != .reapprovalPending {
            #expect((400...599).contains(code.status))
        }
    }

    @Test func `an unexpected error tells the caller nothing`() async throws {
        let answer = try await failing(Unexpected()).call(.get, "/v1/fail", as: nil)
        #expect(answer.status == 500)
        #expect(answer.code == "InternalError")
        #expect(!answer.text.contains("Unexpected"))
    }

    @Test(
        arguments: [
            (StorageError(.full, "secret"), 507), (StorageError(.busy, "secret"), 503),
            (StorageError(.overloaded, "secret"), 503), (StorageError(.readOnly, "secret"), 503),
            (StorageError(.corrupt, "secret"), 503), (StorageError(.foreignKey, "secret"), 500),
        ] as [(StorageError, UInt16)]
    )
    func `a storage error has its own status`(error: StorageError, status: UInt16) async throws {
        let answer = try await failing(error).call(.get, "/v1/fail", as: nil)
        #expect(answer.status == status)
        #expect((answer.header("Retry-After") != nil) == (status == 503))
        #expect(!answer.text.contains("secret"))
    }

    @Test func `a call cut off by a stop may come again`() async throws {
        let answer = try await failing(CancellationError()).call(.get, "/v1/fail", as: nil)
        #expect(answer.status == 503)
    }

    @Test(
        arguments: [
            (nil, 200), (#""7""#, 304), (#"W/"7""#, 304), (#""6", "7""#, 304), ("*", 304),
            (#""6""#, 200), ("7", 200), ("", 200),
        ] as [(String?, UInt16)]
    )
    func `If-None-Match spares the body`(known: String?, status: UInt16) async throws {
        let api = TestDispatcher([probe(.get, "/v1/thing", "get", version: 7)])
        let headers = known.map { [("If-None-Match", $0)] } ?? []
        let answer = try await api.call(.get, "/v1/thing", headers: headers)
        #expect(answer.status == status)
        #expect(answer.etag == #""7""#)
        #expect(answer.response.body.isEmpty == (status == 304))
    }

    @Test(
        arguments: [
            (nil, 204), (#""7""#, 204), (#""6""#, 412), ("*", 204), (#"W/"7""#, 204),
            (#""6", "8""#, 412), ("", 412), (#""7.a1""#, 204), (#""70.a1""#, 412), (#""6.7""#, 412),
        ] as [(String?, UInt16)]
    )
    func `If-Match guards an update`(wanted: String?, status: UInt16) async throws {
        let api = TestDispatcher([
            Endpoint(
                .delete,
                "/v1/thing",
                id: "delete",
                tag: "t",
                summary: "Deletes.",
                access: .signedIn,
                failures: [.preconditionFailed]
            ) { _, context in try context.ifMatch.check("7") }
        ])
        let headers = wanted.map { [("If-Match", $0)] } ?? []
        let answer = try await api.call(.delete, "/v1/thing", headers: headers)
        #expect(answer.status == status)
        if status == 412 { #expect(answer.code == "PreconditionFailed") }
    }
}

@Suite("Schemas")
struct SchemaTests {
    @Test func `are read off examples`() {
        let schema = Schema.inferred(from: [
            ["uid": "a", "count": 1, "at": "2026-03-01T12:00:00.000Z", "tags": ["x"]],
            ["uid": "b", "count": 2.5, "at": "2026-03-01T12:00:00.000Z"],
        ])
        #expect(
            schema
                == .object(
                    properties: [
                        "uid": .string(), "count": .number, "at": .time,
                        "tags": .array(of: .string()),
                    ],
                    required: ["uid", "count", "at"]
                )
        )
    }

    @Test func `labels and annotations are maps`() {
        let schema = Schema.inferred(from: [["metadata": ["labels": ["team": "north"]]]])
        #expect(schema.mismatches(["metadata": ["labels": ["other": "x", "more": "y"]]]) == [])
        #expect(schema.mismatches(["metadata": ["labels": ["other": 1]]]).count == 1)
    }

    @Test func `say what does not fit`() {
        let schema = Schema.object(properties: ["uid": .string()], required: ["uid"])
        #expect(schema.mismatches(["uid": "a"]) == [])
        #expect(schema.mismatches(["uid": 1]).count == 1)
        #expect(schema.mismatches(["other": 1]).count == 2)
    }

    @Test func `stand in the document with every operation`() {
        let document = OpenAPIDocument.make(
            title: "T",
            summary: "S",
            version: "1",
            endpoints: [probe(.get, "/v1/things/{uid}", "get"), probe(.post, "/v1/things", "new")]
        )
        let get = document["paths"]?["/v1/things/{uid}"]?["get"]
        #expect(get?["operationId"]?.text == "get")
        #expect(get?["x-permission"]?.text == "thing.get")
        #expect(get?["responses"]?["200"] != nil && get?["responses"]?["401"] != nil)
        #expect(document["paths"]?["/v1/things"]?["post"]?["operationId"]?.text == "new")
    }

    @Test func `say where versions are compared`() {
        func operation(_ endpoint: Endpoint) -> JSONValue? {
            OpenAPIDocument.make(title: "T", summary: "S", version: "1", endpoints: [endpoint])[
                "paths"
            ]?[endpoint.path]?[endpoint.method.text.lowercased()]
        }
        func parameters(_ operation: JSONValue?) -> [String] {
            (operation?["parameters"]?.elements ?? []).compactMap { $0["$ref"]?.text }
                .filter { $0.contains("Match") }
        }
        let tagged = operation(probe(.get, "/v1/things", "a"))
        #expect(tagged?["responses"]?["304"] != nil)
        #expect(tagged?["responses"]?["200"]?["headers"]?["ETag"] != nil)
        #expect(parameters(tagged) == ["#/components/parameters/IfNoneMatch"])
        let plain = operation(probe(.get, "/v1/things", "b", access: .open))
        #expect(plain?["responses"]?["304"] == nil)
        #expect(plain?["responses"]?["200"]?["headers"] == nil)
        #expect(parameters(plain) == [])
        let guarded = Endpoint(
            .delete,
            "/v1/things",
            id: "c",
            tag: "t",
            summary: "Deletes.",
            access: .open,
            failures: [.preconditionFailed]
        ) { _, _ in }
        #expect(parameters(operation(guarded)) == ["#/components/parameters/IfMatch"])
    }

    @Test func `say what a body is sent as`() {
        let archive = Endpoint(
            .post,
            "/v1/archives",
            id: "take",
            tag: "t",
            summary: "Takes.",
            access: .open,
            bodyBytesMax: 10,
            bodyMediaTypes: ["application/gzip"],
            outputContentType: nil
        ) { _ in Response(status: 200) }
        let document = OpenAPIDocument.make(
            title: "T",
            summary: "S",
            version: "1",
            endpoints: [archive]
        )
        let body = document["paths"]?["/v1/archives"]?["post"]?["requestBody"]?["content"]
        #expect(body?.members?.map(\.key) == ["application/gzip"])
    }
}
