import APIKit

/// A paired appliance as the dispatcher sees it, without a fleet behind it.
package final class FakeAppliance: AppliancePrincipal {
    package let key: Int64 = 1
    package let uid: String
    package let tenantUID: String

    package init(uid: String, tenantUID: String) {
        self.uid = uid
        self.tenantUID = tenantUID
    }
}
