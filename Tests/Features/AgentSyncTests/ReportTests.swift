import AgentSync
import Appliances
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

extension Fleet {
    func report(
        _ uid: String,
        _ credential: String,
        sequence: Int64,
        state: String = "healthy",
        message: String = "",
        layers: [String] = [],
        events: [JSONValue] = [],
        observed: (epoch: Int64, counter: Int64) = (0, 0)
    ) async throws -> TestAnswer {
        try await api.call(
            .post,
            "/v1/edgehosts/\(uid)/report",
            as: credential,
            body: [
                "sequence": .int(sequence),
                "observed": ["epoch": .int(observed.epoch), "counter": .int(observed.counter)],
                "health": ["state": .string(state), "message": .string(message)],
                "agentVersion": "1.0.0",
                "layers": .array(
                    layers.map {
                        [
                            "name": .string($0), "kind": "spectro", "version": "4.0.1",
                            "profileUid": "prof1", "revision": 1, "digest": "sha256:1",
                            "action": "applied", "reason": "Applied", "message": "",
                        ]
                    }
                ), "events": .array(events),
            ]
        )
    }
}

@Suite("Reporting") struct ReportTests {
    @Test func `a report shows in the appliance, with its events`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let answer = try await fleet.report(
            "device-1",
            credential,
            sequence: 5,
            layers: ["fluentbit"],
            events: [["severity": "warning", "reason": "DiskFull", "message": "90 %"]]
        )
        #expect(answer.status == 204)
        let status = try await fleet.appliance("device-1")["status"]
        #expect(status?["health"]?["state"]?.text == "healthy")
        #expect(status?["health"]?["agentVersion"]?.text == "1.0.0")
        let pack = status?["packs"]?[0]
        #expect(pack?["name"]?.text == "fluentbit")
        #expect(pack?["condition"]?["status"]?.text == "True")
        #expect(
            try await fleet.events(of: "device-1")
                == ["DiskFull", "Healthy", "Paired", "Registered"]
        )
        // Reports are no writes of people.
        #expect(try fleet.count("SELECT count(*) FROM audit WHERE actor_kind = 'appliance'") == 1)
    }

    @Test func `a report that comes twice counts once, an older one not at all`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let event: JSONValue = ["severity": "info", "reason": "Once"]
        for _ in 0..<2 {
            let answer = try await fleet.report(
                "device-1",
                credential,
                sequence: 5,
                layers: ["new"],
                events: [event]
            )
            #expect(answer.status == 204)
        }
        let stale = try await fleet.report(
            "device-1",
            credential,
            sequence: 4,
            state: "unhealthy",
            layers: ["old"]
        )
        #expect(stale.status == 409)
        #expect(stale.code == "StaleReport")
        let status = try await fleet.appliance("device-1")["status"]
        #expect(status?["packs"]?[0]?["name"]?.text == "new")
        #expect(status?["health"]?["state"]?.text == "healthy")
        #expect(try await fleet.events(of: "device-1").count { $0 == "Once" } == 1)
    }

    @Test func `only transitions of health leave events`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let states = ["healthy", "healthy", "unhealthy", "unhealthy", "healthy"]
        for (number, state) in states.enumerated() {
            _ = try await fleet.report(
                "device-1",
                credential,
                sequence: Int64(number + 1),
                state: state
            )
        }
        #expect(
            try await fleet.events(of: "device-1").prefix(3) == ["Healthy", "Unhealthy", "Healthy"]
        )
    }

    @Test func `a machine that pairs anew counts its reports anew`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let first = try await fleet.pair("device-1", token: token)
        _ = try await fleet.report("device-1", first.credential ?? "", sequence: 900)
        _ = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/replace",
            project: "p1",
            body: [:]
        )
        let again = try await fleet.pair("device-1", token: token)
        let answer = try await fleet.report("device-1", again.credential ?? "", sequence: 1)
        #expect(answer.status == 204)
    }

    @Test(arguments: [
        (#"{"sequence":0}"#, "/sequence OutOfRange"),
        (#"{"sequence":1,"health":{"state":"fine"}}"#, "/health/state NotAllowed"),
        (
            #"{"sequence":1,"health":{"state":"healthy"},"layers":[{"name":"a","action":"x"}]}"#,
            "/layers/0/action NotAllowed"
        ),
        (
            #"{"sequence":1,"health":{"state":"healthy"},"observed":{"epoch":-1}}"#,
            "/observed/epoch OutOfRange"
        ), ("[]", " WrongType"), ("{", " InvalidJSON"),
    ])
    func `refuses what is no report and changes nothing`(_ body: String, _ fault: String)
        async throws
    {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let answer = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/report",
            as: credential,
            headers: [("Content-Type", "application/json")],
            raw: Array(body.utf8)
        )
        #expect(answer.status == 400)
        #expect(answer.faults.contains(fault), "\(answer.text)")
        #expect(try fleet.count("SELECT count(*) FROM appliance_observation") == 0)
    }
}

@Suite("Heartbeats") struct BeatTests {
    @Test func `the same beat again stays in memory until it is flushed`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        #expect(try await fleet.beat("device-1", credential).status == 204)
        let jobs = fleet.database.statistics.jobs
        fleet.time.pass(seconds: 60)
        for _ in 0..<10 { #expect(try await fleet.beat("device-1", credential).status == 204) }
        #expect(fleet.database.statistics.jobs == jobs)
        #expect(try lastSeen(fleet) == TestDispatcher.moment.milliseconds)
        await fleet.agents.flush()
        #expect(fleet.database.statistics.jobs == jobs + 1)
        #expect(try lastSeen(fleet) == TestDispatcher.moment.milliseconds + 60_000)
        await fleet.agents.flush()
        #expect(fleet.database.statistics.jobs == jobs + 1)
    }

    private func lastSeen(_ fleet: Fleet) throws -> Int64 {
        try fleet.count("SELECT last_seen_at FROM appliance_health")
    }

    @Test func `a beat that says something new is durable, in one statement`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        _ = try await fleet.beat("device-1", credential)
        let before = fleet.database.statistics
        #expect(try await fleet.beat("device-1", credential, message: "busy").status == 204)
        let after = fleet.database.statistics
        #expect(after.jobs == before.jobs + 1)
        #expect(after.readStatements == before.readStatements)
        let health = try await fleet.appliance("device-1")["status"]?["health"]
        #expect(health?["message"]?.text == "busy")
        #expect(try await fleet.events(of: "device-1").count { $0 == "Healthy" } == 1)
        _ = try await fleet.beat("device-1", credential, state: "unhealthy", message: "hot")
        #expect(try await fleet.events(of: "device-1").first == "Unhealthy")
    }

    @Test func `stopping writes what is in memory`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        _ = try await fleet.beat("device-1", credential)
        fleet.time.pass(seconds: 30)
        _ = try await fleet.beat("device-1", credential)
        fleet.agents.stop()
        #expect(try lastSeen(fleet) == TestDispatcher.moment.milliseconds + 30_000)
    }

    @Test(arguments: [
        (HTTPMethod.patch, "health"), (.patch, "packs/status"), (.patch, "hostCheckSum"),
        (.patch, "tunnelStatus"), (.put, "vsphere/properties"), (.post, "report"),
    ]) func `what an appliance tells of itself nobody else tells`(
        _ method: HTTPMethod,
        _ path: String
    ) async throws {
        let fleet = try Fleet()
        _ = try await fleet.paired("device-1")
        let before = try await fleet.appliance("device-1")
        let answer = try await fleet.api.call(
            method,
            "/v1/edgehosts/device-1/\(path)",
            project: "p1",
            body: ["state": "healthy", "hostCheckSum": "other"]
        )
        #expect(answer.status == 401)
        #expect(try await fleet.appliance("device-1") == before)
    }

    @Test func `ten minutes of silence turn health, and the next sign of life turns it back`()
        async throws
    {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        _ = try await fleet.beat("device-1", credential)
        await listen(fleet, seconds: 590)
        #expect(try await state(fleet) == "healthy")
        await listen(fleet, seconds: 30)
        #expect(try await state(fleet) == "unhealthy")
        #expect(try await fleet.events(of: "device-1").first == "Unhealthy")
        // A poll is a sign of life as well.
        _ = try await fleet.poll("device-1", credential)
        #expect(try await state(fleet) == "healthy")
        #expect(try await fleet.events(of: "device-1").prefix(2) == ["Healthy", "Unhealthy"])
    }

    private func state(_ fleet: Fleet) async throws -> String? {
        let rows = try fleet.database.read {
            try $0.all("SELECT state FROM appliance_health") { $0.text(0) }
        }
        return rows.first
    }

    /// Time passes while the server listens.
    private func listen(_ fleet: Fleet, seconds: Int64) async {
        for _ in 0..<(seconds / 10) {
            fleet.time.pass(seconds: 10)
            await fleet.agents.sweep()
        }
    }

    @Test func `neither a clock that jumps nor a pause of the server silences anybody`()
        async throws
    {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        _ = try await fleet.beat("device-1", credential)
        await fleet.agents.sweep()
        fleet.time.jump(seconds: 86_400)
        await fleet.agents.sweep()
        fleet.time.jump(seconds: -2 * 86_400)
        await fleet.agents.sweep()
        // The process was stopped for an hour: it heard nobody, and says nothing about anybody.
        fleet.time.pass(seconds: 3600)
        await fleet.agents.sweep()
        #expect(try await state(fleet) == "healthy")
        await listen(fleet, seconds: 610)
        #expect(try await state(fleet) == "unhealthy")
    }
}
