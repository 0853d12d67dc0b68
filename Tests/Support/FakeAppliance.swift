import APIKit
import HTTPCore
import Primitives
import Synchronization

/// A paired appliance as the dispatcher sees it, without a fleet behind it.
package final class FakeAppliance: AppliancePrincipal {
    package let key: Int64 = 1
    package let uid: String
    package let tenantUID: String
    private let budgetFullAt = Atomic<Int64>(0)

    package init(uid: String, tenantUID: String) {
        self.uid = uid
        self.tenantUID = tenantUID
    }

    /// It is never paused.
    package func checkServed(_ request: Request) throws {}

    /// As the fleet's entries do.
    package func take(_ limit: RateLimit, at now: MonotonicTime) -> RateLimit.Outcome {
        limit.take(from: budgetFullAt, at: now)
    }
}
