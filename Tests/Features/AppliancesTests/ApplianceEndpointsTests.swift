import APIKit
import Appliances
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("What operators do with an appliance")
struct ApplianceEndpointsTests {
    @Test func `changes nothing when what was read is put back`() async throws {
        let site = try Site()
        try await site.register(
            "device-1",
            labels: ["name": "Store 12", "till": Tags.placeholder],
            spec: ["tunnelConfig": ["remoteSsh": "enabled"]],
            project: "p1"
        )
        for isPaired in [false, true] {
            if isPaired { try site.pair("device-1") }
            let read = try await site.api.call(.get, "/v1/edgehosts/device-1", project: "p1")
            let rows = try site.count(.audit)
            let put = try await site.api.call(
                .put,
                "/v1/edgehosts/device-1",
                project: "p1",
                headers: [("If-Match", read.etag)],
                body: read.json
            )
            #expect(put.status == 204)
            let meta = try await site.api.call(
                .put,
                "/v1/edgehosts/device-1/meta",
                project: "p1",
                body: read.json
            )
            #expect(meta.status == 204)
            #expect(try site.count(.audit) == rows)
            let again = try await site.api.call(.get, "/v1/edgehosts/device-1", project: "p1")
            #expect(again.etag == read.etag && again.text == read.text)
        }
        #expect(site.notices.count == 1)
    }

    @Test func `keeps the spec that an old client leaves out`() async throws {
        let site = try Site()
        try await site.register("device-1", spec: ["archType": "arm64"])
        let put = try await site.api.call(
            .put,
            "/v1/edgehosts/device-1",
            body: ["metadata": ["uid": "device-1", "name": "device-1", "labels": ["a": "b"]]]
        )
        #expect(put.status == 204)
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        #expect(read.json["metadata"]?["labels"] == ["a": "b"])
        #expect(read.json["spec"]?["device"]?["archType"]?.text == "arm64")
        #expect(try site.count(.tags) == 1)
    }

    @Test func `never lets a person write status or move an appliance`() async throws {
        let site = try Site()
        try await site.register("device-1")
        let put = try await site.api.call(
            .put,
            "/v1/edgehosts/device-1",
            body: [
                "status": ["state": "in-use", "health": ["state": "healthy"]],
                "aclmeta": ["tenantUid": "t2", "projectUid": "p1", "ownerUid": "u2"],
            ]
        )
        #expect(put.status == 204)
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        #expect(read.json["status"]?["state"]?.text == "unpaired")
        #expect(read.json["aclmeta"]?["tenantUid"]?.text == "t1")
        let renamed = try await site.api.call(
            .put,
            "/v1/edgehosts/device-1",
            body: ["metadata": ["uid": "device-2"]]
        )
        #expect(renamed.status == 400 && renamed.faults == ["/metadata/uid Immutable"])
    }

    @Test func `refuses a machine's description before any machine paired`() async throws {
        let site = try Site()
        try await site.register("device-1")
        let body: JSONValue = ["spec": ["device": ["cpu": ["cores": 8]]]]
        let refused = try await site.api.call(.put, "/v1/edgehosts/device-1", body: body)
        #expect(refused.status == 409 && refused.code == "EdgeHostDeviceNotRegistered")
        try site.pair("device-1")
        let taken = try await site.api.call(.put, "/v1/edgehosts/device-1", body: body)
        #expect(taken.status == 204)
    }

    @Test func `refuses an update of what has changed since it was read`() async throws {
        let site = try Site()
        try await site.register("device-1")
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        var answers: [UInt16] = []
        for label in ["x", "y"] {
            answers.append(
                try await site.api.call(
                    .put,
                    "/v1/edgehosts/device-1/meta",
                    headers: [("If-Match", read.etag)],
                    body: ["metadata": ["labels": ["a": .string(label)]]]
                ).status
            )
        }
        #expect(answers == [204, 412])
        let unchanged = try await site.api.call(
            .get,
            "/v1/edgehosts/device-1",
            headers: [
                (
                    "If-None-Match",
                    try await site.api.call(
                        .get,
                        "/v1/edgehosts/device-1"
                    ).etag
                )
            ]
        )
        #expect(unchanged.status == 304)
    }

    @Test func `shows a new health to who asks with the former entity tag`() async throws {
        let site = try Site()
        try await site.register("device-1")
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        try site.database.writeBlocking { tx in
            let key = try #require(try ApplianceStore.findAnywhere("device-1", tx)).key
            _ = try ApplianceHealthStore.set(ApplianceHealth(state: .healthy), of: key, tx)
        }
        let again = try await site.api.call(
            .get,
            "/v1/edgehosts/device-1",
            headers: [("If-None-Match", read.etag)]
        )
        #expect(again.status == 200)
        #expect(again.json["status"]?["health"]?["state"]?.text == "healthy")
    }

    @Test func `is deleted once, and not while a cluster holds it`() async throws {
        let site = try Site()
        try await site.register("device-1")
        let early = try await site.api.call(
            .patch,
            "/v1/edgehosts/device-1/cluster/associate",
            body: ["clusterUid": "c1"]
        )
        #expect(early.status == 409)
        try site.pair("device-1")
        for _ in 0..<2 {
            let taken = try await site.api.call(
                .patch,
                "/v1/edgehosts/device-1/cluster/associate",
                body: ["clusterUid": "c1"]
            )
            #expect(taken.status == 204)
        }
        let other = try await site.api.call(
            .patch,
            "/v1/edgehosts/device-1/cluster/associate",
            body: ["clusterUid": "c2"]
        )
        #expect(other.status == 409 && other.code == "ResourceInUse")
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        #expect(read.json["status"]?["state"]?.text == "in-use")
        #expect(read.json["status"]?["inUseClusters"]?[0]?["uid"]?.text == "c1")
        let picker = try await site.api.call(
            .get,
            "/v1/edgehosts/metadata?quickFilter=unusedEdgeHosts"
        )
        #expect(picker.json["edgeHosts"]?.elements?.isEmpty == true)
        let refused = try await site.api.call(.delete, "/v1/edgehosts/device-1")
        #expect(refused.status == 409 && refused.message.contains("'c1'"))
        #expect(refused.json["details"]?["referrers"]?[0]?["uid"]?.text == "c1")
        let freed = try await site.api.call(.delete, "/v1/edgehosts/device-1/cluster/associate")
        #expect(freed.status == 204)
        #expect(try await site.api.call(.delete, "/v1/edgehosts/device-1").status == 204)
        #expect(try await site.api.call(.delete, "/v1/edgehosts/device-1").status == 404)
        #expect(site.notices.last?.kind == .deleted)
        #expect(try site.count(.health) == 0 && site.count(.events) == 0)
        // registered, taken, freed, deleted: the repeated calls and the refused ones left none.
        #expect(try site.count(.audit) == 4)
    }

    @Test func `follows the profiles that are set`() async throws {
        let site = try Site()
        try await site.register("device-1")
        let before = try #require(site.notices.last)
        let set = try await site.api.call(
            .put,
            "/v1/edgehosts/device-1/profiles",
            body: ["profiles": [["uid": "profile2"], ["uid": "profile1"]]]
        )
        #expect(set.status == 204)
        let notice = try #require(site.notices.last)
        #expect(notice.kind == .profilesChanged)
        #expect(notice.profileUIDs == ["profile2", "profile1"])
        #expect(notice.desiredCounter > before.desiredCounter)
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        #expect(read.json["spec"]?["clusterProfileTemplates"]?[0]?["uid"]?.text == "profile2")
        let rows = try site.count(.audit)
        let same = try await site.api.call(
            .put,
            "/v1/edgehosts/device-1/profiles",
            body: ["profiles": [["uid": "profile2"], ["uid": "profile1"]]]
        )
        #expect(same.status == 204)
        #expect(try site.count(.audit) == rows && site.notices.count == 2)
        let cases: [(JSONValue, UInt16)] = [
            (["profiles": [["uid": "unknown"]]], 404),
            (["profiles": [["uid": "profile-draft"]]], 400),
            (["profiles": [["uid": "profile1"], ["uid": "profile1"]]], 400),
            (["profiles": [["name": "x"]]], 400),
            (
                ["profiles": [["uid": "profile1", "packValues": [["name": "a", "values": "b"]]]]],
                400
            ),
        ]
        for (body, status) in cases {
            let refused = try await site.api.call(
                .put,
                "/v1/edgehosts/device-1/profiles",
                body: body
            )
            #expect(refused.status == status, "\(body)")
        }
        let none = try await site.api.call(
            .put,
            "/v1/edgehosts/device-1/profiles",
            body: ["profiles": nil]
        )
        #expect(none.status == 204 && site.notices.last?.profileUIDs == [])
    }

    @Test func `voids the credential of a host that is replaced and keeps its history`()
        async throws
    {
        let site = try Site()
        try await site.register("device-1")
        try site.pair("device-1")
        let answer = try await site.api.call(
            .post,
            "/v1/edgehosts/device-1/replace",
            body: ["makePairingKey": true]
        )
        #expect(answer.status == 200 && answer.json["state"]?.text == "unpaired")
        let key = try #require(answer.json["hostPairingKey"]?.text)
        #expect(key.hasPrefix("easel_pair_"))
        let notice = try #require(site.notices.last)
        #expect(notice.kind == .credentialChanged && notice.credentialDigest == nil)
        let plain = try await site.api.call(.post, "/v1/edgehosts/device-1/replace")
        #expect(plain.json["hostPairingKey"] == nil)
        let events = try await site.api.call(.get, "/v1/edgehosts/device-1/events")
        #expect(events.json["items"]?[0]?["reason"]?.text == "HostReplaced")
        #expect(events.json["items"]?[1]?["reason"]?.text == "Registered")
        #expect(!events.text.contains(key))
        let both = try await site.api.call(
            .post,
            "/v1/edgehosts/device-1/replace",
            body: ["makePairingKey": true, "hostPairingKey": "k"]
        )
        #expect(both.status == 400)
    }

    @Test func `sets tunnel, key and reset`() async throws {
        let site = try Site()
        try await site.register("device-1")
        let tunnel = try await site.api.call(
            .patch,
            "/v1/edgehosts/device-1/tunnelConfig",
            body: ["remoteSsh": "enabled", "remoteSshTempUser": "enabled"]
        )
        #expect(tunnel.status == 204)
        let off = try await site.api.call(
            .patch,
            "/v1/edgehosts/device-1/tunnelConfig",
            body: ["remoteSsh": "disabled"]
        )
        #expect(off.status == 204)
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        #expect(
            read.json["spec"]?["tunnelConfig"]
                == ["remoteSsh": "disabled", "remoteSshTempUser": "disabled"]
        )
        let key = try await site.api.call(
            .patch,
            "/v1/edgehosts/device-1/hostPairingKey",
            body: ["hostPairingKey": "secret-1"]
        )
        #expect(key.status == 204)
        #expect(
            try await site.api.call(
                .patch,
                "/v1/edgehosts/device-1/hostPairingKey",
                body: [:]
            ).status == 400
        )
        #expect(try await site.api.call(.put, "/v1/edgehosts/device-1/reset").status == 409)
        try site.pair("device-1")
        #expect(try await site.api.call(.put, "/v1/edgehosts/device-1/reset").status == 204)
    }

    @Test func `lets an appliance read itself and nothing else`() async throws {
        let site = try Site()
        try await site.register("device-1", project: "p1")
        try await site.register("device-2", project: "p1")
        let key = try site.database.read { tx in
            try ApplianceStore.findAnywhere("device-1", tx)?.key
        }
        #expect(key == 1)
        let own = try await site.api.call(.get, "/v1/edgehosts/device-1", as: "device-1")
        #expect(own.json["metadata"]?["uid"]?.text == "device-1")
        for path in ["/v1/edgehosts/device-2", "/v1/edgehosts/device-1/events", "/v1/edgehosts"] {
            let refused = try await site.api.call(.get, path, as: "device-1")
            #expect(refused.status == 403, "\(path)")
        }
        _ = try await site.api.call(.delete, "/v1/edgehosts/device-1", project: "p1")
        let gone = try await site.api.call(.get, "/v1/edgehosts/device-1", as: "device-1")
        #expect(gone.status == 404)
    }

    @Test func `shows what was reported of each layer`() async throws {
        let site = try Site()
        try await site.register("device-1")
        try site.pair("device-1")
        try site.database.writeBlocking { tx in
            try tx.run(
                """
                INSERT INTO appliance_observation (appliance_key, sequence, observed_epoch,
                    observed_counter, layers, reported_at)
                SELECT key, 1, 1, 1, $1, 1000 FROM appliance
                """,
                .text(
                    #"[{"name":"fluentbit","kind":"spectro","version":"4.0.1","profileUid":"p","#
                        + #""condition":{"type":"Ready","status":"True"}}]"#
                )
            )
        }
        let read = try await site.api.call(.get, "/v1/edgehosts/device-1")
        let pack = try #require(read.json["status"]?["packs"]?[0])
        #expect(pack["name"]?.text == "fluentbit" && pack["type"]?.text == "spectro")
        #expect(pack["condition"]?["status"]?.text == "True")
        _ = try await site.api.call(.post, "/v1/edgehosts/device-1/replace")
        let replaced = try await site.api.call(.get, "/v1/edgehosts/device-1")
        #expect(replaced.json["status"]?["packs"] == [])
    }

    @Test func `holds no secret in any answer, event or audit row`() async throws {
        let site = try Site()
        try await site.register("device-1", spec: ["hostPairingKey": "pairing-secret"])
        try site.pair("device-1")
        let put = try await site.api.call(
            .put,
            "/v1/edgehosts/device-1",
            body: [
                "spec": [
                    "host": [
                        "hostUid": "x", "hostAddress": "192.0.2.1", "hostAuthToken": "auth-secret",
                        "hostPairingKey": "pairing-secret",
                        "hostIdentity": [
                            "mode": "ssh", "sshSecret": ["privateKey": "ssh-secret", "name": "s"],
                        ],
                    ]
                ]
            ]
        )
        #expect(put.status == 204)
        _ = try await site.api.call(
            .patch,
            "/v1/edgehosts/device-1/hostPairingKey",
            body: ["hostPairingKey": "pairing-secret"]
        )
        var texts: [String] = []
        for path in [
            "/v1/edgehosts/device-1", "/v1/edgehosts", "/v1/edgehosts/metadata",
            "/v1/edgehosts/device-1/events",
        ] {
            texts.append(try await site.api.call(.get, path).text)
        }
        texts.append(
            try await site.api.call(.post, "/v1/dashboard/edgehosts/search", body: [:]).text
        )
        texts += try site.database.read { tx in
            try tx.all("SELECT message, resource_name, action FROM audit") {
                $0.text(0) + $0.text(1) + $0.text(2)
            }
        }
        texts += try site.database.read { tx in
            try tx.all("SELECT host, device FROM appliance") { $0.text(0) + $0.text(1) }
        }
        for text in texts {
            #expect(!text.contains("-secret") && !text.contains("digest of"))
        }
    }

    @Test func `answers the same 404 to other tenants and other projects everywhere`() async throws
    {
        let site = try Site()
        try await site.register("device-1", project: "p1")
        let paths: [(HTTPMethod, String, JSONValue?)] = [
            (.get, "", nil), (.put, "", ["metadata": ["labels": ["a": "b"]]]), (.delete, "", nil),
            (.put, "/meta", ["metadata": ["labels": ["a": "b"]]]),
            (.put, "/profiles", ["profiles": [["uid": "profile1"]]]), (.put, "/reset", nil),
            (.patch, "/tunnelConfig", ["remoteSsh": "enabled"]),
            (.patch, "/cluster/associate", ["clusterUid": "c1"]),
            (.delete, "/cluster/associate", nil),
            (.patch, "/hostPairingKey", ["hostPairingKey": "k"]), (.post, "/replace", nil),
            (.get, "/events", nil),
        ]
        for (method, path, body) in paths {
            var bodies: Set<String> = []
            let callers: [(String, String?, String)] = [
                ("other-admin", nil, "device-1"), ("other-admin", "q1", "device-1"),
                ("admin", nil, "device-1"), ("admin", "p2", "device-1"),
                ("admin", "p1", "device-2"),
            ]
            for (caller, project, uid) in callers {
                let answer = try await site.api.call(
                    method,
                    "/v1/edgehosts/\(uid)\(path)",
                    as: caller,
                    project: project,
                    body: body
                )
                #expect(answer.status == 404, "\(method) \(path) \(caller)")
                let reference = answer.json["ref"]?.text ?? ""
                bodies.insert(
                    answer.text.replacing(reference, with: "").replacing(uid, with: "device-1")
                )
            }
            #expect(bodies.count == 1)
            let guest = try await site.api.call(
                method,
                "/v1/edgehosts/device-1\(path)",
                as: "guest",
                project: "p1",
                body: body
            )
            #expect(guest.status == 403, "\(method) \(path)")
            let nobody = try await site.api.call(
                method,
                "/v1/edgehosts/device-1\(path)",
                as: nil,
                body: body
            )
            #expect(nobody.status == 401, "\(method) \(path)")
        }
        #expect(try site.count(.audit) == 1)
    }
}

extension String {
    /// The text with a part exchanged wherever it stands.
    fileprivate func replacing(_ part: String, with other: String) -> String {
        guard !part.isEmpty else { return self }
        return split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
    }
}
