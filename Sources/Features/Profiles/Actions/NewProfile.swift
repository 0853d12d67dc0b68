import APIKit
import Audit
import JSON
import Primitives
import Storage

extension ProfileCall {
    /// A profile without layers that is not stored yet: of the call's scope and by its caller.
    func newProfile(
        _ name: String,
        _ profileVersion: String,
        type: ProfileType,
        cloudType: String,
        _ tx: borrowing Transaction
    ) throws -> Profile {
        Profile(
            uid: UID.make(at: tx.now).text,
            tenantUID: tenantUID,
            projectUID: projectUID,
            name: name,
            profileVersion: profileVersion,
            type: type,
            cloudType: cloudType,
            labels: [:],
            annotations: [:],
            layers: [],
            variables: .array([]),
            publishedNumber: nil,
            version: try tx.nextCounter(),
            createdAt: tx.now,
            modifiedAt: tx.now,
            createdBy: actor.uid
        )
    }
}

extension Profiles {
    /// Stores a new profile with its audit row.
    ///
    /// - Parameter message: what the audit row says.
    /// - Throws: `.limitExceeded`; `.duplicateName` when the scope has a profile of this name and
    ///   version.
    func add(
        _ profile: Profile,
        publishes: Bool = false,
        _ message: String,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws {
        let countMax = ProfileLimits.profilesPerTenant
        guard try ProfileStore.count(tenantUID: call.tenantUID, tx) < countMax else {
            throw Failure(
                .limitExceeded,
                "The tenant has \(countMax) profiles, which is the limit; delete one first."
            )
        }
        try ProfileRules.checkSize(profile.layers)
        try ProfileStore.insert(profile, tx)
        if publishes {
            _ = try publisher.publish(profile, isNew: true, call, tx)
            _ = try archives.ensureToken(for: profile, tx)
        }
        try AuditStore.record(
            .create,
            AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
            message + call.noteText,
            by: call.actor,
            tx
        )
    }
}
