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

/// One manifest of a pack.
package struct PackManifest: Sendable, Hashable {
    /// The file's name without folder and ending; values for it stand under `manifests.<name>`.
    package let name: String
    /// `sha256:<hex>`, the key of the blob.
    package let digest: String
    package let size: Int

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
    package let size: Int

    package init(name: String, file: String, digest: String, size: Int) {
        self.name = name
        self.file = file
        self.digest = digest
        self.size = size
    }
}

/// A named change to a pack's values; of one group at most one is chosen.
package struct Preset: Sendable, Hashable {
    package let name: String
    package let displayName: String
    package let group: String
    /// Paths that are deleted first, such as `manifests.hello.ui`.
    package let remove: [String]
    /// YAML that is then merged in, as written.
    package let add: String

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
    package let uid: String
    package let registryUID: String
    package let name: String
    package let version: String
    package let displayName: String
    package let layer: PackLayer
    package let addonType: String
    package let addonSubType: String
    package let group: String
    package let cloudTypes: [String]
    package let annotations: [String: String]
    package let presets: [Preset]
    /// The text of `schema.yaml`; empty when the pack has none.
    package let schema: String
    /// The `constraints` member of `pack.json` as it stands there.
    package let constraints: JSONValue?
    package let manifests: [PackManifest]
    package let charts: [PackChart]
    package let valuesDigest: String
    package let valuesSize: Int
    package let readmeDigest: String?
    package let logoDigest: String?
    /// `sha256:<hex>` over all files that belong to the pack.
    package let digest: String
    package let eol: String
    package let state: PackState
    package let createdAt: Timestamp

    /// The version, when it is one that trains can compare.
    package var semanticVersion: SemanticVersion? { SemanticVersion(version) }
}

extension PackVersion {
    /// The pack of the documents' examples.
    package static var example: PackVersion { FilledPack.example.pack }
}
