import Synchronization

/// How long the writes of one task took, from queue to disk.
package final class WriteWait: Sendable {
    /// What the running task counts into; nil when nobody asks.
    @TaskLocal package static var current: WriteWait?

    private let sum = Atomic<Int64>(0)

    package init() {}

    /// The time waited so far, in nanoseconds.
    package var nanoseconds: Int64 { sum.load(ordering: .relaxed) }

    func add(_ nanoseconds: Int64) {
        sum.wrappingAdd(nanoseconds, ordering: .relaxed)
    }
}
