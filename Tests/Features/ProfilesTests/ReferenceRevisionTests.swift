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

/// What becomes of references and variables when profiles are rolled back, held, copied and read.
@Suite("References in revisions")
struct ReferenceRevisionTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        try await bench.importPack("logs", "4.0.1", values: "zone: '{{ .spectro.macro.zone }}'\n")
        try await setMacro("a")
    }

    private func setMacro(_ value: String, in project: String = "p1") async throws {
        let answer = try await bench.api.call(
            .put,
            "/v1/projects/\(project)/macros",
            body: ["macros": [["name": "zone", "value": .string(value)]]]
        )
        try #require(answer.status == 204, "\(answer.text)")
    }

    private func call(
        _ method: HTTPMethod,
        _ target: String,
        _ body: JSONValue? = nil
    ) async throws -> TestAnswer {
        let target = "/v1/clusterprofiles\(target)"
        return try await bench.api.call(method, target, project: "p1", body: body)
    }

    /// A published profile with one variable, `v`, that its one layer refers to.
    private func profile(
        _ layer: JSONValue,
        _ value: String,
        isSensitive: Bool = false
    ) async throws -> String {
        let answer = try await call(
            .post,
            "?publish=true",
            [
                "metadata": ["name": "site"],
                "spec": [
                    "template": ["type": "system", "packs": [layer]],
                    "variables": [variable(value, isSensitive: isSensitive)],
                ],
            ]
        )
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(answer.json["uid"]?.text)
    }

    private func variable(_ value: String, isSensitive: Bool = false) -> JSONValue {
        [
            "name": "v", "defaultValue": .string(value), "isSensitive": .bool(isSensitive),
            "inputType": "multiline",
        ]
    }

    private func publish(_ uid: String, _ value: String, isSensitive: Bool = false) async throws {
        let changed = try await call(
            .patch,
            "/\(uid)/variables",
            ["variables": [variable(value, isSensitive: isSensitive)]]
        )
        try #require(changed.status == 204, "\(changed.text)")
        try await bench.publish(uid)
    }

    /// The values of the first layer of the newest revision, as followers get them.
    private func published() throws -> String? {
        let notice = try #require(bench.announced.revisions.withLock { $0.last })
        let layer = try ProfileRevision(JSONParser.parse(notice.content)).layers.first
        return try bench.database.read { tx in
            try layer.flatMap { try BlobStore.text($0.values.digest, tx) }
        }
    }

    private let both: JSONValue = [
        "name": "x", "type": "manifest", "manifests": [["name": "m", "content": "kind: A\n"]],
        "values": "v: {{ .spectro.var.v }}\nm: {{ .spectro.macro.zone }}\n",
    ]

    @Test func `a roll back brings variables back, and macros as they are now`() async throws {
        let uid = try await profile(both, "1")
        try await publish(uid, "2")
        try await setMacro("b")
        #expect(try published() == "v: 2\nm: b\n")
        #expect(try await call(.post, "/\(uid)/revisions/1/rollback").status == 201)
        #expect(try published() == "v: 1\nm: b\n")
        let drafted = try await call(.get, "/\(uid)/variables").json
        #expect(drafted.at("variables/0/defaultValue") == "1")
        try await setMacro("c")
        #expect(try published() == "v: 1\nm: c\n")
        #expect(bench.revisionNumbers == [1, 2, 3, 4, 5])
        // With the macros of now it is what is published.
        #expect(try await call(.post, "/\(uid)/revisions/1/rollback").code == "Conflict")
    }

    @Test func `a roll back leaves variables that are not published`() async throws {
        let uid = try await profile(both, "1")
        try await publish(uid, "2")
        let changed = try await call(.patch, "/\(uid)/variables", ["variables": [variable("3")]])
        try #require(changed.status == 204)
        #expect(try await call(.post, "/\(uid)/revisions/1/rollback").status == 201)
        #expect(try published() == "v: 1\nm: a\n")
        let drafted = try await call(.get, "/\(uid)/variables").json
        #expect(drafted.at("variables/0/defaultValue") == "3")
    }

    @Test func `a held layer stays with its pack and follows macros`() async throws {
        let uid = try await profile(["name": "logs", "tag": "4.x"], "1")
        #expect(try await call(.patch, "/\(uid)/packs/logs/hold").status == 204)
        try await bench.importPack(
            "logs",
            "4.1.0",
            values: "zone: '{{ .spectro.macro.zone }}'\nnew: 1\n"
        )
        try await setMacro("b")
        #expect(try published() == "zone: 'b'\n")
        #expect(try await call(.patch, "/\(uid)/packs/logs/release").status == 204)
        #expect(try published() == "zone: 'b'\nnew: 1\n")
    }

    @Test func `no reader is shown a sensitive value`() async throws {
        try await bench.importPack("web", "1.0.0", values: "v: '{{ .spectro.var.v }}'\n")
        let uid = try await profile(["name": "web", "tag": "1.0.0"], "hunter2", isSensitive: true)
        #expect(try published() == "v: 'hunter2'\n")
        try await publish(uid, "hunter3", isSensitive: true)
        #expect(try published() == "v: 'hunter3'\n")
        for target in [
            "", "/variables", "/packs", "/packs/web", "/export", "/revisions/1", "/revisions/2",
            "/revisions/diff?from=1&to=2", "/revisions/blame?layer=web",
            "/revisions/blame?layer=web&path=/v",
        ] {
            let answer = try await call(.get, "/\(uid)\(target)")
            #expect(answer.status == 200, "\(target) \(answer.text)")
            #expect(!answer.text.contains("hunter"), "\(target) \(answer.text)")
        }
        let diff = try await call(.get, "/\(uid)/revisions/diff?from=1&to=2")
        #expect(diff.text.contains("-v: '********'"), "\(diff.text)")
    }

    @Test func `a secret of several lines is masked where it is indented`() {
        let hidden = SensitiveValues([
            ["name": "v", "isSensitive": true, "defaultValue": "one\n  two\n"]
        ])
        let shown = hidden.masked("k: |\n    one\n      two\n")
        #expect(shown == "k: |\n    ********\n      ********\n")
    }

    @Test func `a clone needs the macros where it is to be`() async throws {
        let uid = try await profile(both, "1")
        let body: JSONValue = [
            "metadata": ["name": "copy", "target": ["scope": "project", "projectUid": "p2"]]
        ]
        let refused = try await call(.post, "/\(uid)/clone", body)
        #expect(refused.faults == ["/spec/draft/packs/0/values UnknownMacro"])
        try await setMacro("other", in: "p2")
        #expect(try await call(.post, "/\(uid)/clone", body).status == 201)
    }

    @Test func `an import takes variables, and needs what it refers to`() async throws {
        func send(_ variables: JSONValue) async throws -> TestAnswer {
            try await call(
                .post,
                "/import?publish=true",
                [
                    "metadata": ["name": "carried"],
                    "spec": [
                        "template": ["type": "system", "packs": [both]], "variables": variables,
                    ],
                ]
            )
        }
        #expect(try await send([]).faults == ["/spec/template/packs/0/values UnknownVariable"])
        let wrong = try await send([["name": "v", "format": "ipv4", "defaultValue": "x"]])
        #expect(wrong.faults == ["/spec/variables/0/defaultValue InvalidValue"])
        #expect(try await send([["name": "v", "defaultValue": "1"]]).status == 201)
        #expect(try published() == "v: 1\nm: a\n")
    }
}
