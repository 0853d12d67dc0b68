import AgentContract
import HTTPCore
import JSON
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("Where a profile's tags flow")
struct TagFlowTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1")
    }

    private func announced() throws -> ProfileRevision {
        let notice = try #require(bench.announced.revisions.withLock { $0.last })
        return try ProfileRevision(JSONParser.parse(notice.content))
    }

    private func make(_ type: String) async throws -> String {
        try await bench.create(
            type: type,
            packs: [["name": "logs", "tag": "4.x"]],
            publish: true,
            more: ["labels": ["region": "north", "gpu": ""]]
        )
    }

    private func tag(_ uid: String, _ labels: JSONValue) async throws {
        let answer = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/metadata",
            project: "p1",
            body: ["metadata": ["labels": labels]]
        )
        try #require(answer.status == 204, "\(answer.text)")
    }

    @Test func `those of a system profile go to the machines on its appliances`() async throws {
        _ = try await make("system")
        #expect(try announced().tags == ["region": "north", "gpu": ""])
    }

    @Test func `those of another profile stay with it`() async throws {
        _ = try await make("add-on")
        #expect(try announced().tags.isEmpty)
    }

    @Test func `new ones wait for a publish, and are a revision of the same layers`()
        async throws
    {
        let uid = try await make("system")
        let before = try announced()
        try await tag(uid, ["region": "south"])
        #expect(bench.revisionNumbers == [1])
        // A train that moves meanwhile takes what was published along.
        try await bench.importPack("logs", "4.1.0")
        #expect(try announced().tags == before.tags)
        try await bench.publish(uid)
        #expect(try announced().tags == ["region": "south"])
        #expect(bench.revisionNumbers == [1, 2, 3])
        let back = try await bench.api.call(
            .post,
            "/v1/clusterprofiles/\(uid)/revisions/1/rollback",
            project: "p1"
        )
        try #require(back.status < 300, "\(back.text)")
        #expect(try announced().tags == before.tags)
    }
}
