/// What changed about an appliance and all that the fleet index keeps of it; published after the
/// commit, in the order of the commits.
package struct ApplianceNotice: Sendable, Hashable {
    /// What happened.
    package enum Kind: Sendable, Hashable {
        case registered, updated, deleted, profilesChanged, credentialChanged
    }

    package let kind: Kind
    package let key: Int64
    package let uid: String
    package let tenantUID: String
    package let projectUID: String
    /// `nil` while no machine has paired.
    package let credentialDigest: String?
    package let desiredCounter: Int64
    /// The profiles it follows, in order.
    package let profileUIDs: [String]
    package let pausedReason: String?
    /// Whether a request came with the credential.
    package let isCredentialUsed: Bool
    /// The agent's run that is followed although the appliance is paused.
    package let keptRun: Int64?

    package init(
        kind: Kind,
        key: Int64,
        uid: String,
        tenantUID: String,
        projectUID: String,
        credentialDigest: String?,
        desiredCounter: Int64,
        profileUIDs: [String],
        pausedReason: String?,
        isCredentialUsed: Bool,
        keptRun: Int64?
    ) {
        self.kind = kind
        self.key = key
        self.uid = uid
        self.tenantUID = tenantUID
        self.projectUID = projectUID
        self.credentialDigest = credentialDigest
        self.desiredCounter = desiredCounter
        self.profileUIDs = profileUIDs
        self.pausedReason = pausedReason
        self.isCredentialUsed = isCredentialUsed
        self.keptRun = keptRun
    }

    /// The notice about an appliance as it is now.
    package init(_ kind: Kind, _ appliance: Appliance, profileUIDs: [String]) {
        self.init(
            kind: kind,
            key: appliance.key,
            uid: appliance.id.text,
            tenantUID: appliance.scope.tenantUID,
            projectUID: appliance.scope.projectUID,
            credentialDigest: appliance.credentialDigest,
            desiredCounter: appliance.desiredCounter,
            profileUIDs: profileUIDs,
            pausedReason: appliance.pausedReason,
            isCredentialUsed: appliance.isCredentialUsed,
            keptRun: appliance.keptRun
        )
    }
}
