import JSON
import Primitives

/// The kinds of layer that a pack can be.
package enum PackLayer: String, Sendable, CaseIterable {
    case kernel, os, k8s, cni, csi, addon

    /// Whether the layer is one of the four every infrastructure profile has.
    package var isCore: Bool {
        switch self {
        case .os, .k8s, .cni, .csi: true
        case .kernel, .addon: false
        }
    }
}

/// Whether a pack version may still be used.
package enum PackState: String, Sendable, CaseIterable {
    case active, deprecated, disabled, deleted

    /// Whether a layer may be resolved to such a version anew.
    package var isUsable: Bool { self == .active || self == .deprecated }
}

/// What a pack is made as; the raw value is the wire's word.
package enum PackType: String, Sendable, CaseIterable {
    /// A pack of a pack registry.
    case spectro
    /// A Helm chart.
    case helm
    /// An artifact of an OCI registry.
    case oci
}

/// One manifest of a pack.
package struct PackManifest: Sendable, Hashable {
    /// The file's name without folder and ending; values for it stand under `manifests.<name>`.
    package let name: String
    /// `sha256:<hex>`, the key of the blob.
    package let digest: String
    /// The length in bytes.
    package let size: Int

    /// Makes the value from its members.
    package init(name: String, digest: String, size: Int) {
        self.name = name
        self.digest = digest
        self.size = size
    }
}

/// One Helm chart of a pack.
package struct PackChart: Sendable, Hashable {
    /// The chart's own name, from its `Chart.yaml`.
    package let name: String
    /// The archive's file name without folder.
    package let file: String
    /// `sha256:<hex>`, the key of the blob.
    package let digest: String
    /// The length in bytes.
    package let size: Int

    /// Makes the value from its members.
    package init(name: String, file: String, digest: String, size: Int) {
        self.name = name
        self.file = file
        self.digest = digest
        self.size = size
    }
}

/// A named change to a pack's values; of one group at most one is chosen.
package struct Preset: Sendable, Hashable {
    /// The name, unique in its pack or registry.
    package let name: String
    /// The name that people see.
    package let displayName: String
    /// The group, as written.
    package let group: String
    /// Paths that are deleted first, such as `manifests.hello.ui`.
    package let remove: [String]
    /// YAML that is then merged in, as written.
    package let add: String

    /// Makes the value from its members.
    package init(
        name: String,
        displayName: String,
        group: String,
        remove: [String],
        add: String
    ) {
        self.name = name
        self.displayName = displayName
        self.group = group
        self.remove = remove
        self.add = add
    }
}

/// One version of one pack in one registry, immutable once imported.
package struct PackVersion: Sendable, Hashable {
    /// The version's uid; `packUid` on the wire.
    package let uid: String
    /// The registry that holds it.
    package let registryUID: String
    /// The name, unique in its pack or registry.
    package let name: String
    /// The version's text, as in `pack.json`.
    package let version: String
    /// The name that people see.
    package let displayName: String
    /// The kind of layer the pack is.
    package let layer: PackLayer
    /// The category of an add-on; may be empty.
    package let addonType: String
    /// The category below that; may be empty.
    package let addonSubType: String
    /// The group, as written.
    package let group: String
    /// The environments the pack is for; `all` stands for every one.
    package let cloudTypes: [String]
    /// The texts that the pack's maker added.
    package let annotations: [String: String]
    /// The presets, in the order of `presets.yaml`.
    package let presets: [Preset]
    /// The text of `schema.yaml`; empty when the pack has none.
    package let schema: String
    /// The `constraints` member of `pack.json` as it stands there.
    package let constraints: JSONValue?
    /// The manifests, in the order of `kubeManifests`.
    package let manifests: [PackManifest]
    /// The charts, in the order of `charts`.
    package let charts: [PackChart]
    /// The blob of `values.yaml`.
    package let valuesDigest: String
    /// The length of `values.yaml` in bytes.
    package let valuesSize: Int
    /// The blob of `README.md`.
    package let readmeDigest: String?
    /// The blob of the logo.
    package let logoDigest: String?
    /// `sha256:<hex>` over all files that belong to the pack.
    package let digest: String
    /// The day its support ends, as written; may be empty.
    package let eol: String
    /// Whether it may be used.
    package let state: PackState
    /// When it was imported, or listed first.
    package let createdAt: Timestamp
    /// What it is made as.
    package var type = PackType.spectro
    /// Where its registry keeps it; empty for what came as a whole.
    package var location = ""

    /// Whether its bytes are here: of what a registry lists, they are fetched at the first use.
    package var isFetched: Bool { !valuesDigest.isEmpty }

    /// The version, when it is one that trains can compare.
    package var semanticVersion: SemanticVersion? { SemanticVersion(version) }
}

extension PackVersion {
    /// The pack of the documents' examples.
    package static var example: PackVersion { FilledPack.example.pack }
}
