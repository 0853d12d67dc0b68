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
            id: call.id,
            method: call.method,
            target: call.target + (call.target.contains("?") ? "&" : "?") + query,
            inProject: call.inProject,
            caller: call.caller,
            body: call.body
        )
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
            if !query.contains("%") {
                #expect(
                    answer.faults.count == query.split(separator: "&").count,
                    "\(call)?\(query) \(answer.faults)"
                )
            }
        }
    }

    @Test func `page through a list by tokens that work nowhere else`() async throws {
        let world = try await World()
        let place = world.own
        func list(_ query: String) async throws -> TestAnswer {
            try await world.api.call(
                .get,
                "/v1/edgehosts\(query)",
                as: place.key,
                project: place.emptyProjectUID
            )
        }
        for index in 0..<51 {
            let answer = try await world.api.call(
                .post,
                "/v1/edgehosts",
                as: place.key,
                project: place.emptyProjectUID,
                body: ["metadata": ["uid": .string("page-\(index)")]]
            )
            #expect(answer.status == 201)
        }
        // CHK-0.1.
        let first = try await list("")
        #expect(first.json["items"]?.elements?.count == 50)
        #expect(first.json["listmeta"]?["count"] == 51)
        let token = try #require(first.json["listmeta"]?["continue"]?.text)
        let second = try await list("?continue=\(Self.escaped(token))")
        #expect(second.json["items"]?.elements?.count == 1)
        #expect(second.json["listmeta"]?["continue"] == "")
        #expect(try await list("?limit=0").json["items"]?.elements?.count == 51)
        #expect(try await list("?limit=51").json["items"]?.elements?.count == 50)

        // SECURITY 39.
        let foreign = try await world.api.call(
            .get,
            "/v1/edgehosts?continue=\(Self.escaped(token))",
            as: world.other.key,
            project: world.other.emptyProjectUID
        )
        #expect(foreign.status == 400)
        for (target, project) in [
            ("/v1/clusterprofiles", place.emptyProjectUID), ("/v1/edgehosts", place.projectUID),
        ] {
            let elsewhere = try await world.api.call(
                .get,
                "\(target)?continue=\(Self.escaped(token))",
                as: place.key,
                project: project
            )
            #expect(elsewhere.status == 400)
        }
        let bytes = Base64.decode(token) ?? []
        for index in bytes.indices {
            var bent = bytes
            bent[index] ^= 1
            let answer = try await list("?continue=\(Self.escaped(Base64.encode(bent)))")
            // The count in it is for the reader alone.
            #expect(
                answer.status == 400 || answer.json["items"] == second.json["items"],
                "byte \(index)"
            )
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
                    endpoint.method,
                    target,
                    as: world.own.key,
                    project: world.own.projectUID
                )
                // A known field may be asked for any value; nothing has this one.
                let isEmpty = answer.status == 200 && answer.json["items"] == []
                #expect(
                    answer.status == 422 || answer.status == 400 || isEmpty,
                    "\(endpoint.id) \(parameter.name)=\(text) answered \(answer.status)"
                )
            }
        }
        for target in ["/v1/dashboard/edgehosts/search", "/v1/packs/search"] {
            let answer = try await world.api.call(
                .post,
                target,
                as: world.own.key,
                project: world.own.projectUID,
                body: ["sort": [["field": .string(text), "order": "asc"]]]
            )
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
            .post,
            "/v1/dashboard/edgehosts/search",
            as: world.own.key,
            project: world.own.projectUID,
            body: ["filter": filter]
        )
        #expect(answer.status == 422, "\(answer.text)")
        #expect(try world.snapshot().changes(since: before) == [])
    }
}
