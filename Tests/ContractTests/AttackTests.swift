import HTTPCore
import JSON
import Primitives
import TestSupport
import Testing

@Suite("An attacker")
struct AttackTests {
    // SECURITY 36.
    @Test func `fetches nothing by the digest of another tenant's content`() async throws {
        let world = try await World()
        let (own, other) = (world.own, world.other)
        let target = "/v1/clusterprofiles/\(other.profileUID)"
        for (method, path, body) in [
            (
                HTTPMethod.post, "/packs/vms/manifests",
                ["name": "own", "content": "only: south\n"] as JSONValue?
            ), (.patch, "/publish", nil),
        ] {
            let answer = try await world.api.call(
                method,
                target + path,
                as: other.key,
                project: other.projectUID,
                body: body
            )
            #expect(answer.status < 300)
        }
        func agent(_ place: Place, _ path: String) async throws -> TestAnswer {
            try await world.api.call(
                .get,
                "/v1/edgehosts/\(place.applianceUID)\(path)",
                as: nil,
                headers: [("Authorization", "Bearer \(place.credential)")]
            )
        }
        let desired = try await agent(other, "/desired")
        let layers = desired.json["profiles"]?[0]?["layers"]?.elements ?? []
        let manifests = layers.flatMap { $0["manifests"]?.elements ?? [] }
        let digest = try #require(
            manifests.first { $0["name"]?.text == "own" }?["digest"]?.text
        )
        #expect(try await agent(other, "/blobs/\(digest)").text == "only: south\n")
        let foreign = try await agent(own, "/blobs/\(digest)")
        let unknown = "sha256:" + String(repeating: "0", count: 64)
        let control = try await agent(own, "/blobs/\(unknown)")
        #expect(foreign.status == 404)
        #expect(
            foreign.message.replacing(digest, with: "")
                == control.message.replacing(unknown, with: "")
        )
        let manifest = try await agent(own, "/pack/manifests/\(other.manifestUID)")
        #expect(manifest.status == 404)
    }

    // SECURITY 42: what is kept of a secret does not stand for it.
    @Test func `cannot use what the database holds instead of a secret`() async throws {
        let world = try await World()
        let own = world.own
        let rows = try world.snapshot()
        let cells =
            (rows.rows(of: "appliance").union(rows.rows(of: "api_key"))
            .union(rows.rows(of: "registration_token"))).flatMap {
                $0.split(separator: "\u{1f}").map(String.init)
            }
        let digests = Set(cells.filter { $0.utf8.count == 64 && $0.allSatisfy(\.isHexDigit) })
        #expect(digests.count >= 6)
        for digest in digests {
            for text in [digest, "easel_key_" + digest, "easel_agent_" + digest] {
                let answer = try await world.api.call(
                    .get,
                    "/v1/users/info",
                    as: nil,
                    headers: [("Authorization", "Bearer \(text)")]
                )
                #expect(answer.status == 401)
            }
        }
        for (index, digest) in digests.enumerated() where index < 4 {
            let answer = try await world.api.call(
                .post,
                "/v1/edgehosts/register",
                as: nil,
                body: Bodies.pairing(own.waitingUID, key: digest, token: digest)
            )
            #expect(answer.status == 401)
        }
    }

    // SECURITY 40.
    @Test func `cannot make a search cost more than its answer`() async throws {
        let world = try await World.shared.value
        func filter(_ values: Int, groups: Int = 1) -> JSONValue {
            let match: JSONValue = [
                "values": .array((0..<values).map { .string("value \($0)") })
            ]
            let one: JSONValue = [
                "property": "name", "type": "string",
                "condition": ["string": ["operator": "contains", "match": match]],
            ]
            return [
                "filter": [
                    "filterGroups": .array((0..<groups).map { _ in ["filters": [one]] })
                ]
            ]
        }
        for body in [filter(10_000), filter(1, groups: 3000)] {
            let answer = try await world.api.call(
                .post,
                "/v1/dashboard/edgehosts/search",
                as: world.own.key,
                project: world.own.projectUID,
                body: body
            )
            #expect(answer.status == 422, "\(answer.text)")
        }
    }

    // SECURITY 54: medians of calls that take turns, so that a busy machine slows both.
    @Test func `learns nothing from the time that a refusal takes`() async throws {
        let world = try await World.shared.value
        let (own, other) = (world.own, world.other)
        func duration(_ target: String, as credential: String) async throws -> UInt64 {
            let start = MonotonicTime.now()
            let answer = try await world.api.call(
                .get,
                target,
                as: credential,
                project: nil
            )
            #expect(answer.status == 404 || answer.status == 401)
            return UInt64(clamping: MonotonicTime.now().nanoseconds(since: start))
        }
        let pairs: [(String, String, String, String)] = [
            (
                "/v1/edgehosts/\(other.applianceUID)", own.key,
                "/v1/edgehosts/\(other.unknown.applianceUID)", own.key
            ),
            (
                "/v1/edgehosts/tokens/\(other.tokenUID)", own.key,
                "/v1/edgehosts/tokens/\(other.unknown.tokenUID)", own.key
            ),
            (
                "/v1/users/info", String(own.key.dropLast(4)) + "AAAA", "/v1/users/info",
                "easel_key_" + String(repeating: "A", count: own.key.utf8.count - 10)
            ),
        ]
        for pair in pairs {
            var known: [UInt64] = []
            var unknown: [UInt64] = []
            for _ in 0..<1000 {
                known.append(try await duration(pair.0, as: pair.1))
                unknown.append(try await duration(pair.2, as: pair.3))
            }
            let (one, two) = (known.sorted()[500], unknown.sorted()[500])
            #expect(max(one, two) < min(one, two) * 3 / 2, "\(pair.0): \(one) and \(two) ns")
        }
    }
}
