import APIKit

/// What the `filters` of `GET /v1/packs` ask for (CONVENTIONS §8).
///
/// Terms are `field=value` and `field_in_a,b`, joined by `AND` without blanks. On a list, `=` asks
/// for membership.
struct PackListFilter: Sendable, Hashable {
    /// What can be asked for; an unknown field is refused rather than passed over, as passing it
    /// over would answer with too much.
    enum Field: String, Sendable, CaseIterable {
        case uid = "metadata.uid"
        case metadataName = "metadata.name"
        case name = "spec.name"
        case version = "spec.version"
        case displayName = "spec.displayName"
        case layer = "spec.layer"
        case type = "spec.type"
        case addonType = "spec.addonType"
        case addonSubType = "spec.addonSubType"
        case group = "spec.group"
        case registryUID = "spec.registryUid"
        case cloudTypes = "spec.cloudTypes"
        case cloudType = "spec.cloudType"
    }

    struct Term: Sendable, Hashable {
        let field: Field
        let values: Set<String>
    }

    let terms: [Term]

    /// - Throws: `.unprocessable` naming the term that does not fit.
    init(_ text: String) throws {
        let parts = FilterTerms.split(text)
        guard parts.count <= PackLimits.filterTermCountMax else {
            throw Self.refusal("'filters' has more than \(PackLimits.filterTermCountMax) terms.")
        }
        terms = try parts.map(Self.term)
    }

    func matches(_ pack: PackSummary) -> Bool {
        terms.allSatisfy { term in
            switch term.field {
            case .uid: term.values.contains(pack.uid)
            case .metadataName, .name: term.values.contains(pack.name)
            case .version: term.values.contains(pack.version)
            case .displayName: term.values.contains(pack.displayName)
            case .layer: term.values.contains(pack.layer)
            case .type: term.values.contains(pack.type.rawValue)
            case .addonType: term.values.contains(pack.addonType)
            case .addonSubType: term.values.contains(pack.addonSubType)
            case .group: term.values.contains(pack.group)
            case .registryUID: term.values.contains(pack.registryUID)
            case .cloudTypes, .cloudType:
                pack.cloudTypes.contains { term.values.contains($0) }
            }
        }
    }

    private static func term(_ part: Substring) throws -> Term {
        let name = part.prefix { $0 != "=" }
        if name.endIndex < part.endIndex, let field = Field(rawValue: String(name)) {
            let value = part[part.index(after: name.endIndex)...]
            return Term(field: field, values: [String(value)])
        }
        for field in Field.allCases where part.hasPrefix(field.rawValue + "_in_") {
            let values = part.dropFirst(field.rawValue.count + 4).split(separator: ",")
            guard values.count <= PackLimits.filterValueCountMax else {
                throw refusal(
                    "A term of 'filters' has more than \(PackLimits.filterValueCountMax) values."
                )
            }
            return Term(field: field, values: Set(values.map(String.init)))
        }
        let fields = Field.allCases.map(\.rawValue).joined(separator: ", ")
        throw refusal(
            "'\(part.prefix(100))' is no term of 'filters': write field=value or field_in_a,b "
                + "with one of the fields \(fields)."
        )
    }

    private static func refusal(_ message: String) -> Failure {
        .fault("query/filters", "InvalidFilter", message, as: .unprocessable)
    }
}

/// The `orderBy` of lists: `metadata.name=1,spec.version=-1` (CONVENTIONS §8).
struct PackListOrder: Sendable {
    private let keys: [(field: PackListFilter.Field, isAscending: Bool)]

    private static let sortable: Set<PackListFilter.Field> = [
        .uid, .metadataName, .name, .version, .displayName, .layer, .addonType,
    ]

    /// - Throws: `.unprocessable` for a field that cannot be sorted by.
    init(_ text: String) throws {
        keys = try text.split(separator: ",").map { part in
            let pieces = part.split(separator: "=", maxSplits: 1)
            guard let name = pieces.first, let field = PackListFilter.Field(rawValue: String(name)),
                Self.sortable.contains(field), pieces.count < 2 || ["1", "-1"].contains(pieces[1])
            else {
                throw Failure.fault(
                    "query/orderBy",
                    "InvalidSort",
                    "'\(part.prefix(100))' is no sort key: write field=1 or field=-1 with one of "
                        + Self.sortable.map(\.rawValue).sorted().joined(separator: ", ") + ".",
                    as: .unprocessable
                )
            }
            return (field, pieces.count < 2 || pieces[1] == "1")
        }
    }

    /// Whether one pack stands before another; without keys by name, the newest version first.
    func precedes(_ one: PackSummary, _ other: PackSummary) -> Bool {
        for key in keys {
            if let before = Self.compare(one, other, by: key.field) {
                return before == key.isAscending
            }
        }
        if one.name != other.name { return one.name < other.name }
        if one.version != other.version { return PackStore.newer(one.version, than: other.version) }
        return one.uid < other.uid
    }

    /// Whether one is smaller; nil when the two are equal in this field.
    private static func compare(
        _ one: PackSummary,
        _ other: PackSummary,
        by field: PackListFilter.Field
    ) -> Bool? {
        func order(_ left: String, _ right: String) -> Bool? { left == right ? nil : left < right }
        switch field {
        case .uid: return order(one.uid, other.uid)
        case .metadataName, .name: return order(one.name, other.name)
        case .version:
            return one.version == other.version
                ? nil : PackStore.newer(other.version, than: one.version)
        case .displayName: return order(one.displayName, other.displayName)
        case .layer: return order(one.layer, other.layer)
        case .addonType: return order(one.addonType, other.addonType)
        case .type, .addonSubType, .group, .registryUID, .cloudTypes, .cloudType: return nil
        }
    }
}
