import AgentSync
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("The agent of a deleted appliance") struct DeletionTests {
    private func delete(_ fleet: Fleet) async throws {
        let answer = try await fleet.api.call(.delete, "/v1/edgehosts/device-1", project: "p1")
        #expect(answer.status == 204)
    }

    private func login(_ fleet: Fleet, _ credential: String) async throws -> TestAnswer {
        try await fleet.api.call(
            .post,
            "/v1/auth/services/edge/login",
            as: nil,
            body: ["edgeHostUid": "device-1", "authToken": .string(credential)]
        )
    }

    @Test func `is told so, also after a restart of the server`() async throws {
        let options = try TestDatabase.options()
        let credential: String
        do {
            let fleet = try Fleet(options: options)
            credential = try await fleet.paired("device-1")
            try await delete(fleet)
            let poll = try await fleet.poll("device-1", credential)
            #expect(poll.status == 404)
            #expect(poll.code == "ResourceNotFound")
            #expect(try await fleet.beat("device-1", credential).status == 404)
            #expect(try await login(fleet, credential).status == 404)
            fleet.database.close()
        }
        let fleet = try Fleet(options: options, isNew: false)
        try fleet.agents.load()
        #expect(try await fleet.poll("device-1", credential).status == 404)
        #expect(try await fleet.poll("device-1", "easel_agent_unknown").status == 401)
    }

    @Test func `has to pair again once a credential was replaced, or the ID is registered anew`()
        async throws
    {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let first = try await fleet.pair("device-1", token: token).credential ?? ""
        let second = try await fleet.pair("device-1", token: token).credential ?? ""
        try await delete(fleet)
        #expect(try await fleet.poll("device-1", first).status == 401)
        #expect(try await fleet.poll("device-1", second).status == 404)
        try await fleet.register("device-1")
        #expect(try await fleet.poll("device-1", second).status == 401)
        try await delete(fleet)
        #expect(try await fleet.poll("device-1", second).status == 404)
    }

    @Test func `is forgotten after a year`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        try await delete(fleet)
        for (days, rows) in [(364, 1), (2, 0)] as [(Int64, Int64)] {
            fleet.time.pass(seconds: days * 86_400)
            try await fleet.register("device-2")
            _ = try await fleet.api.call(.delete, "/v1/edgehosts/device-2", project: "p1")
            #expect(try fleet.count("SELECT count(*) FROM deleted_credential") == rows)
        }
        #expect(try await fleet.poll("device-1", credential).status == 401)
    }
}
