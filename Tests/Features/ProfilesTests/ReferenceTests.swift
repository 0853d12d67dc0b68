import AgentContract
import APIKit
import HTTPCore
import JSON
import Packs
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("References of profiles")
struct ReferenceTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "1.0.0")
    }

    private func put(_ values: KeyValuePairs<String, String>) async throws -> TestAnswer {
        try await put("/v1/projects/p1/macros", values)
    }

    private func put(
        _ target: String,
        _ values: KeyValuePairs<String, String>
    ) async throws -> TestAnswer {
        let macros = values.map { JSONValue.object(["name": .string($0), "value": .string($1)]) }
        return try await bench.api.call(
            .put,
            target,
            body: ["macros": .array(macros)]
        )
    }

    private func layer(_ name: String, _ values: String, manifest: String = "kind: A\n")
        -> JSONValue
    {
        [
            "name": .string(name), "type": "manifest", "values": .string(values),
            "manifests": [["name": "m", "content": .string(manifest)]],
        ]
    }

    /// The values and manifests of the newest revision, in the order of its layers.
    private func published() throws -> [String] {
        let notice = try #require(bench.announced.revisions.withLock { $0.last })
        let revision = try ProfileRevision(JSONParser.parse(notice.content))
        return try bench.database.read { tx in
            try revision.layers.flatMap { layer in
                try ([layer.values.digest] + layer.manifests.map(\.part.digest)).map {
                    try BlobStore.text($0, tx) ?? ""
                }
            }
        }
    }

    private func create(
        _ layers: [JSONValue],
        name: String = "site",
        type: String = "system",
        variables: [JSONValue] = [],
        project: String? = "p1",
        publish: Bool = true
    ) async throws -> TestAnswer {
        try await bench.api.call(
            .post,
            "/v1/clusterprofiles\(publish ? "?publish=true" : "")",
            project: project,
            body: [
                "metadata": ["name": .string(name)],
                "spec": [
                    "version": "1.2.3", "variables": .array(variables),
                    "template": ["type": .string(type), "packs": .array(layers)],
                ],
            ]
        )
    }

    // CHK-3.5.
    @Test func `a revision has the values of the narrowest scope, the draft what was written`()
        async throws
    {
        _ = try await put("/v1/users/system/macros", ["a": "system", "b": "system"])
        _ = try await put("/v1/tenants/t1/macros", ["a": "tenant"])
        _ = try await put(["a": "project"])
        let text = "a: {{ .spectro.macro.a | upper }}\nb: {{ .spectro.macro.b }}\n"
        let uid = try #require(
            try await create([layer("x", text, manifest: "m: {{ .spectro.macro.a }}\n")])
                .json["uid"]?.text
        )
        #expect(try published() == ["a: PROJECT\nb: system\n", "m: project\n"])
        let shown = try await bench.get(uid)
        #expect(shown.at("spec/draft/packs/0/values") == .string(text))
        #expect(shown.at("spec/published/packs/0/values") == .string(text))
        #expect(shown.at("status/hasUserMacros") == true)
        _ = try await create([layer("x", text)], name: "of the tenant", project: nil)
        #expect(try published() == ["a: TENANT\nb: system\n", "kind: A\n"])
    }

    @Test func `what the server knows is filled in, and the rest stays for whoever knows it`()
        async throws
    {
        let answer = try await create([
            layer(
                "x",
                """
                p: {{ .spectro.system.project.name }} {{ .spectro.system.project.uid }}
                t: {{ .spectro.system.tenant.uid }}
                v: {{ .spectro.system.clusterprofile.name }} {{ .spectro.system.clusterprofile.version }}
                c: {{ .spectro.system.cluster.name | upper }}
                g: {{ .Values.other }}

                """
            )
        ])
        #expect(answer.status == 201, "\(answer.text)")
        #expect(
            try published().first == """
                p: Project p1 p1
                t: t1
                v: site 1.2.3
                c: {{ .spectro.system.cluster.name | upper }}
                g: {{ .Values.other }}

                """
        )
        let uid = try #require(answer.json["uid"]?.text)
        #expect(try await bench.get(uid).at("status/hasUserMacros") == false)
    }

    // CHK-3.5.
    @Test func `values of other layers are filled in, and what is missing is empty`() async throws {
        _ = try await put(["port": "8080"])
        let answer = try await create([
            ["name": "logs", "tag": "1.x"],
            layer("a.b", "port: {{ .spectro.macro.port }}\nlist: [x, {y: z}]\n"),
            layer(
                "x",
                """
                ns: {{ .spectro.pack.logs.pack.namespace | quote }}
                api: {{ .spectro.pack.logs.manifests.own.api }}
                port: {{ .spectro.pack.a.b.port }}
                y: {{ .spectro.pack.a.b.list.1.y }}
                none: "{{ .spectro.pack.a.b.nothing }}"
                gone: "{{ .spectro.pack.nobody.x }}"
                default: {{ .spectro.pack.logs.nothing | default "x" }}

                """
            ),
        ])
        #expect(answer.status == 201, "\(answer.text)")
        #expect(
            try published().contains(
                """
                ns: "logs"
                api: true
                port: 8080
                y: z
                none: ""
                gone: ""
                default: x

                """
            )
        )
        // A relink of the other layer is seen.
        try await bench.importPack("logs", "1.1.0", values: "pack: {namespace: moved}\n")
        #expect(try published().contains { $0.hasPrefix("ns: \"moved\"\napi: \n") })
    }

    @Test(arguments: [
        ("a: {{ .spectro.macro.x", "values UnbalancedBraces", "line 1, column 4"),
        ("a: 1\nb: {{ .spectro.macro.none }}", "values UnknownMacro", "line 2, column 4"),
        ("a: {{ .spectro.system.none }}", "values UnknownMacro", "line 1, column 4"),
        ("a: {{ .spectro.var.none }}", "values UnknownVariable", "line 1, column 4"),
        ("a: {{ .spectro.macro.x | shout }}", "values UnknownFunction", "shout"),
        ("a: {{ .spectro.var.v | upper }}", "values FunctionNotAllowed", "line 1"),
        ("a: [{{ .spectro.macro.x }}", "values InvalidYAML", "line"),
    ])
    func `a broken reference is refused when it is saved`(
        values: String,
        fault: String,
        words: String
    ) async throws {
        _ = try await put(["x": "1"])
        let before = try bench.state()
        let answer = try await create(
            [layer("x", values)],
            variables: [["name": "v"]],
            publish: false
        )
        #expect(answer.faults == ["/spec/template/packs/0/\(fault)"])
        #expect(answer.text.contains(words), "\(answer.text)")
        #expect(try bench.state() == before)
        let uid = try await bench.create(packs: [["name": "logs", "tag": "1.x"]])
        let manifest = try await bench.api.call(
            .post,
            "/v1/clusterprofiles/\(uid)/packs/logs/manifests",
            project: "p1",
            body: ["name": "m", "content": "a: {{ .spectro.macro.none }}"]
        )
        #expect(manifest.faults == ["/content UnknownMacro"])
        let changed = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/logs",
            project: "p1",
            body: ["pack": ["name": "logs", "tag": "1.x", "values": "a: {{ .spectro.var.q }}"]]
        )
        #expect(changed.faults == ["/pack/values UnknownVariable"])
    }

    @Test(arguments: [
        ("a: {{ .spectro.pack.logs.pack }}", "NoText"),
        ("a: {{ .spectro.pack.y.x }}", "NestedReference"),
        ("a: {{ .spectro.var.v }}", "RequiredValue"),
        ("a: {{ .spectro.macro.lines }}", "SeveralLines"),
        ("a: {{ .spectro.macro.odd }}", "InvalidYAML"),
    ])
    func `what cannot be resolved is refused when it is published`(
        values: String,
        code: String
    ) async throws {
        _ = try await put(["lines": "a\nb: secret", "odd": "a: 'secret"])
        let layers: [JSONValue] = [
            ["name": "logs", "tag": "1.0.0"], layer("y", "x: {{ .spectro.pack.logs.a }}"),
            layer("x", values),
        ]
        let variables: [JSONValue] = [["name": "v", "required": true]]
        #expect(try await create(layers, variables: variables, publish: false).status == 201)
        let answer = try await create(layers, name: "other", variables: variables)
        #expect(answer.faults == ["/spec/draft/packs/2/values \(code)"])
        #expect(!answer.text.contains("secret"))
    }

    @Test func `a changed macro makes a revision of whoever uses it, and of nobody else`()
        async throws
    {
        _ = try await put(["a": "1", "b": "1"])
        _ = try await create([layer("x", "a: {{ .spectro.macro.a }}\n")], name: "uses a")
        _ = try await create([layer("x", "b: {{ .spectro.macro.b }}\n")], name: "uses b")
        _ = try await create(
            [layer("x", "a: {{ .spectro.macro.a }}\n")],
            name: "draft",
            publish: false
        )
        #expect(bench.revisionNumbers == [1, 1])
        #expect(try await put(["a": "2", "b": "1"]).status == 204)
        #expect(bench.revisionNumbers == [1, 1, 2])
        #expect(try published() == ["a: 2\n", "kind: A\n"])
        #expect(try bench.audit().last == "resolve")
        let causes = try bench.database.read { tx in
            try tx.all("SELECT cause, note FROM profile_revision WHERE number = 2") {
                "\($0.text(0)) \($0.text(1))"
            }
        }
        #expect(causes == ["resolve Resolved profile 'uses a' 1.2.3 with macros a"])
        // What a narrower scope hides changes nothing.
        #expect(try await put("/v1/tenants/t1/macros", ["a": "3"]).status == 204)
        #expect(bench.revisionNumbers == [1, 1, 2])
        // Without the narrower one the wider one holds.
        #expect(try await put(["b": "1"]).status == 204)
        #expect(try published() == ["a: 3\n", "kind: A\n"])
    }

    @Test func `a change that a published profile cannot take is refused whole`() async throws {
        _ = try await put(["a": "1"])
        _ = try await create([layer("x", "a: {{ .spectro.macro.a }}\n")])
        let before = try bench.state()
        let answer = try await put(["a": "secret\nb: 1"])
        #expect(answer.status == 400)
        #expect(answer.message.contains("SeveralLines") == false && !answer.text.contains("secret"))
        #expect(answer.message.contains("line 1, column 4"), "\(answer.text)")
        #expect(try bench.state() == before)
        let shown = try await bench.api.call(.get, "/v1/projects/p1/macros")
        #expect(shown.json["macros"]?[0]?["value"] == "1")
    }

    @Test func `a macro that a draft or a revision uses is not deleted`() async throws {
        _ = try await put(["a": "1", "b": "1", "free": "1"])
        let uid = try #require(
            try await create([layer("x", "a: {{ .spectro.macro.a }}\n")]).json["uid"]?.text
        )
        _ = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/x",
            project: "p1",
            body: [
                "pack": ["name": "x", "type": "manifest", "values": "b: {{ .spectro.macro.b }}"]
            ]
        )
        for (values, macro) in [
            (["b": "1", "free": "1"] as KeyValuePairs, "a"), (["a": "1"], "b"),
        ] {
            let answer = try await put(values)
            #expect(answer.code == "ResourceInUse")
            #expect(answer.json["details"]?["profiles"]?[0]?["uid"] == .string(uid))
            #expect(answer.json["details"]?["profiles"]?[0]?["macro"] == .string(macro))
        }
        #expect(try await put(["a": "1", "b": "1"]).status == 204)
        _ = try await bench.api.call(.delete, "/v1/clusterprofiles/\(uid)", project: "p1")
        #expect(try await put([:]).status == 204)
    }

    @Test func `other organisations are neither named nor do they hold up a change`() async throws {
        _ = try await put("/v1/users/system/macros", ["a": "1"])
        let foreign = try await bench.api.call(
            .post,
            "/v1/clusterprofiles?publish=true",
            as: "other-admin",
            project: "q1",
            body: [
                "metadata": ["name": "foreign"],
                "spec": [
                    "template": [
                        "type": "system", "packs": [layer("x", "a: {{ .spectro.macro.a }}\n")],
                    ]
                ],
            ]
        )
        #expect(foreign.status == 201)
        let answer = try await put("/v1/users/system/macros", [:])
        #expect(answer.code == "ResourceInUse")
        #expect(!answer.text.contains("foreign"))
        #expect(try await put("/v1/users/system/macros", ["a": "b: '"]).status == 204)
        #expect(bench.announced.broken.withLock { $0.count } == 1)
        #expect(try await put("/v1/users/system/macros", ["a": "2"]).status == 204)
        #expect(try published() == ["a: 2\n", "kind: A\n"])
    }

    @Test func `an unpublished change goes along with no macro`() async throws {
        _ = try await put(["a": "1"])
        let text = "a: {{ .spectro.macro.a }}\nv: {{ .spectro.var.v }}\n"
        let uid = try #require(
            try await create(
                [layer("x", text)],
                variables: [["name": "v", "defaultValue": "old"]]
            ).json["uid"]?.text
        )
        let changed = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/variables",
            project: "p1",
            body: ["variables": [["name": "v", "defaultValue": "new"]]]
        )
        #expect(changed.status == 204, "\(changed.text)")
        #expect(try await put(["a": "2"]).status == 204)
        #expect(try published().first == "a: 2\nv: old\n")
        try await bench.publish(uid)
        #expect(try published().first == "a: 2\nv: new\n")
    }

    @Test func `an appliance's profiles are shown resolved, secrets masked`() async throws {
        _ = try await put(["a": "1"])
        let uid = try #require(
            try await create(
                [layer("x", "a: {{ .spectro.macro.a }}\ns: {{ .spectro.var.s }}\n")],
                variables: [["name": "s", "defaultValue": "s3cret", "isSensitive": true]]
            ).json["uid"]?.text
        )
        #expect(try published().first == "a: 1\ns: s3cret\n")
        _ = try await bench.api.call(
            .post,
            "/v1/edgehosts",
            project: "p1",
            body: ["metadata": ["uid": "host-1"]]
        )
        let linked = try await bench.api.call(
            .put,
            "/v1/edgehosts/host-1/profiles",
            project: "p1",
            body: ["profiles": [["uid": .string(uid)]]]
        )
        #expect(linked.status == 204, "\(linked.text)")
        for (query, values) in [
            ("", "a: {{ .spectro.macro.a }}\ns: {{ .spectro.var.s }}\n"),
            ("?resolvePackValues=true", "a: 1\ns: ********\n"),
        ] {
            let shown = try await bench.api.call(
                .get,
                "/v1/edgehosts/host-1\(query)",
                project: "p1"
            )
            #expect(
                shown.json.at("spec/clusterProfileTemplates/0/packs/0/values") == .string(values)
            )
        }
    }
}
