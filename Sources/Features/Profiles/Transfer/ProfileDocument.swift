import APIKit
import JSON
import Packs
import Storage

/// A profile as it is carried from one server to another: `v1ClusterProfileImportEntity`.
struct ProfileDocument: WireOutput {
    var name: String
    var description: String
    var labels: [String: String]
    var version: String
    var type: ProfileType
    var cloudType: String
    var layers: [CarriedLayer]
    var variables: [ProfileVariable]

    /// One layer of it: uids of this server say nothing elsewhere, names and versions do.
    struct CarriedLayer: JSONWritable, Sendable {
        let name: String
        let kind: LayerKind
        let layer: String
        let tag: String
        /// What the tag stands for here; empty when nothing does.
        let version: String
        /// `nil`: the pack's own.
        let values: String?
        let manifests: [(name: String, content: String)]
        let registry: Registry?
        /// The registries that hold the pack, where somebody has to choose one.
        var matching: [Registry]?

        func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("layer", layer)
                writer.key("manifests")
                writer.array(manifests) { writer, manifest in
                    writer.object { writer in
                        writer.field("content", manifest.content)
                        writer.field("name", manifest.name)
                    }
                }
                writer.field("name", name)
                if registry != nil || matching != nil {
                    writer.key("registry")
                    writer.object { writer in
                        if let matching {
                            writer.key("matchingRegistries")
                            writer.array(matching) { writer, one in one.writeCarried(to: &writer) }
                        }
                        if let registry {
                            writer.key("metadata")
                            registry.writeCarried(to: &writer)
                        }
                    }
                }
                writer.field("tag", tag)
                writer.field("type", kind.rawValue)
                if let values { writer.field("values", values) }
                writer.field("version", version)
            }
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("metadata")
            writer.object { writer in
                writer.field("description", description)
                writer.field("labels", labels)
                writer.field("name", name)
            }
            writer.key("spec")
            writer.object { writer in
                writer.key("template")
                writer.object { writer in
                    writer.field("cloudType", cloudType)
                    writer.field("packs", layers)
                    writer.field("type", type.rawValue)
                }
                writer.field("variables", variables)
                writer.field("version", version)
            }
        }
    }

    static var examples: [ProfileDocument] {
        let registry = Registry.example
        func layer(_ matching: [Registry]?, _ registry: Registry?) -> CarriedLayer {
            CarriedLayer(
                name: "log-shipper",
                kind: .spectro,
                layer: "addon",
                tag: "4.x",
                version: "4.2.3",
                values: registry.map { _ in "pack:\n  namespace: logs\n" },
                manifests: [("rules", "kind: List\n")],
                registry: registry,
                matching: matching
            )
        }
        return [
            ProfileDocument(
                name: "hospital-site",
                description: "Sites of hospitals",
                labels: ["site-type": "hospital"],
                version: "1.0.0",
                type: .system,
                cloudType: "all",
                layers: [layer([registry], registry), layer([], nil), layer(nil, nil)],
                variables: [.example]
            )
        ]
    }
}

extension ProfileDocument {
    /// The draft of a profile with its secrets masked.
    init(exporting profile: Profile, _ tx: borrowing Transaction) throws {
        name = profile.name
        description = profile.annotations["description"] ?? ""
        labels = profile.labels
        version = profile.profileVersion
        type = profile.type
        cloudType = profile.cloudType
        variables = profile.variableList.map(\.shown)
        layers = try profile.layers.map { layer in
            let shown = try LayerOutput(layer, tenantUID: profile.tenantUID, tx)
            let paths = shown.pack?.passwordPaths ?? []
            return CarriedLayer(
                name: layer.name,
                kind: layer.kind,
                layer: layer.layer,
                tag: layer.tag.isEmpty ? shown.version : layer.tag,
                version: shown.version,
                values: layer.values.map { MaskedSecrets.masked($0, paths) },
                manifests: layer.manifests.map {
                    ($0.name, MaskedSecrets.masked(manifest: $0.content))
                },
                registry: layer.kind == .manifest
                    ? nil
                    : try RegistryStore.find(
                        uid: shown.registryUID,
                        tenantUID: profile.tenantUID,
                        tx
                    ),
                matching: nil
            )
        }
    }
}

extension Registry {
    /// `v1PackRegistryMetadata`.
    fileprivate func writeCarried(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("isPrivate", spec.isPrivate)
            writer.field("isSyncSupported", kind != .pack)
            writer.field("kind", kind.rawValue)
            writer.field("name", name)
            writer.field("uid", uid)
        }
    }
}
