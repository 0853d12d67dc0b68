import HTTPCore
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("Cloning and deleting profiles")
struct CloneTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1")
    }

    private func source(_ project: String? = "p1") async throws -> String {
        try await bench.create(
            packs: [["name": "logs", "tag": "4.x"], ProfileWriteTests.manifestLayer],
            project: project,
            publish: true,
            more: ["labels": ["site": "a"], "annotations": ["description": "d"]]
        )
    }

    private func clone(
        _ uid: String,
        _ metadata: JSONValue,
        from project: String? = "p1",
        as credential: String = "admin"
    ) async throws -> TestAnswer {
        try await bench.api.call(
            .post,
            "/v1/clusterprofiles/\(uid)/clone",
            as: credential,
            project: project,
            body: ["metadata": metadata]
        )
    }

    @Test func `a clone has all of the other's draft, and is a draft`() async throws {
        let uid = try await source()
        let answer = try await clone(uid, ["name": "copy"])
        #expect(answer.status == 201, "\(answer.text)")
        let copy = try await bench.get(try #require(answer.json["uid"]?.text))
        let original = try await bench.get(uid)
        #expect(copy.at("spec/version") == "1.0.0")
        #expect(copy.at("metadata/name") == "copy")
        #expect(copy.at("metadata/labels") == original.at("metadata/labels"))
        #expect(copy.at("metadata/annotations") == original.at("metadata/annotations"))
        #expect(copy.at("spec/draft/type") == "system")
        #expect(copy.at("spec/draft/packs/0/tag") == "4.x")
        #expect(copy.at("spec/published") == nil)
        let uids = [original, copy].map { $0.at("spec/draft/packs/1/manifests/0/uid")?.text }
        #expect(uids[0] != uids[1])
        #expect(try bench.audit() == ["create", "create"])
        // A change of the one is none of the other.
        let removed = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/\(uid)/packs/vm",
            project: "p1"
        )
        #expect(removed.status == 204)
        let after = try await bench.get(copy.at("metadata/uid")?.text ?? "")
        #expect(after.at("spec/draft/packs")?.elements?.count == 2)
    }

    @Test func `a new version is a clone of the same name`() async throws {
        let uid = try await source()
        #expect(try await clone(uid, ["name": "site", "version": "1.1.0"]).status == 201)
        let versions = try await bench.get(uid).at("spec/versions")?.elements
        #expect(versions?.map { $0["version"] } == ["1.0.0", "1.1.0"])
        let before = try bench.state()
        #expect(try await clone(uid, ["name": "site"]).status == 409)
        #expect(try await clone(uid, ["name": "site", "version": "1.1.0"]).code == "DuplicateName")
        #expect(try bench.state() == before)
    }

    // CHK-3.3: a name is unique in its scope alone.
    @Test(arguments: [("p1", "p2"), ("p1", nil), (nil, "p1")] as [(String?, String?)])
    func `a clone goes to where it is to be`(_ from: String?, _ to: String?) async throws {
        let target: JSONValue =
            to.map { ["scope": "project", "projectUid": .string($0)] } ?? ["scope": "tenant"]
        let uid = try await source(from)
        let answer = try await clone(uid, ["name": "site", "target": target], from: from)
        #expect(answer.status == 201, "\(answer.text)")
        let copy = try await bench.get(try #require(answer.json["uid"]?.text), project: to)
        #expect(copy.at("metadata/annotations/scope") == (to == nil ? "tenant" : "project"))
    }

    @Test func `a profile of the organisation is cloned into the project of the call`()
        async throws
    {
        let uid = try await source(nil)
        let answer = try await clone(uid, ["name": "site"], from: "p2")
        #expect(answer.status == 201, "\(answer.text)")
        let copy = try await bench.get(answer.json["uid"]?.text ?? "", project: "p2")
        #expect(copy.at("metadata/annotations/scope") == "project")
    }

    @Test func `a clone is refused where its caller has nothing to say`() async throws {
        let uid = try await source()
        let before = try bench.state()
        let foreign = try await clone(
            uid,
            ["name": "x", "target": ["scope": "project", "projectUid": "q1"]]
        )
        let unknown = try await clone(
            uid,
            ["name": "x", "target": ["scope": "project", "projectUid": "p9"]]
        )
        #expect(foreign.status == 403)
        #expect(foreign.message == unknown.message)
        #expect(try await clone(uid, ["name": "x"], as: "reader").status == 403)
        #expect(try await clone(uid, ["name": "x"], from: "p2").status == 404)
        let wrong = try await clone(
            uid,
            ["version": "1", "target": ["scope": "system", "projectUid": 5]]
        )
        #expect(
            Set(wrong.faults) == [
                "/metadata/name Required", "/metadata/version InvalidVersion",
                "/metadata/target/scope NotAllowed", "/metadata/target/projectUid WrongType",
            ]
        )
        #expect(try bench.state() == before)
    }

    @Test func `a clone can be tried before`() async throws {
        let uid = try await source()
        func validate(_ body: JSONValue) async throws -> UInt16 {
            try await bench.api.call(
                .post,
                "/v1/clusterprofiles/\(uid)/clone/validate",
                project: "p1",
                body: body
            ).status
        }
        let before = try bench.state()
        #expect(try await validate(["name": "site"]) == 409)
        #expect(try await validate(["name": "site", "version": "1.0.1"]) == 204)
        #expect(try await validate(["name": "site", "target": ["scope": "tenant"]]) == 204)
        #expect(try bench.state() == before)
    }

    @Test func `several are deleted at once, but for those that are used or not one's own`()
        async throws
    {
        let free = try await source()
        let used = try await bench.create(
            "used",
            packs: [ProfileWriteTests.manifestLayer],
            publish: true
        )
        let tenants = try await source(nil)
        for (path, body) in [
            ("", ["metadata": ["uid": "device-153"]] as JSONValue),
            (
                "/device-153/profiles",
                ["profiles": [["uid": JSONValue.string(used)] as JSONValue]] as JSONValue
            ),
        ] {
            let answer = try await bench.api.call(
                path.isEmpty ? .post : .put,
                "/v1/edgehosts\(path)",
                project: "p1",
                body: body
            )
            #expect(answer.status < 300, "\(answer.text)")
        }
        let uids: JSONValue = .array([free, used, tenants, "nowhere", free].map { .string($0) })
        let answer = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/bulk",
            project: "p1",
            body: ["uids": uids]
        )
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json["deletedCount"] == 1)
        #expect(answer.json["isSucceeded"] == false)
        let failures = answer.json["failures"]?.elements ?? []
        #expect(failures.map { $0["uid"]?.text } == [used, tenants, "nowhere"])
        #expect(failures.map { $0["name"]?.text } == ["used", "site", ""])
        #expect(bench.announced.deleted.withLock { $0 } == [free])
        #expect(try bench.audit().filter { $0 == "delete" }.count == 1)
        #expect(try await bench.get(used).at("metadata/name") == "used")
    }
}
