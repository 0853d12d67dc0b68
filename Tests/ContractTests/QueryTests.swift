import APIKit
import HTTPCore
import JSON
import Primitives
import TestSupport
import Testing

/// Parameters of lists and searches (SECURITY 38, 39, 40; CHK-0.1).
@Suite("A list's parameters")
struct QueryTests {
    private static func lists(_ world: World) throws -> [Call] {
        try world.calls(of: world.own).filter { call in
            world.endpoints.contains { endpoint in
                endpoint.id == call.id && endpoint.query.contains { $0.name == "limit" }
            }
        }
    }

    private static func with(_ query: String, _ call: Call) -> Call {
        Call(
            id: call.id, method: call.method,
            target: call.target + (call.target.contains("?") ? "&" : "?") + query,
            inProject: call.inProject, caller: call.caller, body: call.body)
    }

    @Test(arguments: [
        "limit=-1", "limit=x", "limit=1e3", "limit=99999999999999999999", "limit=0x10",
        "offset=-1", "offset=x", "offset=99999999999999999999", "offset=1.5", "continue=x",
        "continue=%00", "continue=eyJvZmZzZXQiOjUwLCJjb3VudCI6MTE3LCJ0b2tlbiI6IiJ9",
        "continue=bnVsbA==", "limit=x&offset=y&continue=z",
    ])
    func `are refused when they are garbage`(_ query: String) async throws {
        let world = try await World.shared.value
        for call in try Self.lists(world) {
            let answer = try await world.send(Self.with(query, call), of: world.own)
            #expect(answer.status == 400, "\(call)?\(query) answered \(answer.text)")
            #expect(
                answer.faults.count == query.split(separator: "&").count,
                "\(call)?\(query) \(answer.faults)")
        }
    }

    @Test func `page through a list by tokens that work nowhere else`() async throws {
        let world = try await World()
        let place = world.own
        for index in 0..<51 {
            let answer = try await world.api.call(
                .post, "/v1/projects", as: place.key,
                body: ["metadata": ["name": .string("project \(index)")]])
            #expect(answer.status == 201)
        }
        // CHK-0.1: 53 with the two that were there.
        let first = try await world.api.call(.get, "/v1/projects", as: place.key)
        #expect(first.json["items"]?.elements?.count == 50)
        #expect(first.json["listmeta"]?["count"] == 53)
        let token = try #require(first.json["listmeta"]?["continue"]?.text)
        let second = try await world.api.call(
            .get, "/v1/projects?continue=\(Self.escaped(token))", as: place.key)
        #expect(second.json["items"]?.elements?.count == 3)
        #expect(second.json["listmeta"]?["continue"] == "")
        let all = try await world.api.call(.get, "/v1/projects?limit=0", as: place.key)
        #expect(all.json["items"]?.elements?.count == 53)

        // SECURITY 39.
        let foreign = try await world.api.call(
            .get, "/v1/projects?continue=\(Self.escaped(token))", as: world.other.key)
        #expect(foreign.status == 400)
        let elsewhere = try await world.api.call(
            .get, "/v1/users?continue=\(Self.escaped(token))", as: place.key)
        #expect(elsewhere.status == 400)
        let bytes = Base64.decode(token) ?? []
        for index in bytes.indices {
            var bent = bytes
            bent[index] ^= 1
            let answer = try await world.api.call(
                .get, "/v1/projects?continue=\(Self.escaped(Base64.encode(bent)))", as: place.key)
            // The count in it is for the reader alone.
            #expect(
                answer.status == 400 || answer.json["items"] == second.json["items"],
                "byte \(index)")
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("+", with: "%2B").replacing("=", with: "%3D").replacing("/", with: "%2F")
    }

    // SECURITY 38.
    @Test(arguments: [
        "'; DROP TABLE appliance; --", "1=1", "metadata.uid='x' OR '1'='1", "password_hash=x",
        "spec.name=aANDcredential_digest=b", "credential_digest", "\u{0}", "ORDER BY 1",
        "spec.token=x", "pairing_key_digest=x", "UNION SELECT digest FROM api_key",
    ])
    func `take no filter and no sort key that is not theirs`(_ text: String) async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        let escaped = text.utf8.map { "%" + Hex.encode([$0]) }.joined()
        for endpoint in world.endpoints {
            for parameter in endpoint.query where ["filters", "orderBy"].contains(parameter.name) {
                let target = "\(endpoint.path)?\(parameter.name)=\(escaped)"
                let answer = try await world.api.call(
                    endpoint.method, target, as: world.own.key, project: world.own.projectUID)
                #expect(
                    answer.status == 422 || answer.status == 400,
                    "\(endpoint.id) \(parameter.name)=\(text) answered \(answer.status)")
            }
        }
        for target in ["/v1/dashboard/edgehosts/search", "/v1/packs/search"] {
            let answer = try await world.api.call(
                .post, target, as: world.own.key, project: world.own.projectUID,
                body: ["sort": [["field": .string(text), "order": "asc"]]])
            #expect(answer.status == 422 || answer.status == 400, "\(target) \(answer.text)")
        }
        let filter: JSONValue = [
            "filterGroups": [
                [
                    "filters": [
                        [
                            "property": .string(text), "type": "string",
                            "condition": [
                                "string": ["operator": "eq", "match": ["values": ["x"]]]
                            ],
                        ]
                    ]
                ]
            ]
        ]
        let answer = try await world.api.call(
            .post, "/v1/dashboard/edgehosts/search", as: world.own.key,
            project: world.own.projectUID, body: ["filter": filter])
        #expect(answer.status == 422, "\(answer.text)")
        #expect(try world.snapshot().changes(since: before) == [])
    }
}
