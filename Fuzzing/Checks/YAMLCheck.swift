import JSON
import YAML

extension FuzzCheck {
    /// What is read as YAML means the same after it was written, and so does JSON written as YAML.
    static let yaml = FuzzCheck("yaml") { bytes in
        if let documents = try? YAML.parse(bytes, limits: limits) {
            for document in documents { try promiseRoundTrip(document) }
        }
        guard let value = try? JSONParser.parse(bytes, limits: JSONLimits(depthMax: 60)) else {
            return
        }
        let text = YAMLWriter.text(value)
        guard let again = try YAML.parseSingle(Array(text.utf8), limits: roomy) else {
            throw BrokenPromise(description: "JSON written as YAML is a document")
        }
        try promise(try again.json() == value, "JSON written as YAML means the same")
    }

    private static let limits = YAMLLimits(bytesMax: 1 << 16, nodesMax: 5000)
    /// A text written anew spells out what aliases stood for.
    private static let roomy = YAMLLimits(bytesMax: 1 << 26, depthMax: 256)

    private static func promiseRoundTrip(_ document: YAMLNode) throws {
        let text = YAMLWriter.text(document)
        guard let again = try YAML.parseSingle(Array(text.utf8), limits: roomy) else {
            throw BrokenPromise(description: "a document written is a document")
        }
        guard let meaning = try? document.json() else { return }
        try promise(try again.json() == meaning, "a document written means the same")
    }
}
