import APIKit
import HTTPCore
import JSON
import Storage

private let tag = "Appliances"

// The lists and searches over appliances.
extension Appliances {
    var search: Endpoint {
        Endpoint(
            .post,
            "/v1/dashboard/edgehosts/search",
            id: "v1DashboardEdgehostsSearch",
            tag: tag,
            summary: "Searches appliances by a filter of conditions and groups.",
            access: .user(.applianceList),
            failures: [.invalidBody, .invalidRequest, .unprocessable],
            query: QueryParameter.paging,
            input: SearchInput.self,
            output: SearchAnswer.self
        ) { input, context in
            let query = try SearchCompiler.query(input, bodyFaults: context.bodyFaults)
            let found = try page(of: query, use: .summary, refusesMore: true, context)
            return SearchAnswer(items: found.items.map(SummaryItem.init), listMeta: found.listMeta)
        }
    }

    var list: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts",
            id: "v1EdgeHostDevicesList",
            tag: tag,
            summary: "Lists appliances whole, for clients of before the searches.",
            access: .user(.applianceList),
            failures: [.invalidRequest, .unprocessable],
            query: QueryParameter.paging + [
                QueryParameter("type", .string(), "Only appliances of this type."),
                QueryParameter(
                    "filters",
                    .string(),
                    "`field=value` and `field_in_a,b`, joined by `AND` without blanks."
                ),
                QueryParameter(
                    "orderBy",
                    .string(),
                    "`field=1` or `field=-1`, separated by commas."
                ),
            ],
            output: DeviceListAnswer.self
        ) { _, context in
            let query = try ListFilters.query(context)
            let found = try page(of: query, use: .full(resolvesValues: false), context)
            return DeviceListAnswer(
                items: found.items.map(DeviceAnswer.init),
                listMeta: found.listMeta
            )
        }
    }

    /// One page of what a query finds in the caller's scope.
    private func page(
        of query: ApplianceQuery,
        use: ProfileUse,
        refusesMore: Bool = false,
        _ context: RequestContext
    ) throws -> (items: [ApplianceDetail], listMeta: ListMeta) {
        let scope = ApplianceCall(context).scope
        let asked = try context.page(refusesMore: refusesMore)
        let page = PageRequest(
            limit: asked.limit ?? ApplianceLimits.listMax,
            offset: asked.offset,
            after: asked.after
        )
        let after = try page.after.map { text in
            guard let cursor = ApplianceCursor(text, query.sort) else {
                throw Failure.fault(
                    "query/continue",
                    "InvalidContinue",
                    "'continue' belongs to another order; begin again without it.",
                    as: .invalidRequest
                )
            }
            return cursor
        }
        return try database.read { tx in
            let found = try ApplianceSearchStore.list(
                query,
                in: scope,
                after: after,
                offset: page.offset,
                limit: page.limit ?? ApplianceLimits.listMax,
                tx
            )
            return (
                try details(found, use: use, tx),
                context.listMeta(
                    page,
                    shown: found.count,
                    total: try ApplianceSearchStore.count(query, in: scope, tx),
                    last: found.last.map { ApplianceCursor($0, query.sort).text }
                )
            )
        }
    }

    var searchMetadata: Endpoint {
        Endpoint(
            .post,
            "/v1/dashboard/appliances/metadata",
            id: "v1EdgeHostsMetadata",
            tag: tag,
            summary: "Finds appliances by name and state, for pickers; at most 10,000.",
            access: .user(.applianceList),
            failures: [.invalidBody, .unprocessable],
            input: MetadataFilterInput.self,
            output: MetadataListAnswer.self
        ) { input, context in
            let query = try input.query()
            let scope = ApplianceCall(context).scope
            return try database.read { tx in
                let found = try ApplianceSearchStore.list(
                    query,
                    in: scope,
                    after: nil,
                    offset: 0,
                    limit: ApplianceLimits.listMax,
                    tx
                )
                return MetadataListAnswer(
                    items: try details(found, use: .summary, tx).map(SummaryItem.init)
                )
            }
        }
    }

    var quickList: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/metadata",
            id: "v1EdgeHostsMetadataQuickFilterGet",
            tag: tag,
            summary: "Lists appliances briefly, for pickers; at most 10,000.",
            access: .user(.applianceList),
            failures: [.unprocessable],
            query: [
                QueryParameter("type", .string(), "Only appliances of this type."),
                QueryParameter(
                    "quickFilter",
                    .string(enumeration: ["unusedEdgeHosts"]),
                    "`unusedEdgeHosts`: only those that are paired and free."
                ),
            ],
            output: QuickListAnswer.self
        ) { _, context in
            let query = try ListFilters.quickQuery(context)
            let scope = ApplianceCall(context).scope
            return try database.read { tx in
                let found = try ApplianceSearchStore.list(
                    query,
                    in: scope,
                    after: nil,
                    offset: 0,
                    limit: ApplianceLimits.listMax,
                    tx
                )
                return QuickListAnswer(
                    items: try found.map {
                        QuickItem(appliance: $0, health: try ApplianceHealthStore.find($0.key, tx))
                    }
                )
            }
        }
    }

    var listTags: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/tags",
            id: "v1EdgeHostsTagsGet",
            tag: tag,
            summary: "Lists the tags in use, each once.",
            access: .user(.applianceList),
            output: TagsAnswer.self
        ) { _, context in
            let scope = ApplianceCall(context).scope
            return try database.read { tx in
                TagsAnswer(
                    tags: try ApplianceSearchStore.tagTexts(
                        in: scope,
                        limit: ApplianceLimits.listMax,
                        tx
                    )
                )
            }
        }
    }

    var searchSchema: Endpoint {
        Endpoint(
            .get,
            "/v1/dashboard/edgehosts/search/schema",
            id: "v1DashboardEdgehostsSearchSchemaGet",
            tag: tag,
            summary: "Lists the properties that a search may name, with their types.",
            access: .user(.applianceList),
            output: SearchSchemaAnswer.self
        ) { _, _ in SearchSchemaAnswer() }
    }
}
