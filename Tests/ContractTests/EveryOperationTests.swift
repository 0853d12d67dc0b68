import APIKit
import JSON
import Testing
import TestSupport

@Suite("Every operation")
struct EveryOperationTests {
    /// Needs a token of a session, which no call of the table has.
    static let apart: Set<String> = ["v1AuthRefresh"]

    @Test func `is called by these tests`() async throws {
        let world = try await World.shared.value
        let called = Set(try world.calls(of: world.own).map(\.id)).union(Self.apart)
        #expect(called.symmetricDifference(world.endpoints.map(\.id)).sorted() == [])
    }

    @Test func `succeeds as it is documented to`() async throws {
        let world = try await World()
        for call in try world.calls(of: world.own) {
            let endpoint = try #require(world.endpoints.first { $0.id == call.id })
            do {
                let answer = try await world.send(call, of: world.own)
                #expect(answer.status == endpoint.success, "\(call) answered \(answer.text)")
            } catch {
                Issue.record("\(call): \(error)")
            }
        }
    }
}
