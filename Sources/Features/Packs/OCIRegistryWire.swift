import APIKit
import JSON
import Primitives

// The Palette shapes of OCI registries; as of the others, no credential is ever written.

/// v1BasicOciRegistry.
struct OCIRegistryWire: WireOutput {
    let registry: Registry

    var entityTag: String? { String(registry.version) }
    var showsMoreThanVersion: Bool { true }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("kind", "ociregistry")
            writer.field("metadata", registry.meta)
            writer.field(
                "spec",
                object: { writer in
                    let spec = registry.spec
                    writer.field("auth", RegistryAuthWire(spec: spec))
                    writer.field("baseContentPath", spec.baseContentPath)
                    writer.field("basePath", spec.basePath)
                    writer.field("containsSpectroManifest", false)
                    writer.field("endpoint", registry.endpoint)
                    writer.field("isSyncSupported", registry.isSynchronised)
                    writer.field("providerType", spec.provider)
                    writer.field("registryUid", registry.uid)
                    writer.field("scope", registry.scope)
                }
            )
            writer.field(
                "status",
                object: { writer in
                    writer.field("syncStatus", SyncStatusWire(registry: registry))
                }
            )
        }
    }

    static var examples: [OCIRegistryWire] {
        [OCIRegistryWire(registry: .exampleOCI), OCIRegistryWire(registry: .exampleOpenOCI)]
    }
}

/// v1OciRegistries, a bare list.
struct OCIRegistriesWire: WireOutput {
    let registries: [Registry]

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field(
                "items",
                array: { writer in
                    for registry in registries { Self.write(registry, to: &writer) }
                }
            )
        }
    }

    /// v1OciRegistry.
    private static func write(_ registry: Registry, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("metadata", registry.meta)
            writer.field(
                "spec",
                object: { writer in
                    writer.field("containsSpectroManifest", false)
                    writer.field("endpoint", registry.endpoint)
                    writer.field("isPrivate", registry.spec.auth != .none)
                    writer.field("providerType", registry.spec.provider)
                    writer.field("registryType", "basic")
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

    static var examples: [OCIRegistriesWire] { [OCIRegistriesWire(registries: [.exampleOCI])] }
}

extension Registry {
    /// An OCI registry that asks for no credentials.
    fileprivate static var exampleOpenOCI: Registry {
        var registry = exampleOCI
        registry.spec.auth = .none
        registry.spec.username = ""
        return registry
    }

    /// An OCI registry of a tenant.
    fileprivate static var exampleOCI: Registry {
        var spec = RegistrySpec()
        spec.endpoint = "https://registry.example"
        spec.auth = .basic
        spec.username = "reader"
        spec.provider = "pack"
        spec.baseContentPath = "edge/packs"
        var sync = SyncState(nextAt: example.modifiedAt)
        sync.status = .success
        sync.message = "3 pack versions are new, 0 unchanged."
        sync.finishedAt = example.modifiedAt
        return Registry(
            uid: "65f1c0a4d2b7e81f3c9a4b63",
            tenantUID: "65f1c0a4d2b7e81f3c9a4b62",
            name: "Harbor",
            kind: .oci,
            isDefault: false,
            spec: spec,
            version: 7,
            createdAt: example.createdAt,
            modifiedAt: example.modifiedAt,
            sync: sync
        )
    }
}
