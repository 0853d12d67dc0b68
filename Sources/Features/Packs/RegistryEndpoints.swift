import APIKit
import HTTPCore
import Storage

extension Packs {
    var registryEndpoints: [Endpoint] {
        [
            metadata, registries, registrySummary, validatePack, createPack, registry, updatePack,
            deletePack, syncPack, syncStatus,
        ]
    }

    static let scopeQuery = QueryParameter(
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
            let (items, meta) = try Self.page(of: .pack, database, context)
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
            let (items, meta) = try Self.page(of: .pack, database, context)
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
            RegistryWire(registry: try Self.registry(.pack, of: database, context))
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
            SyncStatusWire(registry: try Self.registry(.pack, of: database, context))
        }
    }

    private var validatePack: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/pack/validate",
            id: "V1RegistriesPackValidate",
            tag: "registries-pack",
            summary: "Sees whether a pack registry can be read; stores nothing.",
            access: .user(.registryCreate),
            failures: [.ruleViolated, .unavailable],
            input: PackRegistryInput.Spec.self
        ) { input, _ in
            try await content.check(.pack, input.common.spec, input.common.secret)
        }
    }

    private var createPack: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/pack",
            id: "v1RegistriesPackCreate",
            tag: "registries-pack",
            summary: "Adds a pack registry once its index could be read, and begins to take it "
                + "over.",
            access: .user(.registryCreate),
            success: 201,
            failures: [.ruleViolated, .duplicateName, .limitExceeded, .unavailable],
            query: [
                Self.scopeQuery,
                QueryParameter("skipPackSync", .boolean, "Leaves the first run to the schedule."),
            ],
            input: PackRegistryInput.self,
            output: UIDAnswer.self
        ) { input, context in
            try await create(
                .pack,
                input.registry,
                skipsSync: context.flag("skipPackSync"),
                context
            )
        }.takingIdempotencyKey()
    }

    private var updatePack: Endpoint {
        Endpoint(
            .put,
            "/v1/registries/pack/{uid}",
            id: "v1RegistriesPackUidUpdate",
            tag: "registries-pack",
            summary: "Replaces the name of a pack registry and how it is reached; credentials "
                + "that the body leaves out stay.",
            access: .user(.registryUpdate),
            failures: [
                .ruleViolated, .resourceNotFound, .duplicateName, .conflict, .preconditionFailed,
                .unavailable,
            ],
            input: PackRegistryInput.self
        ) { input, context in
            try await update(.pack, input.registry, context)
        }
    }

    private var deletePack: Endpoint {
        Endpoint(
            .delete,
            "/v1/registries/pack/{uid}",
            id: "v1RegistriesPackUidDelete",
            tag: "registries-pack",
            summary: "Deletes a pack registry that no layer comes from.",
            access: .user(.registryDelete),
            failures: [.resourceNotFound, .inUse, .preconditionFailed]
        ) { _, context in
            try await delete(.pack, context)
        }
    }

    private var syncPack: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/pack/{uid}/sync",
            id: "v1RegistriesPackUidSync",
            tag: "registries-pack",
            summary: "Begins to bring a pack registry up to date; one run goes on at a time.",
            access: .user(.registryUpdate),
            success: 202,
            failures: [.resourceNotFound, .ruleViolated, .conflict],
            query: [Self.forceQuery]
        ) { _, context in
            try await beginSync(.pack, context)
        }.takingIdempotencyKey()
    }

    /// The registry of any kind that the path names.
    ///
    /// - Throws: `.resourceNotFound`, also for one of another tenant.
    static func found(
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

    /// The page of the registries of one kind that the query asks for.
    static func page(
        of kind: Registry.Kind,
        _ database: Database,
        _ context: RequestContext
    ) throws -> ([Registry], ListMeta) {
        let scope = try scope(context)
        let page = try context.page()
        let filter = try RegistryFilter(context.query("filters") ?? "")
        let order = try RegistryOrder(context.query("orderBy") ?? "")
        return try database.read { tx in
            let visible = try RegistryStore.visible(context.tenantUID, tx)
                .filter { $0.kind == kind && scope($0) && filter.matches($0) }
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
