import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("OCI registries over the API")
struct OCIRegistryTests {
    private static let path = "/v1/registries/oci/basic"

    private func server() async throws -> EaselProcess {
        try await EaselProcess.start(
            flags: EaselProcess.standardFlags + ["--outbound-allow", "127.0.0.1"]
        )
    }

    private func body(
        _ endpoint: String,
        password: String = DockerRegistry.password,
        provider: String = "pack",
        content: String = "a/b"
    ) throws -> JSONValue {
        try JSONParser.parse(
            """
            {"metadata":{"name":"Harbor"},
             "spec":{"endpoint":"\(endpoint)","providerType":"\(provider)",
              "baseContentPath":"\(content)",
              "auth":{"type":"basic","username":"me","password":"\(password)"}}}
            """
        )
    }

    private func push(_ registry: DockerRegistry) async throws {
        let folder = try TemporaryDirectory.make()
        try TestFiles.write(folder + "/password", DockerRegistry.password + "\n")
        let pushed = try await Programs.easel([
            "packs", "push", Programs.examples + "/packs", "--registry", registry.url + "/a/b/",
            "--username", DockerRegistry.user, "--password-file", folder + "/password",
        ])
        #expect(pushed.ending == .exit(0), "\(pushed)")
    }

    private func synced(_ api: API, _ uid: String) async throws -> JSONValue {
        try await Wait.until("the registry is synchronised") {
            let status = try await api.call(.get, "/v1/registries/oci/\(uid)/basic/sync/status")
            // A literal nil would be the JSON value null.
            let none: JSONValue? = Optional.none
            return ["Success", "Failed"].contains(status["status"]?.text) ? status : none
        }
    }

    /// CHK-4.5.
    @Test(
        .enabled(if: DockerRegistry.isInstalled, DockerRegistry.missing),
        .timeLimit(.minutes(1))
    )
    func `a registry that cannot be opened or has no such path is not stored`() async throws {
        let registry = try await DockerRegistry.start()
        try await push(registry)
        let server = try await server()
        let api = try server.api(isSecure: false)
        let wrong = try await api.send(.post, Self.path, body(registry.url, password: "wrong"))
        #expect(wrong.status == 400, "\(wrong)")
        #expect(wrong.text.contains("/spec/auth"), "\(wrong)")
        #expect(!wrong.text.contains("UNAUTHORIZED"))
        let nowhere = try await api.send(.post, Self.path, body(registry.url, content: "a/c"))
        #expect(nowhere.status == 400, "\(nowhere)")
        #expect(nowhere.text.contains("/spec/baseContentPath"), "\(nowhere)")
        for endpoint in ["http://127.0.0.1:1", "http://127.0.0.2", "https://169.254.169.254"] {
            let refused = try await api.send(.post, Self.path, body(endpoint))
            #expect(refused.status == 400, "\(refused)")
            #expect(refused.text.contains("/spec/endpoint"), "\(refused)")
        }
        let zarf = try await api.send(.post, Self.path, body(registry.url, provider: "zarf"))
        #expect(zarf.status == 400, "\(zarf)")
        #expect(try await api.call(.get, "/v1/registries/oci/summary")["items"]?.elements == [])
        #expect(try await server.stop() == .exit(0))
    }

    @Test(
        .enabled(if: DockerRegistry.isInstalled, DockerRegistry.missing),
        .timeLimit(.minutes(1))
    )
    func `packs of a real registry are taken over once`() async throws {
        let registry = try await DockerRegistry.start()
        try await push(registry)
        let server = try await server()
        let api = try server.api(isSecure: false)
        let given = try body(registry.url)
        try await api.call(.post, Self.path + "/validate", given["spec"], expecting: 204)
        let made = try await api.call(.post, Self.path, given, expecting: 201)
        let uid = try #require(made["uid"]?.text)
        let status = try await synced(api, uid)
        #expect(status["status"]?.text == "Success", "\(status)")
        let rows = try DatabaseCopy(of: server.data).rows(
            "SELECT name, version FROM pack_version WHERE name = 'hello-world' ORDER BY version",
            columns: 2
        )
        #expect(rows.contains(["hello-world", "1.0.0"]))
        let shown = try await api.call(.get, "/v1/registries/oci/\(uid)/basic")
        #expect(shown["spec"]?["providerType"]?.text == "pack")
        #expect(shown["spec"]?["baseContentPath"]?.text == "a/b")
        #expect(shown["spec"]?["auth"]?["password"] == nil)
        // What is read can be put back, with the password left where it is.
        try await api.call(.put, "/v1/registries/oci/\(uid)/basic", shown, expecting: 204)
        #expect(try await api.call(.get, "/v1/registries/oci/\(uid)/basic") == shown)
        try await api.call(.post, "/v1/registries/oci/\(uid)/basic/sync", expecting: 202)
        let again = try await synced(api, uid)
        #expect(again["message"]?.text?.hasPrefix("0 pack versions are new") == true, "\(again)")
        let items = try await api.call(.get, "/v1/registries/oci/summary")["items"]?.elements
        #expect(items?.first?["spec"]?["registryType"]?.text == "basic")
        try await api.call(.delete, "/v1/registries/oci/\(uid)/basic", expecting: 204)
        #expect(try await server.stop() == .exit(0))
    }
}
