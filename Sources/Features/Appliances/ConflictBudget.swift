import APIKit
import Primitives
import Synchronization

/// Counts how often each tenant runs into IDs that are taken.
///
/// A taken ID is answered the same in every tenant, but that somebody has it shows. Whoever tries
/// names by the thousand to learn which are in use is held up: when a tenant's budget is spent,
/// its registrations are refused, those of free IDs as well, so that the refusal tells nothing.
/// Nothing is counted for registrations that succeed.
package final class ConflictBudget: Sendable {
    private struct Bucket {
        var spent: Int64
        var countedAt: Timestamp
    }

    /// Tenants remembered at most.
    ///
    /// One that is forgotten starts with a full budget.
    static let tenantsMax = 4096

    private let burst: Int64
    private let millisecondsPerConflict: Int64
    private let buckets = Mutex<[String: Bucket]>([:])

    /// - Parameters:
    ///   - burst: conflicts a tenant may have at once.
    ///   - perHour: how fast the budget fills again.
    package init(burst: Int, perHour: Int) {
        self.burst = Int64(max(1, burst))
        millisecondsPerConflict = 3_600_000 / Int64(max(1, perHour))
    }

    /// Refuses when the tenant's budget is spent.
    ///
    /// - Throws: `.tooManyRequests`.
    package func check(_ tenantUID: String, at now: Timestamp) throws {
        let isSpent = buckets.withLock { buckets in
            bucket(of: tenantUID, in: &buckets, at: now).spent >= burst
        }
        if isSpent { throw refusal }
    }

    /// Counts one conflict.
    ///
    /// - Throws: `.tooManyRequests` in place of the conflict when the budget is spent.
    package func spend(_ tenantUID: String, at now: Timestamp) throws {
        let isSpent = buckets.withLock { buckets in
            var bucket = bucket(of: tenantUID, in: &buckets, at: now)
            guard bucket.spent < burst else { return true }
            bucket.spent += 1
            if buckets[tenantUID] == nil, buckets.count >= Self.tenantsMax {
                forget(&buckets, at: now)
            }
            buckets[tenantUID] = bucket
            return false
        }
        if isSpent { throw refusal }
    }

    private var refusal: Failure {
        Failure(
            .tooManyRequests,
            "Too many appliance IDs that are taken were tried; wait before registering more.",
            retryAfterSeconds: Int(millisecondsPerConflict / 1000) + Int.random(in: 1...10)
        )
    }

    /// The tenant's bucket with what has been given back since it was last counted.
    private func bucket(
        of tenantUID: String,
        in buckets: inout [String: Bucket],
        at now: Timestamp
    ) -> Bucket {
        guard let bucket = buckets[tenantUID] else { return Bucket(spent: 0, countedAt: now) }
        return refilled(bucket, at: now)
    }

    private func refilled(_ bucket: Bucket, at now: Timestamp) -> Bucket {
        let given = max(0, now.milliseconds(since: bucket.countedAt)) / millisecondsPerConflict
        guard given > 0 else { return bucket }
        return Bucket(
            spent: max(0, bucket.spent - given),
            countedAt: bucket.countedAt.adding(milliseconds: given * millisecondsPerConflict)
        )
    }

    /// Makes room: forgets those whose budget is full again, or the one that has spent least.
    private func forget(_ buckets: inout [String: Bucket], at now: Timestamp) {
        buckets = buckets.filter { refilled($0.value, at: now).spent > 0 }
        if buckets.count >= Self.tenantsMax,
            let least = buckets.min(by: { $0.value.spent < $1.value.spent })
        {
            buckets[least.key] = nil
        }
    }
}
