import AgentContract
import APIKit
import JSON
import Packs
import Storage
import YAML

/// Finds which revision gave a published text its lines or one of its values.
///
/// What the oldest revision that is kept has already is said to come from it.
struct Blame: Sendable {
    /// A line with the revision that it came with.
    struct Line: Sendable {
        /// From 1.
        let number: Int
        let text: String
        let revision: RevisionStore.Summary
    }

    /// One text as it was from a revision on.
    private struct Version {
        let revision: RevisionStore.Summary
        let text: String
    }

    private var versions: [Version] = []
    private let hidden: SensitiveValues

    /// Reads the history of a layer's values, or of one of its manifests.
    ///
    /// - Throws: `.resourceNotFound` when what is published has no such text.
    init(
        of profileUID: String,
        layer layerName: String,
        manifest: String,
        _ tx: borrowing Transaction
    ) throws {
        var last: String?
        var versions: [Version] = []
        try RevisionStore.each(of: profileUID, tx) { revision, content in
            let layers = try ProfileRevision(JSONParser.parse(content, limits: .stored)).layers
            let layer = layers.first { $0.name == layerName }
            // An attached manifest is meant before one of the pack's own of the same name.
            let named = layer?.manifests.filter { $0.name == manifest }
            let part =
                manifest.isEmpty
                ? layer?.values : (named?.first(where: \.isAttached) ?? named?.first)?.part
            if !versions.isEmpty, part?.digest == last { return }
            last = part?.digest
            let text = try last.flatMap { try BlobStore.text($0, tx) } ?? ""
            versions.append(Version(revision: revision, text: text))
        }
        guard last != nil else {
            throw manifest.isEmpty
                ? Failure.notFound("Layer", layerName) : Failure.notFound("Manifest", manifest)
        }
        self.versions = versions
        let newest = try versions.last.flatMap {
            try ProfileStore.revision($0.revision.number, of: profileUID, tx)
        }
        hidden = SensitiveValues(newest?.variables ?? .null)
    }

    /// Every line of the text as it is published, secrets masked.
    var lines: [Line] {
        guard let first = versions.first else { return [] }
        var former = LineDiff.lines(first.text)
        var origins = former.map { _ in first.revision }
        for version in versions.dropFirst() {
            let lines = LineDiff.lines(version.text)
            var next: [RevisionStore.Summary] = []
            for step in LineDiff(former, lines).steps {
                switch step {
                case .keep(let old, _): next.append(origins[old])
                case .remove: continue
                case .add: next.append(version.revision)
                }
            }
            (former, origins) = (lines, next)
        }
        let shown = SecretMask.masked(former).map(hidden.masked)
        return zip(shown, origins).enumerated().map {
            Line(number: $0.offset + 1, text: $0.element.0, revision: $0.element.1)
        }
    }

    /// The revision that gave the value behind a pointer what it is.
    ///
    /// - Returns: the line where the value stands; nil when the text has no such value.
    /// - Throws: `.invalidRequest` when the text is no YAML, as with template braces.
    func value(at pointer: JSONPointer) throws -> Line? {
        guard let newest = versions.last else { return nil }
        let document: YAMLNode?
        do {
            document = try YAML.parse(newest.text).first
        } catch {
            throw Failure.fault(
                "query/path",
                "NotYAML",
                "The text is not YAML, so it has no paths; ask for its lines instead: line "
                    + "\(error.line): \(error.reason)",
                as: .invalidRequest
            )
        }
        guard let node = Self.node(at: pointer, in: document) else { return nil }
        let value = try node.json()
        var origin = newest.revision
        for version in versions.reversed() {
            let former = try? Self.node(at: pointer, in: YAML.parse(version.text).first)?.json()
            guard former == value else { break }
            origin = version.revision
        }
        let lines = LineDiff.lines(newest.text)
        let index = node.start.line - 1
        guard lines.indices.contains(index) else { return nil }
        let text = hidden.masked(SecretMask.masked(lines)[index])
        return Line(number: node.start.line, text: text, revision: origin)
    }

    private static func node(at pointer: JSONPointer, in document: YAMLNode?) -> YAMLNode? {
        pointer.parts.reduce(document) { node, part in
            node?[part] ?? Int(part).flatMap { node?[$0] }
        }
    }
}
