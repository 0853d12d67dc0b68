import APIKit
import JSON
import Primitives

// What a call or a machine may make of an appliance; pure.
extension Appliance {
    /// Takes over names, tags and annotations.
    ///
    /// Readers are shown the display name, so that name put back is no change of the stored one.
    ///
    /// - Parameter shape: what is wrong with the shape of the body.
    /// - Throws: `.invalidBody` for the shape, and `.ruleViolated` when the body is about another
    ///   ID.
    mutating func apply(_ metadata: MetadataInput, despite shape: [Fault]) throws {
        var faults: [Fault] = []
        if !metadata.uid.isEmpty, metadata.uid != id.text {
            let message =
                "An appliance's ID cannot be changed; register the new one and delete this one."
            faults.append(Fault("/metadata/uid", "Immutable", message))
        }
        try Failure.refuse(shape, and: faults)
        if !metadata.name.isEmpty, metadata.name != displayName { name = metadata.name }
        tags = metadata.tags
        if let texts = metadata.annotations { annotations = texts }
    }

    /// Takes over a whole document as its owner or its machine sends it; parts that are not in it
    /// stay as they are.
    ///
    /// - Parameter shape: what is wrong with the shape of the document.
    /// - Throws: all that is wrong with it; `.applianceNotRegistered` when it describes a machine
    ///   that never paired.
    mutating func apply(_ document: DeviceInput, despite shape: [Fault]) throws {
        if let metadata = document.metadata { try apply(metadata, despite: shape) }
        try Failure.refuse(shape, and: [])
        guard let spec = document.spec else { return }
        if let type = spec.type { self.type = type }
        if let tunnel = spec.tunnel { self.tunnel = tunnel.config }
        let architecture = spec.device?.architecture ?? self.architecture
        let machine = machine.replacing(with: spec, of: id, architecture: architecture)
        if state == .unpaired, spec.describesMachine,
            machine != self.machine || architecture != self.architecture
        {
            throw Failure(
                .applianceNotRegistered,
                "The appliance '\(id.text)' has not paired yet: what its machine consists of "
                    + "cannot be set before it has."
            )
        }
        self.machine = machine
        self.architecture = architecture
    }

    /// Takes over a machine that has proved to be this appliance: its credential, its fingerprint
    /// and what it tells about itself.
    ///
    /// The one-time key is used up.
    ///
    /// - Parameters:
    ///   - keyDigest: of the one-time key, when that admitted the machine.
    ///   - isHeld: whether a cluster holds the appliance.
    package mutating func pair(
        credentialDigest: String,
        keyDigest: String?,
        fingerprint: String,
        spec: DeviceSpecInput?,
        isHeld: Bool,
        at now: Timestamp
    ) {
        state = state.after(.pair, isHeld: isHeld) ?? state
        self.credentialDigest = credentialDigest
        isCredentialUsed = false
        self.fingerprint = fingerprint
        pairingKeyDigest = nil
        spentKeyDigest = keyDigest
        reapprovalSince = nil
        pausedReason = nil
        keptRun = nil
        pairedAt = now
        guard let spec else { return }
        if let type = spec.type { self.type = type }
        architecture = spec.device?.architecture ?? architecture
        machine = machine.replacing(with: spec, of: id, architecture: architecture)
    }

    /// Forgets the machine: its credential is void, and the ID waits for the next one.
    ///
    /// - Parameter pairingKeyDigest: of the key that the next machine has to present, if any.
    package mutating func replaceHost(pairingKeyDigest: String?) {
        state = state.after(.replace) ?? state
        credentialDigest = nil
        isCredentialUsed = false
        fingerprint = nil
        reapprovalSince = nil
        pausedReason = nil
        keptRun = nil
        pairedAt = nil
        self.pairingKeyDigest = pairingKeyDigest
        spentKeyDigest = nil
        machine = machine.withChecksum("")
    }
}
