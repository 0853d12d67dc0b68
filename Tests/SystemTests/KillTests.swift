import HTTPCore
import JSON
import Storage
import Synchronization
import Testing
import TestSupport

@Suite("kill -9", .serialized)
struct KillTests {
    /// What the server has acknowledged in all its lives.
    private final class Acknowledged: Sendable {
        private struct State {
            var appliances: Set<String> = []
            var beats: [String: Int] = [:]
        }

        private let state = Mutex(State())

        func note(appliance: String) { state.withLock { _ = $0.appliances.insert(appliance) } }
        func note(beat: Int, of uid: String) { state.withLock { $0.beats[uid] = beat } }
        var count: Int { state.withLock { $0.appliances.count + $0.beats.values.reduce(0, +) } }
        var appliances: Set<String> { state.withLock { $0.appliances } }
        var beats: [String: Int] { state.withLock { $0.beats } }
    }

    @Test(.timeLimit(.minutes(3)))
    func `nothing that was acknowledged is lost, and each write has its audit row`() async throws {
        let data = try TemporaryDirectory.make() + "/data"
        let first = try await EaselProcess.start(data: data, flags: Self.flags)
        let api = try first.api(isSecure: false)
        let signIn = try first.signIn()
        let token = try await api.makeToken(project: signIn.projectUID)
        var fleet: [PairedAppliance] = []
        for number in 0..<3 { fleet.append(try await api.pair("beating-\(number)", token: token)) }
        try await first.killHard()
        let acknowledged = Acknowledged()
        var random = SystemRandomNumberGenerator()
        for round in 0..<20 {
            let server = try await EaselProcess.start(data: data, flags: Self.flags)
            if round > 0 { try check(data, acknowledged) }
            let goal = acknowledged.count + Int.random(in: 1...120, using: &random)
            try await withThrowingTaskGroup(of: Void.self) { group in
                try load(server, fleet, acknowledged, round, &group)
                try await Wait.until("\(goal) writes", within: .seconds(20)) {
                    acknowledged.count >= goal
                }
                try await server.killHard()
                try await group.waitForAll()
            }
        }
        let server = try await EaselProcess.start(data: data, flags: Self.flags)
        try check(data, acknowledged)
        #expect(acknowledged.appliances.count > 100)
        #expect(try await server.stop() == .exit(0))
    }

    private static let flags = ["--listen", "127.0.0.1:0", "--loops", "2"]

    /// Writers that go on until the server is gone.
    private func load(
        _ server: EaselProcess,
        _ fleet: [PairedAppliance],
        _ acknowledged: Acknowledged,
        _ round: Int,
        _ group: inout ThrowingTaskGroup<Void, any Error>
    ) throws {
        let operators = try server.api(isSecure: false)
        for writer in 0..<8 {
            group.addTask {
                for number in 0... {
                    let uid = "r\(round)-w\(writer)-\(number)"
                    guard let answer = try? await operators.register(uid) else { return }
                    #expect(answer.status == 201, "\(answer)")
                    if answer.status == 201 { acknowledged.note(appliance: uid) }
                }
            }
        }
        for appliance in fleet {
            let api = try appliance.api(server)
            group.addTask {
                let from = (acknowledged.beats[appliance.uid] ?? 0) + 1
                for number in from... {
                    let beat: JSONValue = ["state": "healthy", "message": .string("\(number)")]
                    guard
                        let answer = try? await api.send(
                            .patch,
                            "/v1/edgehosts/\(appliance.uid)/health",
                            beat
                        )
                    else { return }
                    #expect(answer.status == 204, "\(answer)")
                    acknowledged.note(beat: number, of: appliance.uid)
                }
            }
        }
    }

    private func check(_ data: String, _ acknowledged: Acknowledged) throws {
        let copy = try DatabaseCopy(of: data)
        let stored = try copy.rows("SELECT uid FROM appliance", columns: 1).map { $0[0] }
        let lost = acknowledged.appliances.subtracting(stored)
        #expect(lost.isEmpty, "\(lost)")
        let made = try copy.audit().filter { $0.kind == "edgehost" && $0.action == "create" }
            .map(\.uid)
        #expect(made.sorted() == stored.sorted())
        let beats = try copy.rows(
            """
            SELECT a.uid, h.message FROM appliance a
            JOIN appliance_health h ON h.appliance_key = a.key WHERE h.message <> ''
            """,
            columns: 2
        )
        let heard = Dictionary(uniqueKeysWithValues: beats.map { ($0[0], Int($0[1]) ?? 0) })
        for (uid, beat) in acknowledged.beats {
            #expect((heard[uid] ?? 0) >= beat, "\(uid): \(heard[uid] ?? 0) < \(beat)")
        }
    }

    /// Calls that were sent with a key, and whether their answer came.
    private final class Keyed: Sendable {
        private struct State {
            var answered: Set<String> = []
            var open: Set<String> = []
        }

        private let state = Mutex(State())

        func begin(_ uid: String) { state.withLock { _ = $0.open.insert(uid) } }
        func end(_ uid: String) {
            state.withLock {
                $0.open.remove(uid)
                $0.answered.insert(uid)
            }
        }
        var open: Set<String> { state.withLock { $0.open } }
        var answered: Set<String> { state.withLock { $0.answered } }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a call under a key that is cut off has one effect, however often it is repeated`()
        async throws
    {
        let data = try TemporaryDirectory.make() + "/data"
        let keyed = Keyed()
        var random = SystemRandomNumberGenerator()
        for round in 0..<8 {
            let server = try await EaselProcess.start(data: data, flags: Self.flags)
            let api = try server.api(isSecure: false)
            for uid in keyed.open.union(keyed.answered.shuffled().prefix(3)) {
                let wasAnswered = keyed.answered.contains(uid)
                let answer = try await register(uid, api)
                #expect(answer.status == 201, "\(answer)")
                #expect(answer.json["uid"]?.text == uid)
                if wasAnswered { #expect(answer.field("idempotency-replayed") == "true") }
                keyed.end(uid)
            }
            let goal = keyed.answered.count + Int.random(in: 5...60, using: &random)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        for number in 0... {
                            let uid = "r\(round)-w\(writer)-\(number)"
                            keyed.begin(uid)
                            guard let answer = try? await register(uid, api) else { return }
                            #expect(answer.status == 201, "\(answer)")
                            keyed.end(uid)
                        }
                    }
                }
                try await Wait.until("\(goal) calls", within: .seconds(20)) {
                    keyed.answered.count >= goal
                }
                try await server.killHard()
                try await group.waitForAll()
            }
        }
        let made = try DatabaseCopy(of: data).audit()
            .filter { $0.kind == "edgehost" && $0.action == "create" }.map(\.uid)
        #expect(Set(made).count == made.count)
        #expect(keyed.answered.isSubset(of: made))
    }

    private func register(_ uid: String, _ api: API) async throws -> APIAnswer {
        try await api.send(
            .post,
            "/v1/edgehosts",
            ["metadata": ["uid": .string(uid)]],
            fields: [(name: "Idempotency-Key", value: "\"\(uid)\"")]
        )
    }

    @Test(.timeLimit(.minutes(2)))
    func `an agent that is killed again and again ends in the right tree`() async throws {
        let server = try await EaselProcess.start()
        let api = try server.api()
        #expect(try await api.register("device-153").status == 201)
        let profile = try await api.makeProfile("site", layers: Self.layers(0))
        let site = try SiteFolder()
        try site.put(archive: await api.archive(profile))
        try site.put(unattended: "device_id: device-153\n")
        var random = SystemRandomNumberGenerator()
        var agent = try AgentProcess(site)
        var starts = 0
        try await site.logged("Paired with")
        for round in 1...24 {
            try await api.change(profile, "site", layers: Self.layers(round))
            // The moment of the cut is the point here: any within the time that a change takes.
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...200, using: &random)))
            agent.process.kill()
            _ = try await agent.process.ended()
            starts = site.log.components(of: " starts in ")
            agent = try AgentProcess(site)
        }
        let wanted = Self.layers(24)
        let files = Set(
            wanted.enumerated().flatMap { index, layer in
                let folder = "0\(10 * (index + 1))-\(layer.name)"
                return ["\(folder)/values.yaml", "\(folder)/manifests/\(layer.name).yaml"]
            }
        )
        do {
            try await Wait.until("the tree of the last change", within: .seconds(20)) {
                guard site.layers == files else { return false }
                let contents = wanted.enumerated().map { index, layer in
                    try? TestFiles.text(
                        "\(site.path)/applied/0\(10 * (index + 1))-\(layer.name)/manifests/\(layer.name).yaml"
                    )
                }
                return contents == wanted.map(\.content)
            }
        } catch {
            Issue.record("\(error)\n\(site.layers.sorted())\n\(site.log.suffix(3000))")
        }
        let status = try await Wait.until("the report of the last change") { () -> JSONValue? in
            let status = try await api.call(.get, "/v1/edgehosts/device-153")["status"]
            return status?["packs"]?.elements?.count == wanted.count ? status : nil
        }
        #expect(status["health"]?["state"]?.text == "healthy")
        // A signal before its first line would end it in the system's way.
        try await Wait.until("the last agent has begun") {
            site.log.components(of: " starts in ") > starts
        }
        let ending = try await agent.stop()
        #expect(ending == .exit(0), "\(agent.process.transcript)\n\(site.log.suffix(2000))")
        // What cuts left behind is gone too.
        let hidden = TestFiles.list(site.path + "/applied").subtracting(site.layers)
        #expect(hidden.allSatisfy { $0.hasSuffix("/.layer") }, "\(hidden)")
    }

    /// Layers that come, go and change from round to round.
    private static func layers(_ round: Int) -> [(name: String, content: String)] {
        var layers = [(name: "always", content: "kind: ConfigMap\nround: \(round)\n")]
        if round % 2 == 0 { layers.append((name: "even", content: "kind: ConfigMap\n")) }
        if round % 3 == 0 {
            layers.append(
                (
                    name: "third",
                    content: "kind: Secret\ntext: \(String(repeating: "x", count: 50_000))\n"
                )
            )
        }
        layers.append((name: "named-\(round % 4)", content: "kind: ConfigMap\n"))
        return layers
    }
}
