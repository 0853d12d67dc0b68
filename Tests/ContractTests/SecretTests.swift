import HTTPCore
import JSON
import TestSupport
import Testing

/// A life of the system, and then a search for what must not be found (SECURITY 41, 43).
@Suite("Secrets")
struct SecretTests {
    /// Every secret that somebody was shown or gave.
    private static func secrets(_ world: World) async throws -> [String: String] {
        let own = world.own
        var secrets = [
            "password": own.password, "API key": own.key, "spare key": own.spareKey,
            "member's key": own.memberKey, "pairing key": own.pairingKey,
            "credential": own.credential, "other credential": world.other.credential,
        ]
        let wrong = "wrong-Passw0rd!"
        secrets["wrong password"] = wrong
        _ = try await world.api.call(
            .post,
            "/v1/auth/authenticate",
            as: nil,
            body: ["emailId": .string(own.email), "password": .string(wrong)]
        )
        let login = try await world.api.call(
            .post,
            "/v1/auth/authenticate",
            as: nil,
            body: ["emailId": .string(own.email), "password": .string(own.password)]
        )
        secrets["session token"] = login.json["Authorization"]?.text
        secrets["new pairing key"] = "operators-new-key"
        _ = try await world.api.call(
            .patch,
            "/v1/edgehosts/\(own.waitingUID)/hostPairingKey",
            as: own.key,
            project: own.projectUID,
            body: ["hostPairingKey": "operators-new-key"]
        )
        secrets["wrong pairing key"] = "a-guessed-pairing-key"
        _ = try await world.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: Bodies.pairing(own.waitingUID, key: "a-guessed-pairing-key")
        )
        let auto = try await world.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: Bodies.pairing("auto-device", token: own.token, checksum: "machine-9")
        )
        secrets["credential by token"] = auto.json["status"]?["serviceAuthToken"]?.text
        let replaced = try await world.api.call(
            .post,
            "/v1/edgehosts/auto-device/replace",
            as: own.key,
            project: own.projectUID,
            body: ["makePairingKey": true]
        )
        secrets["made pairing key"] = replaced.json["hostPairingKey"]?.text
        _ = try await world.api.call(
            .get,
            "/v1/users",
            as: nil,
            headers: [("Authorization", "Bearer easel_key_guessed0000")]
        )
        secrets["guessed key"] = "easel_key_guessed0000"
        return secrets
    }

    @Test func `are in no answer, no row and no log line`() async throws {
        let world = try await World()
        let secrets = try await Self.secrets(world)
        #expect(secrets.values.allSatisfy { $0.utf8.count > 8 })
        let own = world.own
        var places: [(String, String)] = []
        for call in try world.calls(of: own)
        where call.method == .get || call.target.hasSuffix("search")
            || call.target.hasSuffix("metadata")
        {
            guard call.method == .get || call.method == .post else { continue }
            let answer = try await world.send(call, of: own)
            #expect(answer.status < 300, "\(call)")
            places.append(("\(call)", answer.text))
        }
        for call in try world.calls(of: own.unknown) where call.caller == .admin {
            places.append(("refused \(call)", try await world.send(call, of: own).text))
        }
        places.append(("database", try world.snapshot().text))
        places.append(("log", world.log.lines.joined(separator: "\n")))
        #expect(!world.log.lines.isEmpty)
        for (name, secret) in secrets {
            for (place, text) in places {
                #expect(!text.contains(secret), "the \(name) is in \(place)")
            }
        }
        // A registration token's value is shown to those who may make one, and nowhere else.
        for (place, text) in places
        where !place.contains("v1EdgeTokens") && text.contains(own.token) {
            Issue.record("the registration token is in \(place)")
        }
    }

    @Test func `are shown once, by the answer that makes them`() async throws {
        let world = try await World()
        let own = world.own
        let host = try await world.api.call(
            .get,
            "/v1/edgehosts/\(own.applianceUID)",
            as: nil,
            headers: [("Authorization", "Bearer \(own.credential)")]
        )
        #expect(host.status == 200)
        #expect(host.json["status"]?["serviceAuthToken"] == nil)
        let key = try await world.api.call(.get, "/v1/apiKeys/\(own.spareKeyUID)", as: own.key)
        #expect(!key.text.contains("easel_key_"))
    }

    // SECURITY 43: names are checked where they come in, and escaped where they go out.
    @Test(arguments: ["a\r\nb", "\u{1b}[31mred", "x\u{0}y", "line\u{2028}two", "\u{7f}"])
    func `of a terminal's language have no place in names`(_ name: String) async throws {
        let world = try await World()
        let own = world.own
        for (target, body) in [
            ("/v1/projects", ["metadata": ["name": .string(name)]]),
            ("/v1/apiKeys", ["metadata": ["name": .string(name)]]),
            ("/v1/edgehosts/tokens", ["metadata": ["name": .string(name)]]),
            ("/v1/edgehosts", ["metadata": ["uid": .string(name)]]),
            ("/v1/edgehosts", ["metadata": ["uid": "ok-1", "name": .string(name)]]),
            (
                "/v1/clusterprofiles",
                ["metadata": ["name": .string(name)], "spec": ["template": ["type": "system"]]]
            ),
        ] as [(String, JSONValue)] {
            let answer = try await world.api.call(.post, target, as: own.key, body: body)
            if name.contains("\u{2028}"), answer.status == 201 { continue }
            #expect(answer.status == 400, "\(target) took \(name.debugDescription)")
            let isPrintable = answer.response.body.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
            #expect(isPrintable, "\(target) answers with control characters")
        }
    }
}
