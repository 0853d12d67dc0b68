import APIKit
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Packs

@Suite("Registries of other places")
struct RegistryTests {
    private static let basic: JSONValue = [
        "type": "basic", "username": "reader", "password": "correct horse",
    ]

    @Test func `a wrong password is refused and nothing is stored`() async throws {
        let site = try StaticSite(
            try RegistryBench.published([("web", "1.0.0")]),
            user: ("reader", "correct horse")
        )
        let bench = try RegistryBench(site)
        for kind in ["pack", "helm"] {
            let body = RegistryBench.body(
                "Central",
                site.url,
                auth: ["type": "basic", "username": "reader", "password": "wrong"]
            )
            for path in ["/v1/registries/\(kind)", "/v1/registries/\(kind)/validate"] {
                let sent = path.hasSuffix("validate") ? body["spec"] : body
                let answer = try await bench.api.call(.post, path, body: sent)
                #expect(answer.status == 400)
                #expect(answer.pointers == ["/spec/auth"])
                #expect(!answer.text.contains("upstream"))
            }
        }
        #expect(try bench.count("registry") == 1)
        #expect(try bench.count("audit") == 0)
        await site.stop()
    }

    @Test func `what is closed, silent or no registry is refused in the same words`()
        async throws
    {
        let site = try StaticSite(["index.json": Array("the upstream's own words".utf8)])
        let bench = try RegistryBench(site)
        var messages: Set<String> = []
        for endpoint in [site.url, site.url + "/nothing", "http://127.0.0.1:1"] {
            let body = RegistryBench.body("Central", endpoint)
            let answer = try await bench.api.call(.post, "/v1/registries/pack", body: body)
            #expect(answer.status == 400)
            messages.insert(answer.message)
        }
        #expect(messages.count == 1)
        // Two ports of a network that is not open are not told apart either.
        var closed: Set<String> = []
        for endpoint in ["http://127.0.0.2:1", "http://169.254.169.254", "https://10.0.0.1:8443"] {
            let body = RegistryBench.body("Central", endpoint)
            let answer = try await bench.api.call(.post, "/v1/registries/helm", body: body)
            #expect(answer.status == 400)
            closed.insert(answer.message)
        }
        #expect(closed.count == 1)
        #expect(try bench.count("registry") == 1)
        await site.stop()
    }

    @Test(arguments: [
        "gopher://example.com/", "file:///etc", "https://user:word@example.com/",
        "https://example.com/?a=b", "example.com", "",
    ])
    func `an endpoint that is no plain URL is refused`(endpoint: String) async throws {
        let bench = try RegistryBench()
        let body = RegistryBench.body("Central", endpoint)
        let answer = try await bench.api.call(.post, "/v1/registries/helm", body: body)
        #expect(answer.status == 400)
        #expect(answer.pointers == ["/spec/endpoint"])
    }

    @Test func `credentials are sealed and never shown, and a body that is put back keeps them`()
        async throws
    {
        let site = try StaticSite(
            try RegistryBench.published([("web", "1.0.0")]),
            user: ("reader", "correct horse")
        )
        let bench = try RegistryBench(site)
        let uid = try await bench.add(
            "pack",
            RegistryBench.body("Central", site.url, auth: Self.basic)
        )
        let path = "/v1/registries/pack/\(uid)"
        let read = try await bench.api.call(.get, path)
        #expect(!read.text.contains("correct horse") && !read.text.contains("password"))
        let found = try bench.database.read { tx in try RegistryStore.find(uid: uid, tx) }
        let stored = try #require(found)
        #expect(stored.sealedSecret?.contains("correct") == false)
        #expect(
            try RegistrySecret(of: stored, under: bench.sealing).password == "correct horse"
        )
        #expect(throws: SealingError.otherKey) {
            try RegistrySecret(of: stored, under: SealingKey())
        }
        let rows = try bench.count("audit")
        let put = try await bench.api.call(.put, path, body: read.json)
        #expect(put.status == 204, "\(put.text)")
        #expect(try bench.count("audit") == rows)
        let after = try await bench.api.call(.get, path)
        #expect(after.text == read.text)
        await site.stop()
    }

    @Test func `a password does not go along to another endpoint`() async throws {
        let site = try StaticSite(
            try RegistryBench.published([("web", "1.0.0")]),
            user: ("reader", "correct horse")
        )
        let other = try StaticSite(try RegistryBench.published([("web", "1.0.0")]))
        let bench = try RegistryBench(site)
        let uid = try await bench.add(
            "pack",
            RegistryBench.body("Central", site.url, auth: Self.basic)
        )
        let moved = try await bench.api.call(
            .put,
            "/v1/registries/pack/\(uid)",
            body: RegistryBench.body(
                "Central",
                other.url,
                auth: ["type": "basic", "username": "reader"]
            )
        )
        #expect(moved.status == 400)
        #expect(other.takeRequests().isEmpty)
        await site.stop()
        await other.stop()
    }

    @Test func `the registry inside the server is neither edited nor deleted`() async throws {
        let bench = try RegistryBench()
        let embedded = try bench.database.read { tx in try RegistryStore.embedded(tx) }
        let uid = try #require(embedded).uid
        let path = "/v1/registries/pack/\(uid)"
        let put = try await bench.api.call(
            .put,
            path,
            body: RegistryBench.body("Mine", "https://example.com")
        )
        #expect(put.status == 403)
        #expect(try await bench.api.call(.delete, path).status == 403)
        #expect(try await bench.api.call(.post, path + "/sync").status == 400)
        #expect(try bench.count("registry") == 1)
    }

    @Test func `a tenant has at most fifty, and none that another tenant can see`() async throws {
        let site = try StaticSite(["index.yaml": Array("apiVersion: v1\nentries: {}\n".utf8)])
        let bench = try RegistryBench(site)
        for number in 1...Registry.countMax {
            _ = try await bench.add("helm", RegistryBench.body("r\(number)", site.url))
        }
        let body = RegistryBench.body("one more", site.url)
        let more = try await bench.api.call(.post, "/v1/registries/helm", body: body)
        #expect(more.status == 400 && more.code == "ResourceLimitExceeded")
        let theirs = try await bench.api.call(
            .post,
            "/v1/registries/helm",
            as: "other-admin",
            body: RegistryBench.body("r1", site.url)
        )
        #expect(theirs.status == 201)
        await bench.packs.sync.settle()
        let list = try await bench.api.call(.get, "/v1/registries/helm", as: "other-admin")
        #expect(list.json["listmeta"]?["count"]?.integer == 1)
        let pages = try await bench.api.call(
            .get,
            "/v1/registries/helm/summary?limit=20&offset=40&orderBy=metadata.name=-1"
        )
        #expect(pages.json["items"]?.elements?.count == 10)
        await site.stop()
    }

    @Test func `names are unique among what a tenant sees`() async throws {
        let site = try StaticSite(["index.yaml": Array("entries: {}\n".utf8)])
        let bench = try RegistryBench(site)
        _ = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        for name in ["Charts", "Public Repo"] {
            let body = RegistryBench.body(name, site.url)
            let answer = try await bench.api.call(.post, "/v1/registries/helm", body: body)
            #expect(answer.status == 409)
        }
        await site.stop()
    }

    @Test func `a registry of another kind or tenant is an unknown one`() async throws {
        let site = try StaticSite(["index.yaml": Array("entries: {}\n".utf8)])
        let bench = try RegistryBench(site)
        let uid = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        let body = RegistryBench.body("Mine", site.url)
        for (kind, caller) in [("pack", "admin"), ("helm", "other-admin")] {
            let path = "/v1/registries/\(kind)/\(uid)"
            #expect(try await bench.api.call(.put, path, as: caller, body: body).status == 404)
            #expect(try await bench.api.call(.delete, path, as: caller).status == 404)
            #expect(try await bench.api.call(.post, path + "/sync", as: caller).status == 404)
            #expect(try await bench.api.call(.get, path + "/sync/status", as: caller).status == 404)
        }
        #expect(try await bench.api.call(.delete, "/v1/registries/helm/\(uid)").status == 204)
        #expect(try bench.count("registry_sync") == 0)
        await site.stop()
    }
}

@Suite("Taking over pack registries")
struct PackRegistrySyncTests {
    @Test func `fetches what is new and nothing else`() async throws {
        let site = try StaticSite(
            try RegistryBench.published([("web", "1.0.0"), ("web", "1.1.0")])
        )
        let bench = try RegistryBench(site)
        let uid = try await bench.add("pack", RegistryBench.body("Central", site.url))
        #expect(try bench.standings(uid) == ["web 1.0.0 active", "web 1.1.0 active"])
        let first = try await bench.status("pack", uid)
        #expect(first["status"]?.text == "Success" && first["isSyncSupported"]?.flag == true)
        let found = try await bench.api.call(
            .post,
            "/v1/packs/search",
            body: ["filter": ["registryUid": [.string(uid)]]]
        )
        #expect(found.json["items"]?.elements?.count == 1)
        _ = site.takeRequests()
        _ = try await bench.sync("pack", uid)
        #expect(site.takeRequests() == ["index.json"])

        for (path, bytes) in try RegistryBench.published([("web", "1.1.0"), ("web", "1.2.0")]) {
            site.put(path, bytes)
        }
        let second = try await bench.sync("pack", uid)
        #expect(site.takeRequests() == ["index.json", "web-1.2.0.tgz"])
        #expect(second["status"]?.text == "Success")
        // What a registry no longer lists is kept for the profiles that hold it.
        #expect(
            try bench.standings(uid)
                == ["web 1.0.0 deprecated", "web 1.1.0 active", "web 1.2.0 active"]
        )
        await site.stop()
    }

    @Test func `an archive that is not the one of the index is not taken`() async throws {
        var files = try RegistryBench.published([("web", "1.0.0"), ("api", "1.0.0")])
        files["web-1.0.0.tgz"] = files["api-1.0.0.tgz"]
        let site = try StaticSite(files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("pack", RegistryBench.body("Central", site.url))
        #expect(try bench.standings(uid) == ["api 1.0.0 active"])
        let status = try await bench.status("pack", uid)
        #expect(status["message"]?.text?.contains("web 1.0.0") == true)
        await site.stop()
    }

    @Test func `a registry that fails says so, and keeps what it had`() async throws {
        let site = try StaticSite(try RegistryBench.published([("web", "1.0.0")]))
        let bench = try RegistryBench(site)
        let uid = try await bench.add("pack", RegistryBench.body("Central", site.url))
        site.put("index.json", nil)
        let status = try await bench.sync("pack", uid)
        #expect(status["status"]?.text == "Failed")
        #expect(status["message"]?.text?.contains("upstream") == false)
        #expect(status["lastSyncedTime"]?.text?.hasPrefix("2026-03-01T12:00") == true)
        #expect(try bench.standings(uid) == ["web 1.0.0 active"])
        await site.stop()
    }

    @Test func `one run goes on at a time, and one that hangs is overtaken after an hour`()
        async throws
    {
        let site = try StaticSite(try RegistryBench.published([("web", "1.0.0")]))
        let bench = try RegistryBench(site)
        let uid = try await bench.add(
            "pack",
            RegistryBench.body("Central", site.url),
            query: "?skipPackSync=true"
        )
        #expect(try bench.standings(uid).isEmpty)
        #expect(try await bench.status("pack", uid)["status"]?.text == "Pending")
        try await bench.database.write { tx in try RegistryStore.beginSync(uid, tx) }
        let path = "/v1/registries/pack/\(uid)/sync"
        #expect(try await bench.api.call(.post, path).status == 409)
        #expect(try await bench.api.call(.post, path + "?forceSync=true").status == 409)
        bench.clock.move(seconds: 3_600)
        #expect(try await bench.api.call(.post, path).status == 409)
        #expect(try await bench.api.call(.post, path + "?forceSync=true").status == 202)
        await bench.packs.sync.settle()
        #expect(try bench.standings(uid) == ["web 1.0.0 active"])
        // The run that was overtaken no longer counts.
        let late = SyncState(nextAt: TestDispatcher.moment)
        let counted = try await bench.database.write { tx in
            try RegistryStore.endSync(uid, late, tx)
        }
        #expect(!counted)
        await site.stop()
    }

    @Test func `what a stop cut off is taken up by the next start, and a day later by schedule`()
        async throws
    {
        let site = try StaticSite(try RegistryBench.published([("web", "1.0.0")]))
        let bench = try RegistryBench(site)
        let uid = try await bench.add(
            "pack",
            RegistryBench.body("Central", site.url),
            query: "?skipPackSync=true"
        )
        try await bench.database.write { tx in try RegistryStore.beginSync(uid, tx) }
        await bench.packs.sync.resume()
        await bench.packs.sync.settle()
        #expect(try bench.standings(uid) == ["web 1.0.0 active"])
        _ = site.takeRequests()
        bench.clock.move(seconds: 3_600)
        await bench.packs.sync.tick()
        await bench.packs.sync.settle()
        #expect(site.takeRequests().isEmpty)
        bench.clock.move(seconds: 26 * 3_600)
        await bench.packs.sync.tick()
        await bench.packs.sync.settle()
        #expect(site.takeRequests() == ["index.json"])
        await site.stop()
    }

    @Test func `a folder is a registry only where the operator says so`() async throws {
        let root = try TemporaryDirectory.make()
        Disk.makeFolder("\(root)/packs")
        try SamplePack("web", "1.0.0").write(to: "\(root)/packs/web")
        let bench = try RegistryBench(folders: ["\(root)/packs"])
        let uid = try await bench.add("pack", RegistryBench.body("Disk", "file://\(root)/packs"))
        #expect(try bench.standings(uid) == ["web 1.0.0 active"])
        for folder in ["\(root)/packs/..", root, "/etc"] {
            let body = RegistryBench.body("Other", "file://\(folder)")
            let answer = try await bench.api.call(.post, "/v1/registries/pack", body: body)
            #expect(answer.status == 400)
        }
    }

    @Test func `the index of a folder is the same each time it is written`() throws {
        let packs = [("web", "1.10.0"), ("web", "1.9.0"), ("api", "2.0.0")]
        let files = try RegistryBench.published(packs)
        #expect(try RegistryBench.published(packs) == files)
        let index = try PackIndex(try #require(files["index.json"]))
        #expect(
            index.entries.map(\.archive) == [
                "api-2.0.0.tgz", "web-1.9.0.tgz", "web-1.10.0.tgz",
            ]
        )
    }
}
