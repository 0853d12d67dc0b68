import APIKit
import JSON
import Primitives

// The Palette shapes of packs: v1PackSummaries, v1PackMetadataList, v1PackTagEntity, v1PackReadme.

/// The `metadata` of packs and registries.
struct ObjectMetaWire: JSONWritable, Sendable {
    let uid: String
    let name: String
    var labels: [String: String] = [:]
    var annotations: [String: String] = [:]
    let createdAt: Timestamp
    let modifiedAt: Timestamp

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("annotations", annotations.sortedObject)
            writer.field("creationTimestamp", createdAt)
            writer.field("deletionTimestamp", Timestamp.never)
            writer.field("labels", labels.sortedObject)
            writer.field("lastModifiedTimestamp", modifiedAt)
            writer.field("name", name)
            writer.field("uid", uid)
        }
    }
}

extension [String: String] {
    /// The map as a JSON object, members sorted by name.
    var sortedObject: JSONObject {
        JSONObject(sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) })
    }
}

/// A list of items and where it goes on.
struct PageWire<Item: JSONWritable & Sendable>: Sendable {
    let items: [Item]
    let meta: ListMeta

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("items", items)
            writer.key("listmeta")
            meta.write(to: &writer)
        }
    }
}

/// A pack version with its values as text.
struct FilledPack: Sendable {
    let pack: PackVersion
    let values: String
    let readme: String?

    var logoURL: String? { pack.logoDigest == nil ? nil : "/v1/packs/\(pack.uid)/logo" }
}

/// v1PackSummary: one pack version in `GET /v1/packs`.
struct PackSummaryWire: JSONWritable, Sendable {
    let filled: FilledPack

    func write(to writer: inout JSONWriter) {
        let pack = filled.pack
        writer.object { writer in
            writer.field("apiVersion", "v1")
            writer.field("kind", "pack")
            writer.field(
                "metadata",
                ObjectMetaWire(
                    uid: pack.uid,
                    name: pack.name,
                    annotations: pack.annotations,
                    createdAt: pack.createdAt,
                    modifiedAt: pack.createdAt
                )
            )
            writer.field("spec", object: { writer in writeSpec(pack, &writer) })
            writer.field("status", JSONObject())
        }
    }

    private func writeSpec(_ pack: PackVersion, _ writer: inout JSONWriter) {
        writer.field("addonSubType", pack.addonSubType)
        writer.field("addonType", pack.addonType)
        writer.field("annotations", pack.annotations.sortedObject)
        writer.field("cloudTypes", pack.cloudTypes)
        writer.field("digest", pack.digest)
        writer.field("displayName", pack.displayName)
        writer.field("eol", pack.eol)
        writer.field("group", pack.group)
        writer.field("layer", pack.layer.rawValue)
        writer.optionalField("logoUrl", filled.logoURL)
        writer.field(
            "manifests",
            array: { writer in
                for manifest in pack.manifests {
                    writer.object { writer in
                        writer.field("kind", "manifest")
                        writer.field("name", manifest.name)
                        // Manifests of packs are found by their content and have no uid of their own.
                        writer.field("uid", String(manifest.digest.dropFirst(7).prefix(24)))
                    }
                }
            }
        )
        writer.field("name", pack.name)
        writer.field("presets", pack.presets)
        writer.field("registryUid", pack.registryUID)
        writer.field("schema", SchemaRule.rules(of: pack.schema))
        writer.field("type", pack.type.rawValue)
        writer.field("values", filled.values)
        writer.field("version", pack.version)
    }
}

/// v1PackSummaries.
struct PackSummariesWire: WireOutput {
    let page: PageWire<PackSummaryWire>

    func write(to writer: inout JSONWriter) { page.write(to: &writer) }

    static var examples: [PackSummariesWire] {
        [FilledPack.example, FilledPack.exampleMinimal].map {
            PackSummariesWire(page: PageWire(items: [PackSummaryWire(filled: $0)], meta: .example))
        }
    }
}

/// v1PackMetadata: one pack, whatever its versions, with the registries that have it.
struct PackMetadataWire: JSONWritable, Sendable {
    /// Where a pack is to be had.
    struct Source: Sendable {
        let registry: Registry
        let latest: PackSummary
    }

    /// The newest version of all registries: what the members are taken from.
    let newest: PackSummary
    let sources: [Source]

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("apiVersion", "v1")
            writer.field("kind", "pack")
            writer.field(
                "metadata",
                ObjectMetaWire(
                    uid: newest.uid,
                    name: newest.name,
                    annotations: newest.annotations,
                    createdAt: newest.createdAt,
                    modifiedAt: newest.createdAt
                )
            )
            writer.field(
                "spec",
                object: { writer in
                    writer.field("addonSubType", newest.addonSubType)
                    writer.field("addonType", newest.addonType)
                    writer.field("cloudTypes", newest.cloudTypes)
                    writer.field("displayName", newest.displayName)
                    writer.field("group", newest.group)
                    writer.field("layer", newest.layer)
                    writer.field("name", newest.name)
                    writer.field(
                        "registries",
                        array: { writer in
                            for source in sources { write(source, &writer) }
                        }
                    )
                    writer.field("type", newest.type.rawValue)
                }
            )
        }
    }

    private func write(_ source: Source, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("annotations", source.latest.annotations.sortedObject)
            writer.field("latestPackUid", source.latest.uid)
            writer.field("latestVersion", source.latest.version)
            writer.optionalField(
                "logoUrl",
                source.latest.hasLogo ? "/v1/packs/\(source.latest.uid)/logo" : nil
            )
            writer.field("name", source.registry.name)
            writer.field("scope", source.registry.scope)
            writer.field("uid", source.registry.uid)
        }
    }
}

/// v1PackMetadataList.
struct PackMetadataListWire: WireOutput {
    let page: PageWire<PackMetadataWire>

    func write(to writer: inout JSONWriter) { page.write(to: &writer) }

    static var examples: [PackMetadataListWire] {
        [FilledPack.example, FilledPack.exampleMinimal].map { filled in
            let summary = PackSummary.example(of: filled.pack)
            return PackMetadataListWire(
                page: PageWire(
                    items: [
                        PackMetadataWire(
                            newest: summary,
                            sources: [.init(registry: .example, latest: summary)]
                        )
                    ],
                    meta: .example
                )
            )
        }
    }
}

/// v1PackTagEntity: the versions of one pack in one registry, the newest first, or one of them.
struct PackTagEntityWire: WireOutput {
    let packs: [FilledPack]
    /// The uid that the answer is about, when it is about one version.
    var entityTag: String?

    func write(to writer: inout JSONWriter) {
        guard let newest = packs.first else { return writer.object { _ in } }
        writer.object { writer in
            writer.field("addonSubType", newest.pack.addonSubType)
            writer.field("addonType", newest.pack.addonType)
            writer.field("cloudTypes", newest.pack.cloudTypes)
            writer.field("displayName", newest.pack.displayName)
            writer.field("layer", newest.pack.layer.rawValue)
            writer.optionalField("logoUrl", newest.logoURL)
            writer.field("name", newest.pack.name)
            writer.field(
                "packValues",
                array: { writer in
                    for filled in packs { writeValues(filled, &writer) }
                }
            )
            writer.field("registryUid", newest.pack.registryUID)
            writer.field("tags", array: { writer in writeTags(&writer) })
        }
    }

    private func writeValues(_ filled: FilledPack, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("annotations", filled.pack.annotations.sortedObject)
            writer.field("dependencies", JSONValue.array([]))
            writer.field("packUid", filled.pack.uid)
            writer.field("presets", filled.pack.presets)
            writer.optionalField("readme", filled.readme)
            writer.field("schema", SchemaRule.rules(of: filled.pack.schema))
            writer.field("values", filled.values)
        }
    }

    /// A tag for each version, with the trains it belongs to; behind them one for each train, with
    /// the version it stands at now, so that a train can be chosen like a version.
    private func writeTags(_ writer: inout JSONWriter) {
        var trains: [VersionTrain] = []
        for filled in packs {
            let own = filled.pack.semanticVersion.map(VersionTrain.holding) ?? []
            for train in own where !trains.contains(train) { trains.append(train) }
            write(
                tag: filled.pack.version,
                of: filled.pack,
                parents: own.map(\.description),
                &writer
            )
        }
        for train in trains {
            let newest = train.newest(of: packs) { filled in
                filled.pack.state.isUsable ? filled.pack.semanticVersion : nil
            }
            guard let newest else { continue }
            write(tag: train.description, of: newest.pack, parents: [], &writer)
        }
    }

    private func write(
        tag: String,
        of pack: PackVersion,
        parents: [String],
        _ writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.field("group", pack.group)
            writer.field("packUid", pack.uid)
            writer.field("parentTags", parents)
            writer.field("tag", tag)
            writer.field("version", pack.version)
        }
    }

    static var examples: [PackTagEntityWire] {
        [FilledPack.example, FilledPack.exampleMinimal].map { PackTagEntityWire(packs: [$0]) }
    }
}

/// v1PackReadme.
struct PackReadmeWire: WireOutput {
    let readme: String

    func write(to writer: inout JSONWriter) {
        writer.object { $0.field("readme", readme) }
    }

    static var examples: [PackReadmeWire] { [PackReadmeWire(readme: "# Hello Universe\n")] }
}
