/// What the database has done since it was opened.
package struct Statistics: Sendable {
    /// Statements run by reads.
    package var readStatements: UInt64 = 0
    /// Statements run by the writer, those of its own included.
    package var writeStatements: UInt64 = 0
    /// Transactions that became durable.
    package var commits: UInt64 = 0
    /// Write jobs that were run, failed ones included.
    package var jobs: UInt64 = 0
    /// Write jobs that wait now.
    package var queueLength = 0
    /// The most jobs that shared one transaction.
    package var largestBatch = 0
    /// Transactions by the jobs that shared them, for ``batchBounds`` and one more for larger ones.
    package var batchCounts: [UInt64] = []
    /// Microseconds the last commit took, its sync to the disk included.
    package var lastCommitMicroseconds: Int64 = 0
    /// Commits per time span, for ``commitBucketBounds`` and one more for all that took longer.
    package var commitBuckets: [UInt64] = []
    /// Microseconds that all commits took together.
    package var commitMicrosecondsTotal: UInt64 = 0

    /// Upper bounds of the sizes of ``batchCounts``, inclusive.
    package static let batchBounds = [1, 2, 5, 10, 25, 50, 100, 250, 500]

    /// Upper bounds of the spans of ``commitBuckets``, in microseconds, inclusive.
    package static let commitBucketBounds: [Int64] = [
        100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    ]
}

/// The writer's part of the statistics.
struct WriterStatistics {
    var commits: UInt64 = 0
    var jobs: UInt64 = 0
    var largestBatch = 0
    var lastCommitMicroseconds: Int64 = 0
    var commitMicrosecondsTotal: UInt64 = 0
    var buckets = [UInt64](repeating: 0, count: Statistics.commitBucketBounds.count + 1)

    var batchCounts = [UInt64](repeating: 0, count: Statistics.batchBounds.count + 1)

    mutating func addBatch(jobs count: Int) {
        guard count > 0 else { return }
        jobs += UInt64(count)
        largestBatch = max(largestBatch, count)
        let bounds = Statistics.batchBounds
        batchCounts[bounds.firstIndex { count <= $0 } ?? bounds.count] += 1
    }

    mutating func addCommit(microseconds: Int64) {
        commits += 1
        lastCommitMicroseconds = microseconds
        commitMicrosecondsTotal &+= UInt64(max(microseconds, 0))
        let bounds = Statistics.commitBucketBounds
        buckets[bounds.firstIndex { microseconds <= $0 } ?? bounds.count] += 1
    }
}
