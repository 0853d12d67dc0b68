import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

/// What takes labels and annotations.
private struct Noted: WireInput {
    init(from fields: Fields) {
        _ = fields.labels()
        _ = fields.annotations()
    }
}

@Suite("Query parameters that are true or false")
struct FlagTests {
    private let api = TestDispatcher([
        Endpoint(
            .get,
            "/v1/things",
            id: "list",
            tag: "things",
            summary: "Lists.",
            access: .user(Permission("thing.get")),
            query: [QueryParameter("force", .boolean, "Forces.")],
            output: Seen.self
        ) { _, context in
            Seen(operation: context.flag("force") ? "forced" : "gentle")
        }
    ])

    @Test(arguments: [("", "gentle"), ("?force=", "gentle"), ("?force=true", "forced")])
    func `are read`(query: String, operation: String) async throws {
        let answer = try await api.call(.get, "/v1/things\(query)")
        #expect(answer.json["operation"]?.text == operation)
    }

    @Test(arguments: ["zz", "True", "1"])
    func `are refused when they are neither`(value: String) async throws {
        let answer = try await api.call(.get, "/v1/things?force=\(value)")
        #expect(answer.status == 400)
        #expect(answer.faults == ["query/force WrongType"])
    }

    @Test func `a dry run of a read is refused as any other that there is none of`()
        async throws
    {
        let answer = try await api.call(.get, "/v1/things?dryRun=true")
        #expect(answer.status == 400)
        #expect(answer.faults == ["query/dryRun NotTaken"])
    }
}

@Suite("Labels and annotations")
struct NoteTests {
    private func faults(_ json: JSONValue) async throws -> [String] {
        let api = TestDispatcher([
            Endpoint(
                .post,
                "/v1/things",
                id: "create",
                tag: "things",
                summary: "Makes one.",
                access: .user(Permission("thing.create")),
                input: Noted.self,
                output: Seen.self
            ) { _, _ in Seen(operation: "made") }
        ])
        return try await api.call(.post, "/v1/things", body: json).faults
    }

    @Test func `take words and texts of several lines`() async throws {
        let found = try await faults([
            "labels": ["spectro__tag": "", "example.com/part of": "web"],
            "annotations": ["description": "one\r\n\ttwo\n"],
        ])
        #expect(found == [])
    }

    @Test(arguments: [
        ("", "a", "Required"), (" a", "a", "InvalidName"), ("a\u{1B}[31m", "a", "InvalidName"),
        ("\u{202E}gpj", "a", "InvalidName"), ("a", "\u{7}", "InvalidCharacter"),
        ("a", "\u{2066}b", "InvalidCharacter"),
        (String(repeating: "a", count: 318), "a", "TooLong"),
    ])
    func `are refused when they hide something`(
        key: String,
        value: String,
        code: String
    ) async throws {
        for map in ["labels", "annotations"] {
            let found = try await faults([map: .object([key: .string(value)])])
            #expect(found.count == 1)
            #expect(found.first?.hasSuffix(" \(code)") == true, "\(found)")
        }
    }

    @Test func `a label has one line`() async throws {
        let found = try await faults(["labels": ["a": "b\nc"]])
        #expect(found == ["/labels/a InvalidCharacter"])
    }
}
