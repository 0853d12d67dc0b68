import AgentContract
import APIKit
import JSON
import Packs
import Primitives
import Storage

extension RevisionStore.Summary {
    static let example = RevisionStore.Summary(
        number: 2,
        digest: "sha256:…",
        cause: "publish",
        note: "More memory for the log shipper",
        createdAt: Timestamp(milliseconds: 1_709_238_702_204),
        createdBy: "ada@example.com"
    )

    func writeMembers(to writer: inout JSONWriter) {
        writer.field("cause", cause)
        writer.field("createdAt", createdAt)
        writer.field("createdBy", createdBy)
        writer.field("digest", digest)
        writer.field("note", note)
        writer.field("number", number)
    }
}

/// The revisions of a profile, the newest first.
struct RevisionListOutput: WireOutput {
    let revisions: [RevisionStore.Summary]
    let meta: ListMeta

    static var examples: [RevisionListOutput] {
        [RevisionListOutput(revisions: [.example], meta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("items")
            writer.array(revisions) { writer, revision in
                writer.object { writer in revision.writeMembers(to: &writer) }
            }
            writer.key("listmeta")
            meta.write(to: &writer)
        }
    }
}

/// A revision with all that it holds.
struct RevisionOutput: WireOutput {
    let summary: RevisionStore.Summary
    let content: ProfileRevision
    /// The texts of values and manifests by their digests.
    let texts: [String: String]

    init(
        _ summary: RevisionStore.Summary,
        _ stored: ProfileStore.Revision,
        _ tx: borrowing Transaction
    ) throws {
        self.summary = summary
        content = try ProfileRevision(JSONParser.parse(stored.content, limits: .stored))
        let hidden = SensitiveValues(stored.variables)
        var texts: [String: String] = [:]
        for layer in content.layers {
            for part in [layer.values] + layer.manifests.map(\.part) {
                texts[part.digest] = hidden.masked(try BlobStore.text(part.digest, tx) ?? "")
            }
        }
        self.texts = texts
    }

    private init(example layer: LayerRevision) {
        summary = .example
        content = ProfileRevision(
            uid: "65f1c0a4d2b7e81f3c9a4b6d",
            name: "hospital-site",
            version: "1.0.0",
            type: "system",
            cloudType: "libvirt",
            number: 2,
            layers: [layer]
        )
        texts = [:]
    }

    static var examples: [RevisionOutput] { [RevisionOutput(example: .example("4.2.1"))] }

    var entityTag: String? { "\(summary.number)" }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            summary.writeMembers(to: &writer)
            writer.key("layers")
            writer.array(content.layers) { writer, layer in write(layer, to: &writer) }
            writer.field("name", content.name)
            writer.field("version", content.version)
        }
    }

    private func write(_ layer: LayerRevision, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("charts")
            writer.array(layer.charts) { writer, chart in
                writer.object { writer in
                    writer.field("digest", chart.part.digest)
                    writer.field("file", chart.file)
                    writer.field("name", chart.name)
                    writer.field("size", chart.part.size)
                }
            }
            writer.field("digest", layer.digest)
            writer.field("installOrder", layer.installOrder)
            writer.field("layer", layer.layer)
            writer.key("manifests")
            writer.array(layer.manifests) { writer, manifest in
                writer.object { writer in
                    writer.field("content", texts[manifest.part.digest] ?? "")
                    writer.field("isAttached", manifest.isAttached)
                    writer.field("name", manifest.name)
                }
            }
            writer.field("name", layer.name)
            writer.field("packUid", layer.packUID)
            writer.field("registryUid", layer.registryUID)
            writer.field("tag", layer.tag)
            writer.field("type", layer.kind)
            writer.field("values", texts[layer.values.digest] ?? "")
            writer.field("version", layer.version)
        }
    }
}

/// How two revisions differ; texts as unified diffs, secrets masked.
struct RevisionDiffOutput: WireOutput {
    let from: Int64
    let to: Int64
    let layers: [Layer]

    /// One layer that differs.
    struct Layer: Sendable {
        let change: LayerChange
        let values: String
        let manifests: [(name: String, change: String, diff: String)]
    }

    static var examples: [RevisionDiffOutput] {
        let diff = "@@ -1,1 +1,1 @@\n-replicas: 1\n+replicas: 2\n"
        func layer(_ old: LayerRevision?, _ new: LayerRevision?) -> Layer {
            Layer(
                change: LayerChange(old: old, new: new),
                values: diff,
                manifests: [("rules", "changed", diff)]
            )
        }
        return [
            RevisionDiffOutput(
                from: 3,
                to: 5,
                layers: [
                    layer(.example("4.2.1"), .example("4.2.3")), layer(nil, .example("1.0.0")),
                    layer(.example("1.0.0"), nil),
                ]
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("from", from)
            writer.key("layers")
            writer.array(layers) { writer, layer in
                writer.object { writer in
                    layer.change.writeHead(to: &writer)
                    writer.key("manifests")
                    writer.array(layer.manifests) { writer, manifest in
                        writer.object { writer in
                            writer.field("change", manifest.change)
                            writer.field("diff", manifest.diff)
                            writer.field("name", manifest.name)
                        }
                    }
                    writer.field("values", layer.values)
                }
            }
            writer.field("to", to)
        }
    }
}

/// The number of a revision that was made.
struct RollBackOutput: WireOutput {
    let number: Int64

    static var examples: [RollBackOutput] { [RollBackOutput(number: 6)] }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in writer.field("number", number) }
    }
}

/// Which revision brought each line of a text, or one value in it.
struct BlameOutput: WireOutput {
    let layer: String
    /// Empty for the layer's values.
    let manifest: String
    let items: [Blame.Line]

    static var examples: [BlameOutput] {
        [
            BlameOutput(
                layer: "log-shipper",
                manifest: "",
                items: [Blame.Line(number: 1, text: "replicas: 2", revision: .example)]
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("items")
            writer.array(items) { writer, item in
                writer.object { writer in
                    writer.field("line", item.number)
                    writer.key("revision")
                    writer.object { writer in item.revision.writeMembers(to: &writer) }
                    writer.field("text", item.text)
                }
            }
            writer.field("layer", layer)
            writer.field("manifest", manifest)
        }
    }
}
