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

@Suite("Layers, their manifests, and who follows them")
struct LayerTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1")
    }

    @Test func `layers and manifests come, change and go with one audit row each`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.x"]])
        let path = "/v1/clusterprofiles/\(uid)/packs"
        func call(
            _ method: HTTPMethod,
            _ target: String,
            _ status: UInt16,
            _ body: JSONValue? = nil
        ) async throws -> TestAnswer {
            let rows = try bench.audit().count
            let answer = try await bench.api.call(method, path + target, project: "p1", body: body)
            #expect(answer.status == status, "\(method) \(target) \(answer.text)")
            let changes = method != .get && status < 300
            #expect(try bench.audit().count == rows + (changes ? 1 : 0), "\(method) \(target)")
            return answer
        }
        let layer: JSONValue = [
            "pack": [
                "name": "vm", "type": "manifest",
                "manifests": [["name": "a", "content": "k: v\n"]],
            ]
        ]
        #expect(
            try await call(.post, "", 201, layer).json["uid"] == "spectro-manifest-pack"
        )
        _ = try await call(.post, "", 409, layer)
        _ = try await call(.post, "", 400, ["pack": ["name": "x", "tag": "1.0.0"]])
        let added = try await call(
            .post,
            "/vm/manifests",
            201,
            ["name": "b", "content": "is: b\n"]
        )
        let manifest = "/vm/manifests/\(added.json["uid"]?.text ?? "")"
        _ = try await call(.post, "/vm/manifests", 409, ["name": "b", "content": "x"])
        let bad = try await call(.post, "/vm/manifests", 400, ["name": "c"])
        #expect(bad.faults == ["/content Required"])
        let worse = try await call(.put, manifest, 400, ["name": "b", "content": "a: ["])
        #expect(worse.faults == ["/content InvalidYAML"])
        _ = try await call(.put, manifest, 409, ["name": "a", "content": "x"])
        _ = try await call(.put, manifest, 204, ["name": "b", "content": "is: c\n"])
        let read = try await call(.get, manifest, 200)
        #expect(read.json.at("spec/draft/content") == "is: c\n")
        #expect(read.json.at("spec/published") == nil)
        let rows = try bench.audit().count
        _ = try await bench.api.call(
            .put,
            path + manifest,
            project: "p1",
            body: ["name": "b", "content": "is: c\n"]
        )
        #expect(try bench.audit().count == rows)
        let all = try await call(.get, "/manifests", 200)
        #expect(all.json.at("spec/packs/1/spec/manifests/1/content") == "is: c\n")
        let list = try await call(.get, "", 200)
        #expect(list.json["items"]?.elements?.count == 2)
        let one = try await call(.get, "/logs", 200)
        #expect(one.json.at("spec/registry/name") == "Public Repo")
        #expect(one.json.at("spec/pack/version") == "4.0.1")
        _ = try await call(.delete, manifest, 204)
        _ = try await call(.get, manifest, 404)
        _ = try await call(.delete, "/vm", 204)
        _ = try await call(.delete, "/vm", 404)
        _ = try await call(.get, "/none", 404)
    }

    @Test func `the last manifest of a layer made of manifests stays`() async throws {
        let uid = try await bench.create(packs: [
            ["name": "vm", "type": "manifest", "manifests": [["name": "a", "content": "k: v\n"]]]
        ])
        let manifest = try await bench.get(uid).at("spec/draft/packs/0/manifests/0/uid")?.text ?? ""
        let answer = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/\(uid)/packs/vm/manifests/\(manifest)",
            project: "p1"
        )
        #expect(answer.status == 400)
    }

    @Test func `validation names the faults of each layer`() async throws {
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles/validate/packs",
            body: [
                "type": "system",
                "packs": [["name": "logs", "tag": "4.x"], ["name": "logs2", "tag": "4.x"]],
            ]
        )
        #expect(answer.json.at("packs/results/0/errors") == [])
        #expect(answer.json.at("packs/results/1/errors/0/code") == "UnknownPack")
    }

    @Test func `an appliance follows what is published for it and shows it`() async throws {
        let layers: [JSONValue] = [["name": "logs", "tag": "4.x"]]
        let system = try await bench.create("system", packs: layers, project: nil, publish: true)
        let draft = try await bench.create("draft", packs: layers)
        try await bench.importCorePacks()
        let infra = try await bench.create(
            "infra",
            type: "infra",
            cloudType: "libvirt",
            packs: Bench.coreLayers,
            publish: true
        )
        let other = try await bench.create("other", packs: layers, project: "p2", publish: true)
        _ = try await bench.api.call(
            .post,
            "/v1/edgehosts",
            project: "p1",
            body: ["metadata": ["uid": "device-153", "name": "device-153"]]
        )
        func follow(_ uids: [String]) async throws -> TestAnswer {
            try await bench.api.call(
                .put,
                "/v1/edgehosts/device-153/profiles",
                project: "p1",
                body: ["profiles": .array(uids.map { ["uid": .string($0)] })]
            )
        }
        let refused = try await follow([system, draft, infra])
        #expect(refused.status == 400)
        #expect(
            refused.faults == ["/profiles/1/uid NotPublished", "/profiles/2/uid WrongType"]
        )
        #expect(try await follow([other]).status == 404)
        #expect(try await follow([system]).status == 204)
        let shown = try await bench.api.call(.get, "/v1/edgehosts/device-153", project: "p1")
        let template = shown.json.at("spec/clusterProfileTemplates/0")
        #expect(template?.at("uid") == .string(system))
        #expect(template?.at("packs/0/version") == "4.0.1")
        #expect(template?.at("packs/0/values")?.text?.contains("namespace: logs") == true)
        let list = try await bench.api.call(
            .post,
            "/v1/dashboard/edgehosts/search",
            project: "p1",
            body: [:]
        )
        let summary = list.json.at("items/0/spec/clusterProfileTemplates/0")
        #expect(summary?.at("version") == "1.0.0", "\(list.text)")
        #expect(summary?.at("packs/0/values") == nil)
        for (uid, can) in [(system, true), (draft, false), (infra, false), (other, false)] {
            let found = try bench.database.read {
                try bench.profiles.canBeFollowed(uid, tenantUID: "t1", projectUID: "p1", $0)
            }
            #expect(found == can)
        }
    }
}
