import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import Packs

@Suite("States of pack versions that operators set")
struct PackStateTests {
    private func uid(_ bench: RegistryBench, _ name: String, _ version: String) throws -> String {
        let found = try bench.database.read { tx in
            try tx.first(
                "SELECT uid FROM pack_version WHERE name = $1 AND version = $2",
                .text(name),
                .text(version)
            ) { $0.text(0) }
        }
        return try #require(found)
    }

    private func set(
        _ state: String,
        _ bench: RegistryBench,
        _ uid: String,
        as key: String = "admin"
    ) async throws -> UInt16 {
        try await bench.api.call(
            .patch,
            "/v1/packs/\(uid)/state",
            as: key,
            body: ["state": .string(state)]
        ).status
    }

    @Test func `hold against the registry until they are active again`() async throws {
        let site = try StaticSite(
            try RegistryBench.published([("web", "1.0.0"), ("web", "1.1.0")])
        )
        let bench = try RegistryBench(site)
        let registry = try await bench.add("pack", RegistryBench.body("Central", site.url))
        let old = try uid(bench, "web", "1.0.0")
        #expect(try await set("disabled", bench, old) == 204)
        // Another index, so that the run does not end at its entity tag.
        for (path, bytes) in try RegistryBench.published([("web", "1.1.0"), ("web", "1.2.0")]) {
            site.put(path, bytes)
        }
        let status = try await bench.sync("pack", registry)
        #expect(status["message"]?.text?.contains("no longer listed") == false)
        #expect(
            try bench.standings(registry)
                == ["web 1.0.0 disabled", "web 1.1.0 active", "web 1.2.0 active"]
        )
        #expect(try await set("active", bench, old) == 204)
        for (path, bytes) in try RegistryBench.published([("web", "1.2.0")]) {
            site.put(path, bytes)
        }
        _ = try await bench.sync("pack", registry)
        #expect(
            try bench.standings(registry)
                == ["web 1.0.0 deprecated", "web 1.1.0 deprecated", "web 1.2.0 active"]
        )
        await site.stop()
    }

    @Test func `hold for charts, also for one that nobody fetched and that is gone`()
        async throws
    {
        var charts = HelmSite()
        try charts.add("web", "1.0.0")
        try charts.add("web", "1.1.0")
        let site = try StaticSite(charts.files)
        let bench = try RegistryBench(site)
        let registry = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        #expect(try await set("disabled", bench, try uid(bench, "web", "1.0.0")) == 204)
        #expect(try await set("deprecated", bench, try uid(bench, "web", "1.1.0")) == 204)
        var fewer = HelmSite()
        try fewer.add("web", "1.1.0")
        site.put("index.yaml", fewer.files["index.yaml"])
        _ = try await bench.sync("helm", registry)
        #expect(
            try bench.standings(registry) == ["web 1.0.0 disabled", "web 1.1.0 deprecated"]
        )
        await site.stop()
    }

    @Test func `leave one audit row for each change`() async throws {
        let site = try StaticSite(try RegistryBench.published([("web", "1.0.0")]))
        let bench = try RegistryBench(site)
        _ = try await bench.add("pack", RegistryBench.body("Central", site.url))
        let pack = try uid(bench, "web", "1.0.0")
        let before = try bench.count("audit")
        #expect(try await set("disabled", bench, pack) == 204)
        #expect(try await set("disabled", bench, pack) == 204)
        #expect(try bench.count("audit") == before + 1)
        for state in ["deleted", "gone", ""] {
            #expect(try await set(state, bench, pack) == 400)
        }
        #expect(try await set("active", bench, pack, as: "nobody") == 403)
        #expect(try await set("active", bench, pack, as: "other-admin") == 404)
        #expect(try bench.count("audit") == before + 1)
        await site.stop()
    }

    @Test func `of the embedded registry are set by the server's own organisation alone`()
        async throws
    {
        let bench = try RegistryBench()
        let embedded = try bench.database.read { tx in try RegistryStore.embedded(tx) }
        _ = try await bench.packs.importer.take(
            try SamplePack("web", "1.0.0").read(),
            from: "",
            into: try #require(embedded),
            by: ImportBench.actor
        )
        try bench.database.writeBlocking { tx in
            for (uid, moment) in [("t1", 1), ("t2", 2)] {
                _ = try tx.run(
                    "INSERT INTO tenant (uid, name, created_at) VALUES ($1, $1, $2)",
                    .text(uid),
                    .int(moment)
                )
            }
        }
        let pack = try uid(bench, "web", "1.0.0")
        #expect(try await set("disabled", bench, pack, as: "other-admin") == 403)
        #expect(try await set("disabled", bench, pack) == 204)
    }

    @Test func `announce a version that can be used again as a registry's gain`() async throws {
        let bench = try ImportBench()
        let api = TestDispatcher(
            bench.packs.endpoints,
            authenticator: FakeAuthenticator(principals: ["admin": .tenantAdmin("u1", of: "t1")])
        )
        let pack = try await bench.take(try SamplePack("web", "1.0.0")).uid
        // The hook of the bench writes a row of this name once.
        _ = try await bench.database.write { tx in try tx.run("DELETE FROM server_secret") }
        for (state, gains) in [("disabled", 1), ("deprecated", 2), ("active", 2)] {
            let answer = try await api.call(
                .patch,
                "/v1/packs/\(pack)/state",
                body: ["state": .string(state)]
            )
            #expect(answer.status == 204, "\(answer.text)")
            #expect(bench.notices.versions.count == gains)
        }
    }
}
