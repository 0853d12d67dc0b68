import APIKit
import Primitives
import Storage

/// What was done, as the audit trail names it.
package enum AuditAction: String, Sendable {
    case create, update, delete, publish, relink, resolve, rollback, pair, activate, deactivate
}

/// What it was done to.
///
/// The uid stays valid in the trail when the resource is gone.
package struct AuditResource: Sendable {
    package let kind: String
    package let uid: String
    package let name: String

    /// - Parameter kind: the wire's word: `edgehost`, `clusterprofile`, `apikey`, …
    package init(_ kind: String, uid: String, name: String) {
        self.kind = kind
        self.uid = uid
        self.name = name
    }
}

/// Who did it, taken from the call or from the server's own work.
package struct AuditActor: Sendable {
    package let kind: String
    package let uid: String
    package let name: String
    package let tenantUID: String
    package let projectUID: String?
    package let requestID: String

    /// The caller of an operation.
    package init(_ context: RequestContext) {
        switch context.principal {
        case .user(let user):
            kind = "user"
            uid = user.uid
            name = user.email
        case .appliance(let appliance):
            kind = "appliance"
            uid = appliance.uid
            name = appliance.uid
        case .anonymous:
            kind = "anonymous"
            uid = ""
            name = ""
        }
        tenantUID = context.tenantUID
        projectUID = context.scope.projectUID
        requestID = context.requestID
    }

    /// The server itself, or a command on its machine, on behalf of a tenant; or an appliance
    /// that has just proved who it is.
    package init(
        kind: String = "system",
        uid: String = "",
        name: String = "easel",
        tenantUID: String,
        projectUID: String? = nil,
        requestID: String = ""
    ) {
        self.kind = kind
        self.uid = uid
        self.name = name
        self.tenantUID = tenantUID
        self.projectUID = projectUID
        self.requestID = requestID
    }
}

/// Every SQL statement about the audit trail.
package enum AuditStore {
    /// Records one write, in the write's own transaction.
    ///
    /// No secret may be in `message`.
    package static func record(
        _ action: AuditAction,
        _ resource: AuditResource,
        _ message: String,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run(
            """
            INSERT INTO audit (uid, tenant_uid, project_uid, at, actor_kind, actor_uid, actor_name,
                action, resource_kind, resource_uid, resource_name, message, request_id)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """,
            .text(UID.make(at: tx.now).text),
            .text(actor.tenantUID),
            actor.projectUID.map(Parameter.text) ?? .null,
            .int(tx.now.milliseconds),
            .text(actor.kind),
            .text(actor.uid),
            .text(actor.name),
            .text(action.rawValue),
            .text(resource.kind),
            .text(resource.uid),
            .text(resource.name),
            .text(message),
            .text(actor.requestID)
        )
    }
}
