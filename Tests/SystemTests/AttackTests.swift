import EventLoop
import Glibc
import HTTPCore
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

@Suite("Polls of healthy appliances under attack")
struct AttackTests {
    /// An attack was answered as it must not be.
    struct Unexpected: Error { let status: Int }

    /// What an attacker does all the time, on a thread of its own.
    enum Attack: String, CaseIterable {
        case malformedRequests, wrongCredentials, hostileJSON, slowHeads, idleConnections
        case answersNobodyReads, parallelPolls, registrations
        case gzipBombs, yamlBombs, wrongReports, http2Resets, http2Floods, handshakes
        case foreignOrigins
    }

    private static let fleetSize = 20
    private static let flags = [
        "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--tls-self-signed",
        "--loops", "2", "--failure-rate", "10:50", "--registration-rate", "10:50",
    ]

    @Test(.timeLimit(.minutes(3)))
    func `are answered, and soon`() async throws {
        _ = System.raiseDescriptorLimit()
        let server = try await EaselProcess.start(flags: Self.flags)
        let fleet = try await HealthyFleet(server, count: Self.fleetSize)
        let attacker = try await fleet.pairMore("attacker")
        let alone = try await Threads.run { try fleet.poll(rounds: 40) }
        for attack in Attack.allCases {
            let isOver = Flag()
            let target = try Target(
                port: server.plainPort,
                securePort: server.securePort,
                key: server.signIn().apiKey,
                appliance: attacker
            )
            async let attacked: Void = Threads.run {
                try attack.run(target, until: { isOver.isSet })
            }
            let polls: Result<HealthyFleet.Times, any Error>
            do {
                polls = .success(try await Threads.run { try fleet.poll(rounds: 40) })
            } catch {
                polls = .failure(error)
            }
            isOver.set()
            try await attacked
            let times = try polls.get()
            // Generous: the attack, the server and the fleet share a few busy cores.
            #expect(
                times.median < .milliseconds(250) + alone.median * 20,
                "\(attack): \(times), alone \(alone)"
            )
            #expect(times.longest < .seconds(5), "\(attack): \(times), alone \(alone)")
        }
        let api = try server.api(isSecure: false)
        #expect(try await api.send(.get, "/readyz").status == 200)
        let page = try await api.send(.get, "/metrics").text
        for reason in ["failure_rate", "registration_rate", "malformed"] {
            let line = page.split(separator: "\n").first {
                $0.hasPrefix("easel_rejected_total{reason=\"\(reason)\"} ")
            }
            #expect(line?.hasSuffix(" 0") == false, "\(reason): \(line ?? "missing")")
        }
        #expect(try await server.stop() == .exit(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `without descriptors, whoever is in stays in and the rest is turned away`() async throws {
        _ = System.raiseDescriptorLimit()
        let server = try await EaselProcess.start(
            flags: ["--listen", "127.0.0.1:0", "--loops", "2"],
            descriptors: 256
        )
        let fleet = try await HealthyFleet(server, count: 5)
        let port = server.plainPort
        let health = try await Threads.run { try RawSocket(port: port) }
        func isAlive() async throws -> Bool {
            try await Threads.run {
                try health.send(requestText("GET", "/livez"))
                return try health.receiveAnswer().status == 200
            }
        }
        #expect(try await isAlive())
        let crowd = try await Threads.run {
            try (0..<400).map { _ in try RawSocket(port: port) }
        }
        // One of those that were not let in: it is closed, not left waiting.
        let last = try #require(crowd.last)
        #expect(try await Threads.run { try last.receiveToEnd() }.isEmpty)
        let before = try Self.processorSeconds(server.process.pid)
        let times = try await Threads.run { try fleet.poll(rounds: 20) }
        let waited = try await Threads.run { try fleet.waitForNothing(seconds: 2) }
        #expect(waited >= .seconds(1))
        #expect(times.longest < .seconds(5), "\(times)")
        // Two seconds in which hardly anything is to do.
        #expect(try Self.processorSeconds(server.process.pid) - before < 1.5)
        #expect(try await isAlive())
        withExtendedLifetime(crowd) {}
        #expect(try await server.stop() == .exit(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `when files cannot be opened any more, what is open goes on, writes too`() async throws {
        _ = System.raiseDescriptorLimit()
        // One loop accepts in the order in which clients connect.
        let server = try await EaselProcess.start(
            flags: ["--listen", "127.0.0.1:0", "--loops", "1"]
        )
        let fleet = try await HealthyFleet(server, count: 5)
        let operators = try Operator(server)
        try await Threads.run { try operators.register(0..<3) }
        // The budget of connections follows the limit at the start; this one comes upon it.
        let free = 10
        let process = server.process.pid
        let open = TestFiles.list("/proc/\(process)/fd").count
        let limited = try await Programs.run(
            "/usr/bin/prlimit",
            ["--pid=\(process)", "--nofile=\(open + free):\(open + free)"]
        )
        #expect(limited.ending == .exit(0), "\(limited)")
        let port = server.plainPort
        var crowd = try await Threads.run { try (0..<100).map { _ in try RawSocket(port: port) } }
        for refused in crowd.dropFirst(2 * free) {
            #expect(try await Threads.run { try refused.receiveToEnd() }.isEmpty)
        }
        #expect(TestFiles.list("/proc/\(process)/fd").count >= open + free - 2)
        let before = try Self.processorSeconds(process)
        let waited = try await Threads.run { try fleet.waitForNothing(seconds: 2) }
        #expect(waited >= .seconds(1))
        // Nobody asks meanwhile: whoever runs in circles uses most of a core.
        #expect(try Self.processorSeconds(process) - before < 0.5)
        let times = try await Threads.run { try fleet.poll(rounds: 20) }
        #expect(times.longest < .seconds(5), "\(times)")
        try await Threads.run {
            try operators.register(3..<60)
            try operators.expect(200, "GET", "/livez")
            try operators.expect(200, "GET", "/readyz")
            try operators.expect(200, "GET", "/v1/edgehosts/written-59")
            try operators.expect(200, "POST", "/v1/dashboard/edgehosts/search", "{}")
        }
        crowd.removeAll()
        try await Wait.until("somebody comes in", within: .seconds(10)) {
            try await Threads.run { (try? Self.expectAlive(RawSocket(port: port))) != nil }
        }
        let page = try await server.api(isSecure: false).send(.get, "/metrics").text
        let line = page.split(separator: "\n").first {
            $0.hasPrefix("easel_rejected_total{reason=\"descriptors\"} ")
        }
        #expect(line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0 >= 80, "\(page)")
        #expect(try await server.stop() == .exit(0))
        let stored = try DatabaseCopy(of: server.data)
            .rows("SELECT uid FROM appliance WHERE uid LIKE 'written-%'", columns: 1)
        #expect(stored.count == 60)
    }

    @Test(.timeLimit(.minutes(1)))
    func `who left makes room`() async throws {
        let server = try await EaselProcess.start(
            flags: ["--listen", "127.0.0.1:0", "--connections", "1"]
        )
        let port = server.plainPort
        // One, and what is kept for clients on the machine.
        let kept = HTTPLimits().connectionsReservedForLoopback + 1
        let refused = try await Threads.run {
            let crowd = try (0..<kept).map { _ in try RawSocket(port: port) }
            for socket in crowd { try Self.expectAlive(socket) }
            return try RawSocket(port: port).receiveToEnd()
        }
        #expect(refused.isEmpty)
        try await Wait.until("somebody comes in", within: .seconds(10)) {
            try await Threads.run { (try? Self.expectAlive(RawSocket(port: port))) != nil }
        }
    }

    private static func expectAlive(_ socket: RawSocket) throws {
        try socket.send(requestText("GET", "/livez"))
        guard try socket.receiveAnswer().status == 200 else {
            throw RawSocket.Failed(description: "not alive")
        }
    }

    /// The processor time a process has used.
    private static func processorSeconds(_ pid: pid_t) throws -> Double {
        let text = String(decoding: try TestFiles.read("/proc/\(pid)/stat"), as: UTF8.self)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        // User and system time are the 14th and 15th field; two stand before the name's end.
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}

/// An operator who writes over one connection.
private final class Operator: Sendable {
    private let socket: RawSocket
    private let fields: [String]

    init(_ server: EaselProcess) throws {
        socket = try RawSocket(port: server.plainPort)
        let signIn = try server.signIn()
        fields = ["ApiKey: \(signIn.apiKey)", "ProjectUid: \(signIn.projectUID)"]
    }

    func register(_ numbers: Range<Int>) throws {
        for number in numbers {
            let body = #"{"metadata":{"uid":"written-\#(number)"},"spec":{}}"#
            try expect(201, "POST", "/v1/edgehosts", body)
        }
    }

    func expect(_ status: Int, _ method: String, _ path: String, _ body: String? = nil) throws {
        try socket.send(requestText(method, path, fields: fields, body: body))
        let answer = try socket.receiveAnswer()
        guard answer.status == status else {
            throw RawSocket.Failed(
                description: "\(method) \(path): \(answer.head) "
                    + String(decoding: answer.body, as: UTF8.self)
            )
        }
    }
}

/// Whom an attack is for.
struct Target: Sendable {
    let port: UInt16
    let securePort: UInt16
    let key: String
    let appliance: PairedAppliance
}

extension AttackTests.Attack {
    /// Goes on until told to stop.
    func run(_ target: Target, until isOver: () -> Bool) throws {
        var held: [RawSocket] = []
        while !isOver() {
            // A server that closes, refuses or does not read is what an attacker expects.
            do {
                try turn(target, &held)
            } catch is RawSocket.Failed {
                held.removeAll()
            }
        }
    }

    private func turn(_ target: Target, _ held: inout [RawSocket]) throws {
        switch self {
        case .malformedRequests:
            for framing in ["Transfer-Encoding: chunked", "Content-Length: 6", "X-A: \u{0}"] {
                let socket = try RawSocket(port: target.port)
                try socket.send(
                    "POST /v1/edgehosts HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                        + "\(framing)\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
                )
                _ = try socket.receiveToEnd()
            }
        case .wrongCredentials:
            try ask(target, &held, "GET", "/v1/edgehosts", ["ApiKey: easel_guess"])
        case .hostileJSON:
            let fields = ["ApiKey: \(target.key)"]
            let nested = String(repeating: "[", count: 100_000)
            let wide = (0..<50_000).map { "\"k\($0)\":1" }.joined(separator: ",")
            for body in [nested, "{\(wide),\"k1\":2}", "{\"metadata\":1e400}"] {
                try ask(target, &held, "POST", "/v1/edgehosts", fields, body)
            }
        case .slowHeads:
            if held.isEmpty {
                held = try (0..<100).map { _ in try RawSocket(port: target.port) }
                for socket in held { try socket.send("GET / HTTP/1.1\r\nHost: a\r\nX-A: ") }
            }
            for socket in held { try socket.send("a") }
        case .idleConnections:
            if held.count >= 500 { held.removeAll() }
            held.append(try RawSocket(port: target.port))
        case .answersNobodyReads:
            if held.count >= 20 { held.removeAll() }
            let socket = try RawSocket(port: target.port, receiveSeconds: 1)
            held.append(socket)
            let requests = String(repeating: requestText("GET", "/openapi.json"), count: 100)
            try socket.send(requests)
        case .parallelPolls:
            try pollAtOnce(target, &held)
        case .registrations:
            let body = #"{"metadata":{"uid":"x"},"spec":{"host":{"hostAuthToken":"guess"}}}"#
            try ask(target, &held, "POST", "/v1/edgehosts/register", [], body)
        default:
            try turnOfPart(target, &held)
        }
    }

    func ask(
        _ target: Target,
        _ held: inout [RawSocket],
        _ method: String,
        _ path: String,
        _ fields: [String],
        _ body: String? = nil
    ) throws {
        if held.isEmpty { held.append(try RawSocket(port: target.port)) }
        // The address that it makes up belongs to nobody's proxy.
        let all = fields + ["X-Forwarded-For: 198.51.100.\(Int.random(in: 1...254))"]
        try held[0].send(requestText(method, path, fields: all, body: body))
        try Self.expectRefusal(held[0].receiveAnswer())
    }

    static func expectRefusal(_ answer: (status: Int, head: String, body: [UInt8])) throws {
        guard (400...499).contains(answer.status) else {
            throw AttackTests.Unexpected(status: answer.status)
        }
    }

    /// Twenty polls of one appliance that all want to wait.
    private func pollAtOnce(_ target: Target, _ held: inout [RawSocket]) throws {
        let poll = HealthyFleet.Poll(target.appliance)
        if held.count < 20 {
            let socket = try RawSocket(port: target.port)
            held.append(socket)
            try poll.learn(on: socket)
            try socket.send(poll.text(waiting: 60))
            return
        }
        // All but the newest have been answered; their sockets ask again.
        for socket in held.dropLast() { _ = try socket.receiveAnswer() }
        held.removeAll()
    }
}

/// Appliances that behave.
final class HealthyFleet: Sendable {
    /// How long polls took.
    struct Times: Sendable, CustomStringConvertible {
        let median: Duration
        let longest: Duration

        var description: String { "median \(median), longest \(longest)" }
    }

    /// The poll of one appliance.
    final class Poll: Sendable {
        private let appliance: PairedAppliance
        private let known = Mutex("")

        init(_ appliance: PairedAppliance) { self.appliance = appliance }

        /// Asks once for everything, as an agent does after its start.
        func learn(on socket: RawSocket) throws {
            try socket.send(request("", []))
            let answer = try socket.receiveAnswer()
            let tag = answer.head.split(separator: "\r\n")
                .first { $0.lowercased().hasPrefix("etag: ") }
            guard answer.status == 200, let tag else {
                throw RawSocket.Failed(description: "first poll: \(answer.head)")
            }
            known.withLock { $0 = String(tag.dropFirst(6)) }
        }

        func text(waiting seconds: Int = 0) -> String {
            request(
                seconds > 0 ? "?wait=\(seconds)" : "",
                ["If-None-Match: \(known.withLock { $0 })"]
            )
        }

        private func request(_ query: String, _ fields: [String]) -> String {
            requestText(
                "GET",
                "/v1/edgehosts/\(appliance.uid)/desired\(query)",
                fields: ["Authorization: Bearer \(appliance.credential)"] + fields
            )
        }
    }

    private let api: API
    private let token: String
    private let members: [(poll: Poll, socket: RawSocket)]

    init(_ server: EaselProcess, count: Int) async throws {
        api = try server.api(isSecure: false)
        token = try await api.makeToken(project: server.signIn().projectUID)
        let port = server.plainPort
        var members: [(poll: Poll, socket: RawSocket)] = []
        for number in 0..<count {
            let poll = Poll(try await api.pair("healthy-\(number)", token: token))
            let socket = try await Threads.run {
                let socket = try RawSocket(port: port)
                try poll.learn(on: socket)
                return socket
            }
            members.append((poll, socket))
        }
        self.members = members
    }

    /// One more appliance, which need not behave.
    func pairMore(_ uid: String) async throws -> PairedAppliance {
        try await api.pair(uid, token: token)
    }

    /// Has each appliance poll once a round; every poll must be answered 304.
    func poll(rounds: Int) throws -> Times {
        var times: [Duration] = []
        for _ in 0..<rounds {
            for (poll, socket) in members { times.append(try time(poll.text(), socket)) }
        }
        times.sort()
        return Times(median: times[times.count / 2], longest: times[times.count - 1])
    }

    /// Has an appliance wait for a change that does not come.
    func waitForNothing(seconds: Int) throws -> Duration {
        try time(members[0].poll.text(waiting: seconds), members[0].socket)
    }

    private func time(_ request: String, _ socket: RawSocket) throws -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        try socket.send(request)
        let status = try socket.receiveAnswer().status
        guard status == 304 else { throw RawSocket.Failed(description: "poll: \(status)") }
        return clock.now - start
    }
}

/// A truth that one thread sets and another sees.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
