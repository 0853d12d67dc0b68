import APIKit
import Crypto
import HTTPCore
import JSON
import Storage

private let tag = "Appliances"

// What is done to an appliance besides changing its document.
extension Appliances {
    var updateProfiles: Endpoint {
        Endpoint(
            .put,
            "/v1/edgehosts/{uid}/profiles",
            id: "v1EdgeHostDevicesUidProfilesUpdate",
            tag: tag,
            summary: "Sets the profiles that an appliance follows, in their order.",
            access: .user(.applianceUpdate),
            failures: [.invalidBody, .ruleViolated, .resourceNotFound, .preconditionFailed],
            input: ProfilesInput.self
        ) { input, context in
            let uids = input.profiles.map(\.uid)
            let shape = context.bodyFaults
            try await change(
                context,
                "Appliance profiles changed",
                notice: .profilesChanged
            ) { appliance, tx in
                let former = try ApplianceLinkStore.profileUIDs(of: appliance.key, tx)
                if shape.isEmpty, former == uids { return [] }
                try check(input.profiles, shape, appliance.scope, tx)
                try ApplianceLinkStore.setProfiles(uids, of: appliance.key, tx)
                appliance.desiredCounter = try tx.nextCounter()
                return []
            }
        }
    }

    /// - Throws: `.invalidBody` or `.ruleViolated` with all that is wrong; `.resourceNotFound` when
    ///   that is an unknown profile alone.
    private func check(
        _ profiles: [ProfileEntryInput],
        _ shape: [Fault],
        _ scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws {
        let max = limits.profilesPerAppliance
        guard profiles.count <= max else {
            let message = "An appliance follows at most \(max) profiles."
            return try Failure.refuse(shape, and: [Fault("/profiles", "TooMany", message)])
        }
        var faults: [Fault] = []
        var unknown: [ProfileEntryInput] = []
        for profile in profiles where !profile.uid.isEmpty {
            do {
                let found = try profileTemplates([profile.uid], .link, scope, tx)
                if found[profile.uid] == nil { unknown.append(profile) }
            } catch let failure as Failure where !failure.faults.isEmpty {
                faults += failure.faults.map {
                    Fault(profile.pointer + "/uid", $0.code, $0.message)
                }
            }
        }
        if shape.isEmpty, faults.isEmpty, let first = unknown.first {
            throw Failure.notFound("Cluster profile", first.uid)
        }
        faults += unknown.map {
            let message = Failure.notFound("Cluster profile", $0.uid).message
            return Fault($0.pointer + "/uid", "UnknownProfile", message)
        }
        try Failure.refuse(shape, and: faults)
    }

    var reset: Endpoint {
        Endpoint(
            .put,
            "/v1/edgehosts/{uid}/reset",
            id: "V1EdgeHostsUidReset",
            tag: tag,
            summary: "Has an appliance go through its whole desired state again.",
            access: .user(.applianceUpdate),
            failures: [.resourceNotFound, .applianceNotRegistered, .preconditionFailed]
        ) { _, context in
            try await change(context, "Appliance reset") { appliance, tx in
                guard appliance.state != .unpaired else { throw Self.notPaired(appliance) }
                appliance.desiredCounter = try tx.nextCounter()
                return [.resetRequested]
            }
        }
    }

    static func notPaired(_ appliance: Appliance) -> Failure {
        Failure(
            .applianceNotRegistered,
            "The appliance '\(appliance.id.text)' has not paired yet; start its agent first."
        )
    }

    var updateTunnel: Endpoint {
        Endpoint(
            .patch,
            "/v1/edgehosts/{uid}/tunnelConfig",
            id: "v1EdgeHostDevicesUidTunnelConfigUpdate",
            tag: tag,
            summary: "Allows or forbids the remote shell of an appliance.",
            access: .user(.applianceShell),
            failures: [.invalidBody, .resourceNotFound, .preconditionFailed],
            input: TunnelConfigInput.self
        ) { input, context in
            try await change(context, "Appliance remote shell changed") { appliance, _ in
                if let shell = input.remoteShell { appliance.tunnel.remoteShell = shell }
                if let user = input.temporaryUser { appliance.tunnel.temporaryUser = user }
                // Without the shell nobody could use, or remove, the temporary user.
                if appliance.tunnel.remoteShell == "disabled" {
                    appliance.tunnel.temporaryUser = "disabled"
                }
                return []
            }
        }
    }

    var associate: Endpoint {
        Endpoint(
            .patch,
            "/v1/edgehosts/{uid}/cluster/associate",
            id: "v1EdgeHostDevicesUidClusterAssociate",
            tag: tag,
            summary: "Marks an appliance as used by a cluster.",
            access: .user(.applianceUpdate),
            failures: [
                .invalidBody, .resourceNotFound, .applianceNotRegistered, .inUse,
                .preconditionFailed,
            ],
            input: ClusterInput.self
        ) { input, context in
            try await change(context, "Appliance taken by a cluster") { appliance, tx in
                guard let state = appliance.state.after(.associate) else {
                    throw Self.notPaired(appliance)
                }
                let clusters = try ApplianceLinkStore.clusters(of: appliance.key, tx)
                if clusters.contains(where: { $0.uid == input.clusterUID }) { return [] }
                guard clusters.isEmpty else { throw Self.inUse(appliance, by: clusters) }
                let cluster = HoldingCluster(uid: input.clusterUID, name: input.clusterUID)
                try ApplianceLinkStore.associate(cluster, with: appliance.key, tx)
                appliance.state = state
                return [.associated(cluster)]
            }
        }
    }

    var release: Endpoint {
        Endpoint(
            .delete,
            "/v1/edgehosts/{uid}/cluster/associate",
            id: "v1EdgeHostDevicesUidClusterDeassociate",
            tag: tag,
            summary: "Frees an appliance from the cluster that uses it.",
            access: .user(.applianceUpdate),
            failures: [.resourceNotFound, .preconditionFailed]
        ) { _, context in
            try await change(context, "Appliance freed from its cluster") { appliance, tx in
                let clusters = try ApplianceLinkStore.clusters(of: appliance.key, tx)
                guard !clusters.isEmpty else { return [] }
                try ApplianceLinkStore.release(appliance.key, tx)
                appliance.state = appliance.state.after(.release) ?? appliance.state
                // A machine that is being replaced has no state to fall back to: the link was all
                // that changed, and still is a change of what readers see.
                appliance.desiredCounter = try tx.nextCounter()
                return [.released]
            }
        }
    }

    var updatePairingKey: Endpoint {
        Endpoint(
            .patch,
            "/v1/edgehosts/{uid}/hostPairingKey",
            id: "v1EdgeHostDeviceHostPairingKeyUpdate",
            tag: tag,
            summary: "Sets a new one-time key that the machine presents when it pairs.",
            access: .user(.applianceUpdate),
            failures: [.invalidBody, .resourceNotFound, .preconditionFailed],
            input: PairingKeyInput.self
        ) { input, context in
            let digest = Self.digest(ofKey: input.key)
            try await change(context, "Appliance pairing key changed") { appliance, _ in
                appliance.pairingKeyDigest = digest
                return []
            }
        }
    }

    var replaceHost: Endpoint {
        Endpoint(
            .post,
            "/v1/edgehosts/{uid}/replace",
            id: "replaceApplianceHost",
            tag: tag,
            summary: "Voids an appliance's credential and lets a re-installed machine pair.",
            document: .agent,
            access: .user(.applianceUpdate),
            failures: [.invalidBody, .resourceNotFound, .preconditionFailed],
            input: ReplaceInput.self,
            output: ReplaceAnswer.self
        ) { input, context in
            // The key is shown once, in this answer; only its digest is kept.
            let key = input.makesPairingKey ? Secret.make(prefix: "easel_pair_") : nil
            let digest = Self.digest(ofKey: key ?? input.pairingKey)
            let answer = ReplaceAnswer(uid: try context.parameter("uid"), pairingKey: key)
            try await change(
                context,
                "Appliance host replaced",
                notice: .credentialChanged,
                answering: answer
            ) { appliance, tx in
                guard appliance.credentialDigest != nil || digest != nil else { return [] }
                appliance.replaceHost(pairingKeyDigest: digest)
                // The next machine counts its reports anew, and nothing is applied on it yet.
                try ApplianceObservationStore.delete(appliance.key, tx)
                _ = try ApplianceHealthStore.set(ApplianceHealth(), of: appliance.key, tx)
                appliance.desiredCounter = try tx.nextCounter()
                return [.replaced]
            }
            return answer
        }.takingIdempotencyKey().answeringSecret()
    }
}

/// Palette's `v1SpectroClusterProfiles`.
struct ProfilesInput: WireInput {
    let profiles: [ProfileEntryInput]

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        profiles = fields.list("profiles", countMax: 1000)
        // A forgotten or misspelt member must not take every layer from a running appliance; to
        // follow nothing, say so: an empty list, or Go's null.
        if !fields.mentions("profiles") {
            fields.fault("profiles", "Required", "'profiles' is required; [] means none.")
        }
        var seen: Set<String> = []
        for (index, profile) in profiles.enumerated() where !profile.uid.isEmpty {
            if !seen.insert(profile.uid).inserted {
                fields.fault(
                    "profiles",
                    "Duplicate",
                    "The profile '\(profile.uid)' stands in 'profiles' twice; remove entry "
                        + "\(index)."
                )
            }
        }
    }
}

/// One profile to follow.
///
/// A PUT sets all of them, so `replaceWithProfile`, which names the one that a new profile takes
/// the place of, has nothing to say here.
struct ProfileEntryInput: WireInput {
    let uid: String
    let pointer: String

    init(from fields: Fields) {
        pointer = fields.pointer
        uid = fields.text("uid")
        let values: [PackValuesInput] = fields.list("packValues")
        if values.contains(where: \.saysSomething) {
            fields.fault(
                "packValues",
                "NotSupported",
                "The values of an appliance's layers are those of its profile; change them there."
            )
        }
    }
}

/// Palette's `v1PackValuesEntity`, as far as it matters here.
struct PackValuesInput: WireInput {
    let saysSomething: Bool

    init(from fields: Fields) {
        _ = fields.optionalText("name")
        let values = fields.optionalText("values", bytesMax: 1 << 20) ?? ""
        saysSomething = !values.isEmpty
    }
}

/// Palette's `v1EdgeHostClusterEntity`.
struct ClusterInput: WireInput {
    let clusterUID: String

    init(from fields: Fields) {
        clusterUID = fields.text("clusterUid", bytesMax: 64)
        if clusterUID.hasControlCharacter {
            fields.fault(
                "clusterUid",
                "InvalidCharacter",
                "'clusterUid' must not contain control characters."
            )
        }
    }
}

/// Palette's `v1EdgeHostDeviceHostPairingKey`.
struct PairingKeyInput: WireInput {
    let key: String

    init(from fields: Fields) {
        key = fields.text("hostPairingKey", bytesMax: 256)
    }
}

/// How the next machine proves that it is the appliance.
struct ReplaceInput: WireInput {
    /// No body keeps the pairing key as it is.
    static var isOptional: Bool { true }

    /// A key of the operator's own; empty for none.
    let pairingKey: String
    /// Whether the server makes a key and shows it in the answer.
    let makesPairingKey: Bool

    init(from fields: Fields) {
        pairingKey = fields.optionalText("hostPairingKey", bytesMax: 256) ?? ""
        makesPairingKey = fields.optionalFlag("makePairingKey") ?? false
        if makesPairingKey, !pairingKey.isEmpty {
            fields.fault(
                "makePairingKey",
                "Contradiction",
                "Give a 'hostPairingKey' or ask for one, not both."
            )
        }
    }
}

/// The appliance as it waits for its next machine.
struct ReplaceAnswer: WireOutput {
    let uid: String
    /// The new one-time key; `nil` unless one was asked for.
    let pairingKey: String?

    static var examples: [ReplaceAnswer] {
        [
            ReplaceAnswer(uid: "device-153", pairingKey: "easel_pair_…"),
            ReplaceAnswer(uid: "device-153", pairingKey: nil),
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("uid", uid)
            writer.field("state", ApplianceState.unpaired.rawValue)
            writer.optionalField("hostPairingKey", pairingKey)
        }
    }
}
