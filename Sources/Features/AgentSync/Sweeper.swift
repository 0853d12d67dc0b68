import Appliances
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
    /// Writes signs of life in bulk and looks for silent appliances, every few seconds, until
    /// ``stop()``.
    ///
    /// Not on a loop: a walk over a large fleet would hold up its requests.
    package func startSweeper() {
        let task = Task.detached {
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: .seconds(AgentLimits.flushIntervalSeconds))
                } catch {
                    return
                }
                await sweep()
            }
        }
        sweeper.setTask(task)?.cancel()
    }

    /// Ends the sweeper and writes the signs of life that are still in memory.
    ///
    /// Holds up the calling thread; call it before the database is closed.
    package func stop() {
        sweeper.setTask(nil)?.cancel()
        for chunk in takeUnflushed() {
            do {
                try database.writeBlocking { tx in try Self.write(chunk, tx) }
            } catch {
                logger.warning("signs of life not written", metadata: ["error": "\(error)"])
            }
        }
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
        for chunk in takeUnflushed() {
            do {
                try await database.write { tx in try Self.write(chunk, tx) }
            } catch {
                for row in chunk { row.entry.putBackUnflushed() }
                logger.warning("signs of life not written", metadata: ["error": "\(error)"])
            }
        }
    }

    private struct SignOfLife: Sendable {
        let entry: FleetEntry
        let at: Timestamp
    }

    private func takeUnflushed() -> [[SignOfLife]] {
        var signs: [SignOfLife] = []
        index.forEach { entry in
            if let at = entry.takeUnflushed() { signs.append(SignOfLife(entry: entry, at: at)) }
        }
        return signs.chunks(of: AgentLimits.flushRowsMax)
    }

    private static func write(_ signs: [SignOfLife], _ tx: borrowing Transaction) throws {
        for sign in signs { try ApplianceHealthStore.touch(sign.entry.key, at: sign.at, tx) }
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
