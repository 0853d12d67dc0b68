import APIKit
import Appliances
import Archive
import Audit
import Crypto
import Glibc
import HTTPCore
import JSON
import Macros
import Packs
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

/// A server's profiles with everything beneath them: packs that relink them, and appliances that
/// follow them.
final class Bench: Sendable {
    let database: Database
    let packs: Packs
    let profiles: Profiles
    let appliances: Appliances
    let api: TestDispatcher
    let announced = Announced()

    final class Announced: Sendable {
        let revisions = Mutex<[RevisionNotice]>([])
        let deleted = Mutex<[String]>([])
        let broken = Mutex<[String]>([])
        let slowRuns = Mutex(0)
    }

    init(clock: Clock = .fixed(TestDispatcher.moment)) throws {
        database = try TestDatabase.make(clock: clock)
        appliances = Appliances(
            database: database,
            sealing: SealingKey(),
            profileTemplates: Profiles.templates,
            onChange: { _ in }
        )
        let profiles = Profiles(
            database: database,
            archives: ProfileArchives(
                serverURL: { "https://easel.example:8443" },
                caCertificate: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                signingKey: try SigningKey(seed: Array(repeating: 7, count: 32)),
                tokens: appliances.tokens,
                runSlow: { [announced] work in
                    announced.slowRuns.withLock { $0 += 1 }
                    return try work()
                }
            ),
            onRevision: { [announced] notice in announced.revisions.withLock { $0.append(notice) }
            },
            onDelete: { [announced] uid in announced.deleted.withLock { $0.append(uid) } },
            onBroken: { [announced] uid, _ in announced.broken.withLock { $0.append(uid) } }
        )
        self.profiles = profiles
        packs = Packs(database: database) { notice, tx in
            try profiles.relink(
                registryUID: notice.registryUID,
                packName: notice.packName,
                version: notice.version,
                tx
            )
        }
        let macros = Macros(
            database: database,
            users: Profiles.macroUsers,
            onChange: { notice, tx in try profiles.macrosChanged(notice, tx) }
        )
        _ = try database.writeBlocking { tx in
            for (index, uid) in ["t1", "t2"].enumerated() {
                _ = try tx.run(
                    "INSERT INTO tenant (uid, name, created_at) VALUES ($1, $1, $2)",
                    .text(uid),
                    .int(index)
                )
            }
            for (uid, tenant) in [("p1", "t1"), ("p2", "t1"), ("q1", "t2")] {
                _ = try tx.run(
                    """
                    INSERT INTO project (uid, tenant_uid, name, description, labels, version,
                        created_at, modified_at) VALUES ($1, $2, 'Project ' || $1, '', '{}', 1, 1, 1)
                    """,
                    .text(uid),
                    .text(tenant)
                )
            }
            return try Packs.ensureDefaultRegistry(tx)
        }
        var authenticator = FakeAuthenticator()
        authenticator.principals["reader"] = .person(
            "u8",
            of: "t1",
            may: ["clusterProfile.get", "clusterProfile.list"]
        )
        api = TestDispatcher(
            profiles.endpoints + appliances.endpoints + macros.endpoints,
            authenticator: authenticator,
            clock: clock
        )
    }

    /// Imports a pack made up of these; the values say the version, so that versions differ.
    func importPack(
        _ name: String,
        _ version: String,
        layer: String = "addon",
        values: String? = nil,
        cloudTypes: [String] = ["all"],
        schema: String? = nil,
        constraints: String? = nil,
        chart: Bool = false
    ) async throws {
        let folder = try TemporaryDirectory.make() + "/\(name)-\(version)"
        for part in ["", "/manifests", "/charts"] { mkdir(folder + part, 0o755) }
        var files: [String: [UInt8]] = [:]
        files["pack.json"] = Array(
            """
            {"name":"\(name)","displayName":"\(name)","version":"\(version)","layer":"\(layer)",
             "cloudTypes":[\(cloudTypes.map { "\"\($0)\"" }.joined(separator: ","))],
             "constraints":\(constraints ?? "null"),"addonType":"logging","annotations":{"source":"community"},
             "kubeManifests":["manifests/own.yaml"],
             "charts":[\(chart ? "\"charts/tool-0.1.0.tgz\"" : "")]}
            """.utf8
        )
        files["values.yaml"] = Array(
            (values ?? """
                # spectrocloud.com/enabled-presets: API:api-on
                pack:
                  namespace: \(name)
                # what it is
                manifests:
                  own:
                    version: \(version)
                    api: true

                """).utf8
        )
        files["manifests/own.yaml"] = Array("kind: Namespace\nmetadata: {name: own}\n".utf8)
        files["presets.yaml"] = Array(
            """
            presets:
              - {name: api-off, displayName: No API, group: API, remove: [manifests.own.api], add: ""}
              - {name: api-on, displayName: API, group: API, remove: [], add: "manifests: {own: {api: true}}"}
              - {name: big, displayName: Many, group: Size, add: "manifests: {own: {replicas: 3}}"}
            """.utf8
        )
        if let schema { files["schema.yaml"] = Array(schema.utf8) }
        if chart {
            var tar = TarWriter()
            try tar.addFile("tool/Chart.yaml", Array("name: tool\nversion: 0.1.0\n".utf8))
            files["charts/tool-0.1.0.tgz"] = Gzip.compress(tar.finish())
        }
        for (path, bytes) in files {
            try Files.atomicWrite(path: folder + "/" + path, bytes: bytes)
        }
        let report = try await packs.importFolder(folder, by: AuditActor(tenantUID: "t1"))
        try #require(report.results.map(\.outcome) == [.imported], "\(report.results)")
    }

    /// The layers that Infra and Full profiles have; `importCorePacks` brings their packs.
    static let coreLayers: [JSONValue] = [
        ["name": "linux", "tag": "1.x"], ["name": "kube", "tag": "1.27.x"],
        ["name": "net", "tag": "1.x"], ["name": "disk", "tag": "1.x"],
    ]

    /// Values of two layers of one pack, which need names of their own.
    static let first = "pack:\n  spectrocloud.com/display-name: first\n"
    static let second = "pack:\n  spectrocloud.com/display-name: second\n"

    func importCorePacks() async throws {
        let packs = [
            ("linux", "os", "1.0.0"), ("kube", "k8s", "1.27.0"), ("net", "cni", "1.0.0"),
            ("disk", "csi", "1.0.0"),
        ]
        for (name, layer, version) in packs { try await importPack(name, version, layer: layer) }
    }

    /// Makes a profile and gives its uid.
    func create(
        _ name: String = "site",
        type: String = "system",
        cloudType: String = "all",
        packs: [JSONValue],
        project: String? = "p1",
        publish: Bool = false,
        more: JSONObject = JSONObject()
    ) async throws -> String {
        var metadata: JSONObject = ["name": .string(name)]
        for member in more { metadata[member.key] = member.value }
        let answer = try await api.call(
            .post,
            "/v1/clusterprofiles\(publish ? "?publish=true" : "")",
            project: project,
            body: [
                "metadata": .object(metadata),
                "spec": [
                    "template": [
                        "type": .string(type), "cloudType": .string(cloudType),
                        "packs": .array(packs),
                    ]
                ],
            ]
        )
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(answer.json["uid"]?.text)
    }

    func get(_ uid: String, project: String? = "p1") async throws -> JSONValue {
        let answer = try await api.call(.get, "/v1/clusterprofiles/\(uid)", project: project)
        try #require(answer.status == 200, "\(answer.text)")
        return answer.json
    }

    func publish(_ uid: String, project: String? = "p1") async throws {
        let answer = try await api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/publish",
            project: project
        )
        try #require(answer.status == 204, "\(answer.text)")
    }

    /// All that a write may change, as text: equal before and after means that nothing changed.
    func state() throws -> String {
        try database.read { tx in
            let profiles = try tx.all(
                "SELECT uid, version, modified_at, draft, published_number, name FROM profile ORDER BY uid"
            ) { row in (0..<6).map { row.text($0) }.joined(separator: "|") }
            let revisions = try tx.all(
                "SELECT profile_uid, number, content, source FROM profile_revision ORDER BY profile_uid, number"
            ) { row in (0..<4).map { row.text($0) }.joined(separator: "|") }
            let rows = try tx.first("SELECT count(*) FROM audit") { $0.text(0) } ?? ""
            return (profiles + revisions + [rows]).joined(separator: "\n")
        }
    }

    /// The audit trail of profiles: action and message, oldest first.
    func audit() throws -> [String] {
        try database.read { tx in
            try tx.all(
                "SELECT action FROM audit WHERE resource_kind = 'clusterprofile' ORDER BY rowid"
            ) { $0.text(0) }
        }
    }

    var revisionNumbers: [Int64] { announced.revisions.withLock { $0.map(\.number) } }
}

extension JSONValue {
    /// The member at a path such as `spec/draft/packs/0/version`.
    func at(_ path: String) -> JSONValue? {
        path.split(separator: "/").reduce(Optional(self)) { value, part in
            Int(part).map { value?[$0] } ?? value?[String(part)]
        }
    }
}
