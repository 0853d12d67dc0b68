import APIKit
import HTTPCore
import Storage

extension Packs {
    var registryEndpoints: [Endpoint] {
        [metadata, registries, registrySummary, registry, syncStatus, helmRegistry]
    }

    private static let scopeQuery = QueryParameter(
        "scope",
        .string(),
        "`system`, `tenant` or `all`; empty means all."
    )

    private var metadata: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/metadata",
            id: "v1RegistriesMetadata",
            tag: "registries-pack",
            summary: "Lists the registries of every kind that the tenant may use.",
            access: .user(.registryList),
            failures: [.invalidRequest],
            query: [Self.scopeQuery],
            output: RegistriesMetadataWire.self
        ) { _, context in
            let scope = try Self.scope(context)
            return try database.read { tx in
                RegistriesMetadataWire(
                    registries: try RegistryStore.visible(context.tenantUID, tx).filter(scope)
                )
            }
        }
    }

    private var registries: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/pack",
            id: "v1RegistriesPackList",
            tag: "registries-pack",
            summary: "Lists the pack registries that the tenant may use.",
            access: .user(.registryList),
            failures: [.invalidRequest, .unprocessable],
            query: [Self.scopeQuery] + QueryParameter.paging + Self.listQuery,
            output: PackRegistriesWire.self
        ) { _, context in
            let (items, meta) = try Self.page(of: database, context)
            return PackRegistriesWire(
                page: PageWire(items: items.map { RegistryWire(registry: $0) }, meta: meta)
            )
        }
    }

    private var registrySummary: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/pack/summary",
            id: "v1RegistriesPackSummaryList",
            tag: "registries-pack",
            summary: "Lists the pack registries that the tenant may use, in short.",
            access: .user(.registryList),
            failures: [.invalidRequest, .unprocessable],
            query: [Self.scopeQuery] + QueryParameter.paging + Self.listQuery,
            output: PackRegistriesSummaryWire.self
        ) { _, context in
            let (items, meta) = try Self.page(of: database, context)
            return PackRegistriesSummaryWire(
                page: PageWire(items: items.map { RegistrySummaryWire(registry: $0) }, meta: meta)
            )
        }
    }

    private var registry: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/pack/{uid}",
            id: "v1RegistriesPackUidGet",
            tag: "registries-pack",
            summary: "Shows one pack registry.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: RegistryWire.self
        ) { _, context in
            RegistryWire(registry: try Self.packRegistry(of: database, context))
        }
    }

    private var syncStatus: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/pack/{uid}/sync/status",
            id: "v1RegistriesPackUidSyncStatus",
            tag: "registries-pack",
            summary: "Shows when a pack registry was last brought up to date.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: SyncStatusWire.self
        ) { _, context in
            SyncStatusWire(registry: try Self.packRegistry(of: database, context))
        }
    }

    /// Answers for registries of every kind: a real client asks here whatever kind it was given
    /// (CONVENTIONS §11).
    private var helmRegistry: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/helm/{uid}",
            id: "v1RegistriesHelmUidGet",
            tag: "registries-helm",
            summary: "Shows one registry in the shape of a Helm registry, whatever its kind.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: HelmRegistryWire.self
        ) { _, context in
            HelmRegistryWire(registry: try Self.found(of: database, context))
        }
    }

    private static func found(
        of database: Database,
        _ context: RequestContext
    ) throws -> Registry {
        let uid = try context.parameter("uid")
        return try database.read { tx in
            guard
                let registry = try RegistryStore.find(
                    uid: uid,
                    tenantUID: context.tenantUID,
                    tx
                )
            else { throw Failure.notFound("Registry", uid) }
            return registry
        }
    }

    /// The pack registry that the path names.
    ///
    /// - Throws: `.resourceNotFound`, also for a registry of another kind or tenant.
    static func packRegistry(
        of database: Database,
        _ context: RequestContext
    ) throws -> Registry {
        let registry = try found(of: database, context)
        guard registry.kind == .pack else { throw Failure.notFound("Registry", registry.uid) }
        return registry
    }

    private static func page(
        of database: Database,
        _ context: RequestContext
    ) throws -> ([Registry], ListMeta) {
        let scope = try scope(context)
        let page = try context.page()
        let filter = try RegistryFilter(context.query("filters") ?? "")
        let order = try RegistryOrder(context.query("orderBy") ?? "")
        return try database.read { tx in
            let visible = try RegistryStore.visible(context.tenantUID, tx)
                .filter { $0.kind == .pack && scope($0) && filter.matches($0) }
            let found = order.sorted(visible)
            let shown = page.slice(of: found, key: \.uid)
            let meta = context.listMeta(
                page,
                shown: shown.count,
                total: found.count,
                last: shown.last?.uid
            )
            return (Array(shown), meta)
        }
    }

    /// - Throws: `.invalidRequest` for a scope that does not exist.
    private static func scope(
        _ context: RequestContext
    ) throws -> @Sendable (Registry) -> Bool {
        switch context.query("scope") ?? "" {
        case "", "all": return { _ in true }
        case "system": return { $0.tenantUID == nil }
        case "tenant": return { $0.tenantUID != nil }
        default:
            throw Failure.fault(
                "query/scope",
                "NotAllowed",
                "'scope' must be system, tenant or all.",
                as: .invalidRequest
            )
        }
    }
}

/// The `orderBy` of registry lists: `metadata.name=1` or `metadata.uid=-1`, or both.
struct RegistryOrder {
    private let keys: [(value: (Registry) -> String, isAscending: Bool)]

    /// - Throws: `.unprocessable` for any other key.
    init(_ text: String) throws {
        keys = try text.split(separator: ",").map { part in
            let pieces = part.split(separator: "=", maxSplits: 1).map(String.init)
            let direction = pieces.count == 2 ? pieces[1] : "1"
            guard let name = pieces.first, let value = Self.values[name],
                ["1", "-1"].contains(direction)
            else {
                throw Failure.fault(
                    "query/orderBy",
                    "InvalidSort",
                    "Registries are sorted by metadata.name=1, metadata.uid=1, or -1 for descending.",
                    as: .unprocessable
                )
            }
            return (value, direction == "1")
        }
    }

    private static var values: [String: (Registry) -> String] {
        ["metadata.name": { $0.name }, "metadata.uid": { $0.uid }]
    }

    /// The registries in this order; without keys as they come.
    func sorted(_ registries: [Registry]) -> [Registry] {
        guard !keys.isEmpty else { return registries }
        return registries.sorted { one, other in
            for key in keys where key.value(one) != key.value(other) {
                return (key.value(one) < key.value(other)) == key.isAscending
            }
            return one.uid < other.uid
        }
    }
}

/// The `filters` of registry lists: `metadata.name=…` or `metadata.uid=…`.
struct RegistryFilter {
    private let name: String?
    private let uid: String?

    /// - Throws: `.unprocessable` for any other term.
    init(_ text: String) throws {
        name = Self.value(of: "metadata.name=", in: text)
        uid = Self.value(of: "metadata.uid=", in: text)
        guard text.isEmpty || name != nil || uid != nil else {
            throw Failure.fault(
                "query/filters",
                "InvalidFilter",
                "Registries are filtered by metadata.name=… or metadata.uid=….",
                as: .unprocessable
            )
        }
    }

    func matches(_ registry: Registry) -> Bool {
        (name ?? registry.name) == registry.name && (uid ?? registry.uid) == registry.uid
    }

    private static func value(of prefix: String, in text: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }
}
