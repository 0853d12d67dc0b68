import APIKit
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Identity

@Suite("API keys")
struct APIKeyTests {
    private func create(
        _ site: Site,
        as credential: String? = nil,
        name: String = "ci",
        _ spec: JSONObject? = nil
    ) async throws -> TestAnswer {
        var body: JSONObject = ["metadata": ["name": .string(name)]]
        body["spec"] = spec.map(JSONValue.object)
        return try await site.api.call(
            .post,
            "/v1/apiKeys",
            as: credential ?? site.acme.apiKey,
            body: .object(body)
        )
    }

    private func made(_ answer: TestAnswer) -> (uid: String, secret: String) {
        (answer.json["uid"]?.text ?? "", answer.json["apiKey"]?.text ?? "")
    }

    private func status(_ site: Site, _ secret: String) async throws -> UInt16 {
        try await site.api.call(.get, "/v1/users/info", as: secret).status
    }

    @Test func `a key is shown once and opens the API`() async throws {
        let site = try Site()
        let answer = try await create(site)
        #expect(answer.status == 201)
        let (uid, secret) = made(answer)
        #expect(secret.hasPrefix("easel_key_") && secret.utf8.count == 53)
        #expect(try await status(site, secret) == 200)
        #expect(try await site.status(authorization: secret) == 200)
        #expect(try await site.status(authorization: "Bearer \(secret)") == 200)
        #expect(
            try await site.api.call(.get, "/v1/users/info?ApiKey=\(secret)", as: nil).status == 200
        )
        let get = try await site.api.call(.get, "/v1/apiKeys/\(uid)", as: site.acme.apiKey)
        let list = try await site.api.call(.get, "/v1/apiKeys", as: site.acme.apiKey)
        #expect(list.json["items"]?.elements?.count == 2)
        for text in [get.text, list.text, try site.auditTexts()] {
            #expect(!text.contains(secret) && !text.contains("easel_key_"))
        }
        #expect(get.json["metadata"]?["name"]?.text == "ci")
        #expect(get.json["spec"]?["user"]?["uid"]?.text == site.acme.userUID)
        #expect(get.json["spec"]?["expiry"]?.text == "0001-01-01T00:00:00.000Z")
        #expect(get.json["status"]?["isActive"]?.flag == true)
        let stored = try site.database.read {
            try $0.all("SELECT digest || uid || name FROM api_key") { $0.text(0) }
        }
        #expect(!stored.joined().contains(secret))
    }

    @Test func `a key is refused for all that is wrong with it at once`() async throws {
        let site = try Site()
        let past = site.clock.now.adding(seconds: -60).text
        let nobody = String(repeating: "f", count: 24)
        let refused = try await create(
            site,
            name: "",
            ["expiry": .string(past), "userUid": .string(nobody)]
        )
        #expect(refused.status == 400)
        #expect(refused.code == "InvalidBody")
        #expect(
            refused.faults == [
                "/metadata/name Required", "/spec/expiry InThePast", "/spec/userUid UnknownUser",
            ]
        )
        let named = try await create(
            site,
            ["expiry": .string(past), "userUid": .string(nobody)]
        )
        #expect(named.code == "ValidationFailed")
        #expect(named.faults == ["/spec/expiry InThePast", "/spec/userUid UnknownUser"])
        let list = try await site.api.call(.get, "/v1/apiKeys", as: site.acme.apiKey)
        #expect(list.json["items"]?.elements?.count == 1)
    }

    @Test(arguments: ["", "x", "easel_key_", "easel_key_" + String(repeating: "A", count: 43)])
    func `a key that is none is refused`(secret: String) async throws {
        #expect(try await status(try Site(), secret) == 401)
    }

    // CHK-1.1
    @Test func `revoked, re-activated and expired keys`() async throws {
        let site = try Site()
        let expiry = site.clock.now.adding(seconds: 3600)
        let (uid, secret) = made(try await create(site, ["expiry": .string(expiry.text)]))
        func set(_ method: HTTPMethod, _ suffix: String, _ body: JSONValue) async throws
            -> TestAnswer
        {
            try await site.api.call(
                method,
                "/v1/apiKeys/\(uid)\(suffix)",
                as: site.acme.apiKey,
                body: body
            )
        }
        #expect(try await status(site, secret) == 200)
        #expect(try await set(.put, "/state", ["isActive": false]).status == 204)
        #expect(try await status(site, secret) == 401)
        #expect(try await set(.put, "/state", ["isActive": true]).status == 204)
        #expect(try await status(site, secret) == 200)
        // A patch that says nothing of the state leaves it alone.
        #expect(try await set(.patch, "", [:]).status == 204)
        #expect(try await set(.patch, "", ["metadata": ["name": "ci"]]).status == 204)
        #expect(try await status(site, secret) == 200)
        // Go leaves out `false`.
        #expect(try await set(.put, "/state", [:]).status == 204)
        #expect(try await status(site, secret) == 401)
        #expect(try await set(.patch, "", ["isActive": true]).status == 204)
        site.clock.advance(seconds: 3600)
        #expect(try await status(site, secret) == 401)
        // It says that it is active, and still opens nothing.
        let known = try await set(.patch, "", ["isActive": true])
        #expect(known.faults == ["/isActive Expired"])
        #expect(known.message.contains("has expired"))
        #expect(try await set(.put, "/state", ["isActive": false]).status == 204)
        let refused = try await set(.put, "/state", ["isActive": true])
        #expect(refused.status == 400)
        #expect(refused.faults == ["/isActive Expired"])
        let later = site.clock.now.adding(seconds: 60).text
        #expect(
            try await set(
                .put,
                "",
                ["metadata": ["name": "ci"], "spec": ["expiry": .string(later)]]
            ).status == 204
        )
        #expect(try await set(.put, "/state", ["isActive": true]).status == 204)
        #expect(try await status(site, secret) == 200)
    }

    // CHK-1.5
    @Test func `the twenty-first key is refused`() async throws {
        let site = try Site()
        for number in 2...20 {
            #expect(try await create(site, name: "k\(number)").status == 201)
        }
        let rows = try await site.audited {
            let refused = try await create(site)
            #expect(refused.status == 400)
            #expect(refused.code == "ResourceLimitExceeded")
        }
        #expect(rows == [])
        let list = try await site.api.call(.get, "/v1/apiKeys", as: site.acme.apiKey)
        #expect(list.json["items"]?.elements?.count == 20)
    }

    @Test(
        arguments: [
            ([:], ["/metadata/name Required"]),
            (["metadata": ["name": ""]], ["/metadata/name Required"]),
            (["metadata": ["name": " x"]], ["/metadata/name NotAllowed"]),
            (["metadata": ["name": "a\nb"]], ["/metadata/name NotAllowed"]),
            (
                ["metadata": ["name": 1, "annotations": 2], "spec": ["expiry": "soon"]],
                [
                    "/metadata/name WrongType", "/metadata/annotations WrongType",
                    "/spec/expiry InvalidTime",
                ]
            ),
            (
                ["metadata": ["name": "x"], "spec": ["expiry": "2020-01-01T00:00:00.000Z"]],
                ["/spec/expiry InThePast"]
            ),
        ] as [(JSONValue, [String])]
    )
    func `a body that does not fit makes no key`(body: JSONValue, faults: [String]) async throws {
        let site = try Site()
        let rows = try await site.audited {
            let answer = try await site.api.call(
                .post,
                "/v1/apiKeys",
                as: site.acme.apiKey,
                body: body
            )
            #expect(answer.status == 400)
            #expect(answer.faults == faults)
        }
        #expect(rows == [])
    }

    @Test func `the owner is the caller, or a person of the tenant`() async throws {
        let site = try Site()
        let member = try site.addMember()
        for (named, owner) in [
            ("", site.acme.userUID), (site.acme.tenantUID, site.acme.userUID),
            (site.acme.userUID, site.acme.userUID), (member.uid, member.uid),
        ] {
            let (uid, _) = made(try await create(site, ["userUid": .string(named)]))
            let key = try await site.api.call(.get, "/v1/apiKeys/\(uid)", as: site.acme.apiKey)
            #expect(key.json["spec"]?["user"]?["uid"]?.text == owner)
        }
        for stranger in [site.globex.userUID, site.globex.tenantUID, "nobody"] {
            #expect(try await create(site, ["userUid": .string(stranger)]).status == 404)
        }
    }

    // SECURITY 5
    @Test func `a body cannot move a key to another tenant or person`() async throws {
        let site = try Site()
        let (uid, secret) = made(
            try await site.api.call(
                .post,
                "/v1/apiKeys",
                as: site.acme.apiKey,
                body: [
                    "metadata": [
                        "name": "x", "uid": "chosen", "tenantUid": .string(site.globex.tenantUID),
                    ],
                    "tenantUid": .string(site.globex.tenantUID),
                    "spec": ["key": "chosen", "tenantUid": .string(site.globex.tenantUID)],
                    "status": ["isActive": false],
                ]
            )
        )
        #expect(uid != "chosen")
        let changed = try await site.api.call(
            .put,
            "/v1/apiKeys/\(uid)",
            as: site.acme.apiKey,
            body: [
                "metadata": ["name": "y", "uid": "other"],
                "spec": ["userUid": .string(site.globex.userUID), "ownerUid": "z"],
            ]
        )
        #expect(changed.status == 204)
        let info = try await site.api.call(.get, "/v1/users/info", as: secret)
        #expect(info.json["tenantUid"]?.text == site.acme.tenantUID)
        #expect(info.json["userUid"]?.text == site.acme.userUID)
    }

    // SECURITY 4
    @Test func `another tenant's key is as unknown as one that is not`() async throws {
        let site = try Site()
        let (foreign, _) = made(try await create(site, as: site.globex.apiKey))
        let rows = try await site.audited {
            for (method, suffix, body) in [
                (.get, "", nil), (.put, "", ["metadata": ["name": "x"]]),
                (.patch, "", ["isActive": false]), (.put, "/state", ["isActive": false]),
                (.delete, "", nil),
            ] as [(HTTPMethod, String, JSONValue?)] {
                let theirs = try await site.api.call(
                    method,
                    "/v1/apiKeys/\(foreign)\(suffix)",
                    as: site.acme.apiKey,
                    body: body
                )
                let unknown = try await site.api.call(
                    method,
                    "/v1/apiKeys/000000000000000000000000\(suffix)",
                    as: site.acme.apiKey,
                    body: body
                )
                #expect(theirs.status == 404 && unknown.status == 404)
                #expect(theirs.code == unknown.code)
                #expect(
                    theirs.message
                        == unknown.message.split(separator: "000000000000000000000000").joined(
                            separator: foreign
                        )
                )
            }
        }
        #expect(rows == [])
        let list = try await site.api.call(.get, "/v1/apiKeys", as: site.acme.apiKey)
        #expect(!list.text.contains(foreign))
    }

    @Test func `a write that changes nothing leaves no trace`() async throws {
        let site = try Site()
        let (uid, _) = made(
            try await create(
                site,
                ["expiry": .string(site.clock.now.adding(seconds: 60).text)]
            )
        )
        let path = "/v1/apiKeys/\(uid)"
        let before = try await site.api.call(.get, path, as: site.acme.apiKey)
        let rows = try await site.audited {
            let state = try await site.api.call(
                .put,
                path + "/state",
                as: site.acme.apiKey,
                body: ["isActive": true]
            )
            #expect(state.status == 204)
            site.clock.advance(seconds: 120)
            let put = try await site.api.call(.put, path, as: site.acme.apiKey, body: before.json)
            #expect(put.status == 204)
        }
        #expect(rows == [])
        let after = try await site.api.call(.get, path, as: site.acme.apiKey)
        #expect(after.text == before.text && after.etag == before.etag)
    }

    @Test func `every change leaves one audit row, and a new version`() async throws {
        let site = try Site()
        var uid = ""
        let rows = try await site.audited {
            uid = made(try await create(site)).uid
            let path = "/v1/apiKeys/\(uid)"
            let etag = try await site.api.call(.get, path, as: site.acme.apiKey).etag
            let put: JSONValue = ["metadata": ["name": "new"]]
            _ = try await site.api.call(
                .put,
                path,
                as: site.acme.apiKey,
                headers: [("If-Match", etag)],
                body: put
            )
            let stale = try await site.api.call(
                .put,
                path,
                as: site.acme.apiKey,
                headers: [("If-Match", etag)],
                body: ["metadata": ["name": "newer"]]
            )
            #expect(stale.status == 412)
            _ = try await site.api.call(
                .put,
                path + "/state",
                as: site.acme.apiKey,
                body: ["isActive": false]
            )
            _ = try await site.api.call(
                .patch,
                path,
                as: site.acme.apiKey,
                body: ["isActive": true]
            )
            _ = try await site.api.call(.delete, path, as: site.acme.apiKey)
        }
        #expect(
            rows == [
                "create apikey", "update apikey", "deactivate apikey", "activate apikey",
                "delete apikey",
            ]
        )
        #expect(
            try await site.api.call(.get, "/v1/apiKeys/\(uid)", as: site.acme.apiKey).status == 404
        )
    }

    @Test func `a key dies with its account`() async throws {
        for change in ["UPDATE account SET is_active = 0", "DELETE FROM account"] as [SQL] {
            let site = try Site()
            #expect(try await status(site, site.acme.apiKey) == 200)
            try site.run(change)
            #expect(try await status(site, site.acme.apiKey) == 401)
        }
    }

    // SECURITY 53
    @Test func `a person without permissions is refused everywhere`() async throws {
        let site = try Site()
        let member = try site.addMember()
        for endpoint in site.identity.endpoints where endpoint.access != .open {
            let path = endpoint.path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }
                .joined(separator: "/")
            let anonymous = try await site.api.call(endpoint.method, "/\(path)", as: nil)
            #expect(anonymous.status == 401, "\(endpoint.id)")
            let refused = try await site.api.call(endpoint.method, "/\(path)", as: member.key)
            #expect(refused.status == (endpoint.access == .signedIn ? 200 : 403), "\(endpoint.id)")
        }
    }
}
