import APIKit
import JSON

/// The filters of the lists that are older than the search, and of the pickers.
package enum ListFilters {
    /// The query that `type`, `filters` and `orderBy` of a list ask for.
    ///
    /// - Throws: `.unprocessable` for fields that cannot be compared or sorted by.
    static func query(_ context: RequestContext) throws -> ApplianceQuery {
        var query = try query(
            filters: context.query("filters") ?? "",
            orderBy: context.query("orderBy") ?? ""
        )
        let type = type(context)
        if !type.isEmpty { query.filter = .all(type + [query.filter]) }
        return query
    }

    /// The query that the texts of `filters` and `orderBy` ask for.
    ///
    /// - Throws: `.unprocessable` for fields that cannot be compared or sorted by.
    package static func query(filters: String, orderBy: String) throws -> ApplianceQuery {
        var faults: [Fault] = []
        var parts: [ApplianceFilter] = []
        for text in FilterTerms.split(filters) {
            if let part = filter(text, &faults) { parts.append(part) }
        }
        var sort: [ApplianceSort] = []
        for text in orderBy.split(separator: ",") {
            if let field = order(text, &faults) { sort.append(field) }
        }
        let filter = ApplianceFilter.all(parts)
        if filter.cost > SearchLimits.costMax || sort.count > SearchLimits.sortMax {
            faults.append(
                Fault("query/filters", "TooCostly", "The list is filtered by too much at once.")
            )
        }
        guard faults.isEmpty else {
            throw Failure(.unprocessable, faults[0].message, faults: faults)
        }
        return ApplianceQuery(filter: filter, sort: sort)
    }

    /// The query that `type` and `quickFilter` of the pickers' list ask for.
    static func quickQuery(_ context: RequestContext) throws -> ApplianceQuery {
        var parts = type(context)
        switch context.query("quickFilter") ?? "" {
        case "": break
        case "unusedEdgeHosts":
            parts.append(.text(.state, .equals, ApplianceState.ready.rawValue, ignoresCase: false))
        default:
            throw Failure.fault(
                "query/quickFilter",
                "NotAllowed",
                "'quickFilter' must be unusedEdgeHosts.",
                as: .unprocessable
            )
        }
        return ApplianceQuery(filter: .all(parts), sort: [ApplianceSort(.name)])
    }

    private static func type(_ context: RequestContext) -> [ApplianceFilter] {
        guard let type = context.query("type"), !type.isEmpty else { return [] }
        return [.text(.type, .equals, type, ignoresCase: false)]
    }

    private static let properties: [String: ApplianceFilter.TextProperty] = [
        "metadata.uid": .uid, "metadata.name": .name, "status.state": .state,
        "status.health.state": .healthState, "spec.type": .type,
        "spec.device.archType": .architecture,
    ]

    private static func filter(_ text: Substring, _ faults: inout [Fault]) -> ApplianceFilter? {
        let isList = !text.contains("=")
        guard let range = text.firstRange(of: isList ? "_in_" : "=") else {
            faults.append(
                Fault(
                    "query/filters",
                    "InvalidFilter",
                    "A filter is written field=value or field_in_a,b."
                )
            )
            return nil
        }
        let (name, rest) = (String(text[..<range.lowerBound]), text[range.upperBound...])
        let values = isList ? rest.split(separator: ",").map(String.init) : [String(rest)]
        guard let property = properties[name] else {
            faults.append(
                Fault(
                    "query/filters",
                    "UnknownProperty",
                    "Appliances cannot be filtered by '\(name.cut(toBytes: 100))'."
                )
            )
            return nil
        }
        return .any(values.map { .text(property, .equals, $0, ignoresCase: false) })
    }

    private static let sortFields: [String: ApplianceSort.Field] = [
        "metadata.name": .name, "status.state": .state,
        "metadata.creationTimestamp": .creationTimestamp,
        "metadata.lastModifiedTimestamp": .lastModifiedTimestamp,
    ]

    private static func order(_ text: Substring, _ faults: inout [Fault]) -> ApplianceSort? {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let field = sortFields[String(parts[0])],
            parts[1] == "1" || parts[1] == "-1"
        else {
            faults.append(
                Fault(
                    "query/orderBy",
                    "UnknownField",
                    "Appliances cannot be sorted by '\(String(text).cut(toBytes: 100))'."
                )
            )
            return nil
        }
        return ApplianceSort(field, isDescending: parts[1] == "-1")
    }
}

/// Palette's `v1EdgeHostsMetadataFilter`.
struct MetadataFilterInput: WireInput {
    /// No body asks for everything.
    static var isOptional: Bool { true }

    private let filter: FilterInput?
    private let sort: [SearchSortInput]

    init(from fields: Fields) {
        filter = fields.optionalObject("filter")
        sort = fields.list("sort")
    }

    /// - Throws: `.unprocessable` for fields that cannot be sorted by.
    func query() throws -> ApplianceQuery {
        var query = try SearchCompiler.query(SearchInput(sort: sort))
        query.filter = filter?.filter ?? .everything
        return query
    }

    private struct FilterInput: WireInput {
        let name: NameInput?
        let states: [String]

        init(from fields: Fields) {
            name = fields.optionalObject("name")
            states = fields.texts(
                "states",
                countMax: 50,
                allowed: ApplianceState.allCases.map(\.rawValue)
            )
        }

        var filter: ApplianceFilter {
            var parts = name?.parts ?? []
            if !states.isEmpty {
                parts.append(
                    .any(states.map { .text(.state, .equals, $0, ignoresCase: false) })
                )
            }
            return .all(parts)
        }
    }

    /// Palette's `v1FilterString`: all that is given has to hold.
    private struct NameInput: WireInput {
        let parts: [ApplianceFilter]

        init(from fields: Fields) {
            let max = SearchLimits.valueBytesMax
            let ignoresCase = fields.optionalFlag("ignoreCase") ?? true
            var parts: [ApplianceFilter] = []
            func add(_ name: String, _ comparison: ApplianceFilter.TextComparison) {
                guard let text = fields.optionalText(name, bytesMax: max), !text.isEmpty else {
                    return
                }
                parts.append(.text(.name, comparison, text, ignoresCase: ignoresCase))
            }
            add("eq", .equals)
            add("contains", .contains)
            add("beginsWith", .begins)
            if let text = fields.optionalText("ne", bytesMax: max), !text.isEmpty {
                parts.append(.not(.text(.name, .equals, text, ignoresCase: ignoresCase)))
            }
            self.parts = parts
        }
    }
}
