import AgentContract
import AgentSync
import EventLoop
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@Suite("Following") struct FollowTests {
    @Test func `a poll shows the whole desired state, then 304`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 3)
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        let first = try await fleet.poll("device-1", credential)
        #expect(first.status == 200)
        let state = try DesiredState(first.json)
        #expect(state.applianceUID == "device-1")
        #expect(state.profiles.map(\.number) == [3])
        #expect(first.etag == "\"\(state.number.text)\"")
        #expect(state.pollIntervalSeconds == 30)
        #expect(state.nextPollAt > TestDispatcher.moment)
        let second = try await fleet.poll("device-1", credential, knowing: first.etag)
        #expect(second.status == 304)
        #expect(second.text.isEmpty)
        try fleet.publish("prof1", number: 4)
        let third = try await fleet.poll("device-1", credential, knowing: first.etag)
        #expect(try DesiredState(third.json).number > state.number)
    }

    @Test func `a poll with nothing new runs no SQL`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        let etag = try await fleet.poll("device-1", credential).etag
        let before = fleet.database.statistics
        for _ in 0..<20 {
            let poll = try await fleet.poll(
                "device-1",
                credential,
                knowing: etag,
                observed: String(etag.dropFirst().dropLast())
            )
            #expect(poll.status == 304)
        }
        let after = fleet.database.statistics
        #expect(after.readStatements == before.readStatements)
        #expect(after.writeStatements == before.writeStatements)
    }

    @Test func `a parked poll is woken by a publish`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        let etag = try await fleet.poll("device-1", credential).etag
        async let parked = fleet.poll("device-1", credential, knowing: etag, wait: 120)
        await fleet.waitUntilParked("device-1")
        try fleet.publish("prof1", number: 2)
        let answer = try await parked
        #expect(answer.status == 200)
        #expect(try DesiredState(answer.json).profiles.map(\.number) == [2])
        #expect(fleet.index.entry(uid: "device-1")?.hasParkedPoll == false)
    }

    @Test func `a parked poll is woken by another choice of profiles`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        let credential = try await fleet.paired("device-1")
        let etag = try await fleet.poll("device-1", credential).etag
        async let parked = fleet.poll("device-1", credential, knowing: etag, wait: 120)
        await fleet.waitUntilParked("device-1")
        try await fleet.follow(["prof1"], by: "device-1")
        #expect(try await parked.status == 200)
    }

    @Test func `a newer poll ends an older one at once`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        let etag = try await fleet.poll("device-1", credential).etag
        async let older = fleet.poll("device-1", credential, knowing: etag, wait: 120)
        await fleet.waitUntilParked("device-1")
        async let newer = fleet.poll("device-1", credential, knowing: etag, wait: 120)
        #expect(try await older.status == 304)
        await fleet.waitUntilParked("device-1")
        // The newer one is still woken, though the older one has let go of the profile.
        try fleet.publish("prof1", number: 2)
        #expect(try await newer.status == 200)
    }

    @Test func `replacing the host ends a parked poll with 401, deleting with 404`() async throws {
        let fleet = try Fleet()
        for (uid, method, path, status) in [
            ("device-1", HTTPMethod.post, "/v1/edgehosts/device-1/replace", UInt16(401)),
            ("device-2", HTTPMethod.delete, "/v1/edgehosts/device-2", 404),
        ] {
            let credential = try await fleet.paired(uid)
            let etag = try await fleet.poll(uid, credential).etag
            async let parked = fleet.poll(uid, credential, knowing: etag, wait: 120)
            await fleet.waitUntilParked(uid)
            _ = try await fleet.api.call(
                method,
                path,
                project: "p1",
                body: method == .post ? [:] : nil
            )
            #expect(try await parked.status == status)
            #expect(try await fleet.poll(uid, credential).status == status)
        }
    }

    @Test func `a parked poll times out with 304`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let etag = try await fleet.poll("device-1", credential).etag
        let group = try LoopGroup(count: 1)
        defer { group.shutdown() }
        let status = try await Task(executorPreference: group.loops[0].executor) {
            try await fleet.poll("device-1", credential, knowing: etag, wait: 1).status
        }.value
        #expect(status == 304)
    }

    @Test func `a server that stops tells a parked poll when to come back`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let etag = try await fleet.poll("device-1", credential).etag
        let task = Task {
            try await fleet.poll("device-1", credential, knowing: etag, wait: 120)
        }
        await fleet.waitUntilParked("device-1")
        task.cancel()
        let answer = try await task.value
        #expect(answer.status == 204)
        #expect((1...30).contains(Int(answer.header("Retry-After") ?? "") ?? 0))
        #expect(fleet.index.entry(uid: "device-1")?.hasParkedPoll == false)
    }

    @Test(arguments: ["121", "-1", "x"]) func `refuses a wait that is no time`(
        _ wait: String
    ) async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let answer = try await fleet.api.call(
            .get,
            "/v1/edgehosts/device-1/desired?wait=\(wait)",
            as: credential
        )
        #expect(answer.status == 400)
        #expect(answer.faults == ["query/wait OutOfRange"])
    }

    @Test(arguments: [
        ("Easel-Observed", "17"), ("Easel-Observed", "1.x"), ("Easel-Observed", ""),
        ("Easel-Poll", "abc"), ("Easel-Poll", "xyz.1"), ("Easel-Poll", "0.1"),
        ("Easel-Poll", "00112233445566778.1"), ("Easel-Poll", "a.1234567890123456789"),
    ]) func `refuses a header that it cannot read`(_ name: String, _ value: String) async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let answer = try await fleet.api.call(
            .get,
            "/v1/edgehosts/device-1/desired",
            as: credential,
            headers: [(name, value)]
        )
        #expect(answer.status == 400)
        #expect(answer.faults == ["header/\(name) Malformed"])
    }

    @Test func `who calls decides`() async throws {
        let fleet = try Fleet()
        let one = try await fleet.paired("device-1")
        let other = try await fleet.paired("device-2")
        #expect(try await fleet.poll("device-1", other).status == 403)
        #expect(try await fleet.poll("device-1", "easel_agent_made-up").status == 401)
        #expect(try await fleet.poll("device-1", "admin").status == 401)
        let nobody = try await fleet.api.call(.get, "/v1/edgehosts/device-1/desired", as: nil)
        #expect(nobody.status == 401)
        #expect(try await fleet.poll("device-1", one).status == 200)
        for path in ["report", "resume"] {
            let answer = try await fleet.api.call(
                .post,
                "/v1/edgehosts/device-1/\(path)",
                as: other,
                body: [:]
            )
            #expect(answer.status == 403)
        }
        #expect(try await fleet.beat("device-1", other).status == 403)
    }

    @Test func `gives the parts of what is followed, and the same 404 for all others`() async throws
    {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        func fetch(_ digest: String, knowing: String? = nil) async throws -> TestAnswer {
            try await fleet.api.call(
                .get,
                "/v1/edgehosts/device-1/blobs/\(digest)",
                as: credential,
                headers: knowing.map { [("If-None-Match", $0)] } ?? []
            )
        }
        let found = try await fetch(PublishedProfiles.digest)
        #expect(found.text == "part")
        #expect(found.header("Cache-Control") == "private, max-age=31536000, immutable")
        #expect(found.etag == "\"\(PublishedProfiles.digest)\"")
        #expect(found.header("Vary") == "Accept-Encoding")
        #expect(try await fetch(PublishedProfiles.digest, knowing: found.etag).status == 304)
        for digest in [PublishedProfiles.foreignDigest, "sha256:00", "x"] {
            let answer = try await fetch(digest, knowing: "*")
            #expect(answer.status == 404)
            #expect(answer.code == "ResourceNotFound")
        }
    }

    @Test func `names the applied layers that are wanted no more`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1, layers: ["a", "b"])
        let credential = try await fleet.paired("device-1", following: ["prof1"])
        #expect(
            try await fleet.report("device-1", credential, sequence: 1, layers: ["a", "b"]).status
                == 204
        )
        try fleet.publish("prof1", number: 2, layers: ["b"])
        let poll = try await fleet.poll("device-1", credential)
        #expect(
            try DesiredState(poll.json).removed == [.init(name: "a", profileUID: "prof1")]
        )
    }
}
