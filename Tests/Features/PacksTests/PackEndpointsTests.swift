import APIKit
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import Packs

@Suite("Pack and registry operations")
struct PackEndpointsTests {
    let bench: ImportBench
    let api: TestDispatcher

    init() throws {
        bench = try ImportBench()
        api = TestDispatcher(
            bench.packs.endpoints,
            authenticator: FakeAuthenticator(principals: [
                "admin": .tenantAdmin("u1", of: "t1"), "other-admin": .tenantAdmin("u2", of: "t2"),
                "nobody": .person("u3", of: "t1", may: []),
            ])
        )
    }

    private var registryUID: String { bench.registry.uid }

    /// Several versions of `web`, and one pack for one environment.
    private func fill() async throws {
        for version in ["1.0.0", "1.1.0", "1.2.0-rc.1", "1.10.0"] {
            #expect(try await bench.take(try SamplePack("web", version)).outcome == .imported)
        }
        var edge = try SamplePack.minimal("edge-k8s", "1.2.3")
        edge.set(
            "pack.json",
            """
            {"name":"edge-k8s","displayName":"Edge BRAND","version":"1.2.3","layer":"k8s",
             "cloudTypes":["edge","libvirt"]}
            """
        )
        #expect(try await bench.take(edge).outcome == .imported)
    }

    /// A registry and a pack that only tenant `t2` may see.
    private func fillOther() async throws -> (registry: Registry, packUID: String) {
        let other = Registry(
            uid: "0123456789abcdef01234567",
            tenantUID: "t2",
            name: "Theirs",
            kind: .pack,
            isDefault: false,
            createdAt: bench.registry.createdAt,
            modifiedAt: bench.registry.createdAt
        )
        _ = try await bench.database.write { tx in
            try tx.run(
                """
                INSERT INTO registry (uid, tenant_uid, name, kind, is_default, spec, created_at,
                    modified_at) VALUES ($1, 't2', 'Theirs', 'pack', 0, '{}', 0, 0)
                """,
                .text(other.uid)
            )
        }
        let result = try await bench.packs.importer.take(
            try SamplePack("secret", "1.0.0").read(),
            from: "",
            into: other,
            by: ImportBench.actor
        )
        return (other, result.uid)
    }

    private func names(_ answer: TestAnswer) -> [String] {
        (answer.json["items"]?.elements ?? []).map {
            "\($0["spec"]?["name"]?.text ?? "?") \($0["spec"]?["version"]?.text ?? "")"
        }
    }

    // MARK: - Lists

    @Test func `takes one archive at a time, and goes on when its client is gone`() async throws {
        let target = "/v1/registries/pack/\(registryUID)/packs"
        let archive = try SamplePack("web", "1.0.0").archive()
        let first = TestDispatcher.request(.post, target, [("ApiKey", "admin")])
        guard case .accept = api.dispatcher.admit(first) else {
            Issue.record("the first one is refused")
            return
        }
        let second = try await api.call(.post, target, raw: archive)
        #expect(second.status == 503)
        #expect(second.message.hasPrefix("Another pack is being imported"))
        #expect(second.header("Retry-After") != nil)
        first.admission = nil
        #expect(try await api.call(.post, target, raw: archive).status == 201)
        // A refusal gives its place back as well.
        #expect(try await api.call(.post, target, raw: [1]).status == 400)
        #expect(try await api.call(.post, target, raw: archive).status == 200)
    }

    @Test func `the list shows all versions by name, the newest first, with values`() async throws {
        try await fill()
        let answer = try await api.call(.get, "/v1/packs")
        #expect(answer.status == 200)
        #expect(
            names(answer) == [
                "edge-k8s 1.2.3", "web 1.10.0", "web 1.2.0-rc.1", "web 1.1.0", "web 1.0.0",
            ]
        )
        let spec = answer.json["items"]?[1]?["spec"]
        #expect(spec?["registryUid"]?.text == registryUID)
        #expect(spec?["values"]?.text?.contains("namespace: web") == true)
        #expect(spec?["presets"]?.elements?.count == 3)
        #expect(spec?["schema"]?[0]?["type"]?.text == "number")
        #expect(answer.json["listmeta"]?["count"]?.integer == 5)
        #expect(answer.json["listmeta"]?["continue"]?.text == "")
    }

    @Test(arguments: [
        ("spec.name=webANDspec.version=1.1.0", ["web 1.1.0"]),
        (
            "spec.name=edge-k8sANDspec.version=1.2.3ANDspec.cloudTypes_in_edge,all",
            ["edge-k8s 1.2.3"]
        ),
        ("spec.cloudTypes=libvirt", ["edge-k8s 1.2.3"]),
        ("spec.layer=k8s", ["edge-k8s 1.2.3"]),
        ("spec.displayName=Edge%20BRANDANDspec.layer=k8s", ["edge-k8s 1.2.3"]),
        ("spec.version_in_1.0.0,1.1.0", ["web 1.1.0", "web 1.0.0"]),
        ("spec.name=none", []), ("metadata.uid=", []),
        ("spec.name=x'%20OR%20'1'='1", []), ("spec.name=%25", []),
    ])
    func `filters`(filter: String, wanted: [String]) async throws {
        try await fill()
        let answer = try await api.call(.get, "/v1/packs?filters=\(filter)")
        #expect(answer.status == 200)
        #expect(names(answer) == wanted)
    }

    @Test(arguments: [
        ("filters=spec.secret=1", "query/filters InvalidFilter"),
        ("filters=spec.name=webANDsecret=1", "query/filters InvalidFilter"),
        ("filters=spec.name=webANDspec.secret_in_1,2", "query/filters InvalidFilter"),
        ("filters=spec.name", "query/filters InvalidFilter"),
        ("filters=1=1;DROP%20TABLE%20pack_version", "query/filters InvalidFilter"),
        ("orderBy=spec.content=1", "query/orderBy InvalidSort"),
        ("orderBy=metadata.name=2", "query/orderBy InvalidSort"),
        ("orderBy=name;--=1", "query/orderBy InvalidSort"),
    ])
    func `unknown filters and sort columns are 422`(query: String, fault: String) async throws {
        let answer = try await api.call(.get, "/v1/packs?\(query)")
        #expect(answer.status == 422)
        #expect(answer.faults == [fault])
    }

    @Test func `pages follow each other without a gap, also when packs come in between`()
        async throws
    {
        try await fill()
        let first = try await api.call(.get, "/v1/packs?limit=2")
        #expect(names(first) == ["edge-k8s 1.2.3", "web 1.10.0"])
        #expect(first.json["listmeta"]?["offset"]?.integer == 2)
        _ = try await bench.take(try SamplePack("aaa", "1.0.0"))
        let token = try #require(first.json["listmeta"]?["continue"]?.text)
        #expect(!token.isEmpty)
        let second = try await api.call(.get, "/v1/packs?limit=2&continue=\(token.escaped)")
        #expect(names(second) == ["web 1.2.0-rc.1", "web 1.1.0"])
        let foreign = try await api.call(
            .get,
            "/v1/packs?continue=\(token.escaped)",
            as: "other-admin"
        )
        #expect(foreign.status == 400)
        let all = try await api.call(.get, "/v1/packs?limit=0&orderBy=spec.version=1")
        #expect(names(all).count == 6)
    }

    // MARK: - Search

    private func search(_ body: JSONValue?) async throws -> TestAnswer {
        try await api.call(.post, "/v1/packs/search", body: body)
    }

    @Test func `a search groups versions and names the newest release`() async throws {
        try await fill()
        for body: JSONValue? in [nil, [:], ["filter": [:], "sort": nil], ["filter": nil]] {
            let answer = try await search(body)
            #expect(answer.status == 200)
            #expect(names(answer) == ["edge-k8s ", "web "])
            let source = answer.json["items"]?[1]?["spec"]?["registries"]?[0]
            #expect(source?["latestVersion"]?.text == "1.10.0")
            #expect(source?["name"]?.text == "Public Repo")
            #expect(source?["scope"]?.text == "system")
        }
    }

    @Test(
        arguments: [
            (["displayName": ["contains": "WEB", "ignoreCase": true]], ["web "]),
            (["displayName": ["contains": "WEB", "ignoreCase": false]], []),
            (["name": ["ne": "web"]], ["edge-k8s "]), (["name": ["beginsWith": "w"]], ["web "]),
            (["name": ["eq": "web"], "layer": ["k8s"]], []), (["layer": ["k8s"]], ["edge-k8s "]),
            (["environment": ["edge"]], ["edge-k8s ", "web "]),
            (["environment": ["aws"]], ["web "]),
            (["type": ["helm"]], []), (["type": ["spectro"]], ["edge-k8s ", "web "]),
            (["addOnType": ["app services"]], ["web "]), (["source": ["community"]], ["web "]),
            (["registryUid": ["none"]], []), (["state": ["disabled"]], []), (["isFips": true], []),
        ] as [(JSONValue, [String])]
    )
    func `typed filters`(filter: JSONValue, wanted: [String]) async throws {
        try await fill()
        let answer = try await search(["filter": filter])
        #expect(answer.status == 200)
        #expect(names(answer) == wanted)
    }

    @Test func `sorts by layer and backwards`() async throws {
        try await fill()
        let up = try await search(["sort": [["field": "layer", "order": "asc"]]])
        #expect(names(up) == ["web ", "edge-k8s "])
        let down = try await search(["sort": [["field": "name", "order": "desc"]]])
        #expect(names(down) == ["web ", "edge-k8s "])
    }

    @Test(
        arguments: [
            (["sort": [["field": "content"]]], 422, ["/sort/0/field NotAllowed"]),
            (["sort": [["field": "name", "order": "up"]]], 422, ["/sort/0/order NotAllowed"]),
            (
                ["filter": ["layer": ["foo"], "type": ["x"]]], 422,
                ["/filter/layer/0 NotAllowed", "/filter/type/0 NotAllowed"]
            ),
            (["continue": "abc"], 400, ["/continue NotAllowed"]),
            (
                ["filter": ["name": "x", "layer": "k8s"]], 400,
                ["/filter/name WrongType", "/filter/layer WrongType"]
            ),
        ] as [(JSONValue, UInt16, [String])]
    )
    func `mistakes in a search are all named`(
        body: JSONValue,
        status: UInt16,
        faults: [String]
    ) async throws {
        let answer = try await search(body)
        #expect(answer.status == status)
        #expect(answer.faults == faults)
    }

    // MARK: - One pack

    @Test func `the versions of a pack, with their values and the trains as tags`() async throws {
        try await fill()
        let answer = try await api.call(.get, "/v1/packs/web/registries/\(registryUID)")
        #expect(answer.status == 200)
        let tags = (answer.json["tags"]?.elements ?? []).map {
            "\($0["tag"]?.text ?? "") \($0["version"]?.text ?? "") "
                + ($0["parentTags"]?.elements ?? []).compactMap(\.text).joined(separator: ",")
        }
        #expect(
            tags == [
                "1.10.0 1.10.0 1.10.x,1.x", "1.2.0-rc.1 1.2.0-rc.1 ", "1.1.0 1.1.0 1.1.x,1.x",
                "1.0.0 1.0.0 1.0.x,1.x", "1.10.x 1.10.0 ", "1.x 1.10.0 ", "1.1.x 1.1.0 ",
                "1.0.x 1.0.0 ",
            ]
        )
        let values = answer.json["packValues"]?[0]
        #expect(values?["packUid"]?.text == answer.json["tags"]?[0]?["packUid"]?.text)
        #expect(
            values?["values"]?.text
                == String(
                    decoding: try #require(try SamplePack().files["values.yaml"]),
                    as: UTF8.self
                )
        )
        #expect(values?["readme"]?.text == "# Web\n")
    }

    @Test func `one version, its readme and its logo`() async throws {
        let uid = try await bench.take(try SamplePack()).uid
        let answer = try await api.call(.get, "/v1/packs/\(uid)")
        #expect(answer.status == 200)
        #expect(answer.json["registryUid"]?.text == registryUID)
        #expect(answer.json["tags"]?[0]?["version"]?.text == "1.2.3")
        let again = try await api.call(
            .get,
            "/v1/packs/\(uid)",
            headers: [("If-None-Match", answer.etag)]
        )
        #expect(again.status == 304)
        let readme = try await api.call(.get, "/v1/packs/\(uid)/readme")
        #expect(readme.json["readme"]?.text == "# Web\n")
        let logo = try await api.call(.get, "/v1/packs/\(uid)/logo")
        #expect(logo.status == 200)
        #expect(logo.response.contentType == .other("image/png"))
        #expect(logo.response.body == (try SamplePack().files["logo.png"]))
    }

    @Test func `a pack without readme and logo`() async throws {
        let uid = try await bench.take(try SamplePack.minimal("tools", "1.0.0")).uid
        #expect(try await api.call(.get, "/v1/packs/\(uid)").json["logoUrl"] == nil)
        let readme = try await api.call(.get, "/v1/packs/\(uid)/readme")
        #expect(readme.json["readme"]?.text == "")
        #expect(try await api.call(.get, "/v1/packs/\(uid)/logo").status == 404)
    }

    @Test func `another tenant's registry and packs are the same 404 as unknown ones`() async throws
    {
        let other = try await fillOther()
        let unknown = "ffffffffffffffffffffffff"
        for path in [
            "/v1/packs/{}", "/v1/packs/{}/readme", "/v1/packs/{}/logo",
        ] {
            let hidden = try await api.call(.get, path.filled(other.packUID))
            let missing = try await api.call(.get, path.filled(unknown))
            #expect(hidden.status == 404)
            #expect(hidden.message == missing.message.replacing(unknown, with: other.packUID))
        }
        for path in [
            "/v1/registries/pack/{}", "/v1/registries/pack/{}/sync/status",
            "/v1/registries/helm/{}", "/v1/packs/secret/registries/{}",
        ] {
            let hidden = try await api.call(.get, path.filled(other.registry.uid))
            let missing = try await api.call(.get, path.filled(unknown))
            #expect(hidden.status == 404)
            #expect(hidden.message == missing.message.replacing(unknown, with: other.registry.uid))
            let own = try await api.call(.get, path.filled(other.registry.uid), as: "other-admin")
            #expect(own.status == 200)
        }
        #expect(names(try await api.call(.get, "/v1/packs")).isEmpty)
        #expect(names(try await search(nil)).isEmpty)
        #expect(names(try await api.call(.get, "/v1/packs", as: "other-admin")) == ["secret 1.0.0"])
    }

    // MARK: - Registries

    @Test(arguments: [
        ("", 1), ("?scope=", 1), ("?scope=all", 1), ("?scope=system", 1), ("?scope=tenant", 0),
    ])
    func `registries by scope, an empty one meaning all`(query: String, count: Int) async throws {
        let answer = try await api.call(.get, "/v1/registries/metadata\(query)")
        #expect(answer.status == 200)
        #expect(answer.json["items"]?.elements?.count == count)
        let list = try await api.call(.get, "/v1/registries/pack\(query)")
        #expect(list.json["listmeta"]?["count"]?.integer == Int64(count))
        let summary = try await api.call(.get, "/v1/registries/pack/summary\(query)")
        #expect(summary.json["items"]?.elements?.count == count)
    }

    @Test func `the embedded registry in all its shapes`() async throws {
        let metadata = try await api.call(.get, "/v1/registries/metadata")
        let item = metadata.json["items"]?[0]
        #expect(item?["name"]?.text == "Public Repo")
        #expect(item?["isDefault"]?.flag == true && item?["isPrivate"]?.flag == false)
        #expect(item?["kind"]?.text == "pack" && item?["scope"]?.text == "system")
        let one = try await api.call(.get, "/v1/registries/pack/\(registryUID)")
        #expect(one.json["spec"]?["auth"]?["type"]?.text == "noAuth")
        let helm = try await api.call(.get, "/v1/registries/helm/\(registryUID)")
        #expect(helm.json["spec"]?["isPrivate"]?.flag == false)
        let sync = try await api.call(.get, "/v1/registries/pack/\(registryUID)/sync/status")
        #expect(sync.json["isSyncSupported"]?.flag == false)
        let filtered = try await api.call(
            .get,
            "/v1/registries/pack?filters=metadata.name=Public%20Repo"
        )
        #expect(filtered.json["items"]?.elements?.count == 1)
        let wrong = try await api.call(.get, "/v1/registries/pack?filters=spec.password=a")
        #expect(wrong.status == 422)
        #expect(try await api.call(.get, "/v1/registries/metadata?scope=x").status == 400)
    }

    @Test func `no answer has a member that could hold a credential`() async throws {
        let uid = try await bench.take(try SamplePack()).uid
        for path in [
            "/v1/registries/metadata", "/v1/registries/pack", "/v1/registries/pack/summary",
            "/v1/registries/pack/\(registryUID)", "/v1/registries/helm/\(registryUID)",
            "/v1/packs", "/v1/packs/\(uid)",
        ] {
            let text = try await api.call(.get, path).text
            for word in ["password", "\"token\"", "username", "\"key\"", "secret"] {
                #expect(!text.contains(word), "\(path) holds \(word)")
            }
        }
    }

    // MARK: - Import over HTTP

    private func send(
        _ bytes: [UInt8],
        to registry: String? = nil,
        as credential: String? = "admin",
        type: String = "application/gzip"
    ) async throws -> TestAnswer {
        try await api.call(
            .post,
            "/v1/registries/pack/\(registry ?? registryUID)/packs",
            as: credential,
            headers: [("Content-Type", type)],
            raw: bytes
        )
    }

    @Test func `a new pack is 201, the same again 200`() async throws {
        let bytes = try SamplePack().archive()
        let first = try await send(bytes)
        #expect(first.status == 201)
        #expect(first.json["outcome"]?.text == "imported")
        #expect(first.json["name"]?.text == "web" && first.json["version"]?.text == "1.2.3")
        let second = try await send(bytes, type: "application/octet-stream")
        #expect(second.status == 200)
        #expect(second.json["outcome"]?.text == "unchanged")
        #expect(second.json["uid"] == first.json["uid"])
        let row = try bench.database.read { tx in
            try tx.all("SELECT actor_kind, actor_uid, tenant_uid FROM audit") { row in
                [row.text(0), row.text(1), row.text(2)]
            }
        }
        #expect(row == [["user", "u1", "t1"]])
    }

    @Test func `faults are 400, all of them, and nothing is kept`() async throws {
        var pack = try SamplePack()
        pack.set(
            "pack.json",
            "{\"name\":\"w\",\"displayName\":\"W\",\"version\":\"1\",\"layer\":\"foo\"}"
        )
        pack.set("values.yaml", "a: [")
        let answer = try await send(try pack.archive())
        #expect(answer.status == 400)
        #expect(answer.code == "ValidationFailed")
        #expect(
            answer.faults.filter { !$0.hasPrefix("values") } == [
                "pack.json#/version InvalidVersion", "pack.json#/layer NotAllowed",
            ]
        )
        #expect(answer.faults.contains { $0.hasPrefix("values.yaml#line ") })
        #expect(try bench.rows() == [0, 0, 0, 0])
        for bytes in [[], Array("junk".utf8), Array("{}".utf8)] {
            #expect(try await send(bytes).status == 400)
        }
    }

    @Test func `other content under a version that is there is 400 and names it`() async throws {
        _ = try await send(try SamplePack().archive())
        var other = try SamplePack()
        other.set("README.md", "other")
        let answer = try await send(try other.archive())
        #expect(answer.status == 400)
        #expect(answer.faults == ["pack.json#/version VersionExists"])
        #expect(answer.message.contains("web 1.2.3"))
    }

    @Test func `who may not import, and where nothing can be`() async throws {
        let bytes = try SamplePack().archive()
        let other = try await fillOther()
        let before = try bench.rows()
        #expect(try await send(bytes, as: nil).status == 401)
        #expect(try await send(bytes, as: "nobody").status == 403)
        #expect(try await send(bytes, to: "ffffffffffffffffffffffff").status == 404)
        #expect(try await send(bytes, to: other.registry.uid).status == 404)
        #expect(try await send(bytes, type: "application/json").status == 415)
        #expect(try bench.rows() == before)
    }

    @Test func `every operation refuses a caller without credential or permission`() async throws {
        for endpoint in bench.packs.endpoints {
            var path = endpoint.path
            for name in endpoint.pathParameters { path = path.replacing("{\(name)}", with: "x") }
            #expect(try await api.call(endpoint.method, path, as: nil).status == 401, "\(path)")
            #expect(
                try await api.call(endpoint.method, path, as: "nobody").status == 403,
                "\(path)"
            )
        }
    }
}

extension String {
    fileprivate func filled(_ uid: String) -> String { replacing("{}", with: uid) }

    /// The text as a value of a query.
    fileprivate var escaped: String {
        replacing("+", with: "%2B").replacing("/", with: "%2F").replacing("=", with: "%3D")
    }

    fileprivate func replacing(_ old: String, with new: String) -> String {
        var result = ""
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(old) {
                result += new
                rest = rest.dropFirst(old.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result
    }
}
