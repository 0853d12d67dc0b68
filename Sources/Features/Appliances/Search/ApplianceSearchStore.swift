import APIKit
import JSON
import Storage

/// Every SQL statement by which appliances are listed and searched.
///
/// Statements are put together from the literals in this file; what callers write is bound. There
/// is no `LIKE`, whose patterns differ between engines: a text contains another one when taking
/// that one out changes it, and letters are folded in ASCII alone.
enum ApplianceSearchStore {
    /// A statement's condition while it grows, with the values bound to it.
    struct Condition {
        private(set) var parameters: [Parameter] = []

        /// The literals that parameters are called by, built from digits.
        private static let digits: [SQL] = [
            "0", "1", "2", "3", "4", "5", "6", "7", "8", "9",
        ]

        /// Binds a value and gives what the statement calls it by.
        mutating func bind(_ value: Parameter) -> SQL {
            parameters.append(value)
            let number = parameters.count
            precondition(number < 1000, "A search binds only what its cost allows.")
            var name: SQL = "$"
            if number >= 100 { name = name + Self.digits[number / 100] }
            if number >= 10 { name = name + Self.digits[number / 10 % 10] }
            return name + Self.digits[number % 10]
        }
    }

    // MARK: - Filters

    static func sql(_ filter: ApplianceFilter, _ condition: inout Condition) -> SQL {
        switch filter {
        case .all(let parts):
            return join(parts, separator: " AND ", empty: "1 = 1", &condition)
        case .any(let parts):
            return join(parts, separator: " OR ", empty: "1 = 0", &condition)
        case .not(let part): return "NOT (" + sql(part, &condition) + ")"
        case .text(.name, let comparison, let value, let ignoresCase):
            // People know a machine by its ID as well, also where a `name` tag is shown instead.
            return "("
                + compare(
                    column(ApplianceFilter.TextProperty.name),
                    comparison,
                    value,
                    ignoresCase,
                    &condition
                )
                + " OR "
                + compare(
                    column(ApplianceFilter.TextProperty.uid),
                    comparison,
                    value,
                    ignoresCase,
                    &condition
                ) + ")"
        case .text(let property, let comparison, let value, let ignoresCase):
            return compare(column(property), comparison, value, ignoresCase, &condition)
        case .number(let property, let comparison, let value):
            let number = column(property)
            return "(" + number + " IS NOT NULL AND " + number + sign(comparison)
                + condition.bind(.int(value)) + ")"
        case .flag(let property, let isSet):
            return column(property) + (isSet ? " IS NOT NULL" : " IS NULL")
        case .tag(let comparison, let value, let ignoresCase):
            // As `Tags.text` writes a tag.
            let text: SQL = """
                (t.tag_key || CASE WHEN t.tag_value IN ('', 'spectro__tag') THEN ''
                    ELSE ':' || t.tag_value END)
                """
            return taggedWith + compare(text, comparison, value, ignoresCase, &condition) + ")"
        case .tagValue(let key, let comparison, let value, let ignoresCase):
            return taggedWith + "t.tag_key = " + condition.bind(.text(key)) + " AND "
                + compare("t.tag_value", comparison, value, ignoresCase, &condition) + ")"
        }
    }

    private static let taggedWith: SQL =
        "EXISTS (SELECT 1 FROM appliance_tag t WHERE t.appliance_key = a.key AND "

    private static func join(
        _ parts: [ApplianceFilter],
        separator: SQL,
        empty: SQL,
        _ condition: inout Condition
    ) -> SQL {
        var texts: [SQL] = []
        for part in parts { texts.append(sql(part, &condition)) }
        return SQL.joined(texts, separator: separator).map { "(" + $0 + ")" } ?? empty
    }

    private static func compare(
        _ text: SQL,
        _ comparison: ApplianceFilter.TextComparison,
        _ value: String,
        _ ignoresCase: Bool,
        _ condition: inout Condition
    ) -> SQL {
        // Every text contains the empty one, which cannot be taken out.
        if comparison == .contains, value.isEmpty { return "1 = 1" }
        let text = ignoresCase ? "lower(" + text + ")" : text
        let bound = condition.bind(.text(value))
        let wanted = ignoresCase ? "lower(" + bound + ")" : bound
        switch comparison {
        case .equals: return text + " = " + wanted
        case .begins: return "substr(" + text + ", 1, length(" + wanted + ")) = " + wanted
        case .contains: return "replace(" + text + ", " + wanted + ", '') <> " + text
        }
    }

    private static func sign(_ comparison: ApplianceFilter.NumberComparison) -> SQL {
        switch comparison {
        case .equals: " = "
        case .greater: " > "
        case .greaterOrEqual: " >= "
        case .less: " < "
        case .lessOrEqual: " <= "
        }
    }

    private static func column(_ property: ApplianceFilter.TextProperty) -> SQL {
        switch property {
        case .name: "a.display_name"
        case .uid: "a.uid"
        case .state: "a.state"
        case .healthState: "h.state"
        case .architecture: "a.arch"
        case .type: "a.type"
        case .agentVersion: "h.agent_version"
        }
    }

    private static func column(_ property: ApplianceFilter.NumberProperty) -> SQL {
        switch property {
        case .cpuCores: "a.cpu_cores"
        case .memoryInMB: "a.memory_mb"
        case .creationTimestamp: "a.created_at"
        case .lastModifiedTimestamp: "a.modified_at"
        case .lastSeenTimestamp: "h.last_seen_at"
        }
    }

    private static func column(_ property: ApplianceFilter.FlagProperty) -> SQL {
        switch property {
        case .isPaired: "a.credential_digest"
        case .isPaused: "a.paused_reason"
        }
    }

    private static func column(_ field: ApplianceSort.Field) -> SQL {
        switch field {
        case .name: "a.display_name"
        case .state: "a.state"
        case .creationTimestamp: "a.created_at"
        case .lastModifiedTimestamp: "a.modified_at"
        }
    }

    // MARK: - Pages

    /// Appliances of a scope that a query finds, in its order.
    ///
    /// - Parameter after: the last appliance of the page before; `nil` to count off `offset`.
    static func list(
        _ query: ApplianceQuery,
        in scope: ApplianceScope,
        after: ApplianceCursor?,
        offset: Int,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [Appliance] {
        var condition = Condition()
        var statement =
            "SELECT " + ApplianceStore.columns + from + within(scope, &condition)
        if query.filter != .everything {
            statement = statement + " AND " + sql(query.filter, &condition)
        }
        if let after { statement = statement + " AND " + sql(after, query.sort, &condition) }
        statement =
            statement + " ORDER BY " + order(query.sort) + " LIMIT "
            + condition.bind(.int(limit))
        if after == nil { statement = statement + " OFFSET " + condition.bind(.int(offset)) }
        return try tx.all(statement, condition.parameters, map: ApplianceStore.appliance)
    }

    /// How many appliances of a scope a query finds.
    static func count(
        _ query: ApplianceQuery,
        in scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws -> Int {
        if query.filter == .everything { return try ApplianceStore.count(in: scope, tx) }
        var condition = Condition()
        let statement =
            "SELECT COUNT(*)" + from + within(scope, &condition) + " AND "
            + sql(query.filter, &condition)
        let count = try tx.first(statement, condition.parameters) { $0.int(0) }
        return Int(count ?? 0)
    }

    private static let from: SQL =
        " FROM appliance a JOIN appliance_health h ON h.appliance_key = a.key WHERE "

    private static func within(_ scope: ApplianceScope, _ condition: inout Condition) -> SQL {
        "a.tenant_uid = " + condition.bind(.text(scope.tenantUID)) + " AND a.project_uid = "
            + condition.bind(.text(scope.projectUID))
    }

    private static func order(_ sort: [ApplianceSort]) -> SQL {
        let texts = sort.map { column($0.field) + ($0.isDescending ? " DESC" : " ASC") }
        return SQL.joined(texts + ["a.key ASC"], separator: ", ") ?? "a.key ASC"
    }

    /// What comes after an appliance: later in the first field, or equal in it and later in the
    /// second one, and so on to the key, which no two share.
    private static func sql(
        _ after: ApplianceCursor,
        _ sort: [ApplianceSort],
        _ condition: inout Condition
    ) -> SQL {
        var equal: SQL = ""
        var texts: [SQL] = []
        for (item, value) in zip(sort, after.values) {
            let name = column(item.field)
            let bound = condition.bind(value)
            texts.append("(" + equal + name + (item.isDescending ? " < " : " > ") + bound + ")")
            equal = equal + name + " = " + bound + " AND "
        }
        texts.append("(" + equal + "a.key > " + condition.bind(.int(after.key)) + ")")
        return SQL.joined(texts, separator: " OR ").map { "(" + $0 + ")" } ?? "1 = 1"
    }

    /// All tags of the appliances of a scope, each once, as lists show them.
    static func tagTexts(
        in scope: ApplianceScope,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [String] {
        try tx.all(
            """
            SELECT DISTINCT t.tag_key, t.tag_value
            FROM appliance a JOIN appliance_tag t ON t.appliance_key = a.key
            WHERE a.tenant_uid = $1 AND a.project_uid = $2
            ORDER BY t.tag_key, t.tag_value LIMIT $3
            """,
            .text(scope.tenantUID),
            .text(scope.projectUID),
            .int(limit)
        ) { Tags.text(key: $0.text(0), value: $0.text(1)) }
    }
}

/// Where in an order a page ended.
struct ApplianceCursor: Hashable {
    /// The fields sorted by, so that a token is good for that order alone.
    let order: String
    let values: [Parameter]
    let key: Int64

    /// The end of a page that this appliance is the last of.
    init(_ appliance: Appliance, _ sort: [ApplianceSort]) {
        order = Self.order(sort)
        values = sort.map { item in
            switch item.field {
            case .name: .text(appliance.displayName)
            case .state: .text(appliance.state.rawValue)
            case .creationTimestamp: .timestamp(appliance.createdAt)
            case .lastModifiedTimestamp: .timestamp(appliance.modifiedAt)
            }
        }
        key = appliance.key
    }

    /// Reads what ``text`` wrote for the same order; `nil` for anything else.
    init?(_ text: String, _ sort: [ApplianceSort]) {
        guard let parts = (try? JSONParser.parse(text))?.elements, parts.count == sort.count + 2,
            let order = parts.first?.text, order == Self.order(sort),
            let key = parts.last?.integer
        else { return nil }
        var values: [Parameter] = []
        for (item, part) in zip(sort, parts.dropFirst()) {
            switch (item.field.isText, part) {
            case (true, .string(let text)): values.append(.text(text))
            case (false, .int(let number)): values.append(.int(number))
            default: return nil
            }
        }
        self.order = order
        self.values = values
        self.key = key
    }

    private static func order(_ sort: [ApplianceSort]) -> String {
        sort.map { ($0.isDescending ? "-" : "+") + $0.field.rawValue }.joined(separator: ",")
    }

    /// The cursor as the text that a `continue` token holds.
    var text: String {
        var parts: [JSONValue] = [.string(order)]
        for value in values {
            switch value {
            case .text(let text): parts.append(.string(text))
            case .int(let number): parts.append(.int(number))
            case .bytes, .null: break
            }
        }
        parts.append(.int(key))
        return String(decoding: JSONValue.array(parts).jsonBytes(), as: UTF8.self)
    }
}
