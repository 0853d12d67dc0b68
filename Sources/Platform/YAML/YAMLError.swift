/// Why a text is not a YAML document that Easel takes.
package struct YAMLError: Error, Hashable, CustomStringConvertible {
    /// The line, from 1.
    package let line: Int
    /// The column in characters, from 1.
    package let column: Int
    /// What is wrong, as a sentence.
    package let reason: String

    init(_ reason: String, line: Int, column: Int) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    init(_ reason: String, at mark: YAMLMark) {
        self.init(reason, line: mark.line, column: mark.column)
    }

    /// The place and the reason in one line.
    package var description: String { "line \(line), column \(column): \(reason)" }
}

/// What a YAML text may cost before it is refused.
package struct YAMLLimits: Sendable {
    /// The length of the text.
    package var bytesMax: Int
    /// The deepest nesting, aliases followed; never more than 256, because nodes are walked by
    /// recursion.
    package var depthMax: Int
    /// The number of nodes in all documents, every alias counted as often as it is used.
    package var nodesMax: Int
    /// The bytes of all scalars together, every alias counted as often as it is used.
    package var expandedBytesMax: Int

    /// Sets limits; the defaults suit values and manifests.
    package init(
        bytesMax: Int = 4 << 20,
        depthMax: Int = 64,
        nodesMax: Int = 200_000,
        expandedBytesMax: Int = 16 << 20
    ) {
        self.bytesMax = bytesMax
        self.depthMax = min(depthMax, 256)
        self.nodesMax = nodesMax
        self.expandedBytesMax = expandedBytesMax
    }
}
