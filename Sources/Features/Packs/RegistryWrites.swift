import APIKit
import Audit
import Crypto
import Identity
import JSON
import Primitives
import Storage

/// Says what uses a registry; the features above register such a check, as this one does not know
/// them.
///
/// At most `countMax` need be named.
package typealias RegistryReferrers =
    @Sendable (_ registry: Registry, _ countMax: Int, _ tx: borrowing Transaction) throws ->
    [Referrer]

/// The writes that registries of all kinds have in common, each inside its caller's transaction.
struct RegistryWrites: Sendable {
    let sealing: SealingKey
    let referrers: RegistryReferrers

    /// Adds a registry of a tenant; whoever calls has seen that it can be reached.
    ///
    /// - Throws: `.limitExceeded`, `.duplicateName`.
    func create(
        _ kind: Registry.Kind,
        _ input: RegistryInput,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws -> Registry {
        try checkCount(tenantUID: actor.tenantUID, tx)
        let uid = UID.make(at: tx.now).text
        let registry = Registry(
            uid: uid,
            tenantUID: actor.tenantUID,
            name: input.name,
            kind: kind,
            isDefault: false,
            spec: input.spec,
            sealedSecret: try input.secret.used(by: input.spec).sealed(for: uid, under: sealing),
            version: try tx.nextCounter(),
            createdAt: tx.now,
            modifiedAt: tx.now
        )
        try RegistryStore.insert(registry, tx)
        try AuditStore.record(.create, registry.auditResource, "Registry added.", by: actor, tx)
        return registry
    }

    /// Refuses one registry too many; asked before anything is fetched, and again in the write.
    func checkCount(tenantUID: String, _ tx: borrowing Transaction) throws {
        guard try RegistryStore.count(tenantUID: tenantUID, tx) < Registry.countMax else {
            throw Failure(
                .limitExceeded,
                "An organisation may have \(Registry.countMax) registries; delete one first."
            )
        }
    }

    /// What the registry would be with these changes; the secret stays where it is not said again.
    ///
    /// - Throws: `.ruleViolated` when a secret would go to where it was not meant for.
    func changed(_ registry: Registry, by input: RegistryInput) throws -> Change {
        var changed = registry
        changed.name = input.name
        changed.spec = input.spec
        let given = input.secret.used(by: input.spec)
        let isKept = given == RegistrySecret() && input.spec.auth != .none
        guard isKept else {
            changed.sealedSecret = nil
            return Change(registry: changed, secret: given, isSecretNew: true)
        }
        let kept = try RegistrySecret(of: registry, under: sealing)
        // Else whoever may edit a registry could have its password sent to a server of his own.
        guard kept == RegistrySecret() || registry.spec.target == input.spec.target else {
            throw Failure.fault(
                "/spec/auth",
                "Required",
                "Give the password or token again: the endpoint, the type of credentials or the "
                    + "user has changed."
            )
        }
        return Change(registry: changed, secret: kept, isSecretNew: false)
    }

    /// A registry as it is to become, with what opens it.
    struct Change: Sendable {
        fileprivate(set) var registry: Registry
        let secret: RegistrySecret
        /// Whether the request gave the secret.
        let isSecretNew: Bool
    }

    /// Stores a change; one that changes nothing leaves no trace.
    ///
    /// - Throws: `.conflict` when the registry was changed since the change was checked,
    ///   `.duplicateName`.
    func update(
        _ change: Change,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws {
        guard let current = try RegistryStore.find(uid: change.registry.uid, tx) else {
            throw Failure.notFound("Registry", change.registry.uid)
        }
        guard current.version == change.registry.version else {
            throw Failure(
                .conflict,
                "The registry was changed at the same time; read it again and repeat the change."
            )
        }
        var changed = change.registry
        if change.isSecretNew {
            let known = try RegistrySecret(of: current, under: sealing)
            changed.sealedSecret =
                known == change.secret
                ? current.sealedSecret
                : try change.secret.sealed(for: changed.uid, under: sealing)
        }
        let isSame =
            changed.name == current.name && changed.spec == current.spec
            && changed.sealedSecret == current.sealedSecret
        guard !isSame else { return }
        changed.version = try tx.nextCounter()
        changed.modifiedAt = tx.now
        try RegistryStore.update(changed, tx)
        if changed.spec != current.spec {
            try RegistryStore.postponeSync(changed.uid, until: tx.now, tx)
        }
        try AuditStore.record(.update, changed.auditResource, "Registry changed.", by: actor, tx)
    }

    /// Deletes a registry with all that was taken over from it.
    ///
    /// - Throws: `.inUse` while layers of profiles come from it.
    func delete(
        _ registry: Registry,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws {
        let users = try referrers(registry, Self.referrersMax, tx).prefix(Self.referrersMax)
        guard users.isEmpty else {
            throw Failure(
                .inUse,
                "Registry '\(registry.name)' is used by layers of profiles; change them first.",
                details: ["referrers": .array(users.map(\.json))]
            )
        }
        try RegistryStore.delete(registry.uid, tx)
        try AuditStore.record(.delete, registry.auditResource, "Registry deleted.", by: actor, tx)
    }

    /// Referrers that a refusal names.
    private static let referrersMax = 10
}

extension RegistrySecret {
    /// The part of the secret that counts with this spec; the rest is not kept.
    func used(by spec: RegistrySpec) -> RegistrySecret {
        switch spec.auth {
        case .none: RegistrySecret()
        case .basic: RegistrySecret(password: password)
        case .token: RegistrySecret(token: token)
        }
    }
}

extension Registry {
    /// The registry as the audit trail names it.
    var auditResource: AuditResource { AuditResource("registry", uid: uid, name: name) }

    /// Refuses imports into what is filled from elsewhere.
    ///
    /// - Throws: `.ruleViolated`.
    func checkImportable() throws {
        guard spec.endpoint.isEmpty else {
            throw Failure(
                .ruleViolated,
                "Registry '\(name)' is filled from \(endpoint); import into "
                    + "'\(Registry.embeddedName)'."
            )
        }
    }

    /// Refuses to change what Easel made itself.
    ///
    /// - Throws: `.operationForbidden` for a default registry, and for one of another scope.
    func checkEditable() throws {
        guard !isDefault, tenantUID != nil else {
            throw Failure(
                .operationForbidden,
                "Registry '\(name)' is one of the server's own and is neither edited nor deleted."
            )
        }
    }
}
