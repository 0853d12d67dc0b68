import APIKit
import JSON
import Primitives

/// Makes a checked query of a search body, or tells everything that is wrong with it.
package struct SearchCompiler {
    private var faults: [Fault] = []
    private let faultsMax = 100

    /// Checks a search and gives what it asks for.
    ///
    /// - Parameter bodyFaults: what is wrong with the shape of the search.
    /// - Throws: `.unprocessable` with a fault for each property, operator, value or sort field
    ///   that does not fit, and for a search that costs too much; `.invalidBody` when the shape
    ///   has faults, with all of them.
    package static func query(
        _ input: SearchInput,
        bodyFaults: [Fault] = []
    ) throws -> ApplianceQuery {
        var compiler = SearchCompiler()
        let query = ApplianceQuery(
            filter: compiler.filter(input),
            sort: compiler.sort(input.sort)
        )
        if query.filter.cost > SearchLimits.costMax {
            compiler.fault(
                "/filter",
                "TooCostly",
                "The filter has too many conditions; its cost is \(query.filter.cost), at most "
                    + "\(SearchLimits.costMax) is done."
            )
        }
        try Failure.refuse(bodyFaults, and: compiler.faults, as: .unprocessable)
        return query
    }

    private mutating func fault(_ pointer: String, _ code: String, _ message: String) {
        if faults.count < faultsMax { faults.append(Fault(pointer, code, message)) }
    }

    private static func join(_ parts: [ApplianceFilter], _ conjunction: String) -> ApplianceFilter {
        if parts.count == 1, let only = parts.first { return only }
        // Nothing to hold is nothing to fail, whichever the conjunction.
        return conjunction == "or" && !parts.isEmpty ? .any(parts) : .all(parts)
    }

    private mutating func filter(_ input: SearchInput) -> ApplianceFilter {
        guard input.groups.count <= SearchLimits.groupsMax else {
            fault(
                "/filter/filterGroups",
                "TooMany",
                "A filter has at most \(SearchLimits.groupsMax) groups."
            )
            return .everything
        }
        var parts: [ApplianceFilter] = []
        for group in input.groups {
            if group.isNested {
                fault(
                    group.pointer + "/filterGroups",
                    "TooDeep",
                    "A group holds filters, not groups."
                )
            }
            // A group without filters says nothing; under `or` it must not let everything in.
            guard !group.items.isEmpty else { continue }
            var conditions: [ApplianceFilter] = []
            for item in group.items {
                if let condition = condition(item) { conditions.append(condition) }
            }
            parts.append(Self.join(conditions, group.conjunction))
        }
        return Self.join(parts, input.conjunction)
    }

    // MARK: - Conditions

    /// What a property's values are, and so which condition it takes.
    private enum Property {
        case text(ApplianceFilter.TextProperty)
        case number(ApplianceFilter.NumberProperty)
        case flag(ApplianceFilter.FlagProperty)
        case tags

        init?(_ name: String) {
            // `lastSeen` is how people ask for what the wire calls a timestamp.
            let name = name == "lastSeen" ? "lastSeenTimestamp" : name
            if name == "tags" {
                self = .tags
            } else if let text = ApplianceFilter.TextProperty(rawValue: name) {
                self = .text(text)
            } else if let number = ApplianceFilter.NumberProperty(rawValue: name) {
                self = .number(number)
            } else if let flag = ApplianceFilter.FlagProperty(rawValue: name) {
                self = .flag(flag)
            } else {
                return nil
            }
        }

        var types: [String] {
            switch self {
            case .text: ["string"]
            case .number(let number): number.isMoment ? ["date"] : ["int", "float"]
            case .flag: ["bool"]
            case .tags: ["string", "keyValue"]
            }
        }
    }

    private mutating func condition(_ item: SearchItemInput) -> ApplianceFilter? {
        let pointer = item.pointer
        guard let property = Property(item.property) else {
            fault(
                pointer + "/property",
                "UnknownProperty",
                "Appliances have no property '\(item.property.cut(toBytes: 100))'; see "
                    + "/v1/dashboard/edgehosts/search/schema."
            )
            return nil
        }
        let given = item.condition.types
        let type = item.type.isEmpty && given.count == 1 ? given[0] : item.type
        guard property.types.contains(type) else {
            fault(
                pointer + "/type",
                "WrongType",
                "'\(item.property)' is of the type \(property.types.joined(separator: " or "))."
            )
            return nil
        }
        guard given.contains(type) else {
            fault(
                pointer + "/condition/\(type)",
                "Required",
                "'\(item.property)' needs a condition of the type '\(type)'."
            )
            return nil
        }
        let at = pointer + "/condition/\(type)"
        switch property {
        case .flag(let flag): return item.condition.bool.map { .flag(flag, $0.value) }
        case .text(let text):
            return item.condition.string.flatMap { input in
                texts(input, at: at) { .text(text, $0, $1, ignoresCase: input.ignoresCase) }
            }
        case .tags where type == "string":
            return item.condition.string.flatMap { input in
                texts(input, at: at) { comparison, value in
                    .tag(
                        comparison,
                        comparison == .equals ? Self.tagText(value) : value,
                        ignoresCase: input.ignoresCase
                    )
                }
            }
        case .tags: return item.condition.keyValue.flatMap { tagValues($0, at: at) }
        case .number(let number):
            let input =
                type == "date"
                ? item.condition.date : type == "int" ? item.condition.int : item.condition.float
            return input.flatMap { numbers($0, number, at: at) }
        }
    }

    /// A tag as lists show it: clients write the placeholder of a tag without value out.
    private static func tagText(_ text: String) -> String {
        let suffix = ":" + Tags.placeholder
        return text.hasSuffix(suffix) ? String(text.dropLast(suffix.count)) : text
    }

    private mutating func texts(
        _ input: SearchTextInput,
        at pointer: String,
        _ make: (ApplianceFilter.TextComparison, String) -> ApplianceFilter
    ) -> ApplianceFilter? {
        let comparison = ApplianceFilter.TextComparison(rawValue: input.comparison)
        if comparison == nil {
            fault(
                pointer + "/operator",
                "UnknownOperator",
                "'operator' must be one of eq, contains, beginsWith."
            )
        }
        if input.values.isEmpty {
            fault(pointer + "/match/values", "Required", "'values' needs at least one value.")
        }
        for (index, value) in input.values.enumerated()
        where value.utf8.count > SearchLimits.valueBytesMax {
            fault(
                pointer + "/match/values/\(index)",
                "TooLong",
                "A value has at most \(SearchLimits.valueBytesMax) bytes."
            )
        }
        guard let comparison, !input.values.isEmpty else { return nil }
        // More than can ever be done are not worth making.
        let values = input.values.prefix(SearchLimits.costMax + 1)
        let joined = Self.join(values.map { make(comparison, $0) }, input.conjunction)
        return input.isNegated ? .not(joined) : joined
    }

    private mutating func tagValues(
        _ input: SearchTextInput,
        at pointer: String
    ) -> ApplianceFilter? {
        if input.key.isEmpty {
            fault(pointer + "/key", "Required", "'key' names the tag whose value is compared.")
        }
        return texts(input, at: pointer) {
            .tagValue(key: input.key, $0, $1, ignoresCase: input.ignoresCase)
        }
    }

    // MARK: - Numbers

    private mutating func numbers(
        _ input: SearchValuesInput,
        _ property: ApplianceFilter.NumberProperty,
        at pointer: String
    ) -> ApplianceFilter? {
        let isRange = property.isMoment && input.comparison == "range"
        let comparison = ApplianceFilter.NumberComparison(rawValue: input.comparison)
        if comparison == nil, !isRange {
            fault(
                pointer + "/operator",
                "UnknownOperator",
                "'operator' must be one of eq, gt, gte, lt, lte"
                    + (property.isMoment ? ", range." : ".")
            )
        }
        if input.values.isEmpty || (isRange && input.values.count != 2) {
            fault(
                pointer + "/match/values",
                "Required",
                isRange
                    ? "A range needs two values, its first and its last moment."
                    : "'values' needs at least one value."
            )
            return nil
        }
        var numbers: [Double] = []
        for (index, value) in input.values.prefix(SearchLimits.costMax + 1).enumerated() {
            if let number = Self.number(value, of: property) {
                numbers.append(number)
            } else {
                fault(
                    pointer + "/match/values/\(index)",
                    "WrongType",
                    property.isMoment
                        ? "A moment is written like 2024-02-29T20:31:42.204Z."
                        : "The value must be a number."
                )
            }
        }
        guard isRange || comparison != nil, numbers.count > 0 else { return nil }
        let joined: ApplianceFilter
        if isRange {
            joined = .all([
                Self.compare(property, .greaterOrEqual, numbers[0]),
                Self.compare(property, .lessOrEqual, numbers[numbers.count - 1]),
            ])
        } else {
            let comparison = comparison ?? .equals
            joined = Self.join(
                numbers.map { Self.compare(property, comparison, $0) },
                input.conjunction
            )
        }
        return input.isNegated ? .not(joined) : joined
    }

    private static func number(
        _ value: JSONValue,
        of property: ApplianceFilter.NumberProperty
    ) -> Double? {
        guard property.isMoment else { return value.number }
        return value.text.flatMap { Timestamp(rfc3339: $0) }.map { Double($0.milliseconds) }
    }

    /// Properties are whole numbers, so a comparison with a fraction is one with its neighbour.
    static func compare(
        _ property: ApplianceFilter.NumberProperty,
        _ comparison: ApplianceFilter.NumberComparison,
        _ value: Double
    ) -> ApplianceFilter {
        let bounded = min(max(value, -9e15), 9e15)
        let floor = Int64(bounded.rounded(.down))
        if Double(floor) == bounded { return .number(property, comparison, floor) }
        switch comparison {
        case .equals: return .any([])
        case .greater, .greaterOrEqual: return .number(property, .greater, floor)
        case .less, .lessOrEqual: return .number(property, .lessOrEqual, floor)
        }
    }

    // MARK: - Sort

    private mutating func sort(_ input: [SearchSortInput]) -> [ApplianceSort] {
        if input.count > SearchLimits.sortMax {
            fault("/sort", "TooMany", "At most \(SearchLimits.sortMax) fields are sorted by.")
        }
        var sorts: [ApplianceSort] = []
        for item in input {
            let field = ApplianceSort.Field(rawValue: item.field)
            if field == nil {
                fault(
                    item.pointer + "/field",
                    "UnknownField",
                    "'field' must be one of "
                        + ApplianceSort.Field.allCases.map(\.rawValue).joined(separator: ", ")
                        + "."
                )
            }
            if !["", "asc", "desc"].contains(item.order) {
                fault(item.pointer + "/order", "NotAllowed", "'order' must be asc or desc.")
            }
            guard let field, !sorts.contains(where: { $0.field == field }) else { continue }
            sorts.append(ApplianceSort(field, isDescending: item.order == "desc"))
        }
        return sorts
    }
}

extension SearchConditionInput {
    /// The types that the condition speaks of.
    fileprivate var types: [String] {
        var types: [String] = []
        if string != nil { types.append("string") }
        if keyValue != nil { types.append("keyValue") }
        if int != nil { types.append("int") }
        if float != nil { types.append("float") }
        if date != nil { types.append("date") }
        if bool != nil { types.append("bool") }
        return types
    }
}
