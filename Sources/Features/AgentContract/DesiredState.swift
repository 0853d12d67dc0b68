import JSON
import Primitives

/// The number of a desired state: it only grows.
///
/// The epoch changes when a database is restored from a backup; the counter is drawn from the
/// database's one growing counter. On the wire it is the entity tag `"<epoch>.<counter>"`.
package struct DesiredNumber: Sendable, Hashable, Comparable {
    package let epoch: Int64
    package let counter: Int64

    package init(epoch: Int64, counter: Int64) {
        self.epoch = epoch
        self.counter = counter
    }

    /// Reads `<epoch>.<counter>`, with or without the entity tag's quotes; `nil` for anything else.
    package init?(text: some Collection<UInt8>) {
        var numbers: [Int64] = [0, 0]
        var at = 0
        var digits = 0
        for byte in text where byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "."), at == 0, digits > 0 {
                at = 1
                digits = 0
                continue
            }
            guard (0x30...0x39).contains(byte), digits < 18 else { return nil }
            numbers[at] = numbers[at] * 10 + Int64(byte - 0x30)
            digits += 1
        }
        guard at == 1, digits > 0 else { return nil }
        epoch = numbers[0]
        counter = numbers[1]
    }

    package var text: String { "\(epoch).\(counter)" }

    package static func < (left: DesiredNumber, right: DesiredNumber) -> Bool {
        (left.epoch, left.counter) < (right.epoch, right.counter)
    }
}

/// Bytes that are fetched by their digest and never change.
package struct Part: Sendable, Hashable {
    /// `sha256:` and 64 hex digits.
    package let digest: String
    package let size: Int64

    package init(digest: String, size: Int64) {
        self.digest = digest
        self.size = size
    }
}

/// One published layer with all its parts, versions resolved.
package struct LayerRevision: Sendable, Hashable {
    /// A manifest of a layer: its own or one that the profile attaches.
    package struct Manifest: Sendable, Hashable {
        package let name: String
        package let part: Part
        package let isAttached: Bool

        package init(name: String, part: Part, isAttached: Bool) {
            self.name = name
            self.part = part
            self.isAttached = isAttached
        }
    }

    /// A Helm chart of a layer; `file` is the archive's name.
    package struct Chart: Sendable, Hashable {
        package let name: String
        package let file: String
        package let part: Part

        package init(name: String, file: String, part: Part) {
            self.name = name
            self.file = file
            self.part = part
        }
    }

    package let name: String
    /// `spectro`, `helm`, `manifest` or `oci`.
    package let kind: String
    /// `os`, `k8s`, `cni`, `csi` or `addon`.
    package let layer: String
    package let registryUID: String
    package let packUID: String
    /// The resolved version.
    package let version: String
    /// What the profile asks for: a version or a train such as `4.x`.
    package let tag: String
    package let installOrder: Int64
    /// Whether the manifests describe virtual machines.
    package let isVM: Bool
    /// The digest over all parts: equal digests mean there is nothing to apply.
    package let digest: String
    package let values: Part
    package let manifests: [Manifest]
    package let charts: [Chart]

    package init(
        name: String,
        kind: String,
        layer: String,
        registryUID: String,
        packUID: String,
        version: String,
        tag: String,
        installOrder: Int64,
        isVM: Bool,
        digest: String,
        values: Part,
        manifests: [Manifest],
        charts: [Chart]
    ) {
        self.name = name
        self.kind = kind
        self.layer = layer
        self.registryUID = registryUID
        self.packUID = packUID
        self.version = version
        self.tag = tag
        self.installOrder = installOrder
        self.isVM = isVM
        self.digest = digest
        self.values = values
        self.manifests = manifests
        self.charts = charts
    }
}

/// One published revision of a profile: what `profile_revision.content` holds and agents follow.
package struct ProfileRevision: Sendable, Hashable {
    package let uid: String
    package let name: String
    /// The profile's own version, such as `1.0.0`.
    package let version: String
    /// `system`, `infra`, `cluster` or `add-on`.
    package let type: String
    package let cloudType: String
    package let number: Int64
    /// In the order of installation.
    package let layers: [LayerRevision]
    /// What a system profile gives to the virtual machines of its VM layers; empty for others.
    package let tags: [String: String]

    package init(
        uid: String,
        name: String,
        version: String,
        type: String,
        cloudType: String,
        number: Int64,
        layers: [LayerRevision],
        tags: [String: String] = [:]
    ) {
        self.uid = uid
        self.name = name
        self.version = version
        self.type = type
        self.cloudType = cloudType
        self.number = number
        self.layers = layers
        self.tags = tags
    }
}

/// All that an appliance should be, as `GET /v1/edgehosts/{uid}/desired` answers.
package struct DesiredState: Sendable, Hashable {
    /// A layer that the appliance last reported as applied and that is wanted no more.
    package struct Removed: Sendable, Hashable {
        package let name: String
        package let profileUID: String

        package init(name: String, profileUID: String) {
            self.name = name
            self.profileUID = profileUID
        }
    }

    package let number: DesiredNumber
    package let applianceUID: String
    package let profiles: [ProfileRevision]
    package let removed: [Removed]
    package let pollIntervalSeconds: Int64
    package let nextPollAt: Timestamp

    /// Reads the answer of the server.
    package init(_ value: JSONValue) throws(ContractError) {
        let reader = try ContractReader(value)
        let number = try reader.inner("number")
        self.number = DesiredNumber(
            epoch: try number.int("epoch"),
            counter: try number.int("counter")
        )
        applianceUID = try reader.inner("appliance").text("uid")
        profiles = try reader.list("profiles") { item throws(ContractError) in
            try ProfileRevision(item)
        }
        removed = try reader.list("removed") { item throws(ContractError) in
            Removed(name: try item.text("name"), profileUID: try item.text("profileUid"))
        }
        pollIntervalSeconds = try reader.int("pollIntervalSeconds")
        guard let next = Timestamp(rfc3339: try reader.text("nextPollAt")) else {
            throw ContractError(pointer: "/nextPollAt", reason: "must be a time")
        }
        nextPollAt = next
    }
}
