import APIKit
import Primitives
import Storage

/// Which profiles a list asks for: `filters` and `orderBy` (CONVENTIONS §8).
struct ProfileQuery: Sendable, Hashable {
    enum Field: String, Sendable, CaseIterable {
        case uid = "metadata.uid"
        case name = "metadata.name"
        case profileName = "spec.name"
        case version = "spec.version"
        case type = "spec.type"
        case cloudType = "spec.cloudType"
    }

    enum Key: String, Sendable, CaseIterable {
        case uid = "metadata.uid"
        case name = "metadata.name"
        case version = "spec.version"
        case createdAt = "metadata.creationTimestamp"
        case modifiedAt = "metadata.lastModifiedTimestamp"
    }

    struct Term: Sendable, Hashable {
        let field: Field
        let values: [String]
    }

    struct Order: Sendable, Hashable {
        let key: Key
        let isDescending: Bool
    }

    var terms: [Term] = []
    var order: [Order] = []

    /// Everything, in the order of creation.
    init() {}

    /// - Throws: `.unprocessable` with a fault for each term that does not fit.
    init(filters: String, orderBy: String) throws {
        var faults: [Fault] = []
        for part in FilterTerms.split(filters) {
            if let term = Self.term(part) {
                terms.append(term)
            } else {
                faults.append(
                    Fault(
                        "query/filters",
                        "InvalidFilter",
                        "'\(part.prefix(100))' is no term of 'filters': write field=value or "
                            + "field_in_a,b with one of the fields "
                            + Field.allCases.map(\.rawValue).joined(separator: ", ") + "."
                    )
                )
            }
        }
        for part in orderBy.split(separator: ",") {
            let pieces = part.split(separator: "=", omittingEmptySubsequences: false)
            guard pieces.count == 2, let key = Key(rawValue: String(pieces[0])),
                pieces[1] == "1" || pieces[1] == "-1", order.allSatisfy({ $0.key != key })
            else {
                faults.append(
                    Fault(
                        "query/orderBy",
                        "InvalidSort",
                        "'\(part.prefix(100))' is no sort key: write field=1 or field=-1 with "
                            + "one of " + Key.allCases.map(\.rawValue).joined(separator: ", ")
                            + "."
                    )
                )
                continue
            }
            order.append(Order(key: key, isDescending: pieces[1] == "-1"))
        }
        if terms.count > ProfileLimits.filterTerms
            || terms.contains(where: { $0.values.count > ProfileLimits.filterValues })
        {
            faults.append(
                Fault(
                    "query/filters",
                    "TooCostly",
                    "'filters' takes at most \(ProfileLimits.filterTerms) terms of "
                        + "\(ProfileLimits.filterValues) values each."
                )
            )
        }
        guard faults.isEmpty else {
            throw Failure(.unprocessable, faults[0].message, faults: faults)
        }
    }

    private static func term(_ part: Substring) -> Term? {
        let name = part.prefix { $0 != "=" }
        if name.endIndex < part.endIndex, let field = Field(rawValue: String(name)) {
            return Term(
                field: field,
                values: [String(part[part.index(after: name.endIndex)...])]
            )
        }
        for field in Field.allCases where part.hasPrefix(field.rawValue + "_in_") {
            let values = part.dropFirst(field.rawValue.count + 4).split(separator: ",")
            return values.isEmpty ? nil : Term(field: field, values: values.map(String.init))
        }
        return nil
    }
}

/// A profile as lists and searches look at it, without its layers.
struct ProfileBrief: Sendable {
    let uid: String
    let projectUID: String
    let name: String
    let profileVersion: String
    let type: ProfileType
    let cloudType: String
    let labels: [String: String]
    let createdAt: Timestamp
    let modifiedAt: Timestamp
}

/// Every SQL statement that lists profiles.
enum ProfileListStore {
    /// The most values that one statement takes besides those that every list has.
    private static let places: [SQL] = [
        "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16", "$17", "$18",
        "$19", "$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27", "$28", "$29", "$30", "$31",
        "$32", "$33", "$34", "$35", "$36", "$37",
    ]

    private static let scope: SQL = " WHERE tenant_uid = $1 AND project_uid IN ('', $2)"

    private static func column(_ field: ProfileQuery.Field) -> SQL {
        switch field {
        case .uid: "uid"
        case .name, .profileName: "name"
        case .version: "profile_version"
        case .type: "type"
        case .cloudType: "cloud_type"
        }
    }

    private static func column(_ order: ProfileQuery.Order) -> SQL {
        let column: SQL =
            switch order.key {
            case .uid: "uid"
            case .name: "name"
            case .version: "profile_version"
            case .createdAt: "created_at"
            case .modifiedAt: "modified_at"
            }
        return order.isDescending ? column + " DESC" : column
    }

    /// The conditions of the terms, and their values from `$6` on.
    ///
    /// - Throws: `.unprocessable` when there are more values than a statement takes.
    private static func conditions(
        _ query: ProfileQuery
    ) throws -> (sql: SQL, values: [Parameter]) {
        var sql = scope
        var values: [Parameter] = []
        for term in query.terms {
            guard values.count + term.values.count <= places.count else {
                throw Failure.fault(
                    "query/filters",
                    "TooCostly",
                    "'filters' takes at most \(places.count) values.",
                    as: .unprocessable
                )
            }
            let places = places[values.count..<(values.count + term.values.count)]
            guard let list = SQL.joined(Array(places), separator: ", ") else { continue }
            sql = sql + " AND " + column(term.field) + " IN (" + list + ")"
            values += term.values.map(Parameter.text)
        }
        return (sql, values)
    }

    /// One page of the profiles that a scope can read, and how many there are in all.
    ///
    /// Without an order they come by uid, which is the order of their creation, and a page begins
    /// after the last uid of the page before.
    static func page(
        _ query: ProfileQuery,
        _ page: PageRequest,
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> (profiles: [Profile], total: Int) {
        let (conditions, values) = try conditions(query)
        let after = query.order.isEmpty ? page.after : nil
        func parameters(after uid: String, limit: Int, offset: Int) -> [Parameter] {
            [.text(tenantUID), .text(projectUID), .text(uid), .int(limit), .int(offset)] + values
        }
        let all = ProfileLimits.profilesPerTenant
        // Both statements have the same parameters, so that the places of the values agree.
        let total = try tx.first(
            "SELECT count(*) FROM (SELECT uid FROM profile" + conditions
                + " AND uid > $3 LIMIT $4 OFFSET $5) listed",
            parameters(after: "", limit: all, offset: 0)
        ) { Int($0.int(0)) }
        let order = SQL.joined(query.order.map(column) + ["uid"], separator: ", ") ?? "uid"
        let profiles = try tx.all(
            ProfileStore.columns + conditions + " AND uid > $3 ORDER BY " + order
                + " LIMIT $4 OFFSET $5",
            parameters(
                after: after ?? "",
                limit: page.limit ?? all,
                offset: after == nil ? page.offset : 0
            )
        ) { try ProfileStore.profile($0) }
        return (profiles, total ?? 0)
    }

    /// The profiles that a scope can read, without their layers.
    static func briefs(
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> [ProfileBrief] {
        try tx.all(
            """
            SELECT uid, project_uid, name, profile_version, type, cloud_type, labels, created_at,
                modified_at
            FROM profile WHERE tenant_uid = $1 AND project_uid IN ('', $2) ORDER BY uid
            """,
            .text(tenantUID),
            .text(projectUID)
        ) {
            ProfileBrief(
                uid: $0.text(0),
                projectUID: $0.text(1),
                name: $0.text(2),
                profileVersion: $0.text(3),
                type: ProfileType(rawValue: $0.text(4)) ?? .full,
                cloudType: $0.text(5),
                labels: try ProfileStore.textMap($0.bytes(6)),
                createdAt: $0.timestamp(7),
                modifiedAt: $0.timestamp(8)
            )
        }
    }
}
