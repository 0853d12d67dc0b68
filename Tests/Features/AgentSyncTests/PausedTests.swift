import APIKit
import AgentContract
import Appliances
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import AgentSync

@Suite("A paused appliance") struct PausedTests {
    /// Every operation of the appliance itself but the poll, which waits for the operator.
    private func routes(_ fleet: Fleet) -> [Endpoint] {
        (fleet.agents.endpoints + fleet.appliances.endpoints).filter {
            switch $0.access {
            case .appliance, .applianceOrUser: $0.id != "followDesiredState"
            default: false
            }
        }
    }

    private func call(
        _ endpoint: Endpoint,
        _ fleet: Fleet,
        _ credential: String,
        stamp: String? = nil
    ) async throws -> TestAnswer {
        try await fleet.api.call(
            endpoint.method,
            endpoint.path.replacing("{uid}", with: "device-1")
                .replacing("{digest}", with: "sha256:0").replacing("{manifestUid}", with: "m"),
            as: credential,
            headers: stamp.map { [("Easel-Poll", $0)] } ?? [],
            body: endpoint.inputSchema == nil ? nil : [:]
        )
    }

    private func cloned(_ fleet: Fleet) async throws -> String {
        let credential = try await fleet.paired("device-1")
        for number in 1...5 {
            _ = try await fleet.poll("device-1", credential, stamp: "aaaa.\(number)")
            _ = try await fleet.poll("device-1", credential, stamp: "bbbb.\(number)")
        }
        return credential
    }

    @Test func `is refused by every route while the server is behind`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let number = try DesiredState(try await fleet.poll("device-1", credential).json).number
        _ = try await fleet.poll(
            "device-1",
            credential,
            observed: "\(number.epoch).\(number.counter + 1)"
        )
        let routes = routes(fleet)
        #expect(routes.count > 10)
        for route in routes {
            let answer = try await call(route, fleet, credential)
            #expect(answer.code == "ServerBehind", "\(route.method) \(route.path)")
            #expect(route.documentedStatuses.contains(409), "\(route.method) \(route.path)")
        }
    }

    @Test func `a copy is refused by every route, and the run that was kept by none`() async throws
    {
        let fleet = try Fleet()
        let credential = try await cloned(fleet)
        for route in routes(fleet) {
            for stamp in ["bbbb.6", nil] {
                let answer = try await call(route, fleet, credential, stamp: stamp)
                #expect(answer.code == "IdentityConflict", "\(route.method) \(route.path)")
            }
            let kept = try await call(route, fleet, credential, stamp: "aaaa.6")
            #expect(kept.status != 409, "\(route.method) \(route.path)")
        }
    }

    @Test func `nothing that a copy tells is kept, and people see the appliance`() async throws {
        let fleet = try Fleet()
        let credential = try await cloned(fleet)
        for stamp in ["bbbb.6", "aaaa.6"] {
            let answer = try await fleet.api.call(
                .patch,
                "/v1/edgehosts/device-1/packs/status",
                as: credential,
                headers: [("Easel-Poll", stamp)],
                body: ["packs": [["name": .string(stamp), "condition": ["status": "True"]]]]
            )
            #expect(answer.status == (stamp == "aaaa.6" ? 204 : 409), "\(answer)")
        }
        #expect(
            try fleet.count(
                "SELECT count(*) FROM appliance_observation WHERE layers LIKE '%bbbb%'"
            ) == 0
        )
        #expect(
            try await fleet.api.call(.get, "/v1/edgehosts/device-1/profiles", project: "p1").status
                == 200
        )
    }
}
