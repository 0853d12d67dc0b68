import APIKit
import AgentSync
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@Suite("Pairing") struct PairingTests {
    @Test func `the pairing key makes a machine the appliance, once`() async throws {
        let fleet = try Fleet()
        try await fleet.register("device-153", key: "once")
        let answer = try await fleet.pair("device-153", key: "once")
        #expect(answer.status == 200)
        #expect(answer.json["status"]?["state"]?.text == "ready")
        #expect(answer.json["spec"]?["device"]?["archType"]?.text == "arm64")
        #expect(answer.credential?.hasPrefix("easel_agent_") == true)
        #expect(try await fleet.events(of: "device-153") == ["Paired", "Registered"])
        #expect(try fleet.count("SELECT count(*) FROM audit WHERE action = 'pair'") == 1)
        #expect(
            try fleet.count("SELECT count(*) FROM audit WHERE actor_kind = 'appliance'") == 1
        )
        // A replayed key is refused, whatever machine it comes from.
        _ = try await fleet.poll("device-153", answer.credential ?? "")
        #expect(try await fleet.pair("device-153", key: "once").status == 401)
        #expect(try await fleet.pair("device-153", key: "once", fingerprint: "2").status == 401)
        #expect(try await fleet.pair("device-153", key: "x", fingerprint: "2").status == 401)
        // The credential is shown once.
        let read = try await fleet.appliance("device-153")
        #expect(read["status"]?["serviceAuthToken"] == nil)
    }

    enum Known: String, CaseIterable { case nobody, own, foreign }

    struct Case: Sendable, CustomTestStringConvertible {
        let known: Known
        let token: String
        let status: UInt16
        let code: String
        var testDescription: String { "\(known) \(token)" }
    }

    @Test(arguments: [
        Case(known: .own, token: "valid", status: 200, code: ""),
        Case(known: .own, token: "archive", status: 200, code: ""),
        Case(known: .own, token: "none", status: 401, code: "Unauthorized"),
        Case(known: .own, token: "unknown", status: 401, code: "Unauthorized"),
        Case(known: .own, token: "expired", status: 401, code: "Unauthorized"),
        Case(known: .own, token: "inactive", status: 401, code: "Unauthorized"),
        Case(known: .own, token: "deleted", status: 401, code: "Unauthorized"),
        Case(known: .nobody, token: "valid", status: 200, code: ""),
        Case(known: .nobody, token: "archive", status: 404, code: "ResourceNotFound"),
        Case(known: .nobody, token: "none", status: 401, code: "Unauthorized"),
        Case(known: .nobody, token: "unknown", status: 401, code: "Unauthorized"),
        Case(known: .nobody, token: "expired", status: 401, code: "Unauthorized"),
        Case(known: .nobody, token: "inactive", status: 401, code: "Unauthorized"),
        Case(known: .nobody, token: "deleted", status: 401, code: "Unauthorized"),
        Case(known: .nobody, token: "homeless", status: 400, code: "ValidationFailed"),
        Case(known: .foreign, token: "valid", status: 409, code: "EdgeHostAlreadyExists"),
        Case(known: .foreign, token: "archive", status: 409, code: "EdgeHostAlreadyExists"),
        Case(known: .foreign, token: "unknown", status: 401, code: "Unauthorized"),
        Case(known: .foreign, token: "none", status: 401, code: "Unauthorized"),
    ])
    func `a token admits as the rules say`(_ row: Case) async throws {
        let fleet = try Fleet()
        switch row.known {
        case .nobody: break
        case .own: try await fleet.register("device-1")
        case .foreign:
            _ = try await fleet.api.call(
                .post,
                "/v1/edgehosts",
                as: "other-admin",
                project: "q1",
                body: ["metadata": ["uid": "device-1"]]
            )
        }
        let token = try await value(of: row.token, fleet)
        let before = try fleet.count("SELECT count(*) FROM appliance")
        let answer = try await fleet.pair("device-1", token: token)
        #expect(answer.status == row.status)
        #expect(answer.code == row.code)
        #expect(!answer.text.contains("\"t2\""))
        if answer.status == 401 {
            // One body for outsiders, whatever is wrong.
            #expect(
                answer.message
                    == "Nothing admits this machine: its pairing key or registration token is not "
                    + "valid."
            )
        }
        if answer.status != 200 {
            #expect(try fleet.count("SELECT count(*) FROM appliance") == before)
            #expect(
                try fleet.count("SELECT count(*) FROM appliance WHERE credential_digest <> ''")
                    == 0
            )
        }
    }

    private func value(of kind: String, _ fleet: Fleet) async throws -> String? {
        switch kind {
        case "none": return nil
        case "unknown": return "easel_reg_unknown"
        case "archive": return try fleet.archiveToken(of: "prof1")
        case "homeless": return try await fleet.makeToken(project: nil).value
        case "expired":
            let token = try await fleet.makeToken(expiry: "2026-03-02").value
            fleet.time.pass(seconds: 3 * 86_400)
            return token
        case "inactive":
            let token = try await fleet.makeToken()
            _ = try await fleet.api.call(
                .put,
                "/v1/edgehosts/tokens/\(token.uid)/state",
                body: ["isActive": false]
            )
            return token.value
        case "deleted":
            let token = try await fleet.makeToken()
            _ = try await fleet.api.call(.delete, "/v1/edgehosts/tokens/\(token.uid)")
            return token.value
        default: return try await fleet.makeToken().value
        }
    }

    @Test func `a registration token registers into its default project`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        #expect(try await fleet.pair("device-7", token: token).status == 200)
        let appliance = try await fleet.appliance("device-7")
        #expect(appliance["status"]?["state"]?.text == "ready")
        #expect(appliance["aclmeta"]?["projectUid"]?.text == "p1")
        #expect(try await fleet.events(of: "device-7") == ["Paired", "Registered"])
    }

    @Test func `the machine's own project wins, and must be one of the tenant`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let own = try await fleet.pair("device-7", token: token, project: "p2")
        #expect(own.json["aclmeta"]?["projectUid"]?.text == "p2")
        let foreign = try await fleet.pair("device-8", token: token, project: "q1")
        #expect(foreign.status == 400)
        #expect(foreign.faults == ["/spec/host/project/uid UnknownProject"])
    }

    @Test func `a machine that does not want to be registered waits`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let answer = try await fleet.pair("device-7", token: token, disableAutoRegister: true)
        #expect(answer.status == 404)
    }

    @Test func `a token for one admits one, and its deletion touches nobody`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken(maxUses: 1)
        let first = try await fleet.pair("device-1", token: token.value)
        #expect(first.status == 200)
        #expect(try await fleet.pair("device-2", token: token.value).status == 401)
        _ = try await fleet.api.call(.delete, "/v1/edgehosts/device-1", project: "p1")
        #expect(try await fleet.pair("device-1", token: token.value).status == 401)
        // The token only admits: who has paired does not depend on it.
        let other = try await fleet.makeToken("others")
        let paired = try await fleet.pair("device-3", token: other.value)
        _ = try await fleet.api.call(.delete, "/v1/edgehosts/tokens/\(other.uid)")
        let poll = try await fleet.poll("device-3", paired.credential ?? "")
        #expect(poll.status == 200)
    }

    @Test func `a limited token admits no more under a race`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken(maxUses: 3).value
        let statuses = try await withThrowingTaskGroup(of: UInt16.self) { group in
            for number in 0..<40 {
                group.addTask { try await fleet.pair("device-\(number)", token: token).status }
            }
            return try await group.reduce(into: [UInt16: Int]()) { $0[$1, default: 0] += 1 }
        }
        #expect(statuses == [200: 3, 401: 37])
    }

    @Test func `of a thousand machines with one ID one becomes it`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let answers = try await withThrowingTaskGroup(of: TestAnswer.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    try await fleet.pair("device-1", token: token, fingerprint: "m-\(number)")
                }
            }
            return try await group.reduce(into: [TestAnswer]()) { $0.append($1) }
        }
        let won = answers.filter { $0.status == 200 }
        #expect(won.count == 1)
        #expect(answers.count { $0.code == "IdentityConflict" } == 999)
        // The winner's credential is the one that holds.
        let poll = try await fleet.poll("device-1", won.first?.credential ?? "")
        #expect(poll.status == 200)
        #expect(try await fleet.events(of: "device-1").contains("IdentityConflict"))
    }

    @Test func `a second machine is refused, and the first one is not touched`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let first = try await fleet.pair("device-1", token: token, fingerprint: "old")
        let second = try await fleet.pair("device-1", token: token, fingerprint: "new")
        #expect(second.status == 409)
        #expect(second.code == "IdentityConflict")
        #expect(!second.text.contains("old"))
        let events = try await fleet.api.call(
            .get,
            "/v1/edgehosts/device-1/events",
            project: "p1"
        )
        let newest = events.json["items"]?[0]
        #expect(newest?["reason"]?.text == "IdentityConflict")
        #expect(newest?["message"]?.text?.contains("'old'") == true)
        #expect(newest?["message"]?.text?.contains("'new'") == true)
        // Asking again adds no event.
        _ = try await fleet.pair("device-1", token: token, fingerprint: "new")
        #expect(try await fleet.events(of: "device-1").count { $0 == "IdentityConflict" } == 1)
        #expect(try await fleet.poll("device-1", first.credential ?? "").status == 200)
    }

    @Test func `the same machine pairs again and its old credential is dead`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken(maxUses: 2).value
        let first = try await fleet.pair("device-1", token: token)
        let again = try await fleet.pair("device-1", token: token)
        #expect(again.status == 200)
        #expect(try await fleet.poll("device-1", first.credential ?? "").status == 401)
        #expect(try await fleet.poll("device-1", again.credential ?? "").status == 200)
        // It was admitted already: the token still has one use left.
        #expect(try await fleet.pair("device-2", token: token).status == 200)
    }

    @Test func `the archive's token links its profile`() async throws {
        let fleet = try Fleet()
        try fleet.publish("prof1", number: 1)
        try await fleet.register("device-1")
        let token = try fleet.archiveToken(of: "prof1")
        let answer = try await fleet.pair("device-1", token: token)
        #expect(answer.status == 200)
        let poll = try await fleet.poll("device-1", answer.credential ?? "")
        #expect(poll.json["profiles"]?[0]?["profile"]?["uid"]?.text == "prof1")
    }

    @Test func `wrong keys are held up, by ID and by address`() async throws {
        let failures = RateLimit(burst: 200, every: .seconds(1))
        let fleet = try Fleet(limits: CallLimits(failures: failures))
        try await fleet.register("device-1", key: "right")
        for _ in 0..<10 {
            #expect(try await fleet.pair("device-1", key: "wrong").status == 401)
        }
        let held = try await fleet.pair("device-1", key: "right")
        #expect(held.status == 429)
        #expect(held.header("Retry-After") != nil)
        // Another ID from the same address is not held up yet.
        try await fleet.register("device-2", key: "right")
        #expect(try await fleet.pair("device-2", key: "right").status == 200)
        fleet.time.pass(seconds: 60)
        #expect(try await fleet.pair("device-1", key: "right").status == 200)
        for number in 0..<250 { _ = try await fleet.pair("x-\(number)", key: "wrong") }
        #expect(try await fleet.pair("y", key: "wrong").status == 429)
        #expect(try await fleet.pair("y", key: "wrong", peer: "192.0.2.2").status == 401)
    }

    @Test func `faults of the body are told all at once`() async throws {
        let fleet = try Fleet()
        let answer = try await fleet.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: [
                "metadata": ["uid": "a/b"],
                "spec": ["host": ["hostUid": 3], "device": ["cpu": ["cores": -1]]],
            ]
        )
        #expect(answer.status == 400)
        #expect(answer.faults.count == 3)
    }

    @Test func `a replaced host's next machine pairs`() async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let first = try await fleet.pair("device-1", token: token, fingerprint: "old")
        _ = try await fleet.api.call(
            .post,
            "/v1/edgehosts/device-1/replace",
            project: "p1",
            body: [:]
        )
        #expect(try await fleet.poll("device-1", first.credential ?? "").status == 401)
        let second = try await fleet.pair("device-1", token: token, fingerprint: "new")
        #expect(second.status == 200)
    }
}
