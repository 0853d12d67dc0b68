import HTTPCore
import JSON
import Packs
import Storage
import TestSupport
import Testing
import YAML

@testable import Profiles

@Suite("Carrying profiles from server to server")
struct TransferTests {
    let bench: Bench

    private static let schema = """
        db.password:
          schema: '{{ required | format "${password}" }}'
        users.$[].secret:
          schema: '{{ format "${password}" }}'
        db.port:
          schema: '{{ format "${number}" }}'

        """

    private static let values = """
        # how to reach it
        db:
          port: 5432
          password: 'hunter 2'   # kept in a safe
        users:
          - name: a
            secret: one
          - {name: b, secret: "two"}
          - name: c
            secret: "{{ .spectro.macro.third }}"
          - secret: |
              four
            name: d

        """

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1", schema: Self.schema)
        try await bench.importPack("web", "1.2.0")
        let macros = try await bench.api.call(
            .put,
            "/v1/projects/p1/macros",
            body: ["macros": [["name": "third", "value": "x"]]]
        )
        try #require(macros.status == 204)
    }

    private func export(
        _ uid: String,
        _ format: String = "json",
        of bench: Bench? = nil
    ) async throws -> TestAnswer {
        try await (bench ?? self.bench).api.call(
            .get,
            "/v1/clusterprofiles/\(uid)/export?format=\(format)",
            project: "p1"
        )
    }

    private func take(
        _ body: JSONValue,
        into bench: Bench? = nil,
        _ suffix: String = ""
    ) async throws -> TestAnswer {
        try await (bench ?? self.bench).api.call(
            .post,
            "/v1/clusterprofiles/import" + suffix,
            project: "p1",
            body: body
        )
    }

    private func file(
        _ bytes: [UInt8],
        _ format: String,
        into bench: Bench,
        part: String = "importFile",
        type: String = "multipart/form-data; boundary=\"a b\""
    ) async throws -> TestAnswer {
        let head =
            "--a b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n"
            + "--a b\r\nContent-Disposition: form-data; name=\"\(part)\"; filename=\"p\"\r\n"
            + "Content-Type: application/octet-stream\r\n\r\n"
        return try await bench.api.call(
            .post,
            "/v1/clusterprofiles/import/file?format=\(format)",
            project: "p1",
            headers: [("Content-Type", type)],
            raw: Array(head.utf8) + bytes + Array("\r\n--a b--\r\n".utf8)
        )
    }

    private func layers(_ bench: Bench, _ uid: String) async throws -> JSONValue? {
        guard case .object(var template)? = try await bench.get(uid).at("spec/draft") else {
            return nil
        }
        let packs = (template["packs"]?.elements ?? []).map { pack -> JSONValue in
            guard case .object(var members) = pack else { return pack }
            for name in ["packUid", "registryUid", "digest"] { members[name] = nil }
            let manifests = (members["manifests"]?.elements ?? []).map { $0["name"] ?? .null }
            members["manifests"] = .array(manifests)
            return .object(members)
        }
        template["packs"] = .array(packs)
        template["uid"] = nil
        return .object(template)
    }

    @Test(arguments: ["json", "yaml"])
    func `what is exported is the same profile on another server`(_ format: String) async throws {
        let uid = try await bench.create(
            packs: [
                ["name": "web", "tag": "1.x", "values": .string(Bench.first)],
                [
                    "name": "b--web", "tag": "1.2.0",
                    "values": .string("a: 1 # note\r\nb: ' '\n" + Bench.second),
                ],
                ProfileWriteTests.manifestLayer,
            ],
            more: ["labels": ["site": "a"], "annotations": ["description": "one\ntwo"]]
        )
        let exported = try await export(uid, format)
        #expect(exported.status == 200, "\(exported.text)")
        #expect(exported.response.contentType == .octetStream)
        #expect(
            exported.header("Content-Disposition")
                == "attachment; filename=\"site-1.0.0.\(format)\""
        )
        let other = try Bench()
        try await other.importPack("web", "1.2.0")
        let answer = try await file(exported.body, format, into: other)
        #expect(answer.status == 201, "\(answer.text)")
        let copy = try #require(answer.json["uid"]?.text)
        #expect(try await layers(other, copy) == layers(bench, uid))
        for path in ["metadata/labels", "metadata/annotations", "metadata/name", "spec/version"] {
            #expect(try await other.get(copy).at(path) == bench.get(uid).at(path))
        }
        #expect(try await export(copy, format, of: other).body.count == exported.body.count)
        #expect(try other.audit() == ["create"])
    }

    // CHK-3.6.
    @Test func `secrets are masked, and have to be filled in`() async throws {
        let uid = try await bench.create(
            packs: [["name": "logs", "tag": "4.0.1", "values": .string(Self.values)]]
        )
        let exported = try await export(uid).json
        let masked = exported.at("spec/template/packs/0/values")?.text
        #expect(
            masked
                == Self.values.replacing("'hunter 2'", with: "\"********\"")
                .replacing("secret: one", with: "secret: \"********\"")
                .replacing("\"two\"", with: "\"********\"")
                .replacing("|\n      four\n", with: "\"********\"\n")
        )
        guard case .object(var body) = exported, case .object(var metadata)? = body["metadata"]
        else { return }
        metadata["name"] = "again"
        body["metadata"] = .object(metadata)
        let before = try bench.state()
        let refused = try await take(.object(body))
        #expect(refused.status == 400, "\(refused.text)")
        let fault = "/spec/template/packs/0/values MaskedValue"
        #expect(refused.faults == [fault, fault, fault, fault])
        #expect(try bench.state() == before)
        let filled = JSONValue.object(body).jsonBytes()
        let text = String(decoding: filled, as: UTF8.self).replacing("********", with: "new")
        let answer = try await take(try JSONParser.parse(Array(text.utf8)))
        #expect(answer.status == 201, "\(answer.text)")
    }

    @Test(arguments: [
        "db: {password: x\n", "{{ if .spectro.macro.a }}\ndb: {password: x}\n{{ end }}\n",
        "base: &p x\ndb: {password: *p}\n",
    ])
    func `values are masked as a whole when nobody knows where the secret is`(_ text: String) {
        #expect(MaskedSecrets.masked(text, ["db.password"]) == MaskedSecrets.maskedText)
        #expect(MaskedSecrets.masks(in: MaskedSecrets.maskedText, ["db.password"]) == nil)
        #expect(MaskedSecrets.masked(text, []) == text)
    }

    @Test func `the data of a Secret in a manifest is masked, and nothing else of it`() {
        let secret = """
            # for the database
            apiVersion: v1
            kind: Secret
            metadata:
              name: db
            stringData:
              user: admin
              key: |
                one
                two
              macro: "{{ .spectro.macro.third }}"
            """
        let masked = MaskedSecrets.masked(manifest: secret)
        #expect(
            masked == """
                # for the database
                apiVersion: v1
                kind: Secret
                metadata:
                  name: db
                stringData:
                  user: "********"
                  key: "********"
                  macro: "{{ .spectro.macro.third }}"
                """
        )
        #expect(MaskedSecrets.isMasked(manifest: masked))
        let other = "kind: ConfigMap\ndata:\n  password: a\n"
        #expect(MaskedSecrets.masked(manifest: other) == other)
        #expect(!MaskedSecrets.isMasked(manifest: "# ********\nkind: List\n"))
    }

    @Test func `a manifest that is masked still is not imported`() async throws {
        let uid = try await bench.create(
            packs: [
                [
                    "name": "keys", "type": "manifest",
                    "manifests": [
                        ["name": "db", "content": "kind: Secret\nstringData:\n  user: admin\n"]
                    ],
                ]
            ]
        )
        let exported = try await export(uid)
        #expect(!exported.text.contains("admin"))
        guard case .object(var body) = exported.json, case .object(var metadata)? = body["metadata"]
        else { return }
        metadata["name"] = "again"
        body["metadata"] = .object(metadata)
        let answer = try await take(.object(body))
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.faults == ["/spec/template/packs/0/manifests/0/content MaskedValue"])
    }

    @Test func `sensitive variables are masked, and have to be filled in`() async throws {
        let variables: JSONValue = [
            ["name": "open", "defaultValue": "a"],
            ["name": "token", "isSensitive": true, "defaultValue": "hunter2"],
            ["name": "pin", "isSensitive": true, "defaultValue": "1234"],
        ]
        let made = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            project: "p1",
            body: [
                "metadata": ["name": "v"],
                "spec": ["template": ["type": "system"], "variables": variables],
            ]
        )
        let exported = try await export(made.json["uid"]?.text ?? "").json
        #expect(exported.at("spec/variables/0/defaultValue") == "a")
        #expect(exported.at("spec/variables/1/defaultValue") == "********")
        let refused = try await take(exported)
        #expect(
            refused.faults == [
                "/spec/variables/1/defaultValue MaskedValue",
                "/spec/variables/2/defaultValue MaskedValue", "/metadata/name DuplicateName",
            ]
        )
    }

    @Test func `a pack that is missing blocks an import, with all else that is wrong`()
        async throws
    {
        let body: JSONValue = [
            "metadata": ["name": "site", "labels": 5],
            "spec": [
                "template": [
                    "type": "system",
                    "packs": [
                        ["name": "gone", "tag": "1.0.0"], ["name": "web", "version": "9.9.9"],
                        ["name": "logs", "tag": "4.0.1", "values": "\"********\"\n"],
                        ["name": "web", "tag": "1.x", "values": "a: ["],
                    ],
                ]
            ],
        ]
        let before = try bench.state()
        let answer = try await take(body)
        let at = "/spec/template/packs"
        #expect(
            Set(answer.faults) == [
                "/metadata/labels WrongType", at + "/0/tag UnknownPack", at + "/1/tag UnknownPack",
                at + "/2/values MaskedValue", at + "/3/values InvalidYAML",
                at + "/3/name DuplicateName",
            ],
            "\(answer.faults)"
        )
        #expect(try bench.state() == before)
    }

    @Test func `validating shows the registries to choose from, and a name that is taken`()
        async throws
    {
        func validate(_ name: String) async throws -> TestAnswer {
            try await take(
                [
                    "metadata": ["name": .string(name)],
                    "spec": [
                        "template": [
                            "type": "system",
                            "packs": [
                                [
                                    "name": "web", "tag": "1.x",
                                    "registry": ["metadata": ["name": "Public Repo"]],
                                ], ["name": "gone", "tag": "1.0.0"],
                                ProfileWriteTests.manifestLayer,
                            ],
                        ]
                    ],
                ],
                "/validate"
            )
        }
        _ = try await bench.create(packs: [])
        let before = try bench.state()
        let answer = try await validate("free")
        #expect(answer.status == 200, "\(answer.text)")
        let packs = answer.json.at("spec/template/packs")
        #expect(packs?.at("0/registry/metadata/name") == "Public Repo")
        #expect(packs?.at("0/registry/matchingRegistries")?.elements?.count == 1)
        #expect(packs?.at("1/registry/matchingRegistries") == [])
        #expect(packs?.at("2/registry") == nil)
        #expect(try await validate("site").code == "DuplicateName")
        #expect(try bench.state() == before)
    }

    @Test func `an import is published at once when it is asked for`() async throws {
        let body: JSONValue = [
            "metadata": ["name": "now"],
            "spec": ["template": ["type": "system", "packs": [ProfileWriteTests.manifestLayer]]],
        ]
        let answer = try await take(body, "?publish=true")
        #expect(answer.status == 201)
        let uid = answer.json["uid"]?.text ?? ""
        #expect(try await bench.get(uid).at("status/isPublished") == true)
        #expect(try await take(body).status == 409)
    }

    @Test func `a file that cannot be read is refused with the place`() async throws {
        let before = try bench.state()
        let json = try await file(Array("{\"a\":}".utf8), "json", into: bench)
        #expect(json.faults == ["/importFile InvalidJSON"])
        #expect(json.message.contains("line 1, column 6"))
        let yaml = try await file(Array("a: [".utf8), "yaml", into: bench)
        #expect(yaml.faults == ["/importFile InvalidYAML"])
        #expect(
            try await file(Array("- a\n".utf8), "yaml", into: bench).faults == [
                "/importFile WrongType"
            ]
        )
        #expect(
            try await file([], "json", into: bench, part: "other").faults == [
                "/importFile Required"
            ]
        )
        #expect(try await file([], "toml", into: bench).faults == ["query/format NotAllowed"])
        let cut = try await file([], "json", into: bench, type: "multipart/form-data; boundary=z")
        #expect(cut.faults == [" InvalidForm"])
        #expect(try await file([], "json", into: bench, type: "application/json").status == 415)
        #expect(try bench.state() == before)
    }
}
