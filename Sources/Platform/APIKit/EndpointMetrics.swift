import Synchronization

/// Counts of answers and their durations by endpoint, for `/metrics`.
package final class EndpointMetrics: Sendable {
    /// Upper bounds of the duration histogram, in microseconds.
    package static let bounds = [
        50, 100, 250, 500, 1000, 2500, 10_000, 50_000, 250_000, 1_000_000, 5_000_000,
    ]

    /// The answers of one endpoint.
    package final class Series: Sendable {
        /// Answers by the first digit of the status, 2 to 5.
        let classes: [Counter] = (0..<6).map { _ in Counter() }
        let buckets: [Counter] = (0...EndpointMetrics.bounds.count).map { _ in Counter() }
        let microseconds = Counter()

        /// The answers so far by the first digit of their status.
        package var answersByClass: [(digit: Int, count: Int)] {
            (1...5).map { ($0, classes[$0].value) }
        }

        /// All answers so far.
        package var total: Int { classes.reduce(0) { $0 + $1.value } }

        /// Answers by duration, for `bounds` and one more for all that took longer.
        package var bucketCounts: [Int] { buckets.map(\.value) }

        /// What all answers took together.
        package var microsecondsTotal: Int { microseconds.value }
    }

    /// A number that any thread adds to.
    package final class Counter: Sendable {
        private let count = Atomic<Int>(0)

        /// Adds an amount.
        package func add(_ amount: Int = 1) {
            count.wrappingAdd(amount, ordering: .relaxed)
        }

        /// The number now.
        package var value: Int { count.load(ordering: .relaxed) }
    }

    package let series: [Series]
    /// Answers to requests that no endpoint is for.
    package let unrouted = Series()

    /// Counts for this many endpoints, from none on.
    package init(endpointCount: Int) {
        series = (0..<endpointCount).map { _ in Series() }
    }

    func record(endpoint: Int?, status: UInt16, nanoseconds: Int64) {
        let one = endpoint.map { series[$0] } ?? unrouted
        one.classes[min(Int(status) / 100, 5)].add()
        let microseconds = Int(nanoseconds / 1000)
        one.microseconds.add(microseconds)
        let bucket = Self.bounds.firstIndex { microseconds <= $0 } ?? Self.bounds.count
        one.buckets[bucket].add()
    }
}
