import APIKit
import Packs

/// `v1ClusterProfilesFilterSpec`: all that is given has to hold, and nothing given is everything.
struct ProfileSearch: WireInput {
    /// No body asks for everything.
    static var isOptional: Bool { true }

    private let filter: Filter?
    private let sort: [Sort]

    init(from fields: Fields) {
        filter = fields.optionalObject("filter")
        sort = fields.list("sort", countMax: 8)
    }

    private static let types = ProfileType.allCases.map(\.rawValue)
    private static let scopes = ["system", "tenant", "project"]
    private static let sortFields = [
        "profileName", "environment", "profileType", "creationTimestamp", "lastModifiedTimestamp",
    ]

    /// - Throws: `.unprocessable` with a fault for each value outside its enumeration.
    func check() throws {
        var faults: [Fault] = []
        func check(_ value: String, _ allowed: [String], _ pointer: String) {
            guard !value.isEmpty, !allowed.contains(value) else { return }
            faults.append(
                Fault(
                    pointer,
                    "NotAllowed",
                    "'\(value.prefix(100))' is none of \(allowed.joined(separator: ", "))."
                )
            )
        }
        for (index, key) in sort.enumerated() {
            check(key.field, Self.sortFields, "/sort/\(index)/field")
            check(key.order, ["asc", "desc"], "/sort/\(index)/order")
        }
        for (index, type) in (filter?.types ?? []).enumerated() {
            check(type, Self.types, "/filter/profileType/\(index)")
        }
        check(filter?.scope ?? "", Self.scopes, "/filter/scope")
        guard faults.isEmpty else {
            throw Failure(.unprocessable, faults[0].message, faults: faults)
        }
    }

    func matches(_ profile: ProfileBrief) -> Bool {
        filter?.matches(profile) ?? true
    }

    func precedes(_ one: ProfileBrief, _ other: ProfileBrief) -> Bool {
        for key in sort {
            if let before = Self.isLess(one, other, key.field) {
                return before == (key.order != "desc")
            }
        }
        return one.uid < other.uid
    }

    /// Whether one comes first in ascending order; `nil` when both are equal.
    private static func isLess(
        _ one: ProfileBrief,
        _ other: ProfileBrief,
        _ field: String
    ) -> Bool? {
        func order<Value: Comparable>(_ left: Value, _ right: Value) -> Bool? {
            left == right ? nil : left < right
        }
        switch field {
        case "profileName": return order(one.name, other.name)
        case "environment": return order(one.cloudType, other.cloudType)
        case "profileType": return order(one.type.rawValue, other.type.rawValue)
        case "creationTimestamp": return order(one.createdAt, other.createdAt)
        case "lastModifiedTimestamp": return order(one.modifiedAt, other.modifiedAt)
        default: return nil
        }
    }

    private struct Sort: WireInput {
        let field: String
        let order: String

        init(from fields: Fields) {
            field = fields.optionalText("field") ?? ""
            order = fields.optionalText("order") ?? ""
        }
    }

    private struct Filter: WireInput {
        let name: TextFilter?
        let types: [String]
        let environments: [String]
        let scope: String
        let tags: Tags?
        let version: Version?

        init(from fields: Fields) {
            name = fields.optionalObject("profileName")
            types = fields.texts("profileType", countMax: 50)
            environments = fields.texts("environment", countMax: 50)
            scope = fields.optionalText("scope") ?? ""
            tags = fields.optionalObject("tags")
            version = fields.optionalObject("version")
        }

        func matches(_ profile: ProfileBrief) -> Bool {
            let isOfScope =
                switch scope {
                case "": true
                case "tenant": profile.projectUID.isEmpty
                case "project": !profile.projectUID.isEmpty
                default: false
                }
            return isOfScope && name?.matches(profile.name) ?? true
                && (types.isEmpty || types.contains(profile.type.rawValue))
                && (environments.isEmpty || environments.contains(profile.cloudType))
                && tags?.matches(profile.labels) ?? true
                && version?.matches(profile.profileVersion) ?? true
        }
    }

    /// `v1FilterArray` over tags such as `k:v` or `k`: one of `eq` and none of `ne`.
    private struct Tags: WireInput {
        let eq: [String]
        let ne: [String]
        let beginsWith: [String]
        let ignoresCase: Bool

        init(from fields: Fields) {
            eq = fields.texts("eq", countMax: 50)
            ne = fields.texts("ne", countMax: 50)
            beginsWith = fields.texts("beginsWith", countMax: 50)
            ignoresCase = fields.optionalFlag("ignoreCase") ?? true
        }

        func matches(_ labels: [String: String]) -> Bool {
            let tags = labels.map {
                fold(
                    $0.value == "spectro__tag" || $0.value.isEmpty
                        ? $0.key : "\($0.key):\($0.value)"
                )
            }
            return (eq.isEmpty || eq.contains { tags.contains(fold($0)) })
                && !ne.contains { tags.contains(fold($0)) }
                && (beginsWith.isEmpty
                    || beginsWith.contains { start in
                        tags.contains { $0.hasPrefix(fold(start)) }
                    })
        }

        private func fold(_ text: String) -> String { ignoresCase ? text.lowercased() : text }
    }

    /// `v1FilterVersionString`.
    private struct Version: WireInput {
        let eq: String
        let ne: String
        let gt: String
        let lt: String
        let beginsWith: String

        init(from fields: Fields) {
            eq = fields.optionalText("eq") ?? ""
            ne = fields.optionalText("ne") ?? ""
            gt = fields.optionalText("gt") ?? ""
            lt = fields.optionalText("lt") ?? ""
            beginsWith = fields.optionalText("beginsWith") ?? ""
        }

        func matches(_ text: String) -> Bool {
            guard let version = SemanticVersion(text) else { return false }
            return (eq.isEmpty || text == eq) && (ne.isEmpty || text != ne)
                && (beginsWith.isEmpty || text.hasPrefix(beginsWith))
                && (gt.isEmpty || SemanticVersion(gt).map { version > $0 } ?? false)
                && (lt.isEmpty || SemanticVersion(lt).map { version < $0 } ?? false)
        }
    }
}
