import JSON
import YAML

/// The YAML of packs, read under the limits of packs.
enum PackYAML {
    private static let limits = YAMLLimits(
        bytesMax: PackLimits.manifestBytesMax,
        nodesMax: 1_000_000
    )

    /// The root of a text with one document at most; nil for one that holds nothing.
    static func node(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode? {
        try YAML.parseSingle(bytes, limits: limits)
    }

    /// What such a text means; null for one that holds nothing.
    static func value(_ bytes: [UInt8]) throws(YAMLError) -> JSONValue {
        try node(bytes)?.json() ?? .null
    }

    /// Checks a text of any number of documents.
    static func check(_ bytes: [UInt8]) throws(YAMLError) {
        _ = try YAML.parse(bytes, limits: limits)
    }
}

extension YAMLError {
    /// Where, as `PackFault.place` wants it.
    var place: String { "line \(line), column \(column)" }
}

extension YAMLNode {
    /// Where, as `PackFault.place` wants it.
    var place: String { "line \(start.line), column \(start.column)" }

    /// How a message names what kind of node this is.
    var kindWithArticle: String {
        switch content {
        case .scalar: "a scalar"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
