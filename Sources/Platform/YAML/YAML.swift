/// Reads YAML texts with libyaml, under limits and without custom tags.
///
/// The core schema of YAML 1.2 decides what plain scalars mean. Refused: tags beyond the core
/// schema, keys given twice or that are not scalars, aliases that expand beyond the limits, a
/// byte order mark.
package enum YAML {
    /// Parses a text of any number of documents.
    ///
    /// - Returns: the root of every document in order; empty for a text without content.
    /// - Throws: `YAMLError` with the place and what to change.
    package static func parse(
        _ bytes: [UInt8],
        limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> [YAMLNode] {
        guard bytes.count <= limits.bytesMax else {
            throw YAMLError(
                "The text has \(bytes.count) bytes; \(limits.bytesMax) are allowed.",
                line: 1,
                column: 1
            )
        }
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw YAMLError(
                "The text starts with a byte order mark; save it as UTF-8 without one.",
                line: 1,
                column: 1
            )
        }
        var events = try EventReader(bytes)
        var builder = TreeBuilder(limits: limits)
        while let event = try events.next() { try builder.take(event) }
        return builder.documents
    }

    /// Parses a text of any number of documents.
    ///
    /// - Throws: `YAMLError` with the place and what to change.
    package static func parse(
        _ text: String,
        limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> [YAMLNode] {
        try parse(Array(text.utf8), limits: limits)
    }

    /// Parses a text that must hold one document at most.
    ///
    /// - Returns: its root, nil when the text holds nothing but comments.
    /// - Throws: `YAMLError` with the place and what to change.
    package static func parseSingle(
        _ bytes: [UInt8],
        limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> YAMLNode? {
        let documents = try parse(bytes, limits: limits)
        if documents.count > 1 {
            throw YAMLError(
                "A second document begins here; only one is expected.",
                at: documents[1].start
            )
        }
        return documents.first
    }
}
