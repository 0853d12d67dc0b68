import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Profiles

@Suite("What profiles are refused for")
struct RefusalTests {
    let bench: Bench

    private static let secret = """
        db.password:
          schema: '{{ format "${password}" }}'

        """

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1", schema: Self.secret)
        try await bench.importPack("logs", "4.1.0", schema: Self.secret)
    }

    private func call(
        _ method: HTTPMethod,
        _ target: String,
        _ body: JSONValue? = nil,
        project: String? = "p1"
    ) async throws -> TestAnswer {
        try await bench.api.call(
            method,
            "/v1/clusterprofiles" + target,
            project: project,
            body: body
        )
    }

    private func body(
        _ type: String,
        _ cloudType: String?,
        _ layers: [JSONValue] = [],
        name: String = "site"
    ) -> JSONValue {
        var template: JSONObject = ["type": .string(type), "packs": .array(layers)]
        if let cloudType { template["cloudType"] = .string(cloudType) }
        return [
            "metadata": ["name": .string(name)], "spec": ["template": .object(template)],
        ]
    }

    @Test(arguments: ["", "/import"])
    func `an environment that there is none of, and none for core layers`(
        path: String
    ) async throws {
        let cases: [(String, String?, String)] = [
            ("infra", "all", "EnvironmentRequired"), ("cluster", nil, "EnvironmentRequired"),
            ("infra", "zzz", "UnknownEnvironment"), ("add-on", "mars", "UnknownEnvironment"),
            ("system", "Edge", "UnknownEnvironment"),
        ]
        let before = try bench.state()
        for (type, cloudType, code) in cases {
            let answer = try await call(.post, path, body(type, cloudType))
            #expect(answer.faults == ["/spec/template/cloudType \(code)"], "\(answer.text)")
        }
        let unknown = try await call(.post, path, body("add-on", "mars"))
        #expect(unknown.message.contains("edge-native"))
        // Beside what is wrong with the layers.
        let gone: JSONValue = ["name": "gone", "tag": "1.0.0"]
        let both = try await call(.post, path, body("add-on", "mars", [gone]))
        #expect(both.faults.count == 2)
        #expect(try bench.state() == before)
        #expect(try await call(.post, path, body("infra", "edge-native")).status == 201)
    }

    @Test func `an environment that was stored before is told and stops the publish`()
        async throws
    {
        let uid = try await bench.create(type: "add-on", packs: [["name": "logs", "tag": "4.x"]])
        _ = try bench.database.writeBlocking { tx in
            try tx.run("UPDATE profile SET cloud_type = 'zzz' WHERE uid = $1", .text(uid))
        }
        let published = try await call(.patch, "/\(uid)/publish")
        #expect(published.faults.contains("/spec/draft/cloudType UnknownEnvironment"))
        let shown = try await bench.get(uid)
        #expect(
            shown.at("status/warnings")?.elements?.first?["code"] == "UnknownEnvironment",
            "\(shown)"
        )
        // A draft is made better in steps.
        let added = try await call(
            .post,
            "/\(uid)/packs",
            ["pack": ProfileWriteTests.manifestLayer]
        )
        #expect(added.status == 201, "\(added.text)")
        let checked = try await call(
            .post,
            "/validate/packs",
            ["type": "add-on", "cloudType": "zzz", "packs": []]
        )
        #expect(checked.json.at("packs/results/0/errors/0/code") == "UnknownEnvironment")
    }

    @Test func `a rehearsal of deleting several names those that would stay`() async throws {
        let free = try await bench.create("free", packs: [])
        let tenants = try await bench.create("tenants", packs: [], project: nil)
        let before = try bench.state()
        let uids: JSONValue = [.string(free), .string(free), .string(tenants), "nowhere"]
        let answer = try await call(.delete, "/bulk?dryRun=true", ["uids": uids])
        #expect(answer.json["isValid"] == false, "\(answer.text)")
        let faults = answer.json["faults"]?.elements ?? []
        #expect(faults.map { $0["pointer"] } == ["/uids/2", "/uids/3"])
        #expect(faults.map { $0["code"] } == ["OperationForbidden", "ResourceNotFound"])
        let good = try await call(.delete, "/bulk?dryRun=true", ["uids": [.string(free)]])
        #expect(good.json["isValid"] == true)
        #expect(good.json.at("profiles/0/takesEffect") == "now", "\(good.text)")
        #expect(try bench.state() == before)
    }

    @Test func `a pack that is elsewhere is told with the member to change`() async throws {
        _ = try await bench.database.write { tx in
            for (uid, kind) in [("r-empty", "pack"), ("r-helm", "helm")] {
                _ = try tx.run(
                    """
                    INSERT INTO registry (uid, tenant_uid, name, kind, is_default, spec, created_at,
                        modified_at) VALUES ($1, 't1', $1, $2, 0, '{}', 0, 0)
                    """,
                    .text(uid),
                    .text(kind)
                )
            }
            return 0
        }
        let known = try await bench.create(packs: [["name": "logs", "tag": "4.0.1"]])
        let uid = try #require(try await bench.get(known).at("spec/draft/packs/0/packUid")?.text)
        let cases: [(JSONValue, String, String)] = [
            (["name": "logs", "tag": "4.0.1", "registryUid": "r-empty"], "registryUid", "Public"),
            (["name": "logs", "tag": "4.0.1", "registryUid": "r-helm"], "registryUid", "(helm)"),
            (["name": "logs", "tag": "4.0.1", "registryUid": "r-x"], "registryUid", "uid 'r-x'"),
            (["name": "logs", "tag": "9.x", "registryUid": "r-empty"], "tag", "No registry holds"),
            (["name": "logs", "tag": "4.0.1", "type": "helm"], "type", "Public Repo"),
            (["name": "logs", "tag": "9.x", "uid": .string(uid)], "uid", "logs' 4.0.1 of"),
            (["name": "logs", "tag": "4.x", "uid": "no-such"], "uid", "leave 'uid' out"),
            (["name": "logs"], "tag", "names neither"),
        ]
        for (layer, member, text) in cases {
            let answer = try await call(.post, "", body("system", nil, [layer], name: "other"))
            #expect(answer.faults.count == 1, "\(answer.text)")
            let place = "/spec/template/packs/0/\(member) "
            #expect(answer.faults.first?.hasPrefix(place) == true, "\(answer.faults)")
            #expect(answer.message.contains(text), "\(answer.message)")
        }
    }

    @Test func `a layer keeps its values when only its version is written`() async throws {
        let own = "db: {password: mine}\n"
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": "4.0.1", "values": .string(own)]]
        )
        func write(_ layer: JSONValue) async throws -> JSONValue? {
            let answer = try await call(.put, "/\(uid)/packs/logs", ["pack": layer])
            #expect(answer.status == 204, "\(answer.text)")
            return try await bench.get(uid).at("spec/draft/packs/0")
        }
        let moved = try await write(["name": "logs", "tag": "4.1.0"])
        #expect(moved?["tag"] == "4.1.0")
        #expect(moved?["values"] == .string(own))
        let unsaid = try await write(["name": "logs", "tag": "4.0.1", "values": .null])
        #expect(unsaid?["values"] == .string(own))
        // Manifests are not written here, so nothing is said of what stands in them.
        let broken: JSONValue = [["name": "x", "content": "a: ["]]
        let same = try await write(["name": "logs", "tag": "4.0.1", "manifests": broken])
        #expect(same?["values"] == .string(own))
        let packs = try await write(["name": "logs", "tag": "4.0.1", "values": ""])
        #expect(packs?["values"]?.text?.contains("namespace: logs") == true)
    }

    @Test func `a mask is not stored as a secret`() async throws {
        let masked: JSONValue = [
            "name": "logs", "tag": "4.0.1", "values": "db: {password: \"********\"}\n",
        ]
        let made = try await call(.post, "", body("system", nil, [masked]))
        #expect(made.faults == ["/spec/template/packs/0/values MaskedValue"], "\(made.text)")
        let uid = try await bench.create(packs: [
            ["name": "logs", "tag": "4.0.1", "values": "db: {password: mine}\n"]
        ])
        let layer = try await call(.put, "/\(uid)/packs/logs", ["pack": masked])
        #expect(layer.faults == ["/pack/values MaskedValue"])
        let whole = try await call(.put, "/\(uid)", body("system", nil, [masked]))
        #expect(whole.faults == ["/spec/template/packs/0/values MaskedValue"])

        let variables = "/\(uid)/variables"
        func variable(_ value: String, _ isSensitive: Bool) -> JSONValue {
            [
                "variables": [
                    [
                        "name": "pin", "defaultValue": .string(value),
                        "isSensitive": .bool(isSensitive),
                    ]
                ]
            ]
        }
        #expect(try await call(.put, variables, variable("4711", true)).status == 204)
        #expect(try await call(.put, variables, variable("********", true)).status == 204)
        let opened = try await call(.put, variables, variable("********", false))
        #expect(opened.faults == ["/variables/0/defaultValue MaskedValue"], "\(opened.text)")
    }

    @Test func `an organisation's profile says how to change it`() async throws {
        let uid = try await bench.create(packs: [], project: nil)
        let answer = try await call(.put, "/\(uid)", body("system", nil))
        #expect(answer.status == 403)
        #expect(answer.message.contains("Operation 'clusterProfile.update' is forbidden"))
        #expect(answer.message.contains("leave out the header 'ProjectUid'"))
    }

    @Test func `a pinned draft is not released behind its back`() async throws {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.0.x"]], publish: true)
        #expect(try await call(.patch, "/\(uid)/packs/logs/pin").status == 204)
        try await bench.importPack("logs", "4.0.2")
        let refused = try await call(.patch, "/\(uid)/packs/logs/release")
        #expect(refused.code == "ValidationFailed")
        #expect(refused.message.contains("'4.0.1'") && refused.message.contains("'4.0.x'"))
        let back: JSONValue = ["pack": ["name": "logs", "tag": "4.0.x"]]
        #expect(try await call(.put, "/\(uid)/packs/logs", back).status == 204)
        #expect(try await call(.patch, "/\(uid)/packs/logs/release").status == 204)
        #expect(try await bench.get(uid).at("spec/published/packs/0/version") == "4.0.2")
    }

    @Test func `a taken name is told beside all else`() async throws {
        let uid = try await bench.create(packs: [])
        let other = try await bench.create("other", packs: [])
        let gone: JSONValue = ["name": "gone", "tag": "1.0.0"]
        let wrong = body("system", nil, [gone])
        let faults = ["/metadata/name DuplicateName", "/spec/template/packs/0/tag UnknownPack"]
        for (method, path) in [
            (HTTPMethod.post, ""), (.post, "/import"), (.put, "/\(other)"),
        ] {
            #expect(try await call(method, path, wrong).faults.sorted() == faults, "\(path)")
        }
        // Its own name is not taken.
        #expect(try await call(.put, "/\(uid)", wrong).faults == [faults[1]])
        #expect(try await call(.post, "", body("system", nil)).status == 409)
        let broken: JSONValue = ["name": "logs", "tag": "4.x", "values": "a: ["]
        let checked = try await call(.post, "/import/validate", body("system", nil, [broken]))
        #expect(
            checked.faults.sorted() == [
                "/metadata/name DuplicateName", "/spec/template/packs/0/values InvalidYAML",
            ]
        )
        let unnamed = try await call(.patch, "/\(uid)/metadata", ["metadata": ["name": ""]])
        #expect(unnamed.faults == ["/metadata/name Required"])
    }
}
