import APIKit
import JSON

/// Palette's `v1SearchFilterSummarySpec`: a search as it comes in, nothing but its shape checked.
package struct SearchInput: WireInput {
    /// No body asks for everything.
    package static var isOptional: Bool { true }
    /// What is sought for is checked by the compiler, and both are told at once.
    package static var leavesFaultsToHandler: Bool { true }

    let conjunction: String
    let groups: [SearchGroupInput]
    let sort: [SearchSortInput]

    package init(from fields: Fields) {
        let filter: SearchFilterInput? = fields.optionalObject("filter")
        conjunction = filter?.conjunction ?? "and"
        groups = filter?.groups ?? []
        sort = fields.list("sort")
        // Taken silently it would be the first page again, for ever.
        if fields.has("continue") {
            fields.fault(
                "continue",
                "NotHere",
                "'continue' belongs into the URL: …/search?continue=<token>."
            )
        }
    }
}

/// What `conjunction` may be.
private let conjunctions = ["and", "or"]

private struct SearchFilterInput: WireInput {
    let conjunction: String
    let groups: [SearchGroupInput]

    init(from fields: Fields) {
        conjunction = fields.optionalText("conjunction", allowed: conjunctions) ?? "and"
        groups = fields.list("filterGroups", countMax: 100_000)
        if fields.has("continue") {
            fields.fault(
                "continue",
                "NotHere",
                "'continue' belongs into the URL: …/search?continue=<token>."
            )
        }
    }
}

struct SearchGroupInput: WireInput {
    let conjunction: String
    let items: [SearchItemInput]
    /// Whether the group holds groups itself, which the grammar does not know.
    let isNested: Bool
    let pointer: String

    init(from fields: Fields) {
        pointer = fields.pointer
        conjunction = fields.optionalText("conjunction", allowed: conjunctions) ?? "and"
        items = fields.list("filters", countMax: 100_000)
        isNested = fields.has("filterGroups")
    }
}

struct SearchItemInput: WireInput {
    let property: String
    let type: String
    let condition: SearchConditionInput
    let pointer: String

    init(from fields: Fields) {
        pointer = fields.pointer
        property = fields.optionalText("property") ?? ""
        type = fields.optionalText("type") ?? ""
        condition = fields.object("condition")
    }
}

struct SearchConditionInput: WireInput {
    let string: SearchTextInput?
    let keyValue: SearchTextInput?
    let int: SearchValuesInput?
    let float: SearchValuesInput?
    let date: SearchValuesInput?
    let bool: SearchFlagInput?

    init(from fields: Fields) {
        string = fields.optionalObject("string")
        keyValue = fields.optionalObject("keyValue")
        int = fields.optionalObject("int")
        float = fields.optionalObject("float")
        date = fields.optionalObject("date")
        bool = fields.optionalObject("bool")
    }
}

/// A condition on a text, or on the value that a key has.
struct SearchTextInput: WireInput {
    let key: String
    let comparison: String
    let isNegated: Bool
    let ignoresCase: Bool
    let conjunction: String
    let values: [String]

    init(from fields: Fields) {
        key = fields.optionalText("key") ?? ""
        comparison = fields.optionalText("operator") ?? ""
        isNegated = fields.optionalFlag("negation") ?? false
        ignoresCase = fields.optionalFlag("ignoreCase") ?? false
        let match: MatchInput? = fields.optionalObject("match")
        conjunction = match?.conjunction ?? "or"
        values = match?.values ?? []
    }

    private struct MatchInput: WireInput {
        let conjunction: String
        let values: [String]

        init(from fields: Fields) {
            conjunction = fields.optionalText("conjunction", allowed: conjunctions) ?? "or"
            values = fields.texts("values", countMax: 100_000, bytesMax: 1 << 20)
        }
    }
}

/// A condition on a number or a moment, its values not yet read.
struct SearchValuesInput: WireInput {
    let comparison: String
    let isNegated: Bool
    let conjunction: String
    let values: [JSONValue]

    init(from fields: Fields) {
        comparison = fields.optionalText("operator") ?? ""
        isNegated = fields.optionalFlag("negation") ?? false
        let match: MatchInput? = fields.optionalObject("match")
        conjunction = match?.conjunction ?? "or"
        values = match?.values ?? []
    }

    private struct MatchInput: WireInput {
        let conjunction: String
        let values: [JSONValue]

        init(from fields: Fields) {
            conjunction = fields.optionalText("conjunction", allowed: conjunctions) ?? "or"
            let found = fields.any("values")
            values = found?.elements ?? []
            if found != nil, found?.elements == nil {
                fields.fault("values", "WrongType", "'values' must be a list.")
            }
        }
    }
}

struct SearchFlagInput: WireInput {
    let value: Bool

    init(from fields: Fields) {
        value = fields.optionalFlag("value") ?? false
    }
}

struct SearchSortInput: WireInput {
    let field: String
    let order: String
    let pointer: String

    init(from fields: Fields) {
        pointer = fields.pointer
        field = fields.optionalText("field") ?? ""
        order = fields.optionalText("order") ?? ""
    }
}

extension SearchInput {
    /// A search for everything, in an order.
    init(sort: [SearchSortInput]) {
        conjunction = "and"
        groups = []
        self.sort = sort
    }
}
