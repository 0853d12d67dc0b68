import APIKit
import Audit
import Logging
import Primitives
import Storage
import Synchronization

/// Keeps registries of other places up to date: by schedule, on demand, each by one run at a time.
///
/// What runs is in the database, so that a run that the server's end cut off begins anew at the
/// next start; which tasks run is in memory.
package final class RegistrySync: Sendable {
    private struct State {
        var ticker: Task<Void, Never>?
        var waiting: [String] = []
        var running: [String: (number: Int, task: Task<Void, Never>)] = [:]
        var started = 0
    }

    private let database: Database
    private let content: RegistryContent
    private let interval: Int64?
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter hours: between two runs of one registry; 0 for none by schedule.
    init(database: Database, content: RegistryContent, hours: Int, logger: Logger) {
        self.database = database
        self.content = content
        interval = hours > 0 ? Int64(hours) * 3_600 : nil
        self.logger = logger
    }

    /// Takes up what was cut off, and looks for what is due every half minute until ``stop()``.
    package func start() {
        let ticker = Task.detached { [self] in
            await resume()
            while !Task.isCancelled {
                await tick()
                do {
                    try await Task.sleep(for: .seconds(30))
                } catch {
                    return
                }
            }
        }
        state.withLock { state in
            state.ticker?.cancel()
            state.ticker = ticker
        }
    }

    /// Begins nothing more and gives up what runs; it is taken up again by the next start.
    package func stop() {
        let tasks = state.withLock { state in
            defer { state = State() }
            return [state.ticker].compactMap(\.self) + state.running.values.map(\.task)
        }
        for task in tasks { task.cancel() }
    }

    /// Begins the runs that are due.
    func tick() async {
        guard interval != nil else { return }
        do {
            let due = try await database.write { tx in
                let due = try RegistryStore.dueForSync(countMax: PackLimits.syncsAtOnce, tx)
                for uid in due { try RegistryStore.beginSync(uid, tx) }
                return due
            }
            for uid in due { enqueue(uid) }
        } catch {
            logger.warning("registries not looked at", metadata: ["error": "\(error)"])
        }
    }

    /// Begins anew what was under way when the server ended.
    func resume() async {
        do {
            let cutOff = try await database.write { tx in
                let cutOff = try RegistryStore.interruptedSyncs(tx)
                for uid in cutOff { try RegistryStore.beginSync(uid, tx) }
                return cutOff
            }
            for uid in cutOff { enqueue(uid) }
        } catch {
            logger.warning("registries not taken up", metadata: ["error": "\(error)"])
        }
    }

    /// Begins a run on demand, in the caller's transaction; it starts after the commit.
    ///
    /// - Parameter isForced: overtakes a run that has gone on for an hour.
    /// - Throws: `.ruleViolated` for a registry that is not synchronised, `.conflict` while a run
    ///   goes on.
    func begin(
        _ registry: Registry,
        isForced: Bool,
        _ tx: borrowing Transaction
    ) throws {
        guard let sync = registry.sync else {
            throw Failure(
                .ruleViolated,
                "Registry '\(registry.name)' is not synchronised: there is nothing to take over."
            )
        }
        if sync.status == .inProgress {
            let seconds = sync.startedAt.map { tx.now.seconds(since: $0) } ?? 0
            guard isForced, seconds >= PackLimits.syncForcedAfterSeconds else {
                throw Failure(
                    .conflict,
                    "Registry '\(registry.name)' is being synchronised; after an hour another run "
                        + "can be forced."
                )
            }
        }
        try RegistryStore.beginSync(registry.uid, tx)
        tx.afterCommit { [self] in enqueue(registry.uid) }
    }

    /// Waits until nothing runs or waits any more; for tests and commands.
    package func settle() async {
        while let task = state.withLock({ $0.running.values.first?.task }) { await task.value }
    }

    private func enqueue(_ uid: String) {
        state.withLock { state in
            // One that is overtaken writes nothing any more; it need not go on.
            state.running[uid]?.task.cancel()
            state.waiting.removeAll { $0 == uid }
            state.waiting.append(uid)
            fill(&state)
        }
    }

    private func fill(_ state: inout State) {
        while state.running.count < PackLimits.syncsAtOnce, let uid = next(&state) {
            state.started += 1
            let number = state.started
            let task = Task.detached { [self] in
                await run(uid)
                self.state.withLock { state in
                    if state.running[uid]?.number == number { state.running[uid] = nil }
                    fill(&state)
                }
            }
            state.running[uid] = (number, task)
        }
    }

    /// The next registry that does not run.
    private func next(_ state: inout State) -> String? {
        guard let index = state.waiting.firstIndex(where: { state.running[$0] == nil }) else {
            return nil
        }
        return state.waiting.remove(at: index)
    }

    private func run(_ uid: String) async {
        do {
            guard let registry = try database.read({ try RegistryStore.find(uid: uid, $0) }),
                var sync = registry.sync, sync.status == .inProgress
            else { return }
            do {
                let outcome = try await content.sync(registry)
                sync.status = outcome.isFailed ? .failed : .success
                sync.message = outcome.message
                sync.validator = outcome.validator
            } catch {
                if Task.isCancelled { return }
                logger.warning(
                    "registry not synchronised",
                    metadata: ["registry": "\(uid)", "error": "\(error)"]
                )
                sync.status = .failed
                sync.message = RegistryContent.sentence(error)
            }
            let seconds = Self.pause(
                sync.status == .success ? interval : min(interval ?? 3_600, 3_600)
            )
            let ended = sync
            _ = try await database.write { tx in
                var ended = ended
                ended.nextAt = tx.now.adding(seconds: seconds)
                return try RegistryStore.endSync(uid, ended, tx)
            }
        } catch {
            logger.warning(
                "a registry's run not noted",
                metadata: ["registry": "\(uid)", "error": "\(error)"]
            )
        }
    }

    /// So many seconds, a tenth more or less, so that many registries of one upstream do not come
    /// at once; a year where nothing runs by schedule.
    private static func pause(_ interval: Int64?) -> Int64 {
        let seconds = interval ?? 366 * 86_400
        return seconds + Int64.random(in: -seconds / 10...seconds / 10)
    }
}
