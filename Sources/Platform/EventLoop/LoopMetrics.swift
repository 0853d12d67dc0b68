import Synchronization

/// Numbers of one loop, written by its thread and read from any.
package final class LoopMetrics: Sendable {
    private let wakeUpsCount = Atomic<Int>(0)
    private let busyNanosecondsSum = Atomic<Int64>(0)
    private let turns: InlineArray<9, Atomic<Int>> = InlineArray { _ in Atomic(0) }
    private let connectionsCount = Atomic<Int>(0)

    /// How often the loop came back from waiting.
    package var wakeUps: Int { wakeUpsCount.load(ordering: .relaxed) }
    /// Time spent on work, in nanoseconds, since the start.
    package var busyNanoseconds: Int64 { busyNanosecondsSum.load(ordering: .relaxed) }
    /// Turns by the time between two waits, for ``turnBounds`` and one more for all longer ones: how
    /// long an event may have waited for its turn.
    package var turnCounts: [Int] { turns.indices.map { turns[$0].load(ordering: .relaxed) } }
    /// Connections open on the loop now.
    package var connections: Int { connectionsCount.load(ordering: .relaxed) }

    /// Upper bounds of the spans of ``turnCounts``, in microseconds, inclusive.
    package static let turnBounds = [100, 500, 1000, 5000, 10_000, 50_000, 100_000, 1_000_000]

    /// Counts a connection that was opened (1) or closed (-1); only on the loop's thread.
    package func countConnection(_ change: Int) {
        connectionsCount.store(
            connectionsCount.load(ordering: .relaxed) + change,
            ordering: .relaxed
        )
    }

    // Plain load and store: only the loop's thread writes, and a locked add is 20 times dearer.
    func recordWakeUp() {
        wakeUpsCount.store(wakeUpsCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    func recordTurn(nanoseconds: Int64) {
        let sum = busyNanosecondsSum.load(ordering: .relaxed) &+ nanoseconds
        busyNanosecondsSum.store(sum, ordering: .relaxed)
        let microseconds = Int(nanoseconds / 1000)
        let bounds = Self.turnBounds
        let span = bounds.firstIndex { microseconds <= $0 } ?? bounds.count
        turns[span].store(turns[span].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }
}
