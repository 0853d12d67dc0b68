import HTTPCore
import JSON
import TestSupport
import Testing

/// Uids inside of bodies are checked as those of paths are (SECURITY 4, 5).
@Suite("What a body names")
struct ReferenceTests {
    @Test func `cannot be another tenant's, nor the elements of a list beside it`() async throws {
        let world = try await World.shared.value
        let (own, other) = (world.own, world.other)
        let host = "/v1/edgehosts/\(own.applianceUID)/profiles"
        let before = try world.snapshot()
        var answers: [String] = []
        for uid in [other.profileUID, other.unknown.profileUID] {
            let answer = try await world.api.call(
                .put, host, as: own.key, project: own.projectUID,
                body: ["profiles": [["uid": .string(own.profileUID)], ["uid": .string(uid)]]])
            #expect(answer.status == 404, "\(answer.text)")
            answers.append(answer.message.replacing(uid, with: "<uid>"))
        }
        #expect(Set(answers).count == 1)
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `of an API key's owner is unknown when it is another tenant's`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        var answers: Set<String> = []
        for place in [world.other, world.other.unknown] {
            let answer = try await world.api.call(
                .post, "/v1/apiKeys", as: world.own.key,
                body: ["metadata": ["name": "x"], "spec": ["userUid": .string(place.memberUID)]])
            #expect(answer.status == 404)
            answers.insert(answer.message.replacing(place.memberUID, with: "<uid>"))
        }
        #expect(answers.count == 1)
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `of a token's project is unknown when it is another tenant's`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        var answers: Set<String> = []
        for place in [world.other, world.other.unknown] {
            let body: JSONValue = [
                "metadata": ["name": "x"], "spec": ["defaultProjectUid": .string(place.projectUID)],
            ]
            for (method, target) in [
                (HTTPMethod.post, "/v1/edgehosts/tokens"),
                (.put, "/v1/edgehosts/tokens/\(world.own.tokenUID)"),
            ] {
                let answer = try await world.api.call(method, target, as: world.own.key, body: body)
                #expect(answer.status == 400)
                answers.insert(answer.message.replacing(place.projectUID, with: "<uid>"))
            }
        }
        #expect(answers.count == 1)
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `of a machine's project is unknown when it is another tenant's`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        var answers: Set<String> = []
        for place in [world.other, world.other.unknown] {
            let answer = try await world.api.call(
                .post, "/v1/edgehosts/register", as: nil,
                body: [
                    "spec": [
                        "host": [
                            "hostUid": "new-machine", "hostAuthToken": .string(world.own.token),
                            "project": ["uid": .string(place.projectUID)],
                        ]
                    ]
                ])
            #expect(answer.status == 400)
            answers.insert(answer.message.replacing(place.projectUID, with: "<uid>"))
        }
        #expect(answers.count == 1)
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `of a layer's registry and pack is unknown when it is another tenant's`() async throws {
        let world = try await World.shared.value
        let own = world.own
        let before = try world.snapshot()
        var answers: [String: Set<String>] = [:]
        for place in [world.other, world.other.unknown] {
            let layers: [(String, JSONValue)] = [
                (
                    "uid",
                    [
                        "name": "private", "type": "spectro", "uid": .string(place.packUID),
                    ]
                ),
                (
                    "registry",
                    [
                        "name": "private", "type": "spectro", "tag": "1.0.0",
                        "registryUid": .string(place.registryUID),
                    ]
                ),
                ("name", ["name": "private2", "type": "spectro", "tag": "1.0.0"]),
            ]
            for (kind, layer) in layers {
                let profile: JSONValue = [
                    "metadata": ["name": "x"],
                    "spec": ["template": ["type": "system", "packs": [layer]]],
                ]
                let calls: [(String, JSONValue)] = [
                    ("/v1/clusterprofiles", profile),
                    ("/v1/clusterprofiles/\(own.profileUID)/packs", ["pack": layer]),
                ]
                for (target, body) in calls {
                    let answer = try await world.api.call(
                        .post, target, as: own.key, project: own.projectUID, body: body)
                    #expect(answer.status == 400, "\(kind) \(target) \(answer.text)")
                    answers[kind + target, default: []].insert(
                        answer.text.replacing(answer.json["ref"]?.text ?? "-", with: "")
                            .replacing(place.packUID, with: "<p>")
                            .replacing(place.registryUID, with: "<r>"))
                }
            }
        }
        #expect(answers.values.allSatisfy { $0.count == 1 }, "\(answers)")
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // SECURITY 5: what only the server says cannot be said by a caller.
    @Test func `never moves an object to another owner`() async throws {
        let world = try await World()
        let (own, other) = (world.own, world.other)
        let foreign: JSONObject = [
            "tenantUid": .string(other.tenantUID), "tenant_uid": .string(other.tenantUID),
            "projectUid": .string(other.projectUID), "ownerUid": .string(other.userUID),
            "uid": "65f1c0a4d2b7e81f3c9a4b6d", "version": 999, "isAdmin": true,
            "role": "tenant-admin", "aclmeta": [
                "tenantUid": .string(other.tenantUID), "projectUid": .string(other.projectUID),
                "ownerUid": .string(other.userUID),
            ],
            "status": ["state": "in-use", "isActive": false, "isPublished": true],
            "creationTimestamp": "2001-01-01T00:00:00.000Z",
        ]
        func poisoned(_ value: JSONValue, depth: Int = 0) -> JSONValue {
            guard case .object(var object) = value, depth < 2 else { return value }
            for member in object { object[member.key] = poisoned(member.value, depth: depth + 1) }
            for member in foreign where object[member.key] == nil {
                // What the operation itself names stays.
                if depth > 0, ["uid", "version"].contains(member.key) { continue }
                object[member.key] = member.value
            }
            return .object(object)
        }
        let count = try world.snapshot()
        for call in try world.calls(of: own) where call.body != nil {
            let body = poisoned(call.body ?? [:])
            let answer = try await world.send(call, of: own, raw: body.jsonBytes())
            #expect(answer.status < 300 || answer.status == 409, "\(call) answered \(answer.text)")
        }
        let after = try world.snapshot()
        for table in ["project", "api_key", "appliance", "registration_token", "profile", "audit"] {
            let added = after.rows(of: table).subtracting(count.rows(of: table))
            for row in added {
                #expect(!row.contains(other.tenantUID), "\(table): \(row)")
                #expect(!row.contains(other.projectUID), "\(table): \(row)")
                #expect(!row.contains(other.userUID), "\(table): \(row)")
            }
            #expect(
                after.rows(of: table).filter { $0.contains(other.tenantUID) }
                    == count.rows(of: table).filter { $0.contains(other.tenantUID) })
        }
        // The other tenant sees nothing new either.
        for target in ["/v1/projects", "/v1/apiKeys", "/v1/edgehosts/tokens"] {
            let answer = try await world.api.call(.get, target, as: other.key)
            #expect(!answer.text.contains(own.tenantUID))
        }
    }

    // CHK-0.4.
    @Test func `of a status changes nothing`() async throws {
        let world = try await World()
        let host = "/v1/edgehosts/\(world.own.waitingUID)"
        let answer = try await world.api.call(
            .put, host, as: world.own.key, project: world.own.projectUID,
            body: [
                "metadata": ["name": "x"],
                "status": ["state": "in-use", "health": ["state": "healthy"]],
            ])
        #expect(answer.status == 204 || answer.status == 409, "\(answer.text)")
        let shown = try await world.api.call(
            .get, host, as: world.own.key, project: world.own.projectUID)
        #expect(shown.json["status"]?["state"] == "unpaired")
        #expect(shown.json["status"]?["health"]?["state"] == "")
    }
}
