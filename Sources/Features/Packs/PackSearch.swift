import APIKit

/// The body of `POST /v1/packs/search`: v1PacksFilterSpec (CONVENTIONS §9).
///
/// A missing filter, empty lists and a null sort all mean everything.
struct PackSearch: WireInput {
    /// No body asks for everything.
    static var isOptional: Bool { true }

    let filter: Filter
    let sort: [Sort]

    init(from fields: Fields) {
        filter = fields.object("filter")
        sort = fields.list("sort", countMax: 16)
        if fields.has("continue") {
            // Taken here it would be passed over, and the caller would read the first page twice.
            fields.fault(
                "continue",
                "NotAllowed",
                "'continue' counts only as a parameter of the URL."
            )
        }
    }

    struct Filter: WireInput {
        let name: TextFilter?
        let displayName: TextFilter?
        let type: [String]
        let layer: [String]
        let environment: [String]
        let addonType: [String]
        let addonSubType: [String]
        let registryUID: [String]
        let source: [String]
        let state: [String]
        let isFips: Bool?

        init(from fields: Fields) {
            name = fields.optionalObject("name")
            displayName = fields.optionalObject("displayName")
            type = fields.texts("type", countMax: PackLimits.filterValueCountMax)
            layer = fields.texts("layer", countMax: PackLimits.filterValueCountMax)
            environment = fields.texts("environment", countMax: PackLimits.filterValueCountMax)
            addonType = fields.texts("addOnType", countMax: PackLimits.filterValueCountMax)
            addonSubType = fields.texts("addOnSubType", countMax: PackLimits.filterValueCountMax)
            registryUID = fields.texts("registryUid", countMax: PackLimits.filterValueCountMax)
            source = fields.texts("source", countMax: PackLimits.filterValueCountMax)
            state = fields.texts("state", countMax: PackLimits.filterValueCountMax)
            isFips = fields.optionalFlag("isFips")
        }
    }

    struct Sort: WireInput {
        let field: String
        let order: String

        init(from fields: Fields) {
            field = fields.optionalText("field") ?? ""
            order = fields.optionalText("order") ?? "asc"
        }
    }
}

extension PackSearch {
    private static let sortFields = ["name", "type", "layer", "addOnType", "displayName"]
    private static let types = ["spectro", "helm", "manifest", "oci"]

    /// - Throws: `.unprocessable` with a fault for each value outside its enumeration.
    func check() throws {
        var faults: [Fault] = []
        func check(_ value: String, _ allowed: [String], _ pointer: String) {
            guard !allowed.contains(value) else { return }
            faults.append(
                Fault(
                    pointer,
                    "NotAllowed",
                    "'\(value.prefix(100))' is not one of \(allowed.joined(separator: ", "))."
                )
            )
        }
        for (index, key) in sort.enumerated() {
            if !key.field.isEmpty { check(key.field, Self.sortFields, "/sort/\(index)/field") }
            check(key.order, ["asc", "desc"], "/sort/\(index)/order")
        }
        for (index, layer) in filter.layer.enumerated() {
            check(layer, PackLayer.allCases.map(\.rawValue), "/filter/layer/\(index)")
        }
        for (index, type) in filter.type.enumerated() {
            check(type, Self.types, "/filter/type/\(index)")
        }
        for (index, state) in filter.state.enumerated() {
            check(state, PackState.allCases.map(\.rawValue), "/filter/state/\(index)")
        }
        guard let first = faults.first else { return }
        throw Failure(.unprocessable, first.message, faults: faults)
    }

    func matches(_ pack: PackSummary) -> Bool {
        func holds(_ wanted: [String], _ value: String) -> Bool {
            wanted.isEmpty || wanted.contains(value)
        }
        return filter.name?.matches(pack.name) ?? true
            && filter.displayName?.matches(pack.displayName) ?? true
            && holds(filter.type, pack.type.rawValue) && holds(filter.layer, pack.layer)
            && holds(filter.addonType, pack.addonType)
            && holds(filter.addonSubType, pack.addonSubType)
            && holds(filter.registryUID, pack.registryUID)
            && holds(filter.source, pack.annotations["source"] ?? "")
            && holds(filter.state, pack.state.rawValue)
            && (filter.environment.isEmpty || pack.cloudTypes.contains("all")
                || pack.cloudTypes.contains(where: filter.environment.contains))
            && (filter.isFips.map { $0 == (pack.annotations["isFips"] == "true") } ?? true)
    }

    /// Whether one pack stands before another; packs that the keys do not tell apart by name.
    func precedes(_ one: PackSummary, _ other: PackSummary) -> Bool {
        for key in sort {
            let (left, right) = (Self.value(of: key.field, one), Self.value(of: key.field, other))
            if left != right { return (left < right) == (key.order == "asc") }
        }
        return one.name < other.name
    }

    private static func value(of field: String, _ pack: PackSummary) -> String {
        switch field {
        case "layer": pack.layer
        case "addOnType": pack.addonType
        case "displayName": pack.displayName
        case "type": pack.type.rawValue
        default: pack.name
        }
    }
}
