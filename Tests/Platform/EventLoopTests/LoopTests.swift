import CSystem
import Glibc
import Primitives
import Synchronization
import Testing

@testable import EventLoop

@Suite("The event loop")
struct LoopTests {
    let group: LoopGroup
    var loop: Loop { group.loops[0] }

    init() throws {
        group = try LoopGroup(count: 2)
    }

    @Test func `runs work from many threads in the order of each thread`() async {
        let loop = loop
        let seen = Shared<[Int: [Int]]>([:])
        await withTaskGroup(of: Void.self) { tasks in
            for sender in 0..<8 {
                tasks.addTask {
                    for number in 0..<1000 {
                        loop.submit { seen.withLock { $0[sender, default: []].append(number) } }
                    }
                    await withUnsafeContinuation { done in loop.submit { done.resume() } }
                }
            }
        }
        let result = seen.withLock { $0 }
        for sender in 0..<8 { #expect(result[sender] == Array(0..<1000)) }
        group.shutdown()
    }

    @Test func `wakes once for a burst`() async {
        let loop = loop
        let before = loop.metrics.wakeUps
        let gate = Gate()
        loop.submit { gate.waitUntilOpen() }
        let ran = Shared(0)
        for _ in 0..<10_000 { loop.submit { ran.withLock { $0 += 1 } } }
        gate.open()
        await withUnsafeContinuation { done in loop.submit { done.resume() } }
        #expect(ran.value == 10_000)
        #expect(loop.metrics.wakeUps - before < 10)
        let turns = loop.metrics.turnCounts
        #expect(turns.count == LoopMetrics.turnBounds.count + 1)
        // The first turn has no wake-up before it, the present one has not ended.
        #expect((loop.metrics.wakeUps...loop.metrics.wakeUps + 1).contains(turns.reduce(0, +)))
        group.shutdown()
    }

    @Test func `keeps a task on its thread through suspensions`() async {
        let loop = loop
        let other = group.loops[1]
        let places = await Task(executorPreference: loop.executor) {
            var places = [Loop.current === loop]
            await Task.yield()
            places.append(Loop.current === loop)
            await withUnsafeContinuation { done in other.submit { done.resume() } }
            places.append(Loop.current === loop)
            try? await loop.sleep(for: .milliseconds(1))
            places.append(Loop.current === loop)
            return places
        }.value
        #expect(places == [true, true, true, true])
        #expect(Loop.current == nil)
        group.shutdown()
    }

    @Test func `ends a sleep at once when the task is cancelled from anywhere`() async {
        let loop = loop
        let asleep = Shared<UnsafeContinuation<Void, Never>?>(nil)
        let task = Task(executorPreference: loop.executor) { () -> Bool in
            loop.submit { asleep.withLock { $0.take() }?.resume() }
            do {
                try await loop.sleep(for: .seconds(3600))
                return false
            } catch { return Loop.current === loop }
        }
        await withUnsafeContinuation { done in
            asleep.withLock { $0 = done }
            loop.submit { asleep.withLock { $0.take() }?.resume() }
        }
        task.cancel()
        #expect(await task.value)
        let cancelledBefore = Task(executorPreference: loop.executor) { () -> Bool in
            withUnsafeCurrentTask { $0?.cancel() }
            do {
                try await loop.sleep(for: .seconds(3600))
                return false
            } catch { return true }
        }
        #expect(await cancelledBefore.value)
        group.shutdown()
    }

    @Test func `fires timers in order and not those cancelled`() async {
        let loop = loop
        let fired = await withUnsafeContinuation { (done: UnsafeContinuation<[Int], Never>) in
            loop.submit {
                let fired = Log()
                _ = loop.schedule(after: .milliseconds(4)) {
                    fired.numbers.append(3)
                    done.resume(returning: fired.numbers)
                }
                let dropped = loop.schedule(after: .milliseconds(1)) { fired.numbers.append(0) }
                _ = loop.schedule(after: .milliseconds(3)) { fired.numbers.append(2) }
                _ = loop.schedule(after: .milliseconds(2)) { fired.numbers.append(1) }
                loop.cancel(dropped)
            }
        }
        #expect(fired == [1, 2, 3])
        group.shutdown()
    }

    @Test func `calls the hook after the work of a turn and before waiting`() async {
        let loop = loop
        let order = Shared<[String]>([])
        await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
            loop.onStart { loop in
                loop.beforeWait { order.withLock { $0.append("hook") } }
                loop.submit { order.withLock { $0.append("work") } }
                _ = loop.schedule(after: .milliseconds(1)) { done.resume() }
            }
        }
        let first = Array(order.value.prefix(2))
        #expect(first == ["work", "hook"])
        group.shutdown()
    }

    @Test func `delivers no event to the next owner of a descriptor number`() async throws {
        let loop = loop
        let calls = await withUnsafeContinuation { (done: UnsafeContinuation<Int, Never>) in
            loop.submit {
                let pairs = [Self.socketPair(), Self.socketPair()]
                // Both are readable in one wait; whoever is called first takes both away and
                // watches them anew with a handler that must hear nothing in the same turn.
                let first = Replacer(loop, pairs.map(\.0))
                for pair in pairs {
                    try? loop.watch(pair.0, .whileReadable, first)
                    write(pair.1, "x", 1)
                }
                _ = loop.schedule(after: .milliseconds(5)) {
                    for pair in pairs {
                        loop.unwatch(pair.0)
                        close(pair.0)
                        close(pair.1)
                    }
                    done.resume(returning: first.calls)
                }
            }
        }
        #expect(calls == 1)
        group.shutdown()
    }

    static func socketPair() -> (Int32, Int32) {
        var pair: [Int32] = [0, 0]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
        return (pair[0], pair[1])
    }

    @Test func `ends after the work it was given`() throws {
        let ran = Shared(0)
        let loop = loop
        for _ in 0..<100 { loop.submit { ran.withLock { $0 += 1 } } }
        group.shutdown()
        #expect(ran.value == 100)
    }
}

@Suite("The worker pool")
struct WorkerPoolTests {
    @Test func `works off the loop and resumes on it`() async throws {
        let group = try LoopGroup(count: 1)
        let pool = try WorkerPool(threads: 2)
        let loop = group.loops[0]
        let places = try await Task(executorPreference: loop.executor) {
            let away = try await pool.run { Loop.current == nil }
            return (away, Loop.current === loop)
        }.value
        #expect(places.0 && places.1)
        pool.shutdown()
        group.shutdown()
    }

    @Test func `passes on what the work throws`() async throws {
        let pool = try WorkerPool(threads: 1)
        await #expect(throws: SystemError.self) {
            try await pool.run { throw SystemError("open", code: ENOENT) }
        }
        pool.shutdown()
    }

    @Test func `refuses work beyond its queue and after its end`() async throws {
        let pool = try WorkerPool(threads: 1, queuedMax: 0)
        await #expect(throws: WorkerPoolSaturated.self) { try await pool.run {} }
        pool.shutdown()
        let ended = try WorkerPool(threads: 1)
        ended.shutdown()
        await #expect(throws: WorkerPoolSaturated.self) { try await ended.run {} }
    }
}

/// Takes all the descriptors from itself at the first call and gives them to a silent handler.
private final class Replacer: ReadinessHandler {
    private let loop: Loop
    private let descriptors: [Int32]
    private let next = Silent()
    private(set) var calls = 0

    init(_ loop: Loop, _ descriptors: [Int32]) {
        self.loop = loop
        self.descriptors = descriptors
    }

    func onReady(_ readiness: Readiness) {
        calls += 1
        for descriptor in descriptors {
            loop.unwatch(descriptor)
            try? loop.watch(descriptor, .changes, next)
        }
    }
}

private final class Silent: ReadinessHandler {
    func onReady(_ readiness: Readiness) {}
}

private final class Log {
    var numbers: [Int] = []
}

/// Holds a thread until another opens it.
final class Gate: Sendable {
    private let descriptor = eventfd(0, 0)

    func open() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    func waitUntilOpen() {
        var value: UInt64 = 0
        _ = read(descriptor, &value, 8)
    }

    deinit { close(descriptor) }
}

/// A value that tests share between threads.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) {
        state = Mutex(value)
    }

    var value: Value { state.withLock { $0 } }

    func withLock<Result: Sendable>(_ body: @Sendable (inout Value) -> Result) -> Result {
        state.withLock { body(&$0) }
    }
}
