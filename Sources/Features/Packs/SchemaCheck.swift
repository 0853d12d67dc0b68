import APIKit
import JSON
import YAML

extension PackVersion {
    /// What is wrong with values for this pack by its `schema.yaml` (BEHAVIOUR 4.2).
    ///
    /// Values that hold a macro or variable (`{{`) are known only when it is put in; of those it is
    /// only asked that they are there.
    ///
    /// - Parameters:
    ///   - values: the root of the values; nil for empty ones.
    ///   - defaults: the text of the pack's own `values.yaml`.
    ///   - pointer: where the values stand; a fault's pointer goes on with the keys.
    package func schemaFaults(
        of values: YAMLNode?,
        defaults: @autoclosure () -> String,
        pointer: String
    ) -> [Fault] {
        guard !schema.isEmpty else { return [] }
        var check = SchemaCheck(pointer: pointer)
        let rules = SchemaRule.rules(of: schema)
        let own =
            rules.contains { $0.isReadOnly }
            ? try? PackYAML.node(Array(defaults().utf8)) : nil
        for rule in rules { check.apply(rule, to: values, own: own) }
        return check.faults
    }
}

/// One run of a pack's schema rules over a layer's values.
private struct SchemaCheck {
    let pointer: String
    private(set) var faults: [Fault] = []
    /// A list of values can hold many that are wrong.
    private static let faultsMax = 100

    init(pointer: String) { self.pointer = pointer }

    mutating func apply(_ rule: SchemaRule, to values: YAMLNode?, own: YAMLNode?) {
        for found in Self.find(rule.steps, in: values) {
            guard let node = found.node, !node.isNull, node.text != "" else {
                if rule.isRequired {
                    add("Required", found, "'\(found.path)' is required\(rule.hint).")
                }
                continue
            }
            if rule.isReadOnly {
                let original = Self.find([found.keys], in: own).first?.node
                if original.map({ !$0.isSame(as: node) }) ?? true {
                    add("ReadOnly", found, "'\(found.path)' is set by the pack; leave it as it is.")
                }
            }
            guard let format = rule.form else { continue }
            guard let text = node.text else {
                add(
                    "WrongType",
                    found,
                    "'\(found.path)' must be \(format.inWords), not \(node.kindWithArticle)."
                )
                continue
            }
            // The value itself is not told: it may be a secret.
            if !text.hasMacro, !format.matches(text) {
                add("WrongFormat", found, "'\(found.path)' must be \(format.inWords)\(rule.hint).")
            }
        }
    }

    private mutating func add(_ code: String, _ found: Found, _ message: String) {
        guard faults.count < Self.faultsMax else { return }
        let line = found.node.map { " (Line \($0.start.line) of the values.)" } ?? ""
        let place = found.keys.map { JSONPointer($0).text }.joined()
        faults.append(Fault(pointer + place, code, message + line))
    }

    /// A place that a rule is about; without a node where nothing stands.
    struct Found {
        var keys: [String]
        var node: YAMLNode?

        var path: String { keys.joined(separator: ".") }
    }

    /// The places that the steps of a rule lead to: one, or one for each element of the lists
    /// between them.
    static func find(_ steps: [[String]], in values: YAMLNode?) -> [Found] {
        var places = [Found(keys: [], node: values)]
        for (index, keys) in steps.enumerated() {
            if index > 0 { places = places.flatMap(elements) }
            places = places.map { descend($0, keys[...]) }
        }
        return places
    }

    /// The elements of a list; the place itself where there is none.
    private static func elements(of found: Found) -> [Found] {
        guard let elements = found.node?.elements else { return [Found(keys: found.keys)] }
        return elements.enumerated().map { Found(keys: found.keys + ["\($0)"], node: $1) }
    }

    /// Goes down along keys, which may hold dots themselves: shorter ones are tried first.
    private static func descend(_ found: Found, _ parts: ArraySlice<String>) -> Found {
        guard !parts.isEmpty else { return found }
        for count in 1...parts.count {
            let key = parts.prefix(count).joined(separator: ".")
            let place = Int(key).flatMap { found.node?[$0] } ?? found.node?[key]
            guard let place else { continue }
            let below = descend(
                Found(keys: found.keys + [key], node: place),
                parts.dropFirst(count)
            )
            if below.node != nil { return below }
        }
        return Found(keys: found.keys + parts)
    }
}

extension SchemaRule {
    /// The pack's own words about the value, to go into a message.
    fileprivate var hint: String {
        guard var hint = hints.first, !hint.isEmpty else { return "" }
        if hint.hasSuffix(".") { hint.removeLast() }
        return ": \(hint)"
    }
}

extension YAMLNode {
    /// Whether two values say the same, however they are written.
    fileprivate func isSame(as other: YAMLNode) -> Bool {
        switch (try? json(), try? other.json()) {
        case (let one?, let two?): one == two
        default: false
        }
    }
}

extension String {
    /// Whether the text holds a macro or variable, which is known only when it is put in.
    package var hasMacro: Bool {
        var wasBrace = false
        for byte in utf8 {
            let isBrace = byte == UInt8(ascii: "{")
            if isBrace, wasBrace { return true }
            wasBrace = isBrace
        }
        return false
    }
}
