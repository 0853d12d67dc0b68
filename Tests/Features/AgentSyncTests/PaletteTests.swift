import AgentSync
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("Palette's routes for agents") struct PaletteTests {
    @Test func `an appliance logs in with its own credential only`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let credential = try await fleet.pair("device-1", token: token).credential ?? ""
        func login(_ uid: String, _ secret: String) async throws -> TestAnswer {
            try await fleet.api.call(
                .post,
                "/v1/auth/services/edge/login",
                as: nil,
                body: ["edgeHostUid": .string(uid), "authToken": .string(secret)]
            )
        }
        let answer = try await login("device-1", credential)
        #expect(answer.json["Authorization"]?.text == credential)
        #expect(answer.json["isMfa"]?.flag == false)
        #expect(try await login("device-2", credential).status == 401)
        #expect(try await login("device-1", token).status == 401)
    }

    @Test func `a checksum is kept, and another one is refused`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        func patch(_ checksum: String) async throws -> TestAnswer {
            try await fleet.api.call(
                .patch,
                "/v1/edgehosts/device-1/hostCheckSum",
                as: credential,
                body: ["hostCheckSum": .string(checksum)]
            )
        }
        #expect(try await patch("machine-1").status == 204)
        let other = try await patch("machine-2")
        #expect(other.code == "IdentityConflict")
        #expect(try await fleet.events(of: "device-1").first == "IdentityConflict")
    }

    @Test func `layer status merges into what is known`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        func patch(_ name: String, _ type: String, _ status: String) async throws -> TestAnswer {
            try await fleet.api.call(
                .patch,
                "/v1/edgehosts/device-1/packs/status",
                as: credential,
                body: [
                    "packs": [
                        [
                            "name": .string(name), "version": "1", "type": "helm",
                            "profileUid": "prof1", "startTime": "2026-03-01T12:00:00Z",
                            "condition": ["type": .string(type), "status": .string(status)],
                        ]
                    ]
                ]
            )
        }
        #expect(try await patch("a", "WaitingForOtherLayers", "True").status == 204)
        #expect(try await patch("b", "Ready", "True").status == 204)
        #expect(try await patch("a", "Error", "True").status == 204)
        #expect(try await patch("a", "Wrong", "True").status == 400)
        let packs = try await fleet.appliance("device-1")["status"]?["packs"]?.elements ?? []
        #expect(packs.map { $0["name"]?.text } == ["a", "b"])
        #expect(packs.map { $0["condition"]?["type"]?.text } == ["Error", "Ready"])
        // Easel's own reports go on from here.
        #expect(try await fleet.report("device-1", credential, sequence: 1).status == 204)
    }

    @Test func `shows profiles, manifests, configuration and archive`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        func get(_ path: String) async throws -> TestAnswer {
            try await fleet.api.call(.get, "/v1/edgehosts/device-1/\(path)", as: credential)
        }
        let spec = try await get("profiles").json["profiles"]?[0]?["spec"]
        #expect(spec?["packs"]?[0]?["spec"]?["values"]?.text == "a: 1")
        #expect(spec?["packs"]?[0]?["spec"]?["schema"] == nil)
        let full = try await get("profiles?includePackMeta=true").json["profiles"]?[0]?["spec"]
        #expect(full?["packs"]?[0]?["spec"]?["schema"] != nil)
        let manifest = try await get("pack/manifests/m1")
        #expect(manifest.json["spec"]?["published"]?["content"]?.text == "kind: A")
        #expect(try await get("pack/manifests/m2").status == 404)
        #expect(try await get("spc/download").response.body == [31, 139])
        let config = try await get("config").json
        #expect(config["tunnelConfig"]?["remoteSsh"]?.text == "disabled")
        #expect(config["clusterUids"]?.elements == [])
    }

    @Test func `an appliance tells of its tunnel and its vSphere`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let tunnel = try await fleet.api.call(
            .patch,
            "/v1/edgehosts/device-1/tunnelStatus",
            as: credential,
            body: [
                "ssh": [
                    "state": "Created", "message": "up",
                    "user": ["state": "Created", "credentials": ["password": "hidden"]],
                ]
            ]
        )
        #expect(tunnel.status == 204)
        let vsphere = try await fleet.api.call(
            .put,
            "/v1/edgehosts/device-1/vsphere/properties",
            as: credential,
            body: ["datacenters": [["name": "dc1"]]]
        )
        #expect(vsphere.status == 204)
        let answer = try await fleet.api.call(.get, "/v1/edgehosts/device-1", project: "p1")
        #expect(answer.json["status"]?["tunnelStatus"]?["ssh"]?["state"]?.text == "Created")
        #expect(!answer.text.contains("hidden"))
        let cloud = answer.json["spec"]?["cloudProperties"]?["vsphere"]?["datacenters"]
        #expect(cloud?[0]?["name"]?.text == "dc1")
    }
}
