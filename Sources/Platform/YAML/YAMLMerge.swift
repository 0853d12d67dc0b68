/// Applies a preset to a values text (BEHAVIOUR 4.3): takes paths away, then merges a mapping in.
///
/// Mappings merge key by key; scalars and lists are replaced. Comments, order and spelling of
/// everything untouched stay as they are: the edit is made in the bytes, read again and compared
/// with the merge made on nodes. Where that fails (anchors inside the edited part, flow mappings
/// that grow) the whole text is written anew, and its comments are lost. Comments of the added
/// text are not taken over.
package enum YAMLMerge {
    /// The text after the removals and the addition.
    ///
    /// - Parameters:
    ///   - values: a text of one document at most, whose root is a mapping.
    ///   - remove: paths of keys joined by dots; a key may hold dots itself. A path that is not
    ///     there changes nothing.
    ///   - add: a mapping to merge in, nil or null for none.
    /// - Throws: `YAMLError` when the text is no such document.
    package static func apply(
        to values: [UInt8],
        remove: [String],
        add: YAMLNode?,
        limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> [UInt8] {
        var text = values
        var root = try mapping(text, limits)
        for path in remove {
            guard let current = root, let keys = find(path.split(separator: ".")[...], in: current)
            else { continue }
            let wanted = removing(keys[...], from: current)
            text = try settle(
                TextEdit.removal(of: keys, in: current, text),
                wanted,
                limits
            )
            root = try mapping(text, limits)
        }
        guard let add, !add.isNull else { return text }
        guard add.pairs != nil else {
            throw YAMLError("What a preset adds must be a mapping.", at: add.start)
        }
        guard let current = root else {
            let gap = text.isEmpty || text.last == 0x0A ? "" : "\n"
            return try settle(
                text + Array((gap + YAMLWriter.text(add)).utf8),
                add,
                limits
            )
        }
        let edits = TextEdit.additions(of: add, to: current, text)
        return try settle(
            edits.flatMap { TextEdit.apply($0, to: text) },
            merged(current, add),
            limits
        )
    }

    /// The two mappings as one; the second wins, mappings merge key by key.
    package static func merged(_ base: YAMLNode, _ add: YAMLNode) -> YAMLNode {
        guard var pairs = base.pairs, let added = add.pairs else { return add }
        var places: [String: Int] = [:]
        for (place, pair) in pairs.enumerated() { places[pair.key.text ?? ""] = place }
        for pair in added {
            if let place = places[pair.key.text ?? ""] {
                pairs[place].value = merged(pairs[place].value, pair.value)
            } else {
                pairs.append(pair)
            }
        }
        return YAMLNode(.mapping(pairs))
    }

    private static func mapping(
        _ text: [UInt8],
        _ limits: YAMLLimits
    ) throws(YAMLError) -> YAMLNode? {
        guard let root = try YAML.parseSingle(text, limits: limits), !root.isNull else {
            return nil
        }
        guard root.pairs != nil else {
            throw YAMLError("The values must be a mapping.", at: root.start)
        }
        return root
    }

    /// The edited text when it means what was wanted, else the wanted nodes written anew.
    private static func settle(
        _ edited: [UInt8]?,
        _ wanted: YAMLNode,
        _ limits: YAMLLimits
    ) throws(YAMLError) -> [UInt8] {
        if let edited, let root = try? YAML.parseSingle(edited, limits: limits),
            root.means(wanted)
        {
            return edited
        }
        let anew = Array(YAMLWriter.text(wanted).utf8)
        // The result must itself be a text that is taken, limits included.
        _ = try YAML.parse(anew, limits: limits)
        return anew
    }

    /// The keys a dotted path names, outermost first; keys with dots are tried shortest first.
    private static func find(_ parts: ArraySlice<Substring>, in node: YAMLNode) -> [String]? {
        guard let pairs = node.pairs else { return nil }
        for count in 1...max(parts.count, 1) {
            let key = parts.prefix(count).joined(separator: ".")
            guard let pair = pairs.first(where: { $0.key.text == key }) else { continue }
            if count == parts.count { return [key] }
            if let rest = find(parts.dropFirst(count), in: pair.value) { return [key] + rest }
        }
        return nil
    }

    private static func removing(_ keys: ArraySlice<String>, from node: YAMLNode) -> YAMLNode {
        guard let key = keys.first, var pairs = node.pairs,
            let place = pairs.firstIndex(where: { $0.key.text == key })
        else { return node }
        if keys.count == 1 {
            pairs.remove(at: place)
        } else {
            pairs[place].value = removing(keys.dropFirst(), from: pairs[place].value)
        }
        return YAMLNode(.mapping(pairs))
    }
}

extension YAMLNode {
    /// Whether both mean the same in every reader: equal texts, and plain where plain matters.
    func means(_ other: YAMLNode) -> Bool {
        switch (content, other.content) {
        case (.scalar(let left, let leftStyle), .scalar(let right, let rightStyle)):
            guard left == right, tag == other.tag else { return false }
            return (leftStyle == .plain) == (rightStyle == .plain)
        case (.sequence(let left), .sequence(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.means($1) }
        case (.mapping(let left), .mapping(let right)):
            return left.count == right.count
                && zip(left, right).allSatisfy {
                    $0.key.means($1.key) && $0.value.means($1.value)
                }
        default: return false
        }
    }
}
