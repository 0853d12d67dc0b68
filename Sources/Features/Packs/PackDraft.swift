import Crypto
import JSON
import Primitives

/// A pack that was read and found without faults, not yet in any registry.
package struct PackDraft: Sendable {
    /// A part that becomes a blob.
    struct Part: Sendable {
        let bytes: [UInt8]
        let digest: String

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            digest = BlobStore.digest(of: bytes)
        }
    }

    let description: PackDescription
    let presets: [Preset]
    let schema: String
    let manifests: [PackManifest]
    let charts: [PackChart]
    let values: Part
    let readme: Part?
    let logo: Part?
    /// The bytes of the manifests and charts.
    let parts: [Part]
    /// `sha256:<hex>` over the paths and digests of all files that belong to the pack, so that a
    /// file which Easel does not read never makes two packs differ.
    package let digest: String

    /// The pack's name.
    package var name: String { description.name }
    /// The pack's version.
    package var version: String { description.version }

    /// The digest of a pack whose files have these digests.
    static func digest(of files: [String: String]) -> String {
        var text: [UInt8] = []
        for (path, digest) in files.sorted(by: { $0.key < $1.key }) {
            text += Array("\(path)\n\(digest)\n".utf8)
        }
        return BlobStore.digest(of: text)
    }

    /// The version as it stands in a registry from now on.
    func version(uid: String, registryUID: String, at moment: Timestamp) -> PackVersion {
        PackVersion(
            uid: uid,
            registryUID: registryUID,
            name: description.name,
            version: description.version,
            displayName: description.displayName,
            layer: description.layer,
            addonType: description.addonType,
            addonSubType: description.addonSubType,
            group: description.group,
            cloudTypes: description.cloudTypes,
            annotations: description.annotations,
            presets: presets,
            schema: schema,
            constraints: description.constraints,
            manifests: manifests,
            charts: charts,
            valuesDigest: values.digest,
            valuesSize: values.bytes.count,
            readmeDigest: readme?.digest,
            logoDigest: logo?.digest,
            digest: digest,
            eol: description.eol,
            state: .active,
            createdAt: moment
        )
    }

    /// Everything that the version refers to by digest.
    var blobs: [Part] { parts + [values] + [readme, logo].compactMap(\.self) }
}

/// What reading a pack came to: a draft, or the faults that stand against it.
package struct PackReading: Sendable {
    /// The pack; nil when it has faults.
    package let draft: PackDraft?
    /// As far as `pack.json` said.
    package let name: String
    /// The version, as far as `pack.json` said.
    package let version: String
    /// What stands against the pack; empty when there is a draft.
    package let faults: [PackFault]
    /// What is odd and does no harm.
    package let warnings: [PackFault]
}
