import APIKit
import Appliances
import JSON

extension FuzzCheck {
    /// A search that is taken keeps to its limits and means the same however its body is spelled.
    static let searchFilter = FuzzCheck("search-filter") { bytes in
        guard let value = try? JSONParser.parse(bytes), let query = search(value) else { return }
        try promise(query.filter.cost <= SearchLimits.costMax, "the cost is bounded")
        try promise(query.sort.count <= SearchLimits.sortMax, "the sort fields are bounded")
        try promise(
            Set(query.sort.map(\.field)).count == query.sort.count,
            "no field is sorted by twice"
        )
        let again = try JSONParser.parse(reversed(value).jsonBytes())
        try promise(search(again) == query, "the order of members does not count")
    }

    /// The filters of the older lists, one line for `filters` and one for `orderBy`.
    static let listFilter = FuzzCheck("list-filter") { bytes in
        let lines = bytes.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let filters = lines.first ?? ""
        let order = lines.count > 1 ? lines[1] : ""
        do {
            let query = try ListFilters.query(filters: filters, orderBy: order)
            try promise(query.filter.cost <= SearchLimits.costMax, "the cost is bounded")
            try promise(query.sort.count <= SearchLimits.sortMax, "the sort fields are bounded")
        } catch let failure as Failure {
            try promise(!failure.faults.isEmpty, "a refusal names what is wrong")
        }
    }

    private static func search(_ value: JSONValue) -> ApplianceQuery? {
        guard case .object(let object) = value else { return nil }
        let faults = FaultList()
        let input = SearchInput(from: Fields(object, faults: faults))
        return faults.faults.isEmpty ? try? SearchCompiler.query(input) : nil
    }

    /// The same value with the members of every object the other way round.
    private static func reversed(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map(reversed))
        case .object(let members):
            .object(JSONObject(members.map { ($0.key, reversed($0.value)) }.reversed()))
        default: value
        }
    }
}
