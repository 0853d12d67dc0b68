import CSystem
import Glibc
import Primitives
import TLS

/// Where load goes: a port of 127.0.0.1, with or without TLS.
struct LoadTarget {
    let port: UInt16
    let tls: TLSClientContext?
}

/// What is asked, how often, and how long at most.
struct LoadPlan {
    /// Appends the request that a connection sends as its so-manieth.
    typealias Request = (_ connection: Int, _ sequence: Int, _ bytes: inout [UInt8]) -> Void

    var connections: Int
    /// Requests that are answered before the measurement begins.
    var warmUp: Int
    var requests: Int
    var secondsMax: Double
    var expectedStatus: Int
    var request: Request
}

/// What a run of load saw.
struct LoadResult {
    let requests: Int
    let seconds: Double
    /// Processor time of the server meanwhile, in seconds.
    let processorSeconds: Double
    let p50Microseconds: Double
    let p99Microseconds: Double
    /// One whole answer, head and body.
    let sample: [UInt8]

    var perSecond: Double { Double(requests) / seconds }
    var processorMicroseconds: Double { processorSeconds * 1e6 / Double(requests) }
}

/// A closed loop on one thread: each connection sends its next request when it has its answer.
struct LoadGenerator {
    let target: LoadTarget
    let plan: LoadPlan
    /// The processor time that the server has used so far, in seconds.
    let processorTime: () throws -> Double

    /// Runs the plan.
    ///
    /// - Throws: `BenchError` for the first answer with another status than the expected one.
    func run() throws -> LoadResult {
        let connections = try (0..<plan.connections).map {
            try LoadConnection(number: $0, to: target)
        }
        let poll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard poll >= 0 else { throw BenchError("no epoll") }
        defer { close(poll) }
        for connection in connections {
            var event = epoll_event()
            event.events = EPOLLIN.rawValue
            event.data.u32 = UInt32(connection.number)
            epoll_ctl(poll, EPOLL_CTL_ADD, connection.descriptor, &event)
        }
        var run = Run(plan: plan)
        for connection in connections.prefix(run.total) {
            try connection.send(at: Self.now(), plan.request)
            run.issued += 1
        }
        try drive(connections, poll, &run)
        return try run.result(sample: connections[0].lastAnswer)
    }

    private func drive(_ connections: [LoadConnection], _ poll: Int32, _ run: inout Run) throws {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { scratch.deallocate() }
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        let giveUpAt = Self.now() + Int64((plan.secondsMax + 30) * 1e9)
        if plan.warmUp == 0 { run.begin(at: Self.now(), processor: try processorTime()) }
        while run.completed < run.issued {
            // Never sleeping: otherwise the slower server also pays for waking the load up after
            // each answer, which clients on other machines spare it.
            let count = epoll_wait(poll, &events, Int32(events.count), 0)
            if Interrupt.isRaised { throw BenchError("interrupted") }
            guard Self.now() < giveUpAt else {
                throw BenchError("the server has stopped answering")
            }
            for index in 0..<max(0, Int(count)) {
                let connection = connections[Int(events[index].data.u32)]
                guard let status = try connection.receive(scratch) else { continue }
                guard status == plan.expectedStatus else {
                    let text = String(decoding: connection.lastAnswer.prefix(2000), as: UTF8.self)
                    throw BenchError("expected \(plan.expectedStatus), got \(text)")
                }
                let now = Self.now()
                run.note(sentAt: connection.sentAt, answeredAt: now)
                if run.completed == plan.warmUp {
                    run.begin(at: Self.now(), processor: try processorTime())
                }
                if run.wantsMore(at: now) {
                    try connection.send(at: now, plan.request)
                    run.issued += 1
                }
            }
        }
        run.end(at: Self.now(), processor: try processorTime())
    }

    private static func now() -> Int64 { MonotonicTime.now().nanoseconds }

    /// The bookkeeping of one run.
    private struct Run {
        let plan: LoadPlan
        let total: Int
        var issued = 0
        var completed = 0
        private var latencies: [UInt32] = []
        private var startedAt: Int64 = 0
        private var endedAt: Int64 = 0
        private var processor = 0.0

        init(plan: LoadPlan) {
            self.plan = plan
            total = plan.warmUp + plan.requests
            latencies.reserveCapacity(plan.requests)
        }

        mutating func begin(at now: Int64, processor: Double) {
            startedAt = now
            self.processor = processor
        }

        mutating func end(at now: Int64, processor: Double) {
            endedAt = now
            self.processor = processor - self.processor
        }

        mutating func note(sentAt: Int64, answeredAt: Int64) {
            if completed >= plan.warmUp { latencies.append(UInt32(clamping: answeredAt - sentAt)) }
            completed += 1
        }

        func wantsMore(at now: Int64) -> Bool {
            guard issued < total else { return false }
            return startedAt == 0 || Double(now - startedAt) < plan.secondsMax * 1e9
        }

        func result(sample: [UInt8]) throws -> LoadResult {
            let sorted = latencies.sorted()
            guard !sorted.isEmpty, startedAt > 0, endedAt > startedAt else {
                throw BenchError("nothing was measured")
            }
            func microseconds(_ share: Double) -> Double {
                Double(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]) / 1000
            }
            return LoadResult(
                requests: sorted.count,
                seconds: Double(endedAt - startedAt) / 1e9,
                processorSeconds: processor,
                p50Microseconds: microseconds(0.5),
                p99Microseconds: microseconds(0.99),
                sample: sample
            )
        }
    }
}
