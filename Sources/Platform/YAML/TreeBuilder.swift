/// Builds nodes from events and keeps count of what they cost.
struct TreeBuilder {
    private(set) var documents: [YAMLNode] = []

    /// What a node costs once its aliases are followed.
    private struct Cost {
        var nodes = 1
        var bytes = 0
        var depth = 1
    }

    private struct Frame {
        var node: YAMLNode
        var anchor: String?
        var cost = Cost()
        var elements: [YAMLNode] = []
        var pairs: [YAMLNode.Pair] = []
        var key: YAMLNode?
        var keyLines: [String: Int] = [:]
    }

    private let limits: YAMLLimits
    private var frames: [Frame] = []
    private var anchors: [String: (node: YAMLNode, cost: Cost)] = [:]
    private var nodesLeft: Int
    private var bytesLeft: Int

    init(limits: YAMLLimits) {
        self.limits = limits
        nodesLeft = limits.nodesMax
        bytesLeft = limits.expandedBytesMax
    }

    mutating func take(_ event: Event) throws(YAMLError) {
        switch event.kind {
        case .scalar(let text, let style, let anchor, let tag):
            var node = node(.scalar(text, style), event)
            node.tag = try self.tag(tag, event, allowed: [.null, .bool, .int, .float, .str])
            let cost = Cost(bytes: text.utf8.count)
            try place(node, cost, anchor, event)
        case .sequenceStart(let isFlow, let anchor, let tag):
            try open(
                .sequence([]),
                isFlow,
                anchor,
                try self.tag(tag, event, allowed: [.seq]),
                event
            )
        case .mappingStart(let isFlow, let anchor, let tag):
            try open(.mapping([]), isFlow, anchor, try self.tag(tag, event, allowed: [.map]), event)
        case .sequenceEnd, .mappingEnd:
            try close(event)
        case .alias(let name):
            guard let target = anchors[name] else {
                throw YAMLError("The alias *\(name) names no anchor above.", at: event.start)
            }
            var node = target.node
            node.start = event.start
            node.endOffset = event.endOffset
            node.isAlias = true
            try place(node, target.cost, nil, event)
        case .documentEnd:
            anchors = [:]
        case .other:
            break
        }
    }

    private func node(_ content: YAMLNode.Content, _ event: Event) -> YAMLNode {
        var node = YAMLNode(content)
        node.start = event.start
        node.endOffset = event.endOffset
        return node
    }

    private func tag(
        _ tag: String?,
        _ event: Event,
        allowed: [YAMLNode.Tag]
    ) throws(YAMLError) -> YAMLNode.Tag? {
        guard let tag else { return nil }
        // The non-specific tag keeps a scalar from being resolved (YAML 1.2.2 §6.9.1).
        if tag == "!" { return allowed.contains(.str) ? .str : nil }
        let prefix = "tag:yaml.org,2002:"
        let name = tag.hasPrefix(prefix) ? String(tag.dropFirst(prefix.count)) : ""
        guard let known = YAMLNode.Tag(rawValue: name), allowed.contains(known) else {
            throw YAMLError(
                "The tag \(tag.prefix(100)) is not taken; leave it out.",
                at: event.start
            )
        }
        return known
    }

    private mutating func spend(_ cost: Cost, _ event: Event) throws(YAMLError) {
        guard frames.count + cost.depth <= limits.depthMax else {
            throw YAMLError(
                "The text is nested deeper than \(limits.depthMax) levels.",
                at: event.start
            )
        }
        guard cost.nodes <= nodesLeft, cost.bytes <= bytesLeft else {
            throw YAMLError(
                "The text has more than \(limits.nodesMax) values or "
                    + "\(limits.expandedBytesMax) bytes once its aliases are followed.",
                at: event.start
            )
        }
        nodesLeft -= cost.nodes
        bytesLeft -= cost.bytes
    }

    private mutating func open(
        _ content: YAMLNode.Content,
        _ isFlow: Bool,
        _ anchor: String?,
        _ tag: YAMLNode.Tag?,
        _ event: Event
    ) throws(YAMLError) {
        if let frame = frames.last, case .mapping = frame.node.content, frame.key == nil {
            throw YAMLError("A key must be text, not a list or a mapping.", at: event.start)
        }
        try spend(Cost(), event)
        var node = node(content, event)
        node.isFlow = isFlow
        node.tag = tag
        frames.append(Frame(node: node, anchor: anchor))
    }

    private mutating func close(_ event: Event) throws(YAMLError) {
        guard var frame = frames.popLast() else { return }
        frame.node.endOffset = event.endOffset
        if case .sequence = frame.node.content {
            frame.node.content = .sequence(frame.elements)
        } else {
            frame.node.content = .mapping(frame.pairs)
        }
        if let anchor = frame.anchor { anchors[anchor] = (frame.node, frame.cost) }
        try attach(frame.node, frame.cost)
    }

    private mutating func place(
        _ node: YAMLNode,
        _ cost: Cost,
        _ anchor: String?,
        _ event: Event
    ) throws(YAMLError) {
        try spend(cost, event)
        if let anchor { anchors[anchor] = (node, cost) }
        try attach(node, cost)
    }

    private mutating func attach(_ node: YAMLNode, _ cost: Cost) throws(YAMLError) {
        guard let last = frames.indices.last else {
            documents.append(node)
            return
        }
        frames[last].cost.nodes += cost.nodes
        frames[last].cost.bytes += cost.bytes
        frames[last].cost.depth = max(frames[last].cost.depth, cost.depth + 1)
        if case .sequence = frames[last].node.content {
            frames[last].elements.append(node)
        } else if let key = frames[last].key {
            frames[last].pairs.append(YAMLNode.Pair(key: key, value: node))
            frames[last].key = nil
        } else {
            guard let text = node.text else {
                throw YAMLError("A key must be text, not a list or a mapping.", at: node.start)
            }
            if let line = frames[last].keyLines.updateValue(node.start.line, forKey: text) {
                throw YAMLError(
                    "The key \"\(text.prefix(64))\" is given twice, in line \(line) and in line "
                        + "\(node.start.line).",
                    at: node.start
                )
            }
            frames[last].key = node
        }
    }
}
