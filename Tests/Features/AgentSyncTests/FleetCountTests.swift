import AgentSync
import HTTPCore
import TestSupport
import Testing

@Suite("The counts of the fleet")
struct FleetCountTests {
    @Test func `follow health, pauses, silence and removal`() async throws {
        let fleet = try Fleet()
        let counts = fleet.index.counts
        func all() -> [Int] { FleetCounts.Kind.allCases.map { counts[$0] } }
        let credential = try await fleet.paired("a")
        _ = try await fleet.paired("b")
        #expect(all() == [0, 0, 0, 0, 2])
        _ = try await fleet.beat("a", credential)
        #expect(all() == [1, 0, 0, 0, 1])
        _ = try await fleet.beat("a", credential, state: "unhealthy", message: "x")
        #expect(all() == [0, 1, 0, 0, 1])
        let ahead = try await fleet.poll("a", credential, observed: "9999999999.1")
        #expect(ahead.status == 409)
        #expect(all() == [0, 0, 0, 1, 1])
        _ = try await fleet.api.call(.delete, "/v1/edgehosts/a", project: "p1")
        #expect(all() == [0, 0, 0, 0, 1])
    }

    @Test func `know how many polls wait`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("a")
        let etag = try await fleet.poll("a", credential).etag
        async let parked = fleet.poll("a", credential, knowing: etag, wait: 60)
        await fleet.waitUntilParked("a")
        #expect(fleet.index.counts.parkedPolls == 1)
        _ = try await fleet.api.call(.delete, "/v1/edgehosts/a", project: "p1")
        _ = try await parked
        #expect(fleet.index.counts.parkedPolls == 0)
    }
}
