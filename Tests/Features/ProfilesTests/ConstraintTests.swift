import APIKit
import HTTPCore
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("What may stand together in a profile")
struct ConstraintTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importCorePacks()
        try await bench.importPack("logs", "4.0.1")
    }

    private func post(
        _ type: String,
        _ packs: [JSONValue],
        cloudType: String = "libvirt",
        publish: Bool = false
    ) async throws -> TestAnswer {
        try await bench.api.call(
            .post,
            "/v1/clusterprofiles\(publish ? "?publish=true" : "")",
            project: "p1",
            body: [
                "metadata": ["name": "site"],
                "spec": [
                    "template": [
                        "type": .string(type), "cloudType": .string(cloudType),
                        "packs": .array(packs),
                    ]
                ],
            ]
        )
    }

    private func setState(_ state: String, of pack: String) throws {
        _ = try bench.database.writeBlocking { tx in
            try tx.run(
                "UPDATE pack_version SET state = $1 WHERE name = $2",
                .text(state),
                .text(pack)
            )
        }
    }

    // CHK-3.1.
    @Test(arguments: ["infra", "cluster"], 0..<4)
    func `a profile with core layers has all four`(_ type: String, _ missing: Int) async throws {
        var layers = Bench.coreLayers
        layers.remove(at: missing)
        let before = try bench.state()
        let answer = try await post(type, layers)
        #expect(answer.status == 400)
        #expect(answer.faults == ["/spec/template/packs CoreLayerMissing"], "\(answer.text)")
        #expect(try bench.state() == before)
        #expect(try await post(type, Bench.coreLayers).status == 201)
    }

    @Test func `a second layer of a core kind is refused`() async throws {
        try await bench.importPack("net2", "1.0.0", layer: "cni")
        let answer = try await post("infra", Bench.coreLayers + [["name": "net2", "tag": "1.x"]])
        #expect(answer.faults == ["/spec/template/packs/4/layer DuplicateCoreLayer"])
    }

    @Test func `a profile that begins empty is filled in steps and published when whole`()
        async throws
    {
        let uid = try await bench.create(type: "infra", cloudType: "edge", packs: [])
        let path = "/v1/clusterprofiles/\(uid)"
        for (index, layer) in Bench.coreLayers.enumerated() {
            let early = try await bench.api.call(.patch, path + "/publish", project: "p1")
            #expect(early.status == 400, "\(index)")
            let added = try await bench.api.call(
                .post,
                path + "/packs",
                project: "p1",
                body: ["pack": layer]
            )
            #expect(added.status == 201, "\(added.text)")
        }
        try await bench.publish(uid)
    }

    @Test func `a core layer can be changed and not removed`() async throws {
        let uid = try await bench.create(
            type: "cluster",
            cloudType: "edge",
            packs: Bench.coreLayers + [["name": "logs", "tag": "4.x"]]
        )
        let path = "/v1/clusterprofiles/\(uid)"
        try await bench.importPack("net2", "1.0.0", layer: "cni")
        func call(_ method: HTTPMethod, _ target: String, _ body: JSONValue?) async throws
            -> TestAnswer
        {
            try await bench.api.call(method, path + target, project: "p1", body: body)
        }
        #expect(try await call(.delete, "/packs/net", nil).status == 400)
        #expect(try await call(.delete, "/packs/logs", nil).status == 204)
        let same = try await call(.put, "/packs/net", ["pack": ["name": "net2", "tag": "1.x"]])
        #expect(same.status == 204, "\(same.text)")
        let other = try await call(.put, "/packs/net2", ["pack": ["name": "logs", "tag": "4.x"]])
        #expect(other.faults == ["/spec/draft/packs CoreLayerMissing"])
        let less = try await call(
            .put,
            "",
            [
                "metadata": ["name": "site"],
                "spec": ["template": ["packs": .array(Array(Bench.coreLayers.prefix(3)))]],
            ]
        )
        #expect(less.faults == ["/spec/template/packs CoreLayerMissing"], "\(less.text)")
    }

    @Test func `core layers are for one environment, and packs must fit it`() async throws {
        #expect(
            try await post("infra", Bench.coreLayers, cloudType: "all").faults
                == ["/spec/template/cloudType EnvironmentRequired"]
        )
        try await bench.importPack("cloud", "1.0.0", cloudTypes: ["aws", "edge"])
        let layer: [JSONValue] = [["name": "cloud", "tag": "1.x"]]
        #expect(
            try await post("add-on", layer).faults == [
                "/spec/template/packs/0/name WrongEnvironment"
            ]
        )
        for fitting in ["edge", "all"] {
            let uid = try await bench.create(
                fitting,
                type: "add-on",
                cloudType: fitting,
                packs: layer
            )
            #expect(!uid.isEmpty)
        }
    }

    @Test func `a pack stands twice in a profile under two names`() async throws {
        func layer(_ name: String, _ display: String) -> JSONValue {
            let values = "pack:\n  spectrocloud.com/display-name: \(display)\n"
            return ["name": .string("\(name)--logs"), "tag": "4.x", "values": .string(values)]
        }
        let bare: JSONValue = ["name": "b--logs", "tag": "4.x"]
        #expect(
            try await post("add-on", [layer("a", "one"), bare]).faults
                == ["/spec/template/packs/1/values DuplicatePack"]
        )
        #expect(
            try await post("add-on", [layer("a", "one"), layer("b", "one")]).faults.count == 2
        )
        #expect(try await post("add-on", [layer("a", "one"), layer("b", "two")]).status == 201)
    }

    // CHK-4.2.
    @Test(arguments: [
        ("required", "1.28", "", "DependencyVersion"),
        ("optional", "", "1.26", "DependencyVersion"),
        ("notSupported", "1.27", "1.27", "DependencyNotSupported"),
        ("required", "1.27", "", nil), ("optional", "1.27", "1.27", nil),
        ("notSupported", "1.28", "", nil), ("required", "", "", nil), ("upgrade", "1.28", "", nil),
    ])
    func `dependencies hold within a profile`(
        _ kind: String,
        _ min: String,
        _ max: String,
        _ code: String?
    ) async throws {
        try await bench.importPack(
            "tool",
            "1.0.0",
            constraints: """
                {"dependencies":[{"packName":"kube","layer":"k8s","type":"\(kind)",
                "minVersion":"\(min)","maxVersion":"\(max)"}]}
                """
        )
        let answer = try await post("cluster", Bench.coreLayers + [["name": "tool", "tag": "1.x"]])
        #expect(answer.faults == (code.map { ["/spec/template/packs/4 \($0)"] } ?? []))
        guard code != nil else { return }
        #expect(answer.text.contains("tool 1.0.0") && answer.text.contains("kube"))
    }

    @Test func `a required pack that is missing is named, and is not removed`() async throws {
        let needs = """
            {"dependencies":[{"packName":"logs","layer":"addon","type":"required","minVersion":"4"},
            {"packName":"kube","layer":"k8s","type":"required","minVersion":"1.28"}]}
            """
        try await bench.importPack("tool", "1.0.0", constraints: needs)
        let tool: JSONValue = ["name": "tool", "tag": "1.x"]
        let answer = try await post("add-on", [tool])
        // Its Kubernetes is in another profile of the cluster.
        #expect(answer.faults == ["/spec/template/packs/0 DependencyMissing"], "\(answer.text)")
        #expect(answer.text.contains("tool 1.0.0") && answer.text.contains("logs"))
        let uid = try await bench.create(
            type: "add-on",
            packs: [tool, ["name": "logs", "tag": "4.x"]]
        )
        let removal = try await bench.api.call(
            .delete,
            "/v1/clusterprofiles/\(uid)/packs/logs",
            project: "p1"
        )
        #expect(removal.faults == ["/spec/draft/packs/0 DependencyMissing"])
    }

    @Test func `an upgrade takes other packs along`() async throws {
        try await bench.importPack("tool", "1.0.0")
        let uid = try await bench.create(packs: [
            ["name": "tool", "tag": "1.0.0"], ["name": "logs", "tag": "4.x"],
        ])
        try await bench.importPack(
            "tool",
            "2.0.0",
            constraints: """
                {"dependencies":[{"packName":"logs","type":"upgrade","minVersion":"4.1"}]}
                """
        )
        func upgrade() async throws -> TestAnswer {
            try await bench.api.call(
                .put,
                "/v1/clusterprofiles/\(uid)/packs/tool",
                project: "p1",
                body: ["pack": ["name": "tool", "tag": "2.0.0"]]
            )
        }
        #expect(try await upgrade().faults == ["/spec/draft/packs/0 DependencyVersion"])
        try await bench.importPack("logs", "4.1.0")
        #expect(try await upgrade().status == 204)
    }

    @Test func `a disabled pack stays where it is and goes nowhere else`() async throws {
        let layers: [JSONValue] = [["name": "logs", "tag": "4.0.1"]]
        let used = try await bench.create("used", packs: layers, publish: true)
        let drafted = try await bench.create("drafted", packs: layers)
        try setState("disabled", of: "logs")
        #expect(
            try await post("add-on", layers).faults == ["/spec/template/packs/0/tag PackDisabled"]
        )
        let publish = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(drafted)/publish",
            project: "p1"
        )
        #expect(publish.faults == ["/spec/draft/packs/0/tag PackDisabled"])
        let changed = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(used)/packs/logs",
            project: "p1",
            body: ["pack": ["name": "logs", "tag": "4.0.1", "values": "a: 1\n"]]
        )
        #expect(changed.status == 204, "\(changed.text)")
        try await bench.publish(used)
        #expect(bench.revisionNumbers == [1, 2])
    }

    @Test func `values that break the pack's schema are refused, and those before are not`()
        async throws
    {
        let schema = "port:\n  schema: '{{ required | format \"${number:[1-9]}\" }}'\n"
        try await bench.importPack("web", "1.0.0", values: "port: 5\n", schema: schema)
        func layer(_ values: String) -> JSONValue {
            ["name": "web", "tag": "1.x", "values": .string(values)]
        }
        let place = "/spec/template/packs/0/values/port"
        #expect(try await post("add-on", [layer("port: 10\n")]).faults == [place + " WrongFormat"])
        #expect(try await post("add-on", [layer("")]).faults == [place + " Required"])
        let uid = try await bench.create(packs: [layer("port: 9\n")])
        let narrow = schema.replacing("1-9", with: "1-5")
        try await bench.importPack("web", "1.1.0", values: "port: 5\n", schema: narrow)
        let read = try await bench.get(uid)
        #expect(read.at("status/warnings/0/code") == "WrongFormat")
        #expect(read.at("status/warnings/0/pointer") == "/spec/draft/packs/0/values/port")
        let back = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)",
            project: "p1",
            body: read
        )
        #expect(back.status == 204, "\(back.text)")
        let publish = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/publish",
            project: "p1"
        )
        #expect(publish.faults == ["/spec/draft/packs/0/values/port WrongFormat"])
    }

    @Test func `agent configuration comes first, then the core layers in their order`()
        async throws
    {
        let manifests: JSONValue = [["name": "m", "content": "a: 1\n"]]
        let layers =
            [["name": "logs", "tag": "4.x"]] + Bench.coreLayers.reversed()
            + [["name": "palette-agent-config", "type": "manifest", "manifests": manifests]]
        _ = try await bench.create(type: "cluster", cloudType: "edge", packs: layers, publish: true)
        let content = try #require(bench.announced.revisions.withLock { $0.first?.content })
        let names = try JSONParser.parse(content)["layers"]?.elements?.map {
            $0["name"]?.text ?? ""
        }
        #expect(names == ["palette-agent-config", "linux", "kube", "net", "disk", "logs"])
    }

    @Test func `validation answers for each pack and for the whole`() async throws {
        try setState("deprecated", of: "logs")
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles/validate/packs",
            body: [
                "type": "infra", "cloudType": "edge",
                "packs": .array(
                    Array(Bench.coreLayers.prefix(3)) + [["name": "logs", "tag": "4.x"]]
                ),
            ]
        )
        #expect(answer.json.at("packs/results/3/name") == "logs")
        #expect(answer.json.at("packs/results/3/errors") == [])
        let warnings = answer.json.at("packs/results/3/warnings")?.elements?.map { $0["code"] }
        #expect(warnings == ["AddOnInInfra", "PackDeprecated"], "\(answer.text)")
        #expect(answer.json.at("packs/results/4/errors/0/code") == "CoreLayerMissing")
        #expect(answer.json.at("packs/results/4/name") == "")
    }
}
