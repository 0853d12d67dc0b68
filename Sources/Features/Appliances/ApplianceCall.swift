import APIKit
import Audit
import HTTPCore
import Storage

/// What a write needs of the call that asked for it; unlike the request's context it may go to the
/// writer's thread.
struct ApplianceCall: Sendable {
    let scope: ApplianceScope
    let actor: AuditActor
    /// The caller's key, when an appliance calls.
    let applianceKey: Int64?
    private let ifMatch: [UInt8]?

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
        ifMatch = context.request.field("if-match").map { Array(context.request.head[$0]) }
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
    /// A GET's entity tag goes on after the version, as the answer also shows what agents report;
    /// of that nobody can lose an update.
    ///
    /// - Throws: `.preconditionFailed`.
    func checkVersion(_ version: Int64) throws {
        guard let ifMatch else { return }
        let wanted = String(version)
        let matches = String(decoding: ifMatch, as: UTF8.self).split(separator: ",").contains {
            let tag = $0.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
            let strong = tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...]
            return strong == "*" || strong.prefix { $0 != "." } == wanted
        }
        guard matches else {
            throw Failure(
                .preconditionFailed,
                "The resource has changed since you read it; read it again and repeat the change."
            )
        }
    }
}
