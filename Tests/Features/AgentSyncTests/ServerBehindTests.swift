import AgentContract
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import AgentSync

@Suite("A server that knows less than its appliances") struct ServerBehindTests {
    @Test(
        arguments: [
            // The database's epoch is 200 and began at 50; the appliance's number is (200, 70).
            (200, 70, nil, false), (200, 71, nil, true), (201, 1, nil, true), (100, 50, nil, false),
            (100, 51, nil, true), (100, 51, 100, false), (90, 51, 100, true), (201, 1, 100, true),
        ] as [(Int64, Int64, Int64?, Bool)]
    )
    func `a number is ahead when this server cannot have given it`(
        _ epoch: Int64,
        _ counter: Int64,
        _ resumed: Int64?,
        _ isAhead: Bool
    ) {
        #expect(
            AgentSync.isAhead(
                DesiredNumber(epoch: epoch, counter: counter),
                of: DesiredNumber(epoch: 200, counter: 70),
                epoch: 200,
                epochStartCounter: 50,
                resumedEpoch: resumed
            ) == isAhead
        )
    }

    @Test(arguments: ["same epoch", "later epoch"]) func `pauses, and follows after a resume`(
        _ which: String
    ) async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        let current = try DesiredState(try await fleet.poll("device-1", credential).json).number
        let seen =
            which == "same epoch"
            ? DesiredNumber(epoch: current.epoch, counter: current.counter + 500)
            : DesiredNumber(epoch: current.epoch + 7, counter: current.counter + 500)
        let refused = try await fleet.poll("device-1", credential, observed: seen.text)
        #expect(refused.status == 409)
        #expect(refused.code == "ServerBehind")
        #expect(refused.header("Retry-After") != nil)
        // It stays paused, whatever it says now, and one event tells of it.
        #expect(try await fleet.poll("device-1", credential).status == 409)
        #expect(try await fleet.poll("device-1", credential, observed: seen.text).status == 409)
        #expect(try await fleet.events(of: "device-1").count { $0 == "ServerBehind" } == 1)

        let resumed = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/resume",
            project: "p1"
        )
        #expect(resumed.status == 204)
        #expect(
            try fleet.count("SELECT count(*) FROM audit WHERE message = 'Appliance resumed'") == 1
        )
        let poll = try await fleet.poll("device-1", credential, observed: seen.text)
        #expect(poll.status == 200)
        let number = try DesiredState(poll.json).number
        #expect(number > seen)
        #expect(
            try await fleet.poll(
                "device-1",
                credential,
                knowing: poll.etag,
                observed: number.text
            ).status == 304
        )
        let again = try await fleet.api.call(.post, "/v1/edgehosts/device-1/resume", project: "p1")
        #expect(again.status == 409)
        #expect(again.message == "The appliance is not paused; there is nothing to resume.")
        #expect(
            try fleet.count("SELECT count(*) FROM audit WHERE message = 'Appliance resumed'") == 1
        )
    }

    @Test func `a paused poll is held, and a resume lets it go on at once`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let number = try DesiredState(try await fleet.poll("device-1", credential).json).number
        let seen = DesiredNumber(epoch: number.epoch, counter: number.counter + 500)
        async let held = fleet.poll("device-1", credential, observed: seen.text, wait: 120)
        await fleet.waitUntilParked("device-1")
        let resumed = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/resume",
            project: "p1"
        )
        #expect(resumed.status == 204)
        let answer = try await held
        #expect(answer.status == 200)
        #expect(try DesiredState(answer.json).number > seen)
    }

    @Test func `who waited at a pause may ask again soon, who did not waits`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let number = try DesiredState(try await fleet.poll("device-1", credential).json).number
        let seen = "\(number.epoch).\(number.counter + 500)"
        async let older = fleet.poll("device-1", credential, observed: seen, wait: 120)
        await fleet.waitUntilParked("device-1")
        let newer = try await fleet.poll("device-1", credential, observed: seen)
        #expect((60...120).contains(Int(newer.header("Retry-After") ?? "") ?? 0))
        _ = try await fleet.follow(["prof1"], by: "device-1")
        let told = try await older
        #expect(told.code == "ServerBehind")
        #expect((1...5).contains(Int(told.header("Retry-After") ?? "") ?? 0))
    }

    @Test func `a resume outlives a restart`() async throws {
        let options = try TestDatabase.options()
        let credential: String
        let seen: DesiredNumber
        do {
            let fleet = try Fleet(options: options)
            credential = try await fleet.paired("device-1")
            let number = try DesiredState(try await fleet.poll("device-1", credential).json).number
            seen = DesiredNumber(epoch: number.epoch + 7, counter: 9000)
            _ = try await fleet.poll("device-1", credential, observed: seen.text)
            _ = try await fleet.api.call(.post, "/v1/edgehosts/device-1/resume", project: "p1")
            fleet.database.close()
        }
        let fleet = try Fleet(options: options, isNew: false)
        try fleet.agents.load()
        let poll = try await fleet.poll("device-1", credential, observed: seen.text)
        #expect(poll.status == 200)
        #expect(try DesiredState(poll.json).number > seen)
    }

    @Test func `a report that claims a later state pauses as well`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let number = try DesiredState(try await fleet.poll("device-1", credential).json).number
        let answer = try await fleet.report(
            "device-1",
            credential,
            sequence: 1,
            observed: (number.epoch, number.counter + 1)
        )
        #expect(answer.code == "ServerBehind")
        #expect(try await fleet.poll("device-1", credential).code == "ServerBehind")
    }

    @Test func `a number that no server can have given does not use up the counter`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let epoch = fleet.index.epoch
        let seen = "\(epoch).99999999999999999"
        #expect(try await fleet.poll("device-1", credential, observed: seen).status == 409)
        let resumed = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/resume",
            project: "p1"
        )
        #expect(resumed.code == "Conflict")
    }
}
