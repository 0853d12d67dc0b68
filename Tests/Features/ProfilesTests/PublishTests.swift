import APIKit
import AgentContract
import Archive
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("Publishing and relinking")
struct PublishTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        for version in ["4.0.1", "4.1.7", "4.1.8", "4.2.0", "5.0.0"] {
            try await bench.importPack("logs", version)
        }
    }

    func content() throws -> ProfileRevision {
        let notice = try #require(bench.announced.revisions.withLock { $0.last })
        return try ProfileRevision(JSONParser.parse(notice.content))
    }

    // CHK-3.2.
    @Test(arguments: [
        ("4.x", "4.2.0"), ("4.1.x", "4.1.8"), ("4.0.1", "4.0.1"), ("5.x", "5.0.0"),
    ])
    func `a tag is linked to a version and shown so`(tag: String, version: String) async throws {
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": .string(tag)]],
            publish: true
        )
        let shown = try await bench.get(uid)
        for part in ["draft", "published"] {
            #expect(shown.at("spec/\(part)/packs/0/version") == .string(version))
            #expect(shown.at("spec/\(part)/packs/0/tag") == .string(tag))
        }
        #expect(try content().layers.map(\.version) == [version])
        #expect(try bench.audit() == ["create"])
    }

    @Test func `publishing what is published changes nothing`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.x"]])
        try await bench.publish(uid)
        #expect(try bench.audit() == ["create", "publish"])
        let before = try bench.state()
        let tag = try await bench.api.call(.get, "/v1/clusterprofiles/\(uid)", project: "p1").etag
        try await bench.publish(uid)
        #expect(try bench.state() == before)
        let after = try await bench.api.call(.get, "/v1/clusterprofiles/\(uid)", project: "p1").etag
        #expect(after == tag)
        #expect(bench.revisionNumbers == [1])
    }

    @Test func `a draft reaches nobody before it is published, and revisions never change`()
        async throws
    {
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": "4.0.1", "values": "a: 1\n"]],
            publish: true
        )
        let first = try content()
        let answer = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/logs",
            project: "p1",
            body: ["pack": ["name": "logs", "uid": "", "tag": "4.1.x", "values": "a: 2\n"]]
        )
        #expect(answer.status == 204, "\(answer.text)")
        _ = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/metadata",
            project: "p1",
            body: ["metadata": ["name": "renamed"]]
        )
        var shown = try await bench.get(uid)
        #expect(shown.at("spec/published/packs/0/values") == "a: 1\n")
        #expect(shown.at("spec/published/packs/0/version") == "4.0.1")
        #expect(shown.at("spec/published/name") == "site")
        #expect(shown.at("spec/draft/packs/0/values") == "a: 2\n")
        #expect(bench.revisionNumbers == [1])
        try await bench.publish(uid)
        shown = try await bench.get(uid)
        #expect(shown.at("spec/published/packs/0/version") == "4.1.8")
        #expect(shown.at("spec/published/name") == "renamed")
        #expect(bench.revisionNumbers == [1, 2])
        let stored = try bench.database.read { try ProfileStore.revision(1, of: uid, $0) }
        #expect(try ProfileRevision(JSONParser.parse(try #require(stored).content)) == first)
        let list = try await bench.api.call(
            .get,
            "/v1/clusterprofiles/\(uid)/revisions",
            project: "p1"
        )
        #expect(list.json["items"]?.elements?.map { $0["number"] } == [2, 1])
    }

    @Test func `a publish writes as many rows for many followers as for few`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.0.1"]], publish: true)
        /// The rows that a publish writes when so many appliances follow.
        func rows(tag: String, _ devices: Range<Int>) async throws -> Int64 {
            for device in devices {
                let id = "device-\(device)"
                _ = try await bench.api.call(
                    .post,
                    "/v1/edgehosts",
                    project: "p1",
                    body: ["metadata": ["uid": .string(id)]]
                )
                let followed = try await bench.api.call(
                    .put,
                    "/v1/edgehosts/\(id)/profiles",
                    project: "p1",
                    body: ["profiles": [["uid": .string(uid)]]]
                )
                try #require(followed.status == 204, "\(followed.text)")
            }
            let changed = try await bench.api.call(
                .put,
                "/v1/clusterprofiles/\(uid)/packs/logs",
                project: "p1",
                body: ["pack": ["name": "logs", "tag": .string(tag)]]
            )
            try #require(changed.status == 204, "\(changed.text)")
            let before = try written()
            try await bench.publish(uid)
            return try written() - before
        }
        /// The rows that were written since the database was opened.
        func written() throws -> Int64 {
            try bench.database.writeBlocking { tx in
                try tx.first("SELECT total_changes()") { $0.int(0) } ?? 0
            }
        }
        let few = try await rows(tag: "4.1.7", 0..<1)
        #expect(few > 0)
        #expect(try await rows(tag: "4.1.8", 1..<200) == few)
    }

    @Test func `a draft without layers is not published`() async throws {
        let uid = try await bench.create(packs: [])
        let answer = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/publish",
            project: "p1"
        )
        #expect(answer.faults == ["/spec/draft/packs Required"])
        let atOnce = try await bench.api.call(
            .post,
            "/v1/clusterprofiles?publish=true",
            body: ["metadata": ["name": "empty"]]
        )
        #expect(atOnce.status == 400)
        #expect(try bench.audit() == ["create"])
    }

    @Test(arguments: [
        ("4.1.x", "4.1.9", true), ("4.1.x", "4.2.9", false), ("4.x", "4.2.9", true),
        ("4.x", "4.0.2", false), ("4.x", "5.0.1", false), ("4.x", "4.3.0-rc.1", false),
        ("4.2.0", "4.2.1", false),
    ])
    func `an import moves just the trains it belongs to`(
        tag: String,
        imported: String,
        moves: Bool
    ) async throws {
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": .string(tag)]],
            publish: true
        )
        let before = try bench.audit()
        try await bench.importPack("logs", imported)
        #expect(bench.revisionNumbers == (moves ? [1, 2] : [1]))
        #expect(try bench.audit() == before + (moves ? ["relink"] : []))
        if moves {
            let shown = try await bench.get(uid)
            #expect(shown.at("spec/published/packs/0/version") == .string(imported))
            let values = shown.at("spec/published/packs/0/values")?.text ?? ""
            #expect(values.contains("version: \(imported)"))
            let cause = try bench.database.read { try ProfileStore.revision(2, of: uid, $0)?.cause }
            #expect(cause == "relink")
        }
    }

    @Test func `a relink takes nothing of the draft along`() async throws {
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": "4.x", "values": "mine: 1\n"]],
            publish: true
        )
        _ = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)",
            project: "p1",
            body: [
                "metadata": ["name": "renamed"],
                "spec": ["template": ["packs": [["name": "logs", "tag": "5.x"]]]],
            ]
        )
        try await bench.importPack("logs", "5.0.1")
        try await bench.importPack("logs", "4.0.2")
        #expect(bench.revisionNumbers == [1])
        try await bench.importPack("logs", "4.9.0")
        #expect(bench.revisionNumbers == [1, 2])
        let revision = try content()
        #expect(revision.name == "site")
        #expect(revision.layers.map(\.version) == ["4.9.0"])
        let shown = try await bench.get(uid)
        #expect(shown.at("spec/draft/packs/0/version") == "5.0.1")
        #expect(shown.at("spec/published/packs/0/values") == "mine: 1\n")
    }

    @Test func `a layer whose pack is gone holds up neither relink nor import`() async throws {
        try await bench.importPack("gone", "1.0.0")
        let uid = try await bench.create(
            packs: [["name": "gone", "tag": "1.0.0"], ["name": "logs", "tag": "4.x"]],
            publish: true
        )
        let broken = try await bench.create(
            "broken",
            packs: [["name": "logs", "tag": "4.x"]],
            publish: true
        )
        try bench.database.writeBlocking { tx in
            _ = try tx.run("DELETE FROM pack_version WHERE name = 'gone'")
            _ = try tx.run(
                "UPDATE profile_revision SET content = '{' WHERE profile_uid = $1",
                .text(broken)
            )
        }
        try await bench.importPack("logs", "4.9.0")
        #expect(bench.announced.broken.withLock { $0 } == [broken])
        #expect(try content().layers.map(\.version) == ["1.0.0", "4.9.0"])
        let shown = try await bench.get(uid)
        #expect(shown.at("spec/published/packs/0/version") == "1.0.0")
        #expect(shown.at("spec/draft/packs/0/isInvalid") == true)
        let answer = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/publish",
            project: "p1"
        )
        #expect(answer.faults == ["/spec/draft/packs/0 UnknownPack"])
    }

    @Test func `layers come in the order of installation`() async throws {
        func manifest(_ name: String, _ values: String?) -> JSONValue {
            var layer: JSONObject = [
                "name": .string(name), "type": "manifest",
                "manifests": [["name": "m", "content": "kind: A\n"]],
            ]
            layer["values"] = values.map(JSONValue.string)
            return .object(layer)
        }
        let templates = "other: {{ .x }}\npack:\n  spectrocloud.com/install-priority: -2\n"
        _ = try await bench.create(
            packs: [
                manifest("last", "pack:\n  spectrocloud.com/install-priority: \"10\"\n"),
                ["name": "logs", "tag": "4.x"],
                manifest("vm", "pack:\n  vmManifest: true\n"),
                manifest("early", templates),
                manifest("palette-agent-config", nil),
            ],
            publish: true
        )
        let layers = try content().layers
        #expect(
            layers.map(\.name) == ["palette-agent-config", "early", "logs", "vm", "last"]
        )
        #expect(layers.map(\.isVM) == [false, false, false, true, false])
        #expect(layers.map(\.installOrder) == [0, -2, 0, 0, 10])
    }

    @Test func `all profiles are read at start with their newest revisions`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.x"]], publish: true)
        _ = try await bench.create("draft", packs: [["name": "logs", "tag": "4.x"]])
        try await bench.importPack("logs", "4.9.0")
        var found: [String] = []
        try bench.profiles.eachPublished {
            found.append("\($0.profileUID) \($0.tenantUID) \($0.number)")
        }
        #expect(found == ["\(uid) t1 2"])
        for layer in try content().layers {
            for part in [layer.values] + layer.manifests.map(\.part) {
                let isHeld = try bench.database.read {
                    try bench.profiles.holds(digest: part.digest, profileUID: uid, $0)
                }
                #expect(isHeld)
            }
        }
    }
}
