import APIKit
import Audit
import HTTPCore
import Primitives
import Storage

/// What the endpoints of every kind of registry do, behind their own shapes.
extension Packs {
    static let forceQuery = QueryParameter(
        "forceSync",
        .boolean,
        "Overtakes a run that has gone on for an hour."
    )

    /// Adds a registry that can be reached.
    ///
    /// - Throws: `.ruleViolated` when it cannot, `.limitExceeded`, `.duplicateName`.
    func create(
        _ kind: Registry.Kind,
        _ input: RegistryInput,
        skipsSync: Bool,
        _ context: RequestContext
    ) async throws -> UIDAnswer {
        let actor = AuditActor(context)
        try database.read { tx in try writes.checkCount(tenantUID: actor.tenantUID, tx) }
        try await content.check(kind, input.spec, input.secret)
        return try await context.write(database) { tx in
            let registry = try writes.create(kind, input, by: actor, tx)
            if let made = try RegistryStore.find(uid: registry.uid, tx), made.sync != nil {
                if skipsSync {
                    try RegistryStore.postponeSync(
                        made.uid,
                        until: tx.now.adding(seconds: 86_400),
                        tx
                    )
                } else {
                    try sync.begin(made, isForced: false, tx)
                }
            }
            return UIDAnswer(uid: registry.uid)
        }
    }

    /// Changes a registry that can then be reached; nothing is fetched where only its name changes.
    ///
    /// - Throws: as `create`, `.resourceNotFound`, `.operationForbidden`, `.preconditionFailed`,
    ///   `.conflict`.
    func update(
        _ kind: Registry.Kind,
        _ input: RegistryInput,
        _ context: RequestContext
    ) async throws {
        let registry = try Self.registry(kind, of: database, context)
        try registry.checkEditable()
        try context.ifMatch.check(String(registry.version))
        let change = try writes.changed(registry, by: input)
        if change.registry.spec.isReached(otherwiseThan: registry.spec) || change.isSecretNew {
            try await content.check(kind, change.registry.spec, change.secret)
        }
        let actor = AuditActor(context)
        try await database.write { tx in try writes.update(change, by: actor, tx) }
    }

    /// Deletes a registry that no layer comes from.
    ///
    /// - Throws: `.resourceNotFound`, `.operationForbidden`, `.inUse`, `.preconditionFailed`.
    func delete(_ kind: Registry.Kind, _ context: RequestContext) async throws {
        let found = try Self.registry(kind, of: database, context)
        try found.checkEditable()
        let (actor, ifMatch) = (AuditActor(context), context.ifMatch)
        try await database.write { tx in
            guard let registry = try RegistryStore.find(uid: found.uid, tx) else {
                throw Failure.notFound("Registry", found.uid)
            }
            try ifMatch.check(String(registry.version))
            try writes.delete(registry, by: actor, tx)
        }
    }

    /// Begins a run.
    ///
    /// - Throws: `.resourceNotFound`, `.ruleViolated`, `.conflict`.
    func beginSync(_ kind: Registry.Kind, _ context: RequestContext) async throws {
        let found = try Self.registry(kind, of: database, context)
        let actor = AuditActor(context)
        let isForced = context.flag("forceSync")
        try await context.write(database) { tx in
            guard let registry = try RegistryStore.find(uid: found.uid, tx) else {
                throw Failure.notFound("Registry", found.uid)
            }
            try sync.begin(registry, isForced: isForced, tx)
            try AuditStore.record(
                .update,
                registry.auditResource,
                "Registry is being synchronised.",
                by: actor,
                tx
            )
        }
    }

    /// The registry that the path names.
    ///
    /// - Throws: `.resourceNotFound`, also for a registry of another kind or tenant.
    static func registry(
        _ kind: Registry.Kind,
        of database: Database,
        _ context: RequestContext
    ) throws -> Registry {
        let registry = try found(of: database, context)
        guard registry.kind == kind else { throw Failure.notFound("Registry", registry.uid) }
        return registry
    }
}

extension RegistrySpec {
    /// Whether anything differs but notes.
    func isReached(otherwiseThan other: RegistrySpec) -> Bool {
        var plain = self
        plain.labels = other.labels
        plain.annotations = other.annotations
        plain.isPrivate = other.isPrivate
        return plain != other
    }
}
