import Synchronization

/// Numbers of one loop, written by its thread and read from any.
package final class LoopMetrics: Sendable {
    private let wakeUpsCount = Atomic<Int>(0)
    private let busyNanosecondsSum = Atomic<Int64>(0)
    private let longestTurn = Atomic<Int64>(0)
    private let connectionsCount = Atomic<Int>(0)

    /// How often the loop came back from waiting.
    package var wakeUps: Int { wakeUpsCount.load(ordering: .relaxed) }
    /// Time spent on work, in nanoseconds, since the start.
    package var busyNanoseconds: Int64 { busyNanosecondsSum.load(ordering: .relaxed) }
    /// The longest time between two waits, in nanoseconds, since it was last taken: how long
    /// an event may have waited for its turn.
    package var longestTurnNanoseconds: Int64 { longestTurn.load(ordering: .relaxed) }
    /// Connections open on the loop now.
    package var connections: Int { connectionsCount.load(ordering: .relaxed) }

    /// Reads the longest turn and starts a new measurement.
    package func takeLongestTurnNanoseconds() -> Int64 {
        longestTurn.exchange(0, ordering: .relaxed)
    }

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
        if nanoseconds > longestTurn.load(ordering: .relaxed) {
            longestTurn.store(nanoseconds, ordering: .relaxed)
        }
    }
}
