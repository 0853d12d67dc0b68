import APIKit
import JSON
import Primitives

// The Palette shapes of registries. No member that could hold a credential is ever written.

/// v1RegistrySyncStatus.
///
/// The embedded registry is filled by imports, so there is nothing to synchronise with and its
/// content is always up to date. Of a private Helm repository nothing is taken over.
struct SyncStatusWire: WireOutput {
    let registry: Registry

    func write(to writer: inout JSONWriter) {
        let sync = registry.sync
        writer.object { writer in
            writer.field("isSyncSupported", registry.isSynchronised)
            writer.field("lastRunTime", runAt)
            writer.field("lastSyncedTime", sync.map { $0.syncedAt ?? .never } ?? runAt)
            writer.field("message", sync?.message ?? "")
            writer.field("status", (sync?.status ?? .success).rawValue)
        }
    }

    private var runAt: Timestamp {
        guard let sync = registry.sync else { return registry.modifiedAt }
        return sync.finishedAt ?? sync.startedAt ?? .never
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
                            writer.field("isPrivate", registry.spec.isPrivate)
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

    var entityTag: String? { String(registry.version) }
    var showsMoreThanVersion: Bool { true }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("apiVersion", "v1")
            writer.field("kind", shape == .pack ? "packregistry" : "helmregistry")
            writer.field("metadata", registry.meta)
            writer.field(
                "spec",
                object: { writer in
                    writer.field("auth", RegistryAuthWire(spec: registry.spec))
                    writer.field("endpoint", registry.endpoint)
                    switch shape {
                    case .pack: writer.field("private", registry.spec.isPrivate)
                    case .helm: writer.field("isPrivate", registry.spec.isPrivate)
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

    static var examples: [RegistryWire] { Registry.examples.map { RegistryWire(registry: $0) } }
}

/// v1HelmRegistry, with its own examples.
struct HelmRegistryWire: WireOutput {
    let registry: Registry

    var entityTag: String? { RegistryWire(registry: registry).entityTag }
    var showsMoreThanVersion: Bool { true }

    func write(to writer: inout JSONWriter) {
        RegistryWire(registry: registry, shape: .helm).write(to: &writer)
    }

    static var examples: [HelmRegistryWire] {
        Registry.examples.map { HelmRegistryWire(registry: $0) }
    }
}

/// v1PackRegistries.
struct PackRegistriesWire: WireOutput {
    let page: PageWire<RegistryWire>

    func write(to writer: inout JSONWriter) { page.write(to: &writer) }

    static var examples: [PackRegistriesWire] {
        [PackRegistriesWire(page: PageWire(items: RegistryWire.examples, meta: .example))]
    }
}

/// v1HelmRegistries.
struct HelmRegistriesWire: WireOutput {
    let page: PageWire<HelmRegistryWire>

    func write(to writer: inout JSONWriter) { page.write(to: &writer) }

    static var examples: [HelmRegistriesWire] {
        [HelmRegistriesWire(page: PageWire(items: HelmRegistryWire.examples, meta: .example))]
    }
}

/// v1PackRegistrySummary and v1HelmRegistrySummary.
struct RegistrySummaryWire: JSONWritable, Sendable {
    let registry: Registry
    var shape = RegistryWire.Shape.pack

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("metadata", registry.meta)
            writer.field(
                "spec",
                object: { writer in
                    writer.field("endpoint", registry.endpoint)
                    switch shape {
                    case .pack: writer.field("private", registry.spec.isPrivate)
                    case .helm: writer.field("isPrivate", registry.spec.isPrivate)
                    }
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
        let items = Registry.examples.map { RegistrySummaryWire(registry: $0) }
        return [PackRegistriesSummaryWire(page: PageWire(items: items, meta: .example))]
    }
}

/// v1HelmRegistriesSummary.
struct HelmRegistriesSummaryWire: WireOutput {
    let page: PageWire<RegistrySummaryWire>

    func write(to writer: inout JSONWriter) { page.write(to: &writer) }

    static var examples: [HelmRegistriesSummaryWire] {
        let items = Registry.examples.map { RegistrySummaryWire(registry: $0, shape: .helm) }
        return [HelmRegistriesSummaryWire(page: PageWire(items: items, meta: .example))]
    }
}

/// v1RegistryAuth as it is shown: never with a password or a token.
struct RegistryAuthWire: JSONWritable, Sendable {
    let spec: RegistrySpec

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            if spec.hasTLS {
                writer.field(
                    "tls",
                    object: { writer in
                        writer.field("ca", spec.ca)
                        writer.field("certificate", spec.certificate)
                        writer.field("enabled", spec.isTLSEnabled)
                        writer.field("insecureSkipVerify", spec.skipsVerification)
                    }
                )
            }
            writer.field("type", spec.auth.rawValue)
            if !spec.username.isEmpty { writer.field("username", spec.username) }
        }
    }
}

extension RegistrySpec {
    /// Whether anything is said about TLS.
    fileprivate var hasTLS: Bool {
        !ca.isEmpty || !certificate.isEmpty || isTLSEnabled || skipsVerification
    }
}

extension Registry {
    var meta: ObjectMetaWire {
        ObjectMetaWire(
            uid: uid,
            name: name,
            labels: spec.labels,
            annotations: spec.annotations,
            createdAt: createdAt,
            modifiedAt: modifiedAt
        )
    }
}
