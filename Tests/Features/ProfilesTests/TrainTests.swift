import APIKit
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Profiles

@Suite("Version trains")
struct TrainTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1")
    }

    func follower(_ tag: String = "4.x") async throws -> String {
        try await bench.create(packs: [["name": "logs", "tag": .string(tag)]], publish: true)
    }

    func call(_ method: HTTPMethod, _ target: String) async throws -> TestAnswer {
        try await bench.api.call(method, "/v1/clusterprofiles/\(target)", project: "p1")
    }

    func version(_ uid: String) async throws -> String? {
        try await bench.get(uid).at("spec/published/packs/0/version")?.text
    }

    @Test func `stand still while they are held, and go on at once when released`() async throws {
        let uid = try await follower()
        #expect(try await call(.patch, "\(uid)/packs/logs/hold").status == 204)
        try await bench.importPack("logs", "4.1.0")
        #expect(try await version(uid) == "4.0.1")
        let shown = try await call(.get, "\(uid)/trains").json
        #expect(shown.at("items/0/isHeld") == true)
        #expect(shown.at("items/0/version") == "4.0.1")
        #expect(shown.at("items/0/newest") == "4.1.0")
        // A publish of something else moves them no more than an import.
        let changed = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/logs",
            project: "p1",
            body: ["pack": ["name": "logs", "tag": "4.x", "values": "a: 1\n"]]
        )
        try #require(changed.status == 204, "\(changed.text)")
        try await bench.publish(uid)
        #expect(try await version(uid) == "4.0.1")
        #expect(try await call(.patch, "\(uid)/packs/logs/release").status == 204)
        #expect(try await version(uid) == "4.1.0")
        #expect(try bench.audit() == ["create", "update", "update", "publish", "update", "relink"])
        try await bench.importPack("logs", "4.2.0")
        #expect(try await version(uid) == "4.2.0")
    }

    @Test func `are pinned without a revision`() async throws {
        let uid = try await follower()
        #expect(try await call(.patch, "\(uid)/packs/logs/pin").status == 204)
        #expect(bench.revisionNumbers == [1])
        #expect(try await bench.get(uid).at("spec/draft/packs/0/tag") == "4.0.1")
        try await bench.importPack("logs", "4.1.0")
        #expect(try await version(uid) == "4.0.1")
        try await bench.publish(uid)
        #expect(try await version(uid) == "4.0.1")
        #expect(try await bench.get(uid).at("spec/published/packs/0/tag") == "4.0.1")
        #expect(try await call(.get, "\(uid)/trains").json["items"]?.elements?.isEmpty == true)
        #expect(try bench.audit() == ["create", "update", "publish"])
        // Whoever wants the train back writes it, and follows again.
        let changed = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/logs",
            project: "p1",
            body: ["pack": ["name": "logs", "tag": "4.x"]]
        )
        try #require(changed.status == 204, "\(changed.text)")
        try await bench.publish(uid)
        #expect(try await version(uid) == "4.1.0")
    }

    @Test func `that a draft names are pinned too`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.x"]])
        #expect(try await call(.patch, "\(uid)/packs/logs/pin").status == 204)
        #expect(try await bench.get(uid).at("spec/draft/packs/0/tag") == "4.0.1")
        #expect(bench.revisionNumbers == [])
    }

    @Test func `are followed apart by two layers of one pack`() async throws {
        let uid = try await bench.create(
            packs: [
                ["name": "logs", "tag": "4.0.x", "values": .string(Bench.first)],
                ["name": "b--logs", "tag": "4.x", "values": .string(Bench.second)],
            ],
            publish: true
        )
        try await bench.importPack("logs", "4.1.0")
        let shown = try await bench.get(uid)
        #expect(shown.at("spec/published/packs/0/version") == "4.0.1")
        #expect(shown.at("spec/published/packs/1/version") == "4.1.0")
    }

    @Test func `come back with a roll back`() async throws {
        let uid = try await follower("4.0.1")
        let changed = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/logs",
            project: "p1",
            body: ["pack": ["name": "logs", "tag": "4.x", "values": "a: 1\n"]]
        )
        try #require(changed.status == 204, "\(changed.text)")
        try await bench.publish(uid)
        #expect(try await call(.post, "\(uid)/revisions/1/rollback").status == 201)
        try await bench.importPack("logs", "4.1.0")
        #expect(try await version(uid) == "4.0.1")
        #expect(try await call(.post, "\(uid)/revisions/2/rollback").status == 201)
        try await bench.importPack("logs", "4.2.0")
        #expect(try await version(uid) == "4.2.0")
    }

    @Test func `say who would get a version`() async throws {
        let uid = try await follower()
        _ = try await bench.create(
            "other",
            packs: [["name": "logs", "tag": "4.0.1"]],
            publish: true
        )
        let next = try await call(.get, "trains/preview?packName=logs&version=4.3.0").json
        #expect(next["items"]?.elements?.map { $0["uid"] } == [.string(uid)])
        #expect(next.at("items/0/layers/0/train") == "4.x")
        #expect(next.at("items/0/layers/0/version") == "4.0.1")
        #expect(next.at("items/0/layers/0/next") == "4.3.0")
        for query in ["packName=logs&version=5.0.0", "packName=none", "packName=logs"] {
            let none = try await call(.get, "trains/preview?\(query)").json
            #expect(none["items"]?.elements?.isEmpty == true, "\(query)")
        }
        #expect(try await call(.patch, "\(uid)/packs/logs/hold").status == 204)
        try await bench.importPack("logs", "4.1.0")
        let held = try await call(.get, "trains/preview?packName=logs").json
        #expect(held["items"]?.elements?.isEmpty == true)
        let foreign = try await bench.api.call(
            .get,
            "/v1/clusterprofiles/trains/preview?packName=logs",
            as: "other-admin"
        )
        #expect(foreign.json["items"]?.elements?.isEmpty == true)
        #expect(try await call(.get, "trains/preview?version=x").faults.count == 2)
    }

    @Test(arguments: ["pin", "hold", "release"])
    func `are needed for what is done with them`(action: String) async throws {
        let uid = try await follower("4.0.1")
        let before = try bench.state()
        let answer = try await call(.patch, "\(uid)/packs/logs/\(action)")
        #expect(answer.code == "ValidationFailed", "\(answer.text)")
        #expect(try await call(.patch, "\(uid)/packs/none/\(action)").status == 404)
        let reader = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/packs/logs/\(action)",
            as: "reader",
            project: "p1"
        )
        #expect(reader.status == 403)
        #expect(try bench.state() == before)
    }
}
