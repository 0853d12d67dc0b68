import APIKit
import HTTPCore
import Storage

extension Packs {
    var packEndpoints: [Endpoint] {
        [list, search, versions, get, readme, logo]
    }

    /// The parameters that only GET lists take.
    static let listQuery: [QueryParameter] = [
        QueryParameter("fields", .string(), "Accepted and ignored: items are always whole."),
        QueryParameter(
            "filters",
            .string(),
            "Terms `field=value` or `field_in_a,b`, joined by `AND` without blanks."
        ),
        QueryParameter(
            "orderBy",
            .string(),
            "Sort keys such as `metadata.name=1,spec.version=-1`."
        ),
    ]

    private var list: Endpoint {
        Endpoint(
            .get,
            "/v1/packs",
            id: "v1PacksSummaryList",
            tag: "packs",
            summary: "Lists the pack versions of all registries that the tenant may use.",
            access: .user(.registryList),
            failures: [.invalidRequest, .unprocessable],
            query: QueryParameter.paging + Self.listQuery,
            output: PackSummariesWire.self
        ) { _, context in
            let page = try context.page()
            let filter = try PackListFilter(context.query("filters") ?? "")
            let order = try PackListOrder(context.query("orderBy") ?? "")
            return try database.read { tx in
                let found = try PackStore.summaries(tenantUID: context.tenantUID, tx)
                    .filter(filter.matches).sorted(by: order.precedes)
                let shown = page.slice(of: found, key: \.uid)
                let items = try shown.compactMap { summary in
                    try PackStore.version(uid: summary.uid, tx)
                        .map { PackSummaryWire(filled: try filled($0, withReadme: false, tx)) }
                }
                return PackSummariesWire(
                    page: PageWire(
                        items: items,
                        meta: context.listMeta(
                            page,
                            shown: shown.count,
                            total: found.count,
                            last: shown.last?.uid
                        )
                    )
                )
            }
        }
    }

    private var search: Endpoint {
        Endpoint(
            .post,
            "/v1/packs/search",
            id: "v1PacksSearch",
            tag: "packs",
            summary: "Finds packs by typed filters; the versions of one pack are one item.",
            access: .user(.registryList),
            failures: [.invalidBody, .invalidRequest, .unprocessable],
            query: QueryParameter.paging,
            input: PackSearch.self,
            output: PackMetadataListWire.self
        ) { search, context in
            try search.check()
            let page = try context.page()
            return try database.read { tx in
                let registries = try RegistryStore.visible(context.tenantUID, tx)
                let matching = try PackStore.summaries(tenantUID: context.tenantUID, tx)
                    .filter(search.matches)
                let found = PackMetadataWire.grouped(matching, in: registries)
                    .sorted { search.precedes($0.newest, $1.newest) }
                let shown = page.slice(of: found, key: \.newest.name)
                return PackMetadataListWire(
                    page: PageWire(
                        items: Array(shown),
                        meta: context.listMeta(
                            page,
                            shown: shown.count,
                            total: found.count,
                            last: shown.last?.newest.name
                        )
                    )
                )
            }
        }
    }

    private var versions: Endpoint {
        Endpoint(
            .get,
            "/v1/packs/{packName}/registries/{registryUid}",
            id: "v1PacksNameRegistryUidList",
            tag: "packs",
            summary: "Shows all versions of one pack in one registry, with their values.",
            access: .user(.registryGet),
            failures: [.resourceNotFound, .unprocessable],
            query: [
                QueryParameter(
                    "cloudType",
                    .string(),
                    "Only versions for this environment, or for all."
                ),
                QueryParameter("layer", .string(), "Only versions of this layer."),
                QueryParameter(
                    "states",
                    .string(),
                    "Only versions in these states, separated by commas."
                ),
            ],
            output: PackTagEntityWire.self
        ) { _, context in
            let name = try context.parameter("packName")
            let registryUID = try context.parameter("registryUid")
            let filter = try VersionFilter(context)
            try await fetchNewest(name, registryUID, context)
            return try database.read { tx in
                guard
                    try RegistryStore.find(
                        uid: registryUID,
                        tenantUID: context.tenantUID,
                        tx
                    ) != nil
                else { throw Failure.notFound("Registry", registryUID) }
                let packs = try PackStore.versions(registryUID: registryUID, name: name, tx)
                    .filter(filter.matches)
                guard !packs.isEmpty else { throw Failure.notFound("Pack", name) }
                return PackTagEntityWire(
                    packs: try packs.map { try filled($0, withReadme: true, tx) }
                )
            }
        }
    }

    private var get: Endpoint {
        Endpoint(
            .get,
            "/v1/packs/{uid}",
            id: "v1PacksUid",
            tag: "packs",
            summary: "Shows one pack version with its values, presets and schema.",
            access: .user(.registryGet),
            failures: [.resourceNotFound, .ruleViolated, .unavailable],
            output: PackTagEntityWire.self
        ) { _, context in
            let uid = try context.parameter("uid")
            // A chart that is listed shows its values, which come with its bytes.
            let listed = try database.read { tx in try pack(uid, context, tx) }
            _ = try await content.fetched(listed)
            return try database.read { tx in
                let pack = try pack(uid, context, tx)
                return PackTagEntityWire(
                    packs: [try filled(pack, withReadme: true, tx)],
                    entityTag: pack.entityTag
                )
            }
        }.answeringWithEntityTag()
    }

    private var readme: Endpoint {
        Endpoint(
            .get,
            "/v1/packs/{uid}/readme",
            id: "v1PacksUidReadme",
            tag: "packs",
            summary: "Gives the text that describes a pack version; empty when it has none.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: PackReadmeWire.self
        ) { _, context in
            try database.read { tx in
                let pack = try pack(try context.parameter("uid"), context, tx)
                let text = try pack.readmeDigest.flatMap { try BlobStore.text($0, tx) }
                return PackReadmeWire(readme: text ?? "")
            }
        }
    }

    private var logo: Endpoint {
        Endpoint(
            .get,
            "/v1/packs/{packUid}/logo",
            id: "v1PacksPackUidLogo",
            tag: "packs",
            summary: "Gives the icon of a pack version.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            outputSchema: .binary,
            outputContentType: .other(LogoType.png.rawValue)
        ) { context in
            try database.read { tx in
                let pack = try pack(try context.parameter("packUid"), context, tx)
                guard let digest = pack.logoDigest, let bytes = try BlobStore.get(digest, tx),
                    let type = LogoType(bytes)
                else { throw Failure.notFound("Logo of pack", pack.uid) }
                return context.answer(
                    .other(type.rawValue),
                    entityTag: digest,
                    fields: [("Cache-Control", "private, max-age=86400")]
                ) { bytes }
            }
        }.answeringWithEntityTag()
    }

    /// Fetches the newest version of a chart, whose values a client takes for its first layer;
    /// those of the others come when they are asked for.
    ///
    /// What cannot be fetched is shown without values: the list is what was asked for.
    private func fetchNewest(
        _ name: String,
        _ registryUID: String,
        _ context: RequestContext
    ) async throws {
        let newest = try database.read { tx -> PackVersion? in
            let registry = try RegistryStore.find(
                uid: registryUID,
                tenantUID: context.tenantUID,
                tx
            )
            guard registry != nil else { return nil }
            return try PackStore.versions(registryUID: registryUID, name: name, tx).first
        }
        if let newest { _ = try? await content.fetched(newest) }
    }

    /// - Throws: `.resourceNotFound`, also for a pack of another tenant's registry.
    private func pack(
        _ uid: String,
        _ context: RequestContext,
        _ tx: borrowing Transaction
    ) throws -> PackVersion {
        guard let pack = try PackStore.version(uid: uid, tenantUID: context.tenantUID, tx),
            pack.state != .deleted
        else { throw Failure.notFound("Pack", uid) }
        return pack
    }

    private func filled(
        _ pack: PackVersion,
        withReadme: Bool,
        _ tx: borrowing Transaction
    ) throws -> FilledPack {
        let readme = withReadme ? try pack.readmeDigest.flatMap { try BlobStore.text($0, tx) } : nil
        return FilledPack(
            pack: pack,
            values: try BlobStore.text(pack.valuesDigest, tx) ?? "",
            readme: readme
        )
    }
}

/// The query of the list of one pack's versions.
private struct VersionFilter {
    let cloudType: String
    let layer: String
    let states: Set<String>

    init(_ context: RequestContext) throws {
        cloudType = context.query("cloudType") ?? ""
        layer = context.query("layer") ?? ""
        states = Set((context.query("states") ?? "").split(separator: ",").map(String.init))
    }

    func matches(_ pack: PackVersion) -> Bool {
        let fitsCloud =
            cloudType.isEmpty || pack.cloudTypes.contains(cloudType)
            || pack.cloudTypes.contains("all")
        let fitsState =
            states.isEmpty
            ? pack.state != .deleted : states.contains(pack.state.rawValue)
        return fitsCloud && fitsState && (layer.isEmpty || layer == pack.layer.rawValue)
    }
}

extension PackMetadataWire {
    /// One item for each pack name, with the newest version of each registry that has it: the
    /// newest release, or the newest pre-release where there is no release.
    static func grouped(
        _ packs: [PackSummary],
        in registries: [Registry]
    ) -> [PackMetadataWire] {
        Dictionary(grouping: packs, by: \.name).values.compactMap { versions in
            let sources = registries.compactMap { registry in
                versions.filter { $0.registryUID == registry.uid }.max(by: isOlder)
                    .map { Source(registry: registry, latest: $0) }
            }
            guard let newest = sources.map(\.latest).max(by: isOlder) else { return nil }
            return PackMetadataWire(newest: newest, sources: sources)
        }
    }

    private static func isOlder(_ one: PackSummary, _ other: PackSummary) -> Bool {
        let left = SemanticVersion(one.version)?.isPreRelease ?? true
        let right = SemanticVersion(other.version)?.isPreRelease ?? true
        if left != right { return left }
        return PackStore.newer(other.version, than: one.version)
    }
}

extension PageRequest {
    /// The page's part of a whole sorted list.
    ///
    /// A continued page begins behind the item that the page before ended with, so that nothing is
    /// skipped or shown twice when the list has changed; where that item is gone, at the offset.
    func slice<Item>(of items: [Item], key: (Item) -> String) -> ArraySlice<Item> {
        var start = min(offset, items.count)
        if let after, let at = items.firstIndex(where: { key($0) == after }) { start = at + 1 }
        let rest = items[start...]
        return limit.map { rest.prefix($0) } ?? rest
    }
}
