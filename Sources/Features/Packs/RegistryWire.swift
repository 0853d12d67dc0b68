import APIKit
import JSON
import Primitives

// The Palette shapes of registries. No member that could hold a credential is ever written.

/// v1RegistrySyncStatus.
///
/// The embedded registry is filled by imports, so there is nothing to
/// synchronise with and its content is always up to date.
struct SyncStatusWire: WireOutput {
    let registry: Registry

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("isSyncSupported", false)
            writer.field("lastRunTime", registry.modifiedAt)
            writer.field("lastSyncedTime", registry.modifiedAt)
            writer.field("message", "")
            writer.field("status", "Success")
        }
    }

    static var examples: [SyncStatusWire] { [SyncStatusWire(registry: .example)] }
}

/// v1RegistriesMetadata.
struct RegistriesMetadataWire: WireOutput {
    let registries: [Registry]

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field(
                "items",
                array: { writer in
                    for registry in registries {
                        writer.object { writer in
                            writer.field("isDefault", registry.isDefault)
                            writer.field("isPrivate", false)
                            writer.field("kind", registry.kind.rawValue)
                            writer.field("name", registry.name)
                            writer.field("scope", registry.scope)
                            writer.field("uid", registry.uid)
                        }
                    }
                }
            )
        }
    }

    static var examples: [RegistriesMetadataWire] {
        [RegistriesMetadataWire(registries: [.example])]
    }
}

/// v1PackRegistry, and v1HelmRegistry where a client asks for a registry as a Helm one.
struct RegistryWire: WireOutput {
    /// Which of the two shapes; they differ in the names of two members.
    enum Shape: Sendable {
        case pack, helm
    }

    let registry: Registry
    var shape = Shape.pack

    var entityTag: String? { "\(registry.uid).\(registry.modifiedAt.milliseconds)" }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("apiVersion", "v1")
            writer.field("kind", shape == .pack ? "packregistry" : "helmregistry")
            writer.field("metadata", registry.meta)
            writer.field(
                "spec",
                object: { writer in
                    writer.field("auth", object: { $0.field("type", "noAuth") })
                    writer.field("endpoint", registry.endpoint)
                    switch shape {
                    case .pack: writer.field("private", false)
                    case .helm: writer.field("isPrivate", false)
                    }
                    writer.field("name", registry.name)
                    writer.field("registryUid", registry.uid)
                    writer.field("scope", registry.scope)
                }
            )
            writer.field(
                "status",
                object: { writer in
                    let status = SyncStatusWire(registry: registry)
                    switch shape {
                    case .pack: writer.field("packSyncStatus", status)
                    case .helm: writer.field("helmSyncStatus", status)
                    }
                }
            )
        }
    }

    static var examples: [RegistryWire] { [RegistryWire(registry: .example)] }
}

/// v1HelmRegistry, with its own examples.
struct HelmRegistryWire: WireOutput {
    let registry: Registry

    var entityTag: String? { RegistryWire(registry: registry).entityTag }

    func write(to writer: inout JSONWriter) {
        RegistryWire(registry: registry, shape: .helm).write(to: &writer)
    }

    static var examples: [HelmRegistryWire] { [HelmRegistryWire(registry: .example)] }
}

/// v1PackRegistries.
struct PackRegistriesWire: WireOutput {
    let page: PageWire<RegistryWire>

    func write(to writer: inout JSONWriter) { page.write(to: &writer) }

    static var examples: [PackRegistriesWire] {
        [PackRegistriesWire(page: PageWire(items: RegistryWire.examples, meta: .example))]
    }
}

/// v1PackRegistrySummary.
struct RegistrySummaryWire: JSONWritable, Sendable {
    let registry: Registry

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("metadata", registry.meta)
            writer.field(
                "spec",
                object: { writer in
                    writer.field("endpoint", registry.endpoint)
                    writer.field("private", false)
                    writer.field("scope", registry.scope)
                }
            )
            writer.field(
                "status",
                object: { writer in
                    writer.field("sync", SyncStatusWire(registry: registry))
                }
            )
        }
    }
}

/// v1PackRegistriesSummary.
struct PackRegistriesSummaryWire: WireOutput {
    let page: PageWire<RegistrySummaryWire>

    func write(to writer: inout JSONWriter) { page.write(to: &writer) }

    static var examples: [PackRegistriesSummaryWire] {
        [
            PackRegistriesSummaryWire(
                page: PageWire(
                    items: [RegistrySummaryWire(registry: .example)],
                    meta: .example
                )
            )
        ]
    }
}

extension Registry {
    fileprivate var meta: ObjectMetaWire {
        ObjectMetaWire(uid: uid, name: name, createdAt: createdAt, modifiedAt: modifiedAt)
    }
}
