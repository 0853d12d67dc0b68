import APIKit
import JSON
import Packs
import Primitives
import Storage

/// The pack behind a layer as `v1PackSummarySpec` and `v1PackManifestsSpec` show it.
struct LayerSpecOutput: JSONWritable, Sendable {
    let output: LayerOutput
    /// Whether manifests are shown with their content.
    let showsContent: Bool

    func write(to writer: inout JSONWriter) {
        let pack = output.pack
        writer.beginObject()
        writer.field("addonSubType", pack?.addonSubType ?? "")
        writer.field("addonType", pack?.addonType ?? "")
        writer.field("annotations", pack?.annotations ?? [:])
        writer.field("cloudTypes", pack?.cloudTypes ?? ["all"])
        writer.field("digest", pack?.digest ?? "")
        writer.field("displayName", pack?.displayName ?? output.layer.name)
        writer.field("eol", pack?.eol ?? "")
        writer.field("group", pack?.group ?? "")
        writer.field("layer", output.layer.layer)
        writer.field("logoUrl", "")
        writer.key("manifests")
        writer.beginArray()
        for manifest in output.layer.manifests {
            writer.beginObject()
            if showsContent {
                writer.field("content", manifest.content)
                writer.field("digest", BlobStore.digest(of: Array(manifest.content.utf8)))
            } else {
                writer.field("kind", "manifest")
            }
            writer.field("name", manifest.name)
            writer.field("uid", manifest.uid)
            writer.endObject()
        }
        writer.endArray()
        writer.field("name", output.layer.name)
        writer.field("registryUid", output.registryUID)
        writer.field("type", output.layer.kind.rawValue)
        writer.field("values", output.values)
        writer.field("version", output.version)
        writer.endObject()
    }
}

/// `v1ClusterProfilePacksEntities`: a profile's layers, each with its pack.
struct LayerListOutput: WireOutput {
    let profile: Profile
    let layers: [LayerOutput]

    var entityTag: String? { profile.entityTag }
    /// Trains, states of packs and other versions of the profile change without it.
    var showsMoreThanVersion: Bool { true }

    static var examples: [LayerListOutput] {
        [
            LayerListOutput(
                profile: .example(isPublished: true),
                layers: [LayerOutput(example: .example, pack: .example)]
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("items")
        writer.beginArray()
        for layer in layers {
            writer.beginObject()
            writer.field(
                "metadata",
                MetadataOutput(uid: layer.packUID, name: layer.layer.name, of: profile)
            )
            writer.field("spec", LayerSpecOutput(output: layer, showsContent: false))
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}

/// `v1ClusterProfilePacksManifests`: a profile's layers with the content of their manifests.
struct LayerManifestsOutput: WireOutput {
    let profile: Profile
    let layers: [LayerOutput]

    static var examples: [LayerManifestsOutput] {
        [
            LayerManifestsOutput(
                profile: .example(isPublished: true),
                layers: [LayerOutput(example: .example, pack: .example)]
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("metadata", MetadataOutput(profile))
        writer.key("spec")
        writer.beginObject()
        writer.key("packs")
        writer.beginArray()
        for layer in layers {
            writer.beginObject()
            writer.field(
                "metadata",
                MetadataOutput(uid: layer.packUID, name: layer.layer.name, of: profile)
            )
            writer.field("spec", LayerSpecOutput(output: layer, showsContent: true))
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        writer.endObject()
    }
}

/// `v1PackRefSummaryResponse`: one layer with its pack and registry.
struct LayerSummaryOutput: WireOutput {
    let profile: Profile
    let layer: LayerOutput
    let registry: Registry?

    static var examples: [LayerSummaryOutput] {
        [
            LayerSummaryOutput(
                profile: .example(isPublished: true),
                layer: LayerOutput(example: .example, pack: .example),
                registry: nil
            )
        ]
    }

    var entityTag: String? { profile.entityTag }
    /// Trains, states of packs and other versions of the profile change without it.
    var showsMoreThanVersion: Bool { true }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field(
            "metadata",
            MetadataOutput(uid: layer.packUID, name: layer.layer.name, of: profile)
        )
        writer.key("spec")
        writer.beginObject()
        writer.field("pack", LayerSpecOutput(output: layer, showsContent: false))
        writer.key("registry")
        writer.beginObject()
        writer.field("isDefault", registry?.isDefault ?? false)
        writer.field("isPrivate", registry?.spec.isPrivate ?? false)
        writer.field("kind", registry?.kind.rawValue ?? "pack")
        writer.field("name", registry?.name ?? "")
        writer.field("scope", registry?.tenantUID == nil ? "system" : "tenant")
        writer.field("uid", registry?.uid ?? layer.registryUID)
        writer.endObject()
        writer.endObject()
        writer.endObject()
    }
}

/// `v1ManifestEntity`: a manifest of a layer, as drafted and as published.
struct ManifestOutput: WireOutput {
    let profile: Profile
    let draft: LayerManifest
    let published: LayerManifest?

    var entityTag: String? { profile.entityTag }

    static var examples: [ManifestOutput] {
        let manifest = LayerManifest(
            uid: "65f1c0a4d2b7e81f3c9a4b6e",
            name: "rules",
            content: "kind: List\n"
        )
        return [
            ManifestOutput(
                profile: .example(isPublished: true),
                draft: manifest,
                published: manifest
            ),
            ManifestOutput(profile: .example(isPublished: true), draft: manifest, published: nil),
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("metadata", MetadataOutput(uid: draft.uid, name: draft.name, of: profile))
        writer.key("spec")
        writer.beginObject()
        Self.write("draft", draft, to: &writer)
        if let published { Self.write("published", published, to: &writer) }
        writer.endObject()
        writer.endObject()
    }

    private static func write(
        _ key: StaticString,
        _ manifest: LayerManifest,
        to writer: inout JSONWriter
    ) {
        writer.key(key)
        writer.beginObject()
        writer.field("content", manifest.content)
        writer.field("digest", BlobStore.digest(of: Array(manifest.content.utf8)))
        writer.endObject()
    }
}

/// `v1ManifestEntities`.
struct ManifestListOutput: WireOutput {
    let items: [ManifestOutput]

    static var examples: [ManifestListOutput] {
        [ManifestListOutput(items: ManifestOutput.examples)]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("items", items)
        writer.endObject()
    }
}
