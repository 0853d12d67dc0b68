import YAML

/// Every key of a values text with its place, those of YAML texts inside it too: packs hold
/// configuration of theirs as `config: |`.
struct ValueTree {
    struct Entry {
        /// The keys on the way, the entry's own last; elements of lists by number.
        let path: [String]
        let key: String
        let node: YAMLNode
    }

    /// Larger texts are not looked through.
    private static let entriesMax = 20_000
    /// How deep texts stand inside texts.
    private static let textsMax = 2

    private(set) var entries: [Entry] = []

    init(_ root: YAMLNode?) {
        if let root { visit(root, [], texts: 0) }
    }

    private mutating func visit(_ node: YAMLNode, _ path: [String], texts: Int) {
        guard entries.count < Self.entriesMax else { return }
        switch node.content {
        case .mapping(let pairs):
            for pair in pairs {
                let key = pair.key.text ?? ""
                entries.append(Entry(path: path + [key], key: key, node: pair.value))
                visit(pair.value, path + [key], texts: texts)
            }
        case .sequence(let elements):
            for (index, element) in elements.enumerated() {
                visit(element, path + ["\(index)"], texts: texts)
            }
        case .scalar(let text, .block):
            guard texts < Self.textsMax, text.contains(": "),
                let documents = try? YAML.parse(text)
            else { return }
            for document in documents where document.text == nil {
                visit(document, path, texts: texts + 1)
            }
        case .scalar: return
        }
    }

    /// The entries of any of these keys.
    func all(_ keys: Set<String>) -> [Entry] { entries.filter { keys.contains($0.key) } }
}
