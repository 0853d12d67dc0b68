import Appliances
import EventLoop
import Logging
import Primitives
import Storage
import Synchronization

/// What the sweeper remembers between two rounds.
final class SweeperState: Sendable {
    private struct State {
        var listeningSince = MonotonicTime(nanoseconds: 0)
        var lastRound: MonotonicTime?
        var task: Task<Void, Never>?
    }

    /// A server that did not run for so long cannot tell who was silent.
    private static let gapSecondsMax: Int64 = 60

    private let state = Mutex(State())

    func beginListening(at now: MonotonicTime) {
        state.withLock { $0.listeningSince = now }
    }

    /// Begins a round.
    ///
    /// - Returns: since when the server has listened without a gap.
    func beginRound(at now: MonotonicTime) -> MonotonicTime {
        state.withLock { state in
            if let last = state.lastRound,
                now.milliseconds(since: last) > Self.gapSecondsMax * 1000
            {
                state.listeningSince = now
            }
            state.lastRound = now
            return state.listeningSince
        }
    }

    func setTask(_ task: Task<Void, Never>?) -> Task<Void, Never>? {
        state.withLock { state in
            defer { state.task = task }
            return state.task
        }
    }
}

extension AgentSync {
    /// Writes signs of life in bulk and looks for silent appliances, every few seconds on this
    /// loop, until ``stop()``.
    package func startSweeper(on loop: Loop) {
        let task = Task(executorPreference: loop.executor) {
            while !Task.isCancelled {
                do {
                    try await loop.sleep(for: .seconds(AgentLimits.flushIntervalSeconds))
                } catch {
                    return
                }
                await sweep()
            }
        }
        sweeper.setTask(task)?.cancel()
    }

    /// Ends the sweeper and writes the signs of life that are still in memory.
    package func stop() async {
        let task = sweeper.setTask(nil)
        task?.cancel()
        await task?.value
        await flush()
    }

    /// One round: silence and signs of life.
    package func sweep() async {
        let now = monotonic()
        let start = sweeper.beginRound(at: now)
        var silent: [FleetEntry] = []
        index.forEach { entry in
            if entry.secondsSilent(at: now, listeningSince: start)
                >= ApplianceHealth.silenceSecondsMax, entry.health.state == .healthy
            {
                silent.append(entry)
            }
        }
        for chunk in silent.chunks(of: AgentLimits.silencedRowsMax) {
            await silence(chunk, listeningSince: start)
        }
        await flush()
    }

    private func silence(_ entries: [FleetEntry], listeningSince start: MonotonicTime) async {
        do {
            try await database.write { tx in
                let now = monotonic()
                // A beat may have come while this write was queued.
                for entry in entries
                where entry.secondsSilent(at: now, listeningSince: start)
                    >= ApplianceHealth.silenceSecondsMax
                {
                    guard let health = try AgentStore.silence(entry, tx) else { continue }
                    tx.afterCommit { entry.setHealth(health) }
                }
            }
        } catch {
            logger.warning("silent appliances not written", metadata: ["error": "\(error)"])
        }
    }

    /// Writes the signs of life that are only in memory.
    package func flush() async {
        var rows: [(entry: FleetEntry, at: Timestamp)] = []
        index.forEach { entry in
            if let at = entry.takeUnflushed() { rows.append((entry, at)) }
        }
        for chunk in rows.chunks(of: AgentLimits.flushRowsMax) {
            do {
                try await database.write { tx in
                    for row in chunk {
                        try ApplianceHealthStore.touch(row.entry.key, at: row.at, tx)
                    }
                }
            } catch {
                for row in chunk { row.entry.putBackUnflushed() }
                logger.warning("signs of life not written", metadata: ["error": "\(error)"])
            }
        }
    }
}

extension Array {
    /// The elements in order, at most this many at a time.
    fileprivate func chunks(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map {
            Array(self[$0..<Swift.min($0 + count, self.count)])
        }
    }
}
