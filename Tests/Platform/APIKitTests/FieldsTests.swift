import APIKit
import HTTPCore
import JSON
import Primitives
import TestSupport
import Testing

private enum Color: String, CaseIterable { case red, blue }

private struct Part: WireInput {
    let name: String

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: 8)
    }
}

private struct Thing: WireInput {
    let name: String
    let color: Color
    let count: Int64?
    let ratio: Double?
    let isActive: Bool?
    let expiresAt: Timestamp?
    let part: Part
    let spare: Part?
    let parts: [Part]
    let words: [String]
    let labels: [String: String]
    let extra: JSONValue?

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: 8)
        color = fields.choice("color", default: .red)
        count = fields.optionalInt("count", in: 0...10)
        ratio = fields.optionalNumber("ratio")
        isActive = fields.optionalFlag("isActive")
        expiresAt = fields.optionalTime("expiresAt")
        part = fields.object("part")
        spare = fields.optionalObject("spare")
        parts = fields.list("parts", countMax: 2)
        words = fields.texts("words", countMax: 2, bytesMax: 4)
        labels = fields.textMap("labels", countMax: 2, bytesMax: 8)
        extra = fields.any("extra")
    }
}

@Suite("Reading a body")
struct FieldsTests {
    private func read(_ object: JSONObject) -> (thing: Thing, faults: [String]) {
        let faults = FaultList()
        let thing = Thing(from: Fields(object, faults: faults))
        return (thing, faults.faults.map { "\($0.pointer) \($0.code)" })
    }

    @Test func `takes what fits`() {
        let (thing, faults) = read([
            "name": "n", "color": "blue", "count": 7, "ratio": 0.5, "isActive": true,
            "expiresAt": "2026-03-01T12:00:00.000Z", "part": ["name": "p"],
            "spare": ["name": "s"], "parts": [["name": "q"]], "words": ["w"],
            "labels": ["a": "b", "c": nil], "extra": [1, nil], "unknown": 1,
        ])
        #expect(faults == [])
        #expect(thing.name == "n" && thing.color == .blue && thing.count == 7)
        #expect(thing.ratio == 0.5 && thing.isActive == true)
        #expect(thing.expiresAt == TestDispatcher.moment)
        #expect(thing.part.name == "p" && thing.spare?.name == "s")
        #expect(thing.parts.map(\.name) == ["q"] && thing.words == ["w"])
        #expect(thing.labels == ["a": "b"] && thing.extra == [1, nil])
    }

    @Test func `a missing member, null and Go's zero time are the same`() {
        let (thing, faults) = read([
            "name": "n", "part": ["name": "p"], "color": nil, "count": nil,
            "isActive": nil, "expiresAt": "0001-01-01T00:00:00Z", "spare": nil,
            "parts": nil, "words": nil, "labels": nil,
        ])
        #expect(faults == [])
        #expect(thing.color == .red && thing.count == nil && thing.expiresAt == nil)
        #expect(thing.spare == nil && thing.parts.isEmpty && thing.words.isEmpty)
    }

    @Test func `reports every fault with its place`() {
        let (_, faults) = read([
            "name": "too long a name", "color": "green", "count": 11, "ratio": "x",
            "isActive": "yes", "expiresAt": "tomorrow", "spare": 1,
            "parts": [["name": 5], 6], "words": [1, "longer"],
            "labels": ["a/b": 1, "long": "longer than eight"],
        ])
        #expect(
            faults == [
                "/name TooLong", "/color NotAllowed", "/count OutOfRange", "/ratio WrongType",
                "/isActive WrongType", "/expiresAt InvalidTime", "/part/name Required",
                "/spare WrongType", "/parts/0/name WrongType", "/parts/1 WrongType",
                "/words/0 WrongType", "/words/1 TooLong", "/labels/a~1b WrongType",
                "/labels/long TooLong",
            ]
        )
    }

    @Test(arguments: [
        (["name": nil] as JSONObject, "/name Required"), ([:] as JSONObject, "/name Required"),
        (["name": ""] as JSONObject, "/name Required"),
        (["name": 1] as JSONObject, "/name WrongType"),
        (["name": "n", "count": 1.5] as JSONObject, "/count WrongType"),
        (["name": "n", "count": 1e300] as JSONObject, "/count WrongType"),
        (["name": "n", "parts": ["a": 1]] as JSONObject, "/parts WrongType"),
        (["name": "n", "parts": [[:], [:], [:]]] as JSONObject, "/parts TooMany"),
        (["name": "n", "labels": ["a": "", "b": "", "c": ""]] as JSONObject, "/labels TooMany"),
        (["name": "n", "part": "p"] as JSONObject, "/part WrongType"),
    ])
    func `reports one fault once`(object: JSONObject, fault: String) {
        var object = object
        if object["part"] == nil { object["part"] = ["name": "p"] }
        #expect(read(object).faults == [fault])
    }

    @Test func `a whole number may be written with a fraction of zero`() {
        #expect(
            read(["name": "n", "part": ["name": "p"], "count": 3.0]).thing.count == 3
        )
    }

    @Test func `stops collecting at a bound`() {
        let words = (0..<1000).map { _ in JSONValue.int(1) }
        let faults = FaultList()
        _ = Fields(["words": .array(words)], faults: faults).texts("words")
        #expect(faults.faults.count == 100)
    }

    @Test func `the rehearsal yields the schema`() {
        guard case .object(let properties, let required) = SchemaRecorder.schema(of: Thing.self)
        else {
            Issue.record("no object")
            return
        }
        // A part that must hold a name cannot be left out.
        #expect(required == ["name", "part"])
        #expect(properties["name"] == .string(bytesMax: 8))
        #expect(properties["count"] == .integer(0...10))
        #expect(properties["expiresAt"] == .time)
        #expect(
            properties["parts"]
                == .array(
                    of: .object(properties: ["name": .string(bytesMax: 8)], required: ["name"])
                )
        )
        #expect(properties["labels"] == .map(of: .string()))
    }
}

@Suite("A request body")
struct BodyTests {
    private let api = TestDispatcher([
        Endpoint(
            .post,
            "/v1/things",
            id: "create",
            tag: "things",
            summary: "Creates.",
            access: .signedIn,
            success: 201,
            bodyBytesMax: 300,
            input: Thing.self,
            output: UIDAnswer.self
        ) { thing, _ in UIDAnswer(uid: thing.name) }
    ])

    @Test func `is read and answered`() async throws {
        let answer = try await api.call(
            .post,
            "/v1/things",
            body: ["name": "n", "part": ["name": "p"]]
        )
        #expect(answer.status == 201)
        #expect(answer.text == #"{"uid":"n"}"#)
    }

    @Test(
        arguments: [
            ("{", 400, "InvalidBody", [" InvalidJSON"]),
            ("[]", 400, "InvalidBody", [" WrongType"]),
            ("null", 400, "InvalidBody", [" WrongType"]),
            ("", 400, "InvalidBody", [" Required"]),
            ("{}", 400, "InvalidBody", ["/name Required", "/part/name Required"]),
            (#"{"name":1,"part":2}"#, 400, "InvalidBody", ["/name WrongType", "/part WrongType"]),
            (String(repeating: " ", count: 301), 413, "RequestBodyTooLarge", []),
        ] as [(String, UInt16, String, [String])]
    )
    func `is refused with all its faults`(
        body: String,
        status: UInt16,
        code: String,
        faults: [String]
    ) async throws {
        let answer = try await api.call(.post, "/v1/things", raw: Array(body.utf8))
        #expect(answer.status == status)
        #expect(answer.code == code)
        #expect(answer.faults == faults)
    }

    @Test(
        arguments: [
            ("application/json", 201), ("Application/JSON; charset=utf-8", 201),
            ("application/merge-patch+json", 201), ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
        ] as [(String, UInt16)]
    )
    func `is taken as JSON only`(type: String, status: UInt16) async throws {
        let answer = try await api.call(
            .post,
            "/v1/things",
            headers: [("Content-Type", type)],
            raw: Array(#"{"name":"n","part":{"name":"p"}}"#.utf8)
        )
        #expect(answer.status == status)
    }
}
