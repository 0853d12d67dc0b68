import APIKit
import Primitives

/// Where an appliance stands between its registration and its use.
package enum ApplianceState: String, Sendable, CaseIterable {
    /// Entered by an operator; no machine has proved to be it.
    case unpaired
    /// A machine has paired and is free.
    case ready
    /// A cluster uses it.
    case inUse = "in-use"
}

/// What happens to an appliance's state.
package enum ApplianceTransition: Sendable, Hashable {
    /// A machine has proved that it is this appliance.
    case pair
    /// A cluster takes the appliance.
    case associate
    /// The last cluster lets go of it.
    case release
    /// The machine is gone or was installed anew; the ID waits for the next one.
    case replace
}

extension ApplianceState {
    /// The state that follows, or `nil` where the transition is not possible.
    ///
    /// An appliance whose machine is replaced while a cluster holds it stays with that cluster,
    /// so that pairing brings it back `in-use`.
    package func after(_ transition: ApplianceTransition, isHeld: Bool = false) -> ApplianceState? {
        switch (self, transition) {
        case (_, .pair): isHeld ? .inUse : .ready
        case (.ready, .associate), (.inUse, .associate): .inUse
        case (.unpaired, .associate): nil
        case (.inUse, .release), (.ready, .release): .ready
        case (.unpaired, .release): .unpaired
        case (_, .replace): .unpaired
        }
    }
}

/// Which part of which tenant an appliance lies in; another part cannot see it.
package struct ApplianceScope: Sendable, Hashable {
    package let tenantUID: String
    /// Empty for the tenant itself.
    package let projectUID: String

    package init(tenantUID: String, projectUID: String) {
        self.tenantUID = tenantUID
        self.projectUID = projectUID
    }
}

/// A machine at a site that can host clusters.
///
/// On the wire: `edgehost`.
package struct Appliance: Sendable, Hashable {
    /// The row's number, by which other tables refer to it.
    package let key: Int64
    package let id: ApplianceID
    package let scope: ApplianceScope
    /// The person who registered it; empty when a token admitted it.
    package let ownerUID: String
    /// The name as its operator wrote it.
    package var name: String
    package var tags: Tags
    package var annotations: [String: String]
    package var state: ApplianceState
    /// `amd64` or `arm64`.
    package var architecture: String
    /// `edge-native`, `libvirt` or `vsphere`.
    package var type: String
    package var machine: MachineDescription
    package var tunnel: TunnelConfig
    /// JSON of the tunnel's state as the agent reported it; `{}` before.
    package var tunnelStatus: [UInt8]
    /// Digest of the one-time key that the machine has to present; `nil` when none is set.
    package var pairingKeyDigest: String?
    /// Digest of the one-time key by which the machine paired, until its credential is used: the
    /// answer may have been lost.
    package var spentKeyDigest: String?
    /// Digest of the credential that the machine was given; `nil` while unpaired.
    package var credentialDigest: String?
    /// Whether a request came with the credential; until then its answer may have been lost.
    package var isCredentialUsed: Bool
    /// What tells the paired machine from another one; no secret.
    package var fingerprint: String?
    /// Since when a machine like the paired one waits for an operator to let it in again.
    package var reapprovalSince: Timestamp?
    /// Why the server withholds new desired state; `nil` when it does not.
    package var pausedReason: String?
    /// The agent's run that is followed although the appliance is paused, as another machine uses
    /// its credential; `nil` when none is.
    package var keptRun: Int64?
    /// The appliance's own share in its desired-state number.
    package var desiredCounter: Int64
    package var version: Int64
    package let createdAt: Timestamp
    package var modifiedAt: Timestamp
    package var pairedAt: Timestamp?

    /// What screens show: the `name` tag wins over the name.
    package var displayName: String { tags.displayName ?? name }
}

/// Whether people may reach the appliance through a tunnel.
package struct TunnelConfig: Sendable, Hashable {
    /// `enabled` or `disabled`.
    package var remoteShell: String
    package var temporaryUser: String

    package init(remoteShell: String = "disabled", temporaryUser: String = "disabled") {
        self.remoteShell = remoteShell
        self.temporaryUser = temporaryUser
    }
}

/// A cluster that holds an appliance.
package struct HoldingCluster: Sendable, Hashable {
    package let uid: String
    package let name: String

    package init(uid: String, name: String) {
        self.uid = uid
        self.name = name
    }
}
