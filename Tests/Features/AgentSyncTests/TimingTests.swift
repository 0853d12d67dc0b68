import AgentSync
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

/// What the time of a refusal tells (SECURITY 54).
@Suite("The time of a refusal", .serialized) struct TimingTests {
    /// The greatest ratio of medians that is noise.
    private static let noise = 1.25
    private static let samples = 2000
    private static let rounds = 5

    /// Compares the medians of two calls that take turns in a random order.
    ///
    /// A busy machine may spoil a round; a leak shows in all of them.
    private func expectAlike(
        _ name: String,
        _ one: () async throws -> Void,
        _ other: () async throws -> Void
    ) async throws {
        var ratios: [Double] = []
        for _ in 0..<Self.rounds {
            var times: [[Int64]] = [[], []]
            for _ in 0..<Self.samples {
                let first = Bool.random()
                for which in [first, !first] {
                    let start = MonotonicTime.now()
                    try await which ? one() : other()
                    times[which ? 0 : 1].append(MonotonicTime.now().nanoseconds(since: start))
                }
            }
            let medians = times.map { Double($0.sorted()[$0.count / 2]) }
            let ratio = max(medians[0], medians[1]) / max(1, min(medians[0], medians[1]))
            if ratio < Self.noise { return }
            ratios.append(ratio)
        }
        Issue.record("\(name): \(ratios)")
    }

    @Test func `does not tell whether an ID is known to a machine that nothing admits`()
        async throws
    {
        let fleet = try Fleet()
        _ = try await fleet.paired("device-1")
        func refused(_ uid: String) async throws {
            // So that refusals before this one are forgiven.
            fleet.time.pass(seconds: 30)
            let answer = try await fleet.pair(uid, token: "easel_reg_wrong")
            #expect(answer.status == 401)
        }
        try await expectAlike(
            "ID",
            { try await refused("device-1") },
            { try await refused("device-2") }
        )
    }

    @Test func `does not tell how much of a token or a credential is right`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        let token = try await fleet.makeToken().value
        func wrong(_ secret: String, keeping count: Int) -> String {
            String(secret.prefix(count)) + String(repeating: "_", count: secret.count - count)
        }
        func polls(_ secret: String) async throws {
            #expect(try await fleet.poll("device-1", secret).status == 401)
        }
        func pairs(_ secret: String) async throws {
            fleet.time.pass(seconds: 30)
            #expect(try await fleet.pair("device-2", token: secret).status == 401)
        }
        let near = wrong(credential, keeping: credential.count - 2)
        let far = wrong(credential, keeping: 12)
        try await expectAlike("credential", { try await polls(near) }, { try await polls(far) })
        let almost = wrong(token, keeping: token.count - 2)
        let guessed = wrong(token, keeping: 10)
        try await expectAlike("token", { try await pairs(almost) }, { try await pairs(guessed) })
    }

    @Test func `does not tell an appliance of others from none`() async throws {
        let fleet = try Fleet()
        let credential = try await fleet.paired("device-1")
        _ = try await fleet.paired("device-2")
        func polls(_ uid: String) async throws {
            #expect(try await fleet.poll(uid, credential).status == 403)
        }
        try await expectAlike(
            "path",
            { try await polls("device-2") },
            { try await polls("device-3") }
        )
    }
}

/// Clocks that are wrong or are set (SECURITY 11, 49).
@Suite("Clocks") struct ClockTests {
    @Test(arguments: [-600, 600] as [Int64])
    func `an agent's clock that is ten minutes wrong changes nothing`(_ skew: Int64) async throws {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        let credential = try await fleet.pair("device-1", token: token).credential ?? ""
        #expect(try await fleet.poll("device-1", credential).status == 200)
        let event: JSONValue = [
            "severity": "info", "reason": "Skewed",
            "at": .string(TestDispatcher.moment.adding(seconds: skew).text),
        ]
        let report = try await fleet.report("device-1", credential, sequence: 1, events: [event])
        #expect(report.status == 204)
        #expect(try await fleet.events(of: "device-1").contains("Skewed"))
    }

    @Test func `a token expires by the server's clock, to the second`() async throws {
        let fleet = try Fleet()
        let expiry = TestDispatcher.moment.adding(seconds: 3600)
        let token = try await fleet.makeToken(expiry: expiry.text).value
        func pair(_ uid: String) async throws -> UInt16 {
            try await fleet.pair(uid, token: token, fingerprint: uid).status
        }
        #expect(try await pair("device-1") == 200)
        fleet.time.jump(seconds: 3000)
        #expect(try await pair("device-2") == 200)
        fleet.time.jump(seconds: 599)
        #expect(try await pair("device-3") == 200)
        fleet.time.jump(seconds: 1)
        #expect(try await pair("device-4") == 401)
        fleet.time.jump(seconds: 600)
        #expect(try await pair("device-5") == 401)
        // A clock that is set back brings no used token back, and no appliance down.
        fleet.time.jump(seconds: -86_400)
        let single = try await fleet.makeToken("single", maxUses: 1).value
        #expect(try await fleet.pair("device-6", token: single, fingerprint: "6").status == 200)
        fleet.time.jump(seconds: -600)
        #expect(try await fleet.pair("device-7", token: single, fingerprint: "7").status == 401)
    }

    @Test(arguments: [-86_400, 86_400] as [Int64])
    func `a server's clock that jumps by a day takes no appliance off`(_ jump: Int64) async throws {
        let fleet = try Fleet()
        var credentials: [String] = []
        for number in 0..<20 {
            credentials.append(try await fleet.paired("device-\(number)"))
            _ = try await fleet.beat("device-\(number)", credentials[number])
        }
        await fleet.agents.sweep()
        fleet.time.jump(seconds: jump)
        for _ in 0..<59 {
            fleet.time.pass(seconds: 10)
            await fleet.agents.sweep()
        }
        #expect(
            try fleet.count("SELECT count(*) FROM appliance_health WHERE state = 'healthy'") == 20
        )
        for (number, credential) in credentials.enumerated() {
            #expect(try await fleet.poll("device-\(number)", credential).status == 200)
        }
    }
}
