import CSystem
import Glibc
import JSON
import Primitives

/// What a fleet of appliances costs that polls and waits: all of them coming back at once, nothing
/// happening, and one change for all.
struct FleetMeasurement {
    let transport: Transport
    let count: Int
    /// From the first connection attempt to the last answer of all appliances at once.
    let returnSeconds: Double
    let returnProcessorSeconds: Double
    /// Share of one processor while every poll is parked and, when its time is over, sent again.
    let waitingShare: Double
    let waitingSeconds: Double
    /// From the start of the request that publishes the change to the last appliance's answer.
    let changeSeconds: Double
    let memory: ProcessFigures.Memory
    /// From SIGTERM to the end of the process, every parked poll answered 204.
    let stopSeconds: Double

    /// How long the fleet is watched while nothing changes.
    private static let watchedSeconds = 20.0
    /// How long one poll is parked: appliances come at any moment of it.
    private static let waitSeconds = 60

    static func run(
        _ program: String,
        _ transport: Transport,
        count: Int,
        in folder: String
    ) throws -> FleetMeasurement {
        let place = EaselServer.Place(folder: folder)
        let server = try EaselServer(program, at: place)
        defer { server.stop() }
        let administrator = try Administrator(of: server, signInPath: place.signIn)
        let profile = try administrator.publishProfile()
        let token = try administrator.makeToken()
        let fleet = try (0..<count).map { number in
            try administrator.pairAppliance("site-\(number)", token: token, profileUID: profile)
        }
        let target = server.target(transport)

        // Everybody comes at once and asks what it should be.
        var run = try WaitingFleet(count)
        let atFirst = try server.processorSeconds()
        let returned = MonotonicTime.now()
        for appliance in fleet {
            try run.add(WaitingClient(to: target, request: Scenario.poll(appliance, "")))
        }
        try run.awaitAnswers(status: 200, within: 120)
        let returnSeconds = Double(MonotonicTime.now().nanoseconds(since: returned)) / 1e9
        let returnProcessor = try server.processorSeconds() - atFirst

        // Now they wait; their polls end at different moments.
        var parked = try waitingPolls(fleet, run)
        try run.park(parked)
        let before = try server.processorSeconds()
        try run.keepParked(parked, seconds: watchedSeconds)
        let waiting = try server.processorSeconds() - before

        // One change reaches all.
        let changed = MonotonicTime.now()
        try run.expect(status: 200, after: { try administrator.changeProfile(profile) })
        let changeSeconds = Double(MonotonicTime.now().nanoseconds(since: changed)) / 1e9
        let memory = try server.memory()

        // The server is stopped while all of them wait again.
        parked = try waitingPolls(fleet, run)
        try run.park(parked)
        let stopped = MonotonicTime.now()
        try run.expect(status: 204, after: { server.askToStop() })
        while !server.hasStopped { usleep(1000) }
        let stopSeconds = Double(MonotonicTime.now().nanoseconds(since: stopped)) / 1e9
        return FleetMeasurement(
            transport: transport,
            count: count,
            returnSeconds: returnSeconds,
            returnProcessorSeconds: returnProcessor,
            waitingShare: waiting / watchedSeconds,
            waitingSeconds: watchedSeconds,
            changeSeconds: changeSeconds,
            memory: memory,
            stopSeconds: stopSeconds
        )
    }

    /// For each appliance the poll that waits for another answer than its last one.
    private static func waitingPolls(
        _ fleet: [PairedAppliance],
        _ run: WaitingFleet
    ) throws -> [[UInt8]] {
        try zip(fleet, run.etags()).map { appliance, etag in
            Scenario.poll(
                appliance,
                "If-None-Match: \(etag)\r\n",
                query: "?wait=\(waitSeconds)"
            )
        }
    }
}

/// Many clients on one epoll set.
private struct WaitingFleet {
    private var clients: [WaitingClient] = []
    private let poll: Int32
    private var events = [epoll_event](repeating: epoll_event(), count: 1024)
    private var scratch = [UInt8](repeating: 0, count: 65_536)

    init(_ count: Int) throws {
        poll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard poll >= 0 else { throw BenchError("no epoll") }
        clients.reserveCapacity(count)
    }

    mutating func add(_ client: WaitingClient) throws {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLET.rawValue
        event.data.u32 = UInt32(clients.count)
        guard epoll_ctl(poll, EPOLL_CTL_ADD, client.descriptor, &event) == 0 else {
            throw BenchError("no room in epoll")
        }
        clients.append(client)
        // Clients elsewhere act while others connect.
        if clients.count % 64 == 0 { _ = try turn(milliseconds: 0) { _ in } }
    }

    /// Waits until every client has its answer.
    mutating func awaitAnswers(status: Int, within seconds: Double) throws {
        var missing = clients.filter { $0.status == nil }.count
        let giveUpAt = MonotonicTime.now().adding(nanoseconds: Int64(seconds * 1e9))
        while missing > 0 {
            guard MonotonicTime.now() < giveUpAt else {
                throw BenchError("\(missing) of \(clients.count) clients got no answer")
            }
            _ = try turn(milliseconds: 100) { _ in missing -= 1 }
        }
        for client in clients where client.status != status {
            throw BenchError("expected \(status), got \(client.status ?? 0)")
        }
    }

    /// What each client's last answer was tagged with.
    func etags() throws -> [String] {
        try clients.map { try Fleet.etag(in: $0.lastAnswer) }
    }

    mutating func park(_ requests: [[UInt8]]) throws {
        for (client, request) in zip(clients, requests) { try client.repeatRequest(request) }
        // The server has taken all of them when it has nothing to do.
        _ = try turn(milliseconds: 1000) { _ in }
    }

    /// Sends each poll again that ends with 304.
    mutating func keepParked(_ requests: [[UInt8]], seconds: Double) throws {
        let end = MonotonicTime.now().adding(nanoseconds: Int64(seconds * 1e9))
        while MonotonicTime.now() < end {
            for index in try turn(milliseconds: 100, { _ in }) {
                guard clients[index].status == 304 else {
                    throw BenchError("a parked poll got \(clients[index].status ?? 0)")
                }
                try clients[index].repeatRequest(requests[index])
            }
        }
    }

    /// Runs the action and waits until every client has an answer.
    mutating func expect(status: Int, after action: () throws -> Void) throws {
        for client in clients where client.status != nil {
            throw BenchError("a poll is not parked")
        }
        try action()
        try awaitAnswers(status: status, within: 30)
    }

    /// One look at the sockets.
    ///
    /// - Returns: the clients whose answers are complete.
    private mutating func turn(
        milliseconds: Int32,
        _ answered: (Int) -> Void
    ) throws -> [Int] {
        if Interrupt.isRaised { throw BenchError("interrupted") }
        let count = epoll_wait(poll, &events, Int32(events.count), milliseconds)
        var complete: [Int] = []
        for event in events.prefix(max(0, Int(count))) {
            let index = Int(event.data.u32)
            let client = clients[index]
            if event.events & EPOLLOUT.rawValue != 0 { try client.onWritable() }
            // Who has an answer may be left by the server.
            if event.events & EPOLLIN.rawValue != 0, client.status == nil,
                try scratch.withUnsafeMutableBytes({ try client.onReadable($0) })
            {
                answered(index)
                complete.append(index)
            }
        }
        return complete
    }
}
