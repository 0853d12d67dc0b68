import JSON
import Packs
import Primitives

/// What a profile is a template of.
package enum ProfileType: String, Sendable, CaseIterable {
    /// A whole cluster: core layers and add-ons. The wire calls it `cluster`.
    case full = "cluster"
    /// The core layers only.
    case infra
    /// Add-ons only.
    case addOn = "add-on"
    /// What runs on the appliance itself, before and beside its clusters.
    case system

    /// Whether the four core layers may be in such a profile.
    var takesCoreLayers: Bool { self == .full || self == .infra }

    /// Whether an appliance can follow it by itself; the others describe clusters.
    var isForAppliances: Bool { !takesCoreLayers }
}

/// Where the content of a layer comes from.
package enum LayerKind: String, Sendable, CaseIterable {
    /// A pack of a pack registry.
    case spectro
    /// Manifests written into the profile.
    case manifest
    case helm
    case oci

    /// The registries that such a layer comes from when it names none.
    var registryKinds: [Registry.Kind] {
        switch self {
        case .spectro, .manifest: [.pack]
        case .helm: [.helm, .oci]
        case .oci: [.oci]
        }
    }
}

/// A named YAML document of a layer, kept byte for byte.
package struct LayerManifest: Sendable, Hashable {
    package let uid: String
    package let name: String
    package let content: String
}

/// One layer as its author wrote it: versions may be trains, values may be left to the pack.
package struct Layer: Sendable, Hashable {
    /// Unique in the profile.
    package let name: String
    package let kind: LayerKind
    package let layer: String
    /// Empty when any registry will do.
    package var registryUID: String
    /// The pack version that was chosen by uid; empty when the tag alone decides.
    package var packUID: String
    /// A version or a train; empty for the version of `packUID`.
    package var tag: String
    /// `nil`: the pack's own values.
    package var values: String?
    package var manifests: [LayerManifest]
}

/// What Palette's clients send as the uid of a layer made of manifests.
package let manifestPackUID = "spectro-manifest-pack"

/// A profile's row.
package struct Profile: Sendable {
    package let uid: String
    package let tenantUID: String
    /// Empty for a profile of the tenant.
    package let projectUID: String
    package var name: String
    package var profileVersion: String
    package let type: ProfileType
    package let cloudType: String
    package var labels: [String: String]
    package var annotations: [String: String]
    package var layers: [Layer]
    /// JSON of the profile's variables, as the author wrote them.
    package var variables: JSONValue
    package var publishedNumber: Int64?
    package var version: Int64
    package let createdAt: Timestamp
    package var modifiedAt: Timestamp
    package let createdBy: String

    /// `tenant` or `project`, as `metadata.annotations.scope` names it.
    var scopeText: String { projectUID.isEmpty ? "tenant" : "project" }
}

/// The layers as JSON in the database: what was written, nothing resolved.
enum LayerCoding {
    static func json(_ layers: [Layer]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginArray()
        for layer in layers {
            writer.beginObject()
            writer.field("name", layer.name)
            writer.field("kind", layer.kind.rawValue)
            writer.field("layer", layer.layer)
            writer.field("registryUid", layer.registryUID)
            writer.field("packUid", layer.packUID)
            writer.field("tag", layer.tag)
            if let values = layer.values { writer.field("values", values) }
            writer.key("manifests")
            writer.beginArray()
            for manifest in layer.manifests {
                writer.beginObject()
                writer.field("uid", manifest.uid)
                writer.field("name", manifest.name)
                writer.field("content", manifest.content)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        return writer.finish()
    }

    static func layers(_ json: [UInt8]) throws -> [Layer] {
        let parsed = try JSONParser.parse(json, limits: .stored)
        guard case .array(let items) = parsed else { throw StoredLayerError() }
        return try items.map { item in
            guard case .object(let object) = item, let name = object["name"]?.text,
                let kind = object["kind"]?.text.flatMap(LayerKind.init)
            else { throw StoredLayerError() }
            var manifests: [LayerManifest] = []
            if case .array(let stored)? = object["manifests"] {
                for case .object(let manifest) in stored {
                    manifests.append(
                        LayerManifest(
                            uid: manifest["uid"]?.text ?? "",
                            name: manifest["name"]?.text ?? "",
                            content: manifest["content"]?.text ?? ""
                        )
                    )
                }
            }
            return Layer(
                name: name,
                kind: kind,
                layer: object["layer"]?.text ?? "addon",
                registryUID: object["registryUid"]?.text ?? "",
                packUID: object["packUid"]?.text ?? "",
                tag: object["tag"]?.text ?? "",
                values: object["values"]?.text,
                manifests: manifests
            )
        }
    }

    struct StoredLayerError: Error {}
}
