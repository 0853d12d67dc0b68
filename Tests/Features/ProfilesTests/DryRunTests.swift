import APIKit
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("Dry runs")
struct DryRunTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        for version in ["4.0.1", "4.1.0"] {
            try await bench.importPack("logs", version, chart: version == "4.1.0")
        }
    }

    /// The number of rows of every table, and what profiles hold.
    func everything() throws -> [String] {
        try bench.database.read { tx in
            let tables = try tx.all(
                "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            ) { $0.text(0) }
            let counts = try tx.all(
                """
                SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM blob),
                    (SELECT count(*) FROM profile), (SELECT count(*) FROM profile_revision),
                    (SELECT count(*) FROM profile_blob), (SELECT count(*) FROM profile_hold),
                    (SELECT count(*) FROM profile_train), (SELECT count(*) FROM idempotency),
                    (SELECT sum(value) FROM meta WHERE key = 'counter'),
                    (SELECT count(*) FROM registration_token)
                """
            ) { row in (0..<10).map { row.text($0) } }
            return tables + counts.flatMap { $0 }
        } + [try bench.state()]
    }

    /// Tries a call and makes sure that it left nothing.
    func attempt(
        _ method: HTTPMethod,
        _ target: String,
        _ body: JSONValue? = nil
    ) async throws -> TestAnswer {
        let before = try everything()
        let notices = bench.announced.revisions.withLock { $0.count }
        let answer = try await bench.api.call(
            method,
            "/v1/clusterprofiles" + target + (target.contains("?") ? "&" : "?") + "dryRun=true",
            project: "p1",
            headers: [("Idempotency-Key", "\"k\"")],
            body: body
        )
        #expect(try everything() == before, "\(method) \(target)")
        #expect(bench.announced.revisions.withLock { $0.count } == notices)
        #expect(bench.announced.deleted.withLock { $0 } == [])
        return answer
    }

    func site() async throws -> String {
        let uid = try await bench.create(
            packs: [
                ["name": "logs", "tag": "4.0.1", "values": "a: 1\n"],
                [
                    "name": "vm", "type": "manifest",
                    "manifests": [["name": "one", "content": "kind: A\n"]],
                ],
            ],
            publish: true
        )
        for device in ["device-1", "device-2"] {
            let made = try await bench.api.call(
                .post,
                "/v1/edgehosts",
                project: "p1",
                body: ["metadata": ["uid": .string(device)]]
            )
            try #require(made.status == 201, "\(made.text)")
            let followed = try await bench.api.call(
                .put,
                "/v1/edgehosts/\(device)/profiles",
                project: "p1",
                body: ["profiles": [["uid": .string(uid)]]]
            )
            try #require(followed.status == 204, "\(followed.text)")
        }
        return uid
    }

    @Test func `of a new profile show what it would hold`() async throws {
        let answer = try await attempt(
            .post,
            "?publish=true",
            [
                "metadata": ["name": "new"],
                "spec": [
                    "template": ["type": "system", "packs": [["name": "logs", "tag": "4.1.0"]]]
                ],
            ]
        )
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["isValid"] == true)
        #expect(answer.json.at("profiles/0/change") == "created")
        #expect(answer.json.at("profiles/0/takesEffect") == "now")
        #expect(answer.json.at("profiles/0/layers/0/effect") == "installed")
        #expect(answer.json.at("profiles/0/layers/0/to/version") == "4.1.0")
        #expect((answer.json.at("profiles/0/bytesPerSite")?.integer ?? 0) > 100)
    }

    @Test func `of an edit show who would change once it is published`() async throws {
        let uid = try await site()
        let answer = try await attempt(
            .put,
            "/\(uid)/packs/logs",
            ["pack": ["name": "logs", "tag": "4.1.0", "values": "a: 22\n"]]
        )
        #expect(answer.status == 200, "\(answer.text)")
        let plan = try #require(answer.json.at("profiles/0"))
        #expect(plan["uid"] == .string(uid))
        #expect(plan["takesEffect"] == "onPublish")
        #expect(plan["revision"] == nil)
        #expect(plan.at("appliances/count") == 2)
        #expect(plan.at("appliances/items/0/href") == "/v1/edgehosts/device-1")
        #expect(plan.at("layers")?.elements?.count == 1)
        #expect(plan.at("layers/0/effect") == "replaced")
        // The values, and the chart that the new version brings; the manifests are there already.
        #expect((plan.at("bytesPerSite")?.integer ?? 0) > 6)
    }

    @Test func `of a publish show the revision and the sites it reaches`() async throws {
        let uid = try await site()
        let path = "/v1/clusterprofiles/\(uid)/packs/vm"
        let removed = try await bench.api.call(.delete, path, project: "p1")
        try #require(removed.status == 204)
        let answer = try await attempt(.patch, "/\(uid)/publish")
        #expect(answer.json.at("profiles/0/revision") == 2)
        #expect(answer.json.at("profiles/0/takesEffect") == "now")
        #expect(answer.json.at("profiles/0/layers/0/name") == "vm")
        #expect(answer.json.at("profiles/0/layers/0/effect") == "removed")
        #expect(answer.json.at("profiles/0/appliances/count") == 2)
        #expect(answer.json.at("profiles/0/bytesPerSite") == 0)
        // What it told comes true.
        try await bench.publish(uid)
        #expect(bench.revisionNumbers == [1, 2])
    }

    @Test func `are taken by every write of a profile and leave nothing`() async throws {
        try await bench.importPack("web", "1.0.0")
        let uid = try await site()
        let manifest = try #require(
            try await bench.get(uid).at("spec/draft/packs/1/manifests/0/uid")?.text
        )
        let free = try await bench.create(
            "free",
            packs: [["name": "logs", "tag": "4.x"]],
            publish: true
        )
        let layer: JSONValue = ["pack": ["name": "logs", "tag": "4.1.0", "values": "a: 2\n"]]
        let calls: [(HTTPMethod, String, JSONValue?)] = [
            (.put, "/\(uid)", ["metadata": ["name": "renamed"], "spec": [:]]),
            (.patch, "/\(uid)/metadata", ["metadata": ["name": "renamed"]]),
            (.patch, "/\(uid)/publish", nil), (.delete, "/\(free)", nil),
            (.post, "/\(uid)/packs", ["pack": ["name": "web", "tag": "1.0.0"]]),
            (.put, "/\(uid)/packs/logs", layer), (.delete, "/\(uid)/packs/logs", nil),
            (
                .post, "/\(uid)/packs/vm/manifests", ["name": "two", "content": "kind: B\n"]
            ),
            (
                .put, "/\(uid)/packs/vm/manifests/\(manifest)",
                ["name": "one", "content": "kind: C\n"]
            ),
            (.put, "/\(uid)/variables", ["variables": [["name": "a"]]]),
            (.patch, "/\(uid)/variables", ["variables": [["name": "a"]]]),
            (.patch, "/\(free)/packs/logs/pin", nil), (.patch, "/\(free)/packs/logs/hold", nil),
            (.patch, "/\(free)/packs/logs/release", nil),
        ]
        for (method, target, body) in calls {
            let answer = try await attempt(method, target, body)
            #expect(answer.status == 200, "\(method) \(target) \(answer.text)")
            #expect(answer.json["isValid"] == true, "\(method) \(target)")
        }
        let deleted = try await attempt(.delete, "/\(free)")
        #expect(deleted.json.at("profiles/0/change") == "deleted")
        #expect(deleted.json.at("profiles/0/uid") == .string(free))
    }

    @Test func `of what is wrong name all that is wrong`() async throws {
        let uid = try await site()
        let wrong = try await attempt(
            .put,
            "/\(uid)",
            [
                "metadata": ["name": "site"],
                "spec": [
                    "template": [
                        "packs": [
                            ["name": "logs", "tag": "9.9.9"], ["name": "none", "tag": "1.0.0"],
                        ]
                    ]
                ],
            ]
        )
        #expect(wrong.status == 200, "\(wrong.text)")
        #expect(wrong.json["isValid"] == false)
        #expect(
            wrong.json["faults"]?.elements?.map { $0["pointer"] } == [
                "/spec/template/packs/0/tag", "/spec/template/packs/1/tag",
            ]
        )
        let used = try await attempt(.delete, "/\(uid)")
        #expect(used.json["isValid"] == false)
        #expect(used.json.at("faults/0/code") == "ResourceInUse")
        #expect(try await attempt(.patch, "/none/publish").status == 404)
    }

    @Test func `are refused where there are none, and when their wish is unclear`() async throws {
        let uid = try await site()
        let before = try bench.state()
        let unclear = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/\(uid)/packs/vm?dryRun=yes",
            project: "p1"
        )
        #expect(unclear.faults == ["query/dryRun WrongType"])
        let none = try await bench.api.call(
            .delete,
            "/v1/edgehosts/device-1?dryRun=true",
            project: "p1"
        )
        #expect(none.faults == ["query/dryRun NotTaken"])
        #expect(try bench.state() == before)
        let meant = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/\(uid)/packs/vm?dryRun=false",
            project: "p1"
        )
        #expect(meant.status == 204)
    }
}
