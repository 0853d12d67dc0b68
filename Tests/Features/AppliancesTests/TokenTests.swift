import APIKit
import Appliances
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@Suite("Registration tokens")
struct TokenTests {
    private func make(
        _ site: Site,
        _ name: String,
        spec: JSONObject = [:],
        annotations: JSONObject = [:]
    ) async throws -> (uid: String, value: String) {
        let made = try await site.api.call(
            .post,
            "/v1/edgehosts/tokens",
            body: [
                "metadata": ["name": .string(name), "annotations": .object(annotations)],
                "spec": .object(spec),
            ]
        )
        guard made.status == 201 else { throw Site.Refused(text: made.text) }
        let uid = try #require(made.json["uid"]?.text)
        let read = try await site.api.call(.get, "/v1/edgehosts/tokens/\(uid)")
        return (uid, try #require(read.json["spec"]?["token"]?.text))
    }

    private func admit(_ site: Site, _ value: String, at now: Timestamp? = nil) throws
        -> TokenRefusal?
    {
        try site.database.writeBlocking { tx in
            do {
                _ = try RegistrationTokenStore.admit(
                    digest: SecretDigest(presented: value),
                    at: now ?? tx.now,
                    tx
                )
                return nil
            } catch let refusal as TokenRefusal {
                #expect(refusal.failure.code == .unauthenticated)
                #expect(refusal.failure.message == TokenRefusal.unknown.failure.message)
                return refusal
            }
        }
    }

    @Test func `is refused for all that is wrong with it at once`() async throws {
        let site = try Site()
        let (uid, _) = try await make(site, "stores")
        let body: JSONValue = [
            "metadata": ["name": ""],
            "spec": ["defaultProjectUid": "nowhere", "expiry": "2001-02-28"],
        ]
        let made = try await site.api.call(.post, "/v1/edgehosts/tokens", body: body)
        let changed = try await site.api.call(.put, "/v1/edgehosts/tokens/\(uid)", body: body)
        for answer in [made, changed] {
            #expect(answer.status == 400)
            #expect(answer.code == "InvalidBody")
            #expect(
                answer.faults == [
                    "/metadata/name Required", "/spec/defaultProjectUid UnknownProject",
                    "/spec/expiry InThePast",
                ]
            )
        }
        let list = try await site.api.call(.get, "/v1/edgehosts/tokens")
        #expect(list.json["items"]?.elements?.count == 1)
    }

    @Test func `is made, read again, changed and switched off`() async throws {
        let site = try Site()
        let (uid, value) = try await make(
            site,
            "stores",
            spec: ["defaultProjectUid": "p1", "expiry": "2027-02-28"]
        )
        #expect(value.hasPrefix("easel_reg_"))
        let list = try await site.api.call(.get, "/v1/edgehosts/tokens", project: "p1")
        let item = try #require(list.json["items"]?[0])
        #expect(item["spec"]?["token"]?.text == value)
        #expect(item["spec"]?["defaultProject"] == ["uid": "p1", "name": "p1"])
        #expect(item["spec"]?["expiry"]?.text == "2027-02-28T23:59:59.999Z")
        #expect(item["status"]?["isActive"]?.flag == true)
        let rows = try site.count(.audit)
        let same = try await site.api.call(.put, "/v1/edgehosts/tokens/\(uid)", body: item)
        #expect(same.status == 204)
        #expect(try site.count(.audit) == rows)
        #expect(try admit(site, value) == nil)
        _ = try await site.api.call(
            .put,
            "/v1/edgehosts/tokens/\(uid)/state",
            body: ["isActive": false]
        )
        #expect(try admit(site, value) == .inactive(uid))
        #expect(try site.count(.audit) == rows + 1)
        #expect(try await site.api.call(.delete, "/v1/edgehosts/tokens/\(uid)").status == 204)
        #expect(try admit(site, value) == .unknown)
        #expect(try await site.api.call(.delete, "/v1/edgehosts/tokens/\(uid)").status == 404)
    }

    @Test func `admits until it expires and as often as it may`() async throws {
        let site = try Site()
        let expiring = try await make(site, "a", spec: ["expiry": "2026-03-01T13:00:00Z"])
        let end = TestDispatcher.moment.adding(seconds: 3600)
        #expect(try admit(site, expiring.value, at: end.adding(milliseconds: -1)) == nil)
        #expect(try admit(site, expiring.value, at: end) == .expired(expiring.uid))
        let once = try await make(site, "b", annotations: ["maxUses": "1"])
        #expect(try admit(site, once.value) == nil)
        #expect(try admit(site, once.value) == .usedUp(once.uid))
        #expect(try admit(site, "easel_reg_unknown") == .unknown)
    }

    @Test func `counts no use when the admission is rolled back`() async throws {
        struct Stop: Error {}
        let site = try Site()
        let once = try await make(site, "b", annotations: ["maxUses": "1"])
        #expect(throws: Stop.self) {
            try site.database.writeBlocking { tx in
                _ = try RegistrationTokenStore.admit(
                    digest: SecretDigest(presented: once.value),
                    at: tx.now,
                    tx
                )
                throw Stop()
            }
        }
        #expect(try admit(site, once.value) == nil)
    }

    @Test func `refuses what does not fit, all at once`() async throws {
        let site = try Site()
        let cases: [(JSONValue, UInt16, [String])] = [
            (
                ["metadata": ["annotations": ["maxUses": "0"]], "spec": ["expiry": "soon"]], 400,
                [
                    "/metadata/name Required", "/metadata/annotations/maxUses OutOfRange",
                    "/spec/expiry InvalidTime",
                ]
            ),
            (
                [
                    "metadata": ["name": "x"],
                    "spec": ["expiry": "2020-01-01", "defaultProjectUid": "q1"],
                ], 400, ["/spec/defaultProjectUid UnknownProject", "/spec/expiry InThePast"]
            ),
        ]
        for (body, status, faults) in cases {
            let answer = try await site.api.call(.post, "/v1/edgehosts/tokens", body: body)
            #expect(answer.status == status && answer.faults == faults)
        }
        _ = try await make(site, "x", spec: ["expiry": "0001-01-01T00:00:00.000Z"])
        let twin = try await site.api.call(
            .post,
            "/v1/edgehosts/tokens",
            body: ["metadata": ["name": "x"]]
        )
        #expect(twin.status == 409)
        #expect(try site.count(.audit) == 1)
    }

    @Test func `belongs to its tenant alone`() async throws {
        let site = try Site()
        let (uid, _) = try await make(site, "x")
        let calls: [(HTTPMethod, String, JSONValue?)] = [
            (.get, "", nil), (.put, "", ["metadata": ["name": "y"]]), (.delete, "", nil),
            (.put, "/state", ["isActive": false]),
        ]
        for (method, path, body) in calls {
            let other = try await site.api.call(
                method,
                "/v1/edgehosts/tokens/\(uid)\(path)",
                as: "other-admin",
                body: body
            )
            #expect(other.status == 404)
            let guest = try await site.api.call(
                method,
                "/v1/edgehosts/tokens/\(uid)\(path)",
                as: "guest",
                body: body
            )
            #expect(guest.status == 403)
        }
        let list = try await site.api.call(.get, "/v1/edgehosts/tokens", as: "other-admin")
        #expect(list.json["items"]?.elements?.isEmpty == true)
    }

    @Test func `stops at the tenant's limit, tokens of archives not counted`() async throws {
        var limits = ApplianceLimits()
        limits.tokensPerTenant = 2
        let site = try Site(limits: limits)
        let scope = ApplianceScope(tenantUID: "t1", projectUID: "p1")
        let tokens = site.appliances.tokens
        let values = try site.database.writeBlocking { tx in
            try (0..<2).map { _ in
                try tokens.valueForProfile("f1", named: "edge", scope: scope, tx)
            }
        }
        #expect(values[0] == values[1])
        #expect(try admit(site, values[0]) == nil)
        _ = try await make(site, "a")
        _ = try await make(site, "b")
        await #expect(throws: Site.Refused.self) { try await make(site, "c") }
    }
}
