import APIKit
import Appliances
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@Suite("Registering an appliance")
struct RegistrationTests {
    @Test(arguments: [" ", "a\u{7}", "a\u{202E}b"])
    func `refuses a name that cannot be read, as a name and as a tag`(_ name: String) async throws {
        let site = try Site()
        for (metadata, pointer) in [
            (["uid": "a", "name": .string(name)], "/metadata/name"),
            (["uid": "a", "labels": ["name": .string(name)]], "/metadata/labels/name"),
        ] as [(JSONValue, String)] {
            let answer = try await site.api.call(
                .post,
                "/v1/edgehosts",
                body: ["metadata": metadata]
            )
            #expect(answer.status == 400)
            #expect(answer.faults == [pointer + " InvalidCharacter"])
        }
    }

    @Test func `answers the ID, leaves one audit row and tells of it`() async throws {
        let site = try Site()
        let answer = try await site.api.call(
            .post,
            "/v1/edgehosts",
            project: "p1",
            body: [
                "metadata": [
                    "uid": "device-153", "name": "device-153",
                    "labels": ["name": "Store 12", "till": "spectro__tag"], "tags": ["ignored"],
                ],
                "spec": ["archType": "arm64", "hostPairingKey": "once"],
                "status": ["state": "ready"], "aclmeta": ["tenantUid": "t2"],
            ]
        )
        #expect(answer.status == 201)
        #expect(answer.json == ["uid": "device-153"])
        #expect(try site.count(.audit) == 1)
        #expect(try site.count(.health) == 1)
        let notice = try #require(site.notices.first)
        #expect(notice.kind == .registered && notice.projectUID == "p1")
        let read = try await site.api.call(.get, "/v1/edgehosts/device-153", project: "p1")
        #expect(read.json["metadata"]?["name"]?.text == "Store 12")
        #expect(read.json["status"]?["state"]?.text == "unpaired")
        #expect(read.json["status"]?["health"]?["state"]?.text == "")
        #expect(read.json["spec"]?["device"]?["archType"]?.text == "arm64")
        #expect(read.json["aclmeta"]?["tenantUid"]?.text == "t1")
        #expect(!read.text.contains("once"))
    }

    @Test func `answers every fault of a body at once and changes nothing`() async throws {
        let site = try Site()
        let answer = try await site.api.call(
            .post,
            "/v1/edgehosts",
            body: [
                "metadata": ["uid": "a/b", "name": 7, "labels": ["": "x", "k:v": "y"]],
                "spec": [
                    "archType": "z80", "tunnelConfig": ["remoteSshTempUser": "enabled"],
                ],
            ]
        )
        #expect(answer.status == 400)
        #expect(
            Set(answer.faults) == [
                "/metadata/uid InvalidCharacter", "/metadata/name WrongType",
                "/metadata/labels Required", "/metadata/labels/k:v InvalidCharacter",
                "/spec/archType NotAllowed", "/spec/tunnelConfig/remoteSshTempUser NeedsRemoteSsh",
            ]
        )
        for body in ["", "{", "[]", "7", "{\"metadata\":[]}", "{\"metadata\":{\"uid\":null}}"] {
            let refused = try await site.api.call(
                .post,
                "/v1/edgehosts",
                headers: [("Content-Type", "application/json")],
                raw: Array(body.utf8)
            )
            #expect(refused.status == 400, "\(body)")
        }
        #expect(try site.count(.appliances) == 0)
        #expect(try site.count(.audit) == 0)
    }

    @Test func `gives one of a thousand the ID and tells the others nothing of its owner`()
        async throws
    {
        let site = try Site(tenants: 6)
        let admins = ["admin", "other-admin"] + (3..<9).map { "admin\($0)" }
        let answers = try await withThrowingTaskGroup(of: TestAnswer.self) { group in
            for number in 0..<1000 {
                let admin = admins[number % admins.count]
                group.addTask {
                    try await site.api.call(
                        .post,
                        "/v1/edgehosts",
                        as: admin,
                        body: ["metadata": ["uid": "device-153", "name": "n"]]
                    )
                }
            }
            var answers: [TestAnswer] = []
            for try await answer in group { answers.append(answer) }
            return answers
        }
        #expect(answers.count { $0.status == 201 } == 1)
        let refusals = answers.filter { $0.status == 409 }
        #expect(refusals.count == 999)
        #expect(Set(refusals.map(\.code)) == ["EdgeHostAlreadyExists"])
        // The same words in every tenant, the winner's own one too.
        #expect(Set(refusals.map(\.message)).count == 1)
        for refusal in refusals {
            #expect(!refusal.text.contains("@") && !refusal.text.contains("\"t"))
        }
        #expect(try site.count(.appliances) == 1)
        #expect(try site.count(.audit) == 1)
    }

    @Test func `lets exactly one of a hundred take the last place`() async throws {
        var limits = ApplianceLimits()
        limits.perTenant = 3
        let site = try Site(limits: limits)
        try await site.register("a")
        try await site.register("b", project: "p1")
        let answers = try await withThrowingTaskGroup(of: TestAnswer.self) { group in
            for number in 0..<100 {
                let project = ["p1", "p2", nil][number % 3]
                group.addTask {
                    try await site.api.call(
                        .post,
                        "/v1/edgehosts",
                        project: project,
                        body: ["metadata": ["uid": .string("device-\(number)")]]
                    )
                }
            }
            var answers: [TestAnswer] = []
            for try await answer in group { answers.append(answer) }
            return answers
        }
        #expect(answers.count { $0.status == 201 } == 1)
        #expect(answers.count { $0.code == "ResourceLimitExceeded" } == 99)
        #expect(try site.count(.appliances) == 3)
        // Another tenant has its own limit, and a deleted appliance makes room.
        try await site.register("c", as: "other-admin")
        _ = try await site.api.call(.delete, "/v1/edgehosts/a")
        try await site.register("d")
    }

    @Test func `holds up a tenant that tries taken IDs by the thousand`() async throws {
        let now = Mutex(TestDispatcher.moment)
        var limits = ApplianceLimits()
        limits.conflictsBurst = 3
        limits.conflictsPerHour = 60
        let site = try Site(limits: limits, clock: Clock { now.withLock { $0 } })
        try await site.register("taken", as: "other-admin")
        func tryID(_ uid: String) async throws -> UInt16 {
            try await site.api.call(
                .post,
                "/v1/edgehosts",
                body: ["metadata": ["uid": .string(uid)]]
            ).status
        }
        for _ in 0..<3 { #expect(try await tryID("taken") == 409) }
        #expect(try await tryID("taken") == 429)
        // A free ID is refused as well: the refusal must not tell which IDs are taken.
        #expect(try await tryID("free") == 429)
        try await site.register("other", as: "other-admin")
        now.withLock { $0 = $0.adding(seconds: 60) }
        #expect(try await tryID("free") == 201)
        #expect(try await tryID("taken") == 409)
        #expect(try await tryID("taken") == 429)
    }

    @Test func `forgets the budgets of idle tenants`() throws {
        let budget = ConflictBudget(burst: 10, perHour: 3600)
        let start = TestDispatcher.moment
        for number in 0..<10_000 {
            try budget.spend("t\(number)", at: start.adding(seconds: Int64(number)))
        }
        try budget.check("t0", at: start)
    }
}
