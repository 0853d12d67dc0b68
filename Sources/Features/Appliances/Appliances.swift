import APIKit
import Audit
import Crypto
import Storage

/// What operators do with appliances: register, tag, find, replace and delete them, and issue the
/// tokens that admit them.
package struct Appliances: Sendable {
    let database: Database
    let profileTemplates: ProfileTemplates
    let onChange: @Sendable (ApplianceNotice) -> Void
    let limits: ApplianceLimits
    /// What IDs that are taken cost a tenant, whoever runs into them.
    package let budget: ConflictBudget
    /// The tokens that admit appliances which nobody registered by hand.
    package let tokens: RegistrationTokens

    /// - Parameters:
    ///   - sealing: seals the values of registration tokens.
    ///   - profileTemplates: looks up the profiles that appliances follow.
    ///   - onChange: is told of each change after its commit, on the writer's thread and in the
    ///     order of the commits; it must be short.
    package init(
        database: Database,
        sealing: SealingKey,
        profileTemplates: @escaping ProfileTemplates,
        onChange: @escaping @Sendable (ApplianceNotice) -> Void,
        limits: ApplianceLimits = ApplianceLimits()
    ) {
        self.database = database
        self.profileTemplates = profileTemplates
        self.onChange = onChange
        self.limits = limits
        budget = ConflictBudget(burst: limits.conflictsBurst, perHour: limits.conflictsPerHour)
        tokens = RegistrationTokens(database: database, sealing: sealing, limits: limits)
    }

    /// The operations of this folder.
    package var endpoints: [Endpoint] {
        [
            register, list, quickList, listTags, get, replaceDocument, delete, updateMetadata,
            updateProfiles, reset, updateTunnel, associate, release, updatePairingKey, replaceHost,
            listEvents, searchMetadata, search, searchSchema,
        ] + tokens.endpoints
    }

    /// Tells of a change once it is durable.
    ///
    /// Call it in the write, with the appliance as written.
    package func announce(
        _ kind: ApplianceNotice.Kind,
        _ appliance: Appliance,
        _ tx: borrowing Transaction
    ) throws {
        let profiles =
            kind == .deleted ? [] : try ApplianceLinkStore.profileUIDs(of: appliance.key, tx)
        let notice = ApplianceNotice(kind, appliance, profileUIDs: profiles)
        tx.afterCommit { [onChange] in onChange(notice) }
    }
}

extension Appliance {
    /// How the audit trail names the appliance.
    package var auditResource: AuditResource {
        AuditResource("edgehost", uid: id.text, name: displayName)
    }
}

extension Permission {
    static let applianceCreate = Permission("edgehost.create")
    static let applianceGet = Permission("edgehost.get")
    static let applianceList = Permission("edgehost.list")
    static let applianceUpdate = Permission("edgehost.update")
    static let applianceDelete = Permission("edgehost.delete")
    static let applianceShell = Permission("edgehost.sshUpdate")
    static let tokenCreate = Permission("edgetoken.create")
    static let tokenGet = Permission("edgetoken.get")
    static let tokenList = Permission("edgetoken.list")
    static let tokenUpdate = Permission("edgetoken.update")
    static let tokenDelete = Permission("edgetoken.delete")
}
