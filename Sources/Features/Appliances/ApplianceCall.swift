import APIKit
import Audit
import Storage

/// What a write needs of the call that asked for it; unlike the request's context it may go to the
/// writer's thread.
struct ApplianceCall: Sendable {
    let scope: ApplianceScope
    let actor: AuditActor
    /// The caller's key, when an appliance calls.
    let applianceKey: Int64?
    private let ifMatch: IfMatch

    init(_ context: RequestContext) {
        scope = ApplianceScope(
            tenantUID: context.tenantUID,
            projectUID: context.scope.projectUID ?? ""
        )
        actor = AuditActor(context)
        if case .appliance(let appliance) = context.principal {
            applianceKey = appliance.key
        } else {
            applianceKey = nil
        }
        ifMatch = context.ifMatch
    }

    /// The appliance of this ID, as far as the caller can see it.
    ///
    /// - Throws: `.resourceNotFound`.
    func fetch(_ uid: String, _ tx: borrowing Transaction) throws -> Appliance {
        guard let applianceKey else { return try ApplianceStore.fetch(uid, in: scope, tx) }
        // An appliance's credential names no project; the dispatcher has compared the ID.
        guard let own = try ApplianceStore.find(key: applianceKey, tx), own.id.text == uid else {
            throw ApplianceStore.notFound(uid)
        }
        return own
    }

    /// Refuses the write when the caller's `If-Match` names another version than this one.
    ///
    /// - Throws: `.preconditionFailed`.
    func checkVersion(_ version: Int64) throws {
        try ifMatch.check(String(version))
    }
}
