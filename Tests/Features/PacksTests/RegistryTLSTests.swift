import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import Packs

@Suite("Registries over HTTPS")
struct RegistryTLSTests {
    private func body(_ site: StaticSite, _ tls: JSONValue) -> JSONValue {
        RegistryBench.body("Central", site.url, auth: ["type": "noAuth", "tls": tls])
    }

    /// What a registry of each kind holds.
    private func site() throws -> StaticSite {
        var charts = HelmSite()
        try charts.add("nginx", "1.0.0")
        let files = try RegistryBench.published([("web", "1.0.0")])
        return try StaticSite(files.merging(charts.files) { $1 }, isSecure: true)
    }

    private static let held = [("pack", "web 1.0.0 active"), ("helm", "nginx 1.0.0 active")]

    @Test(arguments: held)
    func `are taken over under the private authority that is given`(
        kind: String,
        held: String
    ) async throws {
        let site = try site()
        let bench = try RegistryBench(site)
        let given = body(site, ["enabled": true, "ca": .string(site.authority)])
        let uid = try await bench.add(kind, given)
        #expect(try bench.standings(uid) == [held])
        let read = try await bench.api.call(.get, "/v1/registries/\(kind)/\(uid)")
        #expect(read.json["spec"]?["auth"]?["tls"]?["ca"]?.text == site.authority)
        // What was read can be put back: the authority counts on.
        let put = try await bench.api.call(
            .put,
            "/v1/registries/\(kind)/\(uid)",
            body: read.json
        )
        #expect(put.status == 204, "\(put.text)")
        #expect(try await bench.sync(kind, uid)["status"]?.text == "Success")
        await site.stop()
    }

    @Test(arguments: held)
    func `are taken over unverified where the operator says so`(
        kind: String,
        held: String
    ) async throws {
        let site = try site()
        let bench = try RegistryBench(site)
        let uid = try await bench.add(
            kind,
            body(site, ["enabled": true, "insecureSkipVerify": true])
        )
        #expect(try bench.standings(uid) == [held])
        await site.stop()
    }

    @Test(arguments: ["pack", "helm"])
    func `are not stored when nobody vouches for them, or somebody else does`(
        kind: String
    ) async throws {
        let site = try site()
        let other = try StaticSite(isSecure: true)
        let bench = try RegistryBench(site)
        for tls: JSONValue in [
            [:], ["enabled": true], ["enabled": true, "ca": .string(other.authority)],
            ["enabled": true, "insecureSkipVerify": false],
        ] {
            let answer = try await bench.api.call(
                .post,
                "/v1/registries/\(kind)",
                body: body(site, tls)
            )
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer.pointers == ["/spec/endpoint"])
        }
        #expect(site.takeRequests().isEmpty)
        #expect(try bench.count("registry") == 1)
        await site.stop()
        await other.stop()
    }
}
