import APIKit
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import Packs

@Suite("Helm repositories")
struct HelmRegistryTests {
    private func search(_ bench: RegistryBench, _ name: String) async throws -> [JSONValue] {
        try await bench.api.call(
            .post,
            "/v1/packs/search",
            body: ["filter": ["name": ["eq": .string(name)], "type": ["helm"]]]
        ).json["items"]?.elements ?? []
    }

    @Test func `charts are listed, and fetched when one is looked at`() async throws {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        try repository.add("nginx", "1.1.0", more: "    deprecated: true\n")
        let site = try StaticSite(repository.files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        #expect(try bench.standings(uid) == ["nginx 1.0.0 active", "nginx 1.1.0 deprecated"])
        #expect(site.takeRequests().allSatisfy { $0 == "index.yaml" })
        let item = try #require(try await search(bench, "nginx").first)
        #expect(item["spec"]?["type"]?.text == "helm")
        let packs = try await bench.api.call(
            .get,
            "/v1/packs?filters=spec.name=nginxANDspec.version=1.0.0"
        )
        let pack = try #require(packs.json["items"]?[0]?["metadata"]?["uid"]?.text)
        let one = try await bench.api.call(.get, "/v1/packs/\(pack)")
        #expect(site.takeRequests() == ["charts/nginx-1.0.0.tgz"])
        #expect(
            one.json["packValues"]?[0]?["values"]?.text == """
                pack:
                  namespace: "nginx"
                charts:
                  "nginx":
                    # how many
                    replicas: 1

                """
        )
        #expect(one.json["packValues"]?[0]?["readme"]?.text == "# nginx\n")
        _ = try await bench.api.call(.get, "/v1/packs/\(pack)")
        #expect(site.takeRequests().isEmpty)
        await site.stop()
    }

    /// CHK-4.6.
    @Test func `of a private repository nothing is listed, and its charts are had by name`()
        async throws
    {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        let site = try StaticSite(repository.files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add(
            "helm",
            RegistryBench.body("Charts", site.url, more: ["isPrivate": true])
        )
        #expect(try await bench.status("helm", uid)["isSyncSupported"]?.flag == false)
        #expect(
            try await bench.api.call(.post, "/v1/registries/helm/\(uid)/sync").status == 400
        )
        try await bench.packs.prepare(
            WantedChart(name: "nginx", registryUID: uid, packUID: "", tag: "1.0.0", pointer: ""),
            tenantUID: "t1"
        )
        #expect(try bench.standings(uid) == ["nginx 1.0.0 active"])
        #expect(try await search(bench, "nginx").isEmpty)
        await site.stop()
    }

    @Test func `a chart that is not what the index says is refused`() async throws {
        var repository = HelmSite()
        try repository.add(
            "nginx",
            "1.0.0",
            digest: String(BlobStore.digest(of: [1]).dropFirst(7))
        )
        let site = try StaticSite(repository.files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        let chart = WantedChart(
            name: "nginx",
            registryUID: uid,
            packUID: "",
            tag: "1.x",
            pointer: "/p"
        )
        let failure = await #expect(throws: Failure.self) {
            try await bench.packs.prepare(chart, tenantUID: "t1")
        }
        #expect(failure?.code == .ruleViolated)
        #expect(try bench.count("blob") == 0)
        await site.stop()
    }

    @Test func `a run fetches the newest version of a train that is in use`() async throws {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        let site = try StaticSite(repository.files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        try await bench.packs.prepare(
            WantedChart(name: "nginx", registryUID: uid, packUID: "", tag: "1.x", pointer: ""),
            tenantUID: "t1"
        )
        for version in ["1.0.1", "1.2.0", "2.0.0"] { try repository.add("nginx", version) }
        for (path, bytes) in repository.files { site.put(path, bytes) }
        _ = site.takeRequests()
        _ = try await bench.sync("helm", uid)
        #expect(
            site.takeRequests().sorted()
                == ["charts/nginx-1.0.1.tgz", "charts/nginx-1.2.0.tgz", "index.yaml"]
        )
        await site.stop()
    }

    @Test func `what is no longer listed goes, but for what was fetched`() async throws {
        var repository = HelmSite()
        try repository.add("nginx", "1.0.0")
        try repository.add("redis", "1.0.0")
        let site = try StaticSite(repository.files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        try await bench.packs.prepare(
            WantedChart(name: "nginx", registryUID: uid, packUID: "", tag: "1.0.0", pointer: ""),
            tenantUID: "t1"
        )
        site.put("index.yaml", Array("apiVersion: v1\nentries: {}\n".utf8))
        _ = try await bench.sync("helm", uid)
        #expect(try bench.standings(uid) == ["nginx 1.0.0 deprecated"])
        await site.stop()
    }
}

@Suite("The index of a Helm repository")
struct HelmIndexTests {
    private func names(_ text: String) throws -> [String] {
        try HelmIndex(Array(text.utf8)).entries.map { "\($0.name) \($0.version)" }
    }

    @Test(arguments: [
        // As Helm writes it.
        """
        apiVersion: v1
        entries:
          a:
          - version: 1.0.0
            urls: [a-1.0.0.tgz]
            description: |-
              one
              entries:
                b:
          # a remark
          b:
            - version: 2.0.0
              urls:
                - https://example.com/b.tgz
        generated: "2026-01-01T00:00:00Z"
        """,
        // Otherwise laid out, with Windows' line ends, and as JSON.
        """
        {"entries": {"a": [{"version": "1.0.0", "urls": ["a.tgz"]}],
         "b": [{"version": "2.0.0", "urls": ["b.tgz"]}]}}
        """,
        "entries:\r\n    a:\r\n    - version: 1.0.0\r\n      urls: [x]\r\n"
            + "    b:\r\n    - version: 2.0.0\r\n      urls: [x]\r\n",
        "entries: {a: [{version: 1.0.0, urls: [x]}], b: [{version: 2.0.0, urls: [x]}]}",
    ])
    func `is read however it is laid out`(text: String) throws {
        #expect(try names(text) == ["a 1.0.0", "b 2.0.0"])
    }

    @Test func `passes over versions that cannot be used`() throws {
        let index = try HelmIndex(
            Array(
                """
                entries:
                  a:
                  - version: 1.0.0
                    urls: []
                  - version: "1 0"
                    urls: [x]
                  - version: 1.0.0
                    urls: [x]
                  - version: 1.0.0
                    urls: [y]
                  ../b:
                  - version: 1.0.0
                    urls: [x]
                """.utf8
            )
        )
        #expect(index.entries.map(\.location) == ["x"])
        #expect(index.skippedCount == 4)
    }

    @Test(arguments: ["", "entries", "<html>entries:</html>", "entries:\n  a: {b", "entries: 1"])
    func `is refused when it is none`(text: String) {
        #expect(throws: HelmIndex.Invalid.self) { try HelmIndex(Array(text.utf8)) }
    }
}
