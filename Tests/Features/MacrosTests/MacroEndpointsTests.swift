import APIKit
import HTTPCore
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Macros

@Suite("Macros")
struct MacroEndpointsTests {
    private let database: Database
    private let api: TestDispatcher
    private let hooks = Hooks()

    private final class Hooks: Sendable {
        let notices = Mutex<[MacroNotice]>([])
        let users = Mutex<[MacroUser]>([])
    }

    init() throws {
        database = try TestDatabase.make()
        try database.writeBlocking { tx in
            for (uid, at) in [("t1", 1), ("t2", 2)] {
                _ = try tx.run(
                    "INSERT INTO tenant (uid, name, created_at) VALUES ($1, $1, $2)",
                    .text(uid),
                    .int(at)
                )
            }
            for (uid, tenant) in [("p1", "t1"), ("p2", "t1"), ("q1", "t2")] {
                _ = try tx.run(
                    """
                    INSERT INTO project (uid, tenant_uid, name, description, labels, version,
                        created_at, modified_at) VALUES ($1, $2, $1, '', '{}', 1, 1, 1)
                    """,
                    .text(uid),
                    .text(tenant)
                )
            }
        }
        let macros = Macros(
            database: database,
            users: { [hooks] _, gone, _ in
                hooks.users.withLock { $0.filter { gone.contains($0.macro) } }
            },
            onChange: { [hooks] notice, _ in hooks.notices.withLock { $0.append(notice) } }
        )
        var authenticator = FakeAuthenticator()
        authenticator.principals["reader"] = .person("u3", of: "t1", may: ["macro.list"])
        api = TestDispatcher(macros.endpoints, authenticator: authenticator)
    }

    private static let places = [
        "/v1/projects/p1/macros", "/v1/tenants/t1/macros", "/v1/users/system/macros",
    ]

    private func body(_ values: KeyValuePairs<String, String>) -> JSONValue {
        let macros = values.map { JSONValue.object(["name": .string($0), "value": .string($1)]) }
        return ["macros": .array(macros)]
    }

    private func call(
        _ method: HTTPMethod,
        _ target: String = "/v1/projects/p1/macros",
        _ values: KeyValuePairs<String, String>? = nil,
        as credential: String = "admin",
        headers: [(String, String)] = []
    ) async throws -> TestAnswer {
        try await api.call(
            method,
            target,
            as: credential,
            headers: headers,
            body: values.map(body)
        )
    }

    /// The macros of a place as `name=value`.
    private func shown(_ target: String = "/v1/projects/p1/macros") async throws -> [String] {
        let answer = try await call(.get, target)
        return answer.json["macros"]?.elements?.map {
            "\($0["name"]?.text ?? "")=\($0["value"]?.text ?? "")"
        } ?? ["\(answer.status)"]
    }

    private func audit() throws -> [String] {
        try database.read { tx in
            try tx.all("SELECT action, message FROM audit ORDER BY rowid") {
                "\($0.text(0)): \($0.text(1))"
            }
        }
    }

    @Test(arguments: places)
    func `are added, changed, replaced and deleted`(place: String) async throws {
        #expect(try await shown(place) == [])
        #expect(try await call(.post, place, ["b": "1", "a": "x\ny"]).status == 204)
        #expect(try await shown(place) == ["a=x\ny", "b=1"])
        #expect(try await call(.patch, place, ["b": "2", "c": "3"]).status == 204)
        #expect(try await shown(place) == ["a=x\ny", "b=2", "c=3"])
        #expect(try await call(.delete, place, ["a": ""]).status == 204)
        #expect(try await shown(place) == ["b=2", "c=3"])
        #expect(try await call(.put, place, ["c": "3", "d": "4"]).status == 204)
        #expect(try await shown(place) == ["c=3", "d=4"])
        let names = hooks.notices.withLock { $0.map { $0.names.sorted().joined() } }
        #expect(names == ["ab", "bc", "a", "bd"])
        #expect(try audit().count == 4)
    }

    @Test func `a name is added once`() async throws {
        _ = try await call(.post, Self.places[0], ["a": "1"])
        let again = try await call(.post, Self.places[0], ["b": "1", "a": "2"])
        #expect(again.status == 409)
        #expect(again.faults == ["/macros/1/name DuplicateName"])
        #expect(try await shown() == ["a=1"])
        let gone = try await call(.delete, Self.places[0], ["b": ""])
        #expect(gone.status == 404)
    }

    @Test func `all faults of a body are told at once`() async throws {
        let answer = try await call(
            .put,
            "/v1/projects/p1/macros",
            [
                "a b": "1", "": "2", ".x": "3", "ok": "{{ .spectro.macro.a }}", "c": "\u{0}",
                "ok": "",
            ]
        )
        #expect(
            answer.faults.sorted() == [
                "/macros/0/name InvalidName", "/macros/1/name Required",
                "/macros/2/name InvalidName", "/macros/3/value InvalidValue",
                "/macros/4/value InvalidValue", "/macros/5/name DuplicateName",
            ]
        )
        let empty = try await api.call(.put, "/v1/projects/p1/macros", body: [:])
        #expect(empty.faults == ["/macros Required"])
        #expect(try audit() == [])
    }

    @Test func `a scope has a limit`() async throws {
        func some(_ numbers: Range<Int>) -> JSONValue {
            ["macros": .array(numbers.map { ["name": .string("m\($0)"), "value": "v"] })]
        }
        let target = "/v1/projects/p1/macros"
        #expect(try await api.call(.put, target, body: some(0..<200)).status == 204)
        let more = try await api.call(.post, target, body: some(200..<201))
        #expect(more.code == "ResourceLimitExceeded")
        #expect(try await api.call(.put, "/v1/projects/p2/macros", body: some(0..<1)).status == 204)
        #expect(try await api.call(.put, target, body: some(0..<201)).status == 400)
    }

    @Test func `a write of what is there changes nothing`() async throws {
        _ = try await call(.post, Self.places[0], ["a": "1"])
        let tag = try await call(.get).etag
        #expect(try await call(.put, Self.places[0], ["a": "1"]).status == 204)
        #expect(try await call(.patch, Self.places[0], ["a": "1"]).status == 204)
        #expect(try await call(.delete, Self.places[0], [:]).status == 204)
        #expect(try await call(.get).etag == tag)
        #expect(try audit().count == 1)
    }

    @Test func `a write made of an old version is refused`() async throws {
        let tag = try await call(.get).etag
        let first = try await call(
            .patch,
            Self.places[0],
            ["a": "1"],
            headers: [("If-Match", tag)]
        )
        #expect(first.status == 204)
        for method in [HTTPMethod.post, .put, .patch, .delete] {
            let late = try await call(
                method,
                Self.places[0],
                ["b": "1"],
                headers: [("If-Match", tag)]
            )
            #expect(late.status == 412)
        }
        #expect(try await shown() == ["a=1"])
    }

    @Test func `who is of another organisation sees and changes nothing`() async throws {
        _ = try await call(.post, Self.places[0], ["a": "1"])
        for target in ["/v1/projects/p1/macros", "/v1/tenants/t1/macros", "/v1/projects/no/macros"]
        {
            for method in [HTTPMethod.get, .post, .put, .patch, .delete] {
                let answer = try await call(
                    method,
                    target,
                    method == .get ? nil : ["a": "2"],
                    as: "other-admin"
                )
                #expect(answer.status == 404, "\(method) \(target)")
            }
        }
        // The system's are everybody's to read and the server's own organisation's to write.
        #expect(try await call(.get, Self.places[2], as: "other-admin").status == 200)
        #expect(try await call(.put, Self.places[2], ["a": "2"], as: "other-admin").status == 403)
        #expect(try await call(.put, Self.places[0], ["a": "2"], as: "reader").status == 403)
        #expect(try await call(.get, as: "reader").status == 200)
        #expect(try await shown() == ["a=1"])
    }

    // CHK-3.5.
    @Test func `the narrower scope wins`() async throws {
        func inEffect(_ project: String?) async throws -> [String] {
            let answer = try await api.call(.get, "/v1/clusterprofiles/macros", project: project)
            return answer.json["macros"]?.elements?.compactMap { $0["value"]?.text } ?? []
        }
        _ = try await call(.put, Self.places[2], ["a": "system", "b": "system", "c": "system"])
        _ = try await call(.put, Self.places[1], ["b": "tenant", "c": "tenant"])
        _ = try await call(.put, Self.places[0], ["c": "project"])
        #expect(try await inEffect("p1") == ["system", "tenant", "project"])
        #expect(try await inEffect("p2") == ["system", "tenant", "tenant"])
        #expect(try await inEffect(nil) == ["system", "tenant", "tenant"])
    }

    @Test func `one that is used is not deleted, and values are in no trail`() async throws {
        _ = try await call(.post, Self.places[0], ["used": "s3cret", "free": "s3cret"])
        hooks.users.withLock {
            $0 = [MacroUser(macro: "used", profileUID: "u", profileName: "site")]
        }
        for (method, values) in [
            (HTTPMethod.delete, ["used": ""] as KeyValuePairs), (.put, ["renamed": "s3cret"]),
        ] {
            let answer = try await call(method, Self.places[0], values)
            #expect(answer.code == "ResourceInUse")
            let user = answer.json["details"]?["profiles"]?[0]
            #expect(user?["name"] == "site" && user?["uid"] == "u")
        }
        #expect(try await call(.delete, Self.places[0], ["free": ""]).status == 204)
        #expect(try await shown() == ["used=s3cret"])
        #expect(try audit().allSatisfy { !$0.contains("s3cret") })
        try database.writeBlocking { tx in _ = try tx.run("DELETE FROM project WHERE uid = 'p1'") }
        let left = try database.read { tx in
            try tx.first("SELECT count(*) FROM macro_set") { $0.int(0) }
        }
        #expect(left == 0)
    }
}
