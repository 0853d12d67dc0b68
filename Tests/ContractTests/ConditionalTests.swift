import APIKit
import HTTPCore
import JSON
import Storage
import Testing
import TestSupport

/// Entity tags, preconditions and keyed calls, over every operation that has to do with them.
@Suite("Conditional calls")
struct ConditionalTests {
    /// GETs whose answers are made anew each time or are no resource.
    private static let untagged: Set<String> = [
        "getLiveness", "getReadiness", "getMetrics", "v1AuthRefresh",
    ]

    @Test func `every GET has a tag, and says 304 to whoever has it`() async throws {
        let world = try await World.shared.value
        var seen: Set<String> = []
        for call in try world.calls(of: world.own) where call.method == .get {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            seen.insert(call.id)
            guard endpoint.success == 200, !Self.untagged.contains(call.id) else { continue }
            let first = try await world.send(call, of: world.own)
            #expect(!first.etag.isEmpty, "\(call)")
            let again = try await world.send(
                call,
                of: world.own,
                headers: [("If-None-Match", first.etag)]
            )
            #expect(again.status == 304, "\(call)")
            #expect(again.response.body.isEmpty)
            #expect(again.etag == first.etag, "\(call)")
            let other = try await world.send(
                call,
                of: world.own,
                headers: [("If-None-Match", "\"another\"")]
            )
            #expect(other.status == 200, "\(call)")
        }
        #expect(seen.count > 40)
    }

    @Test func `every GET that is gzipped says the same`() async throws {
        let world = try await World.shared.value
        // The time of an appliance's next poll is drawn anew for each answer.
        for call in try world.calls(of: world.own) where call.method == .get {
            guard !["getMetrics", "followDesiredState"].contains(call.id) else { continue }
            let plain = try await world.send(call, of: world.own)
            let gzipped = try await world.send(
                call,
                of: world.own,
                headers: [("Accept-Encoding", "gzip")]
            )
            let isSame = gzipped.body == plain.body
            #expect(isSame, "\(call)")
        }
    }

    /// A resource, what shows it, and a change of it.
    private struct Change {
        let shown: String
        let method: HTTPMethod
        let target: String
        let body: JSONValue
        var inProject = true
    }

    private func changes(of p: Place, registry: String) -> [Change] {
        let profile = "/v1/clusterprofiles/\(p.profileUID)"
        let manifest = profile + "/packs/vms/manifests/\(p.manifestUID)"
        let host = "/v1/edgehosts/\(p.applianceUID)"
        let token = "/v1/edgehosts/tokens/\(p.tokenUID)"
        let key = "/v1/apiKeys/\(p.spareKeyUID)"
        let project = "/v1/projects/\(p.emptyProjectUID)"
        let metadata: JSONValue = ["metadata": ["name": "changed"]]
        return [
            Change(
                shown: profile,
                method: .patch,
                target: profile + "/metadata",
                body: ["metadata": ["name": "edge", "annotations": ["description": "changed"]]]
            ),
            Change(
                shown: manifest,
                method: .put,
                target: manifest,
                body: ["name": "vm", "content": "kind: Other\n"]
            ),
            Change(
                shown: host,
                method: .put,
                target: host + "/meta",
                body: ["metadata": ["name": "changed", "labels": ["name": "Changed"]]]
            ),
            Change(
                shown: token,
                method: .put,
                target: token,
                body: [
                    "metadata": ["name": "changed"],
                    "spec": ["defaultProjectUid": .string(p.projectUID)],
                ],
                inProject: false
            ),
            Change(shown: key, method: .put, target: key, body: metadata, inProject: false),
            Change(
                shown: "/v1/packs/\(p.packUID)",
                method: .patch,
                target: "/v1/packs/\(p.packUID)/state",
                body: ["state": "disabled"],
                inProject: false
            ),
            Change(shown: project, method: .put, target: project, body: metadata, inProject: false),
        ]
    }

    @Test(arguments: [false, true])
    func `a change makes another tag, and one that was made of the old is refused`(
        isGzipped: Bool
    ) async throws {
        let world = try await World()
        let own = world.own
        let accept = isGzipped ? [("Accept-Encoding", "gzip")] : []
        for change in changes(of: own, registry: world.registryUID) {
            func call(
                _ method: HTTPMethod,
                _ target: String,
                _ headers: [(String, String)],
                _ body: JSONValue? = nil
            ) async throws -> TestAnswer {
                try await world.api.call(
                    method,
                    target,
                    as: own.key,
                    project: change.inProject ? own.projectUID : nil,
                    headers: headers,
                    body: body
                )
            }
            let old = try await call(.get, change.shown, accept)
            let match = [("If-Match", old.etag)]
            let changed = try await call(change.method, change.target, match, change.body)
            #expect(changed.status < 300, "\(change.target): \(changed.text)")
            let new = try await call(.get, change.shown, accept + [("If-None-Match", old.etag)])
            #expect(new.status == 200, "\(change.shown)")
            #expect(new.etag != old.etag)
            let late = try await call(change.method, change.target, match, change.body)
            #expect(late.status == 412, "\(change.target): \(late.text)")
            #expect(late.code == "PreconditionFailed")
        }
    }

    /// POSTs of people that change nothing, or whose second call changes nothing by itself.
    private static let unkeyed: Set<String> = [
        "v1DashboardEdgehostsSearch", "v1EdgeHostsMetadata", "v1PacksSearch", "importPack",
        "v1ClusterProfilesValidatePacks", "v1ClusterProfilesUidValidatePacks",
        "v1ClusterProfilesFilterSummary", "v1ProjectsFilterSummary",
        "v1ClusterProfilesUidCloneValidate", "v1ClusterProfilesImportValidate",
        "V1RegistriesPackValidate", "V1RegistriesHelmValidate", "v1BasicOciRegistriesValidate",
    ]

    @Test func `every POST of a person that does something is done once under one key`()
        async throws
    {
        let world = try await World()
        var keyed: Set<String> = []
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            guard endpoint.method == .post, case .user = endpoint.access else {
                #expect(!endpoint.takesIdempotencyKey, "\(call)")
                _ = try? await world.send(call, of: world.own)
                continue
            }
            guard !Self.unkeyed.contains(call.id) else { continue }
            #expect(endpoint.takesIdempotencyKey, "\(call)")
            keyed.insert(call.id)
            let key = [("Idempotency-Key", "\"\(call.id)\"")]
            let rows = try audited(world)
            let first = try await world.send(call, of: world.own, headers: key)
            #expect(first.status == endpoint.success, "\(call): \(first.text)")
            let once = try audited(world)
            #expect(once > rows, "\(call)")
            let again = try await world.send(call, of: world.own, headers: key)
            #expect(again.status == first.status, "\(call): \(again.text)")
            #expect(again.response.body == first.response.body, "\(call)")
            #expect(again.header("Idempotency-Replayed") == "true", "\(call)")
            #expect(try audited(world) == once, "\(call)")
        }
        #expect(keyed.count >= 10)
    }

    private func audited(_ world: World) throws -> Int64 {
        try world.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM audit") { $0.int(0) } ?? 0
        }
    }
}
