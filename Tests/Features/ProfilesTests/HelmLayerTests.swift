import AgentContract
import APIKit
import Appliances
import Archive
import Crypto
import HTTPCore
import JSON
import Packs
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

/// Profiles over packs that may read one Helm repository.
private struct HelmBench {
    let database: Database
    let packs: Packs
    let api: TestDispatcher
    let site: StaticSite
    let registryUID: String

    init(_ site: StaticSite, isPrivate: Bool) async throws {
        self.site = site
        database = try TestDatabase.make(clock: .fixed(TestDispatcher.moment))
        let sealing = SealingKey()
        let appliances = Appliances(
            database: database,
            sealing: sealing,
            profileTemplates: Profiles.templates,
            onChange: { _ in }
        )
        let box = Box()
        let profiles = Profiles(
            database: database,
            archives: ProfileArchives(
                serverURL: { "https://easel.example" },
                caCertificate: nil,
                signingKey: try SigningKey(seed: Array(repeating: 7, count: 32)),
                tokens: appliances.tokens,
                runSlow: { try $0() }
            ),
            onRevision: { _ in },
            prepareChart: { try await box.packs?.prepare($0, tenantUID: $1) }
        )
        packs = Packs(
            database: database,
            sealing: sealing,
            remotes: RegistryRemotes(client: site.client),
            onImport: { notice, tx in
                try profiles.relink(
                    registryUID: notice.registryUID,
                    packName: notice.packName,
                    version: notice.version,
                    tx
                )
            },
            referrers: Profiles.registryReferrers
        )
        box.set(packs)
        try database.writeBlocking { _ = try Packs.ensureDefaultRegistry($0) }
        api = TestDispatcher(
            profiles.endpoints + packs.endpoints,
            clock: .fixed(TestDispatcher.moment)
        )
        let added = try await api.call(
            .post,
            "/v1/registries/helm",
            body: [
                "metadata": ["name": "Charts"],
                "spec": [
                    "endpoint": .string(site.url), "auth": ["type": "noAuth"],
                    "isPrivate": .bool(isPrivate),
                ],
            ]
        )
        try #require(added.status == 201, "\(added.text)")
        registryUID = try #require(added.json["uid"]?.text)
        try await settle()
    }

    private final class Box: Sendable {
        private let stored = Mutex<Packs?>(nil)

        var packs: Packs? { stored.withLock { $0 } }
        func set(_ packs: Packs) { stored.withLock { $0 = packs } }
    }

    func layer(_ tag: String, name: String = "nginx") -> JSONValue {
        [
            "name": .string(name), "type": "helm", "registryUid": .string(registryUID),
            "tag": .string(tag),
        ]
    }

    func create(_ layer: JSONValue) async throws -> TestAnswer {
        try await api.call(
            .post,
            "/v1/clusterprofiles?publish=true",
            body: [
                "metadata": ["name": "site"],
                "spec": ["template": ["type": "system", "packs": [layer]]],
            ]
        )
    }

    /// What an export says of the registry of a profile's first layer.
    func exportsPrivate(_ uid: String) async throws -> Bool? {
        let path = "/v1/clusterprofiles/\(uid)/export?format=json"
        let layer = try await api.call(.get, path).json["spec"]?["template"]?["packs"]?[0]
        return layer?["registry"]?["metadata"]?["isPrivate"]?.flag
    }

    /// The newest revision.
    func revision(_ uid: String) throws -> ProfileRevision {
        let stored = try database.read { tx in
            try ProfileStore.find(uid, tx)?.publishedNumber.flatMap {
                try ProfileStore.revision($0, of: uid, tx)?.content
            }
        }
        return try ProfileRevision(JSONParser.parse(#require(stored), limits: .stored))
    }

    /// Brings the repository up to date and waits for it.
    func sync() async throws {
        let begun = try await api.call(.post, "/v1/registries/helm/\(registryUID)/sync")
        try #require(begun.status == 202, "\(begun.text)")
        try await settle()
    }

    private func settle() async throws { await packs.sync.settle() }
}

@Suite("Layers that are Helm charts")
struct HelmLayerTests {
    @Test func `all charts that cannot be fetched are told at once, where they stand`()
        async throws
    {
        var repository = HelmSite()
        for name in ["nginx", "redis"] { try repository.add(name, "1.0.0") }
        var files = repository.files
        for name in ["nginx", "redis"] { files["charts/\(name)-1.0.0.tgz"] = [1] }
        let site = try StaticSite(files)
        let bench = try await HelmBench(site, isPrivate: false)
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            body: [
                "metadata": ["name": "site"],
                "spec": [
                    "template": [
                        "type": "system",
                        "packs": [
                            bench.layer("1.0.0"), bench.layer("1.0.0", name: "redis"),
                        ],
                    ]
                ],
            ]
        )
        #expect(answer.status == 400)
        let at = "/spec/template/packs"
        #expect(
            answer.faults == ["\(at)/0/tag ChartNotFetched", "\(at)/1/tag ChartNotFetched"]
        )
        await site.stop()
    }

    @Test func `a chart of a private repository is published with its digest and archived`()
        async throws
    {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        let chart = try #require(repository.files["charts/nginx-1.0.0.tgz"])
        let site = try StaticSite(repository.files)
        let bench = try await HelmBench(site, isPrivate: true)
        let created = try await bench.create(bench.layer("1.0.0"))
        try #require(created.status == 201, "\(created.text)")
        #expect(try await bench.exportsPrivate(created.json["uid"]?.text ?? "") == true)
        let uid = try #require(created.json["uid"]?.text)
        let layer = try #require(try bench.revision(uid).layers.first)
        #expect(layer.kind == "helm" && layer.version == "1.0.0")
        #expect(layer.charts.map(\.part.digest) == ["sha256:" + SHA256.digest(chart).hex])
        let search = try await bench.api.call(.post, "/v1/packs/search", body: [:])
        #expect(search.json["items"]?.elements?.isEmpty == true)

        let download = try await bench.api.call(.get, "/v1/clusterprofiles/\(uid)/spc/download")
        let archive = try TarReader.read(download.response.body)
        let packed = archive.entries.first { $0.path.hasSuffix("charts/nginx-1.0.0.tgz") }
        #expect(packed.map { archive.contents(of: $0) } == chart)

        let read = try await bench.api.call(.get, "/v1/clusterprofiles/\(uid)")
        let put = try await bench.api.call(.put, "/v1/clusterprofiles/\(uid)", body: read.json)
        #expect(put.status == 204, "\(put.text)")
        #expect(try await bench.api.call(.get, "/v1/clusterprofiles/\(uid)").text == read.text)
        await site.stop()
    }

    @Test func `a train of a chart is relinked when its repository gains a version`()
        async throws
    {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        let site = try StaticSite(repository.files)
        let bench = try await HelmBench(site, isPrivate: false)
        let created = try await bench.create(bench.layer("1.x"))
        try #require(created.status == 201, "\(created.text)")
        let uid = try #require(created.json["uid"]?.text)
        #expect(try await bench.exportsPrivate(uid) == false)
        try repository.add("nginx", "1.1.0")
        try repository.add("nginx", "2.0.0")
        for (path, bytes) in repository.files { site.put(path, bytes) }
        try await bench.sync()
        let layer = try #require(try bench.revision(uid).layers.first)
        #expect(layer.version == "1.1.0")
        #expect(layer.charts.map(\.file) == ["nginx-1.1.0.tgz"])

        // A repository that loses all its charts takes nothing from who uses them.
        site.put("index.yaml", Array("entries: {}\n".utf8))
        try await bench.sync()
        let published = try await bench.api.call(
            .patch,
            "/v1/clusterprofiles/\(uid)/publish"
        )
        #expect(published.status == 204)
        #expect(try bench.revision(uid).layers.first == layer)
        await site.stop()
    }

    @Test func `a chart that cannot be had is a fault of its layer`() async throws {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        let site = try StaticSite(repository.files)
        let bench = try await HelmBench(site, isPrivate: true)
        for layer in [bench.layer("9.9.9"), bench.layer("1.0.0", name: "unknown")] {
            let answer = try await bench.create(layer)
            #expect(answer.status == 400)
            #expect(answer.pointers.first?.hasPrefix("/spec/template/packs/0") == true)
        }
        site.put("charts/nginx-1.0.0.tgz", nil)
        let gone = try await bench.create(bench.layer("1.0.0"))
        #expect(gone.status == 400 && !gone.text.contains("upstream"))
        await site.stop()
    }

    @Test func `a repository is not deleted while a profile uses it`() async throws {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        let site = try StaticSite(repository.files)
        let bench = try await HelmBench(site, isPrivate: false)
        let created = try await bench.create(bench.layer("1.0.0"))
        let uid = try #require(created.json["uid"]?.text)
        let path = "/v1/registries/helm/\(bench.registryUID)"
        let refused = try await bench.api.call(.delete, path)
        #expect(refused.status == 409)
        #expect(refused.json["details"]?["referrers"]?[0]?["uid"]?.text == uid)
        _ = try await bench.api.call(.delete, "/v1/clusterprofiles/\(uid)")
        #expect(try await bench.api.call(.delete, path).status == 204)
        await site.stop()
    }
}
