import HTTPClient
import JSON

/// Writes packs into an OCI registry, each as an artifact (docs/oci-packs.md).
package struct PackPusher: Sendable {
    /// What became of one pack.
    package struct Result: Sendable {
        /// The file or folder it was read from.
        package let source: String
        /// Name and version, as far as they could be read.
        package let name: String
        /// Where it now lies: repository and tag; nil when it was not pushed.
        package let reference: String?
        /// Why it was not pushed.
        package let faults: [String]
    }

    private let registry: OCIClient
    private let basePath: String

    /// - Parameter basePath: the path of the registry that all packs lie under; may be empty.
    package init(_ registry: OCIClient, basePath: String) {
        self.registry = registry
        self.basePath = OCIName.path(basePath)
    }

    /// Pushes the packs of a folder, or the one that it is.
    ///
    /// - Throws: what concerns the whole folder or registry, such as credentials that are refused.
    package func push(folder: String) async throws -> [Result] {
        try await registry.check()
        var results: [Result] = []
        for source in try PackSource.find(in: folder) { results.append(try await push(source)) }
        return results
    }

    private func push(_ source: PackSource) async throws -> Result {
        let reading = source.read()
        let name = [reading.name, reading.version].filter { !$0.isEmpty }.joined(separator: " ")
        func refused(_ faults: [String]) -> Result {
            Result(source: source.name, name: name, reference: nil, faults: faults)
        }
        guard let draft = reading.draft else { return refused(reading.faults.map(\.description)) }
        let repository = OCIName.path("\(basePath)/\(draft.name)")
        let tag = OCIName.tag(of: draft.version)
        guard OCIName.isRepository(repository), OCIName.isTag(tag) else {
            return refused(["A registry has no place of the name \(repository):\(tag)."])
        }
        try await registry.push(
            .pack,
            try source.archive(),
            config: Self.config(draft),
            title: "\(draft.name)-\(draft.version).tgz",
            to: repository,
            tag: tag
        )
        return Result(
            source: source.name,
            name: name,
            reference: "\(repository):\(tag)",
            faults: []
        )
    }

    private static func config(_ draft: PackDraft) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("name", draft.name)
            writer.field("version", draft.version)
            writer.field("layer", draft.description.layer.rawValue)
            writer.field("digest", draft.digest)
        }
        return writer.finish()
    }
}
