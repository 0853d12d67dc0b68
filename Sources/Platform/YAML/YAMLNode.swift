/// A place in a YAML text.
package struct YAMLMark: Sendable, Hashable {
    /// The line, from 1.
    package let line: Int
    /// The column in characters, from 1.
    package let column: Int
    /// The distance from the start in bytes.
    package let offset: Int
}

/// One node of a YAML document, with its place in the text.
///
/// Aliases are followed: the node stands for what it names, with the place of the alias.
package struct YAMLNode: Sendable {
    /// How a scalar was written.
    package enum Style: Sendable, Hashable {
        /// Without quotes: may mean a number, a boolean or null.
        case plain
        /// In single or double quotes: text.
        case quoted
        /// A literal or folded block: text.
        case block
    }

    /// The kinds of the core schema (YAML 1.2.2 §10.3) that may be named by a tag.
    package enum Tag: String, Sendable, Hashable {
        case null, bool, int, float, str, seq, map
    }

    /// One key with its value.
    package struct Pair: Sendable {
        /// The key, always a scalar.
        package var key: YAMLNode
        /// The value.
        package var value: YAMLNode

        /// Makes a pair.
        package init(key: YAMLNode, value: YAMLNode) {
            self.key = key
            self.value = value
        }
    }

    /// What the node holds.
    package enum Content: Sendable {
        case scalar(String, Style)
        case sequence([YAMLNode])
        /// Pairs in the order written; no key is there twice.
        case mapping([Pair])
    }

    /// What the node holds.
    package var content: Content
    /// The kind named by a tag, nil when none is.
    package var tag: Tag?
    /// Where the node begins, its anchor and tag included.
    package var start: YAMLMark
    /// Where the node ends in bytes.
    ///
    /// A block collection reaches up to the token after it.
    package var endOffset: Int
    /// Whether the collection is written in braces or brackets.
    package var isFlow = false
    /// Whether the text holds an alias here.
    package var isAlias = false

    /// Makes a node that comes from no text.
    package init(_ content: Content, tag: Tag? = nil) {
        self.content = content
        self.tag = tag
        start = YAMLMark(line: 1, column: 1, offset: 0)
        endOffset = 0
    }

    /// The text of a scalar as written, whatever it means; nil for a collection.
    package var text: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return text
    }

    /// The elements of a sequence, else nil.
    package var elements: [YAMLNode]? {
        guard case .sequence(let elements) = content else { return nil }
        return elements
    }

    /// The pairs of a mapping as written, else nil.
    package var pairs: [Pair]? {
        guard case .mapping(let pairs) = content else { return nil }
        return pairs
    }

    /// The value of a key, looked up in merged mappings (`<<`) too; nil when there is none.
    package subscript(_ key: String) -> YAMLNode? {
        guard let pairs else { return nil }
        if let own = pairs.first(where: { $0.key.text == key }) { return own.value }
        for pair in pairs where pair.key.isMergeKey {
            for merged in pair.value.elements ?? [pair.value] {
                if let value = merged[key] { return value }
            }
        }
        return nil
    }

    /// The element at a position, nil when there is none.
    package subscript(_ index: Int) -> YAMLNode? {
        guard let elements, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// Whether the node is the key `<<`, which takes over the pairs of other mappings.
    package var isMergeKey: Bool {
        guard case .scalar("<<", .plain) = content else { return false }
        return tag == nil
    }
}
