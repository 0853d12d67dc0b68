import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("Dry runs")
struct DryRunTests {
    private static let writes: Set<String> = [
        "clusterProfile.create", "clusterProfile.update", "clusterProfile.delete",
        "clusterProfile.publish",
    ]

    /// The call as a dry run.
    private static func tried(_ call: Call) -> Call {
        Call(
            id: call.id,
            method: call.method,
            target: call.target + (call.target.contains("?") ? "&" : "?") + "dryRun=true",
            inProject: call.inProject,
            caller: call.caller,
            body: call.body,
            raw: call.raw,
            headers: call.headers
        )
    }

    @Test func `change no row, whatever is tried`() async throws {
        let world = try await World()
        var tried: Set<String> = []
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            if endpoint.dryRunSchema != nil {
                let before = try world.snapshot()
                let answer = try await world.send(Self.tried(call), of: world.own)
                #expect(answer.status == 200, "\(call) \(answer.text)")
                #expect(answer.json["isValid"] == true, "\(call) \(answer.text)")
                let after = try world.snapshot()
                #expect(after.changes(since: before) == [], "\(call)")
                tried.insert(call.id)
            }
            // The next calls need what this one does.
            _ = try await world.send(call, of: world.own)
        }
        let writes = world.endpoints.filter { endpoint in
            guard case .user(let permission) = endpoint.access else { return false }
            return endpoint.method != .get && !endpoint.path.hasSuffix("/validate")
                && Self.writes.contains(permission.text)
        }
        #expect(tried.symmetricDifference(writes.map(\.id)).sorted() == [])
    }

    @Test func `are refused by every write that has none`() async throws {
        let world = try await World()
        let before = try world.snapshot()
        for call in try world.calls(of: world.own) where call.method != .get {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            guard endpoint.dryRunSchema == nil, endpoint.access != .open else { continue }
            let answer = try await world.send(Self.tried(call), of: world.own)
            #expect(answer.faults == ["query/dryRun NotTaken"], "\(call) \(answer.text)")
        }
        let after = try world.snapshot()
        #expect(after.changes(since: before) == [])
    }

    @Test func `use no idempotency key up`() async throws {
        let world = try await World()
        let target = "/v1/clusterprofiles"
        let call = Call(
            id: "v1ClusterProfilesCreate",
            method: .post,
            target: target,
            inProject: true,
            body: Bodies.profile("keyed", registry: world.registryUID),
            headers: [("Idempotency-Key", "\"one\"")]
        )
        #expect(try await world.send(Self.tried(call), of: world.own).status == 200)
        let made = try await world.send(call, of: world.own)
        #expect(made.status == 201)
        #expect(made.header("Idempotency-Replayed") == nil)
        #expect(try await world.send(Self.tried(call), of: world.own).json["isValid"] == false)
    }
}
