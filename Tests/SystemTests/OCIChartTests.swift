import Archive
import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("Helm charts of OCI registries")
struct OCIChartTests {
    /// Pushes a chart as `helm push` does: a configuration, the archive, and a manifest that names
    /// both.
    private static let push = """
        import base64, hashlib, json, sys, urllib.request
        base, archive = sys.argv[1], open(sys.argv[2], "rb").read()
        basic = "Basic " + base64.b64encode(b"me:right password").decode()
        def call(method, url, body=None, **fields):
            request = urllib.request.Request(url, data=body, method=method)
            request.add_header("Authorization", basic)
            for name, value in fields.items(): request.add_header(name.replace("_", "-"), value)
            return urllib.request.urlopen(request)
        def blob(kind, content):
            digest = "sha256:" + hashlib.sha256(content).hexdigest()
            place = call("POST", base + "/blobs/uploads/", b"").headers["Location"]
            place += ("&" if "?" in place else "?") + "digest=" + digest
            call("PUT", place, content, Content_Type="application/octet-stream")
            return {"mediaType": kind, "digest": digest, "size": len(content)}
        config = json.dumps({"name": "nginx", "version": "1.0.0+build", "apiVersion": "v2"})
        helm = "application/vnd.cncf.helm."
        manifest = {"schemaVersion": 2,
            "config": blob(helm + "config.v1+json", config.encode()),
            "layers": [blob(helm + "chart.content.v1.tar+gzip", archive)]}
        call("PUT", base + "/manifests/1.0.0_build", json.dumps(manifest).encode(),
            Content_Type="application/vnd.oci.image.manifest.v1+json")
        """

    private func pushed() async throws -> DockerRegistry {
        let registry = try await DockerRegistry.start()
        var tar = TarWriter()
        try tar.addFile(
            "nginx/Chart.yaml",
            Array("apiVersion: v2\nname: nginx\nversion: 1.0.0+build\n".utf8)
        )
        try tar.addFile("nginx/values.yaml", Array("# how many\nreplicas: 1\n".utf8))
        let path = try TemporaryDirectory.make() + "/nginx.tgz"
        try Files.atomicWrite(path: path, bytes: Gzip.compress(tar.finish()))
        let result = try await Programs.run(
            "/usr/bin/python3",
            ["-c", Self.push, registry.url + "/v2/charts/nginx", path]
        )
        try #require(result.ending == .exit(0), "\(result)")
        return registry
    }

    @Test(
        .enabled(if: DockerRegistry.isInstalled, DockerRegistry.missing),
        .timeLimit(.minutes(1))
    )
    func `one that was pushed into a real registry is a layer with its values`() async throws {
        let registry = try await pushed()
        let server = try await EaselProcess.start(
            flags: EaselProcess.standardFlags + ["--outbound-allow", "127.0.0.1"]
        )
        let api = try server.api(isSecure: false)
        let made = try await api.call(
            .post,
            "/v1/registries/oci/basic",
            [
                "metadata": ["name": "Charts"],
                "spec": [
                    "endpoint": .string(registry.url), "providerType": "helm",
                    "baseContentPath": "charts",
                    "auth": [
                        "type": "basic", "username": .string(DockerRegistry.user),
                        "password": .string(DockerRegistry.password),
                    ],
                ],
            ],
            expecting: 201
        )
        let uid = try #require(made["uid"]?.text)
        let status = try await Wait.until("the registry is synchronised") {
            let status = try await api.call(.get, "/v1/registries/oci/\(uid)/basic/sync/status")
            // A literal nil would be the JSON value null.
            let none: JSONValue? = Optional.none
            return ["Success", "Failed"].contains(status["status"]?.text) ? status : none
        }
        #expect(status["status"]?.text == "Success", "\(status)")
        let versions = try await api.call(.get, "/v1/packs/nginx/registries/\(uid)")
        #expect(versions["tags"]?[0]?["version"]?.text == "1.0.0+build", "\(versions)")
        #expect(versions["packValues"]?[0]?["values"]?.text?.contains("# how many") == true)
        let profile = try await api.call(
            .post,
            "/v1/clusterprofiles?publish=true",
            [
                "metadata": ["name": "site"],
                "spec": [
                    "template": [
                        "type": "system",
                        "packs": [
                            [
                                "name": "nginx", "type": "helm", "registryUid": .string(uid),
                                "tag": "1.0.0+build",
                            ]
                        ],
                    ]
                ],
            ],
            expecting: 201
        )
        let shown = try await api.call(
            .get,
            "/v1/clusterprofiles/\(profile["uid"]?.text ?? "")"
        )
        let layer = shown["spec"]?["published"]?["packs"]?[0]
        #expect(layer?["version"]?.text == "1.0.0+build", "\(shown)")
        #expect(layer?["values"]?.text?.contains("replicas: 1") == true)
        #expect(try await server.stop() == .exit(0))
    }
}
