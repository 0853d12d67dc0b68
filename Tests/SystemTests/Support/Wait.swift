import EventLoop
import Glibc
import Synchronization

/// What all tests of this target share.
enum Harness {
    /// Where the tests' own requests and timers run.
    static let loops = Result { try LoopGroup(count: 1) }
    static let workers = Result { try WorkerPool(threads: 2) }

    static func loop() throws -> Loop { try loops.get().loops[0] }
}

/// Waiting for what another process does.
enum Wait {
    /// What was waited for did not come.
    struct TimedOut: Error, CustomStringConvertible {
        let description: String
    }

    /// Asks again and again until there is an answer, at most for the time given.
    static func until<Value>(
        _ what: @autoclosure () -> String, within limit: Duration = .seconds(20),
        _ body: () async throws -> Value?
    ) async throws -> Value {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        let loop = try Harness.loop()
        var pause = Duration.milliseconds(2)
        while true {
            if let value = try await body() { return value }
            guard clock.now < deadline else {
                throw TimedOut(description: "waited \(limit) for: \(what())")
            }
            try await loop.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(50))
        }
    }

    /// As `until`, for a condition.
    static func until(
        _ what: @autoclosure () -> String, within limit: Duration = .seconds(20),
        holds condition: () async throws -> Bool
    ) async throws {
        _ = try await until(what(), within: limit) { try await condition() ? true : nil }
    }
}

/// Threads of the tests' own, so that what blocks does not block other tests.
enum Threads {
    private final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs the body on a new thread.
    static func start(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Box(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        precondition(code == 0, "no thread: \(code)")
        pthread_detach(thread)
    }

    /// Runs a body that blocks on a thread of its own.
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            start { continuation.resume(with: Result { try body() }) }
        }
    }
}
