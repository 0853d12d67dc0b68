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
        /// Whether it lay there before, and nothing was sent.
        package let isUnchanged: Bool
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
    /// The archive that `easel packs index` made of a folder beside it is that folder's, and is
    /// passed over.
    ///
    /// - Throws: what concerns the whole folder or registry, such as credentials that are refused.
    package func push(folder: String) async throws -> [Result] {
        try await registry.check()
        var results: [Result] = []
        var pushed: [String: (source: String, digest: String)] = [:]
        for source in try PackSource.find(in: folder) {
            let reading = source.read()
            var faults = reading.faults.map(\.description)
            if let draft = reading.draft {
                let key = "\(draft.name) \(draft.version)"
                if let other = pushed[key] {
                    if other.digest == draft.digest { continue }
                    faults = ["\(other.source) and \(source.name) are both \(key) and differ."]
                } else {
                    pushed[key] = (source.name, draft.digest)
                }
            }
            results.append(try await push(source, reading, faults))
        }
        return results
    }

    private func push(
        _ source: PackSource,
        _ reading: PackReading,
        _ faults: [String]
    ) async throws -> Result {
        let name = [reading.name, reading.version].filter { !$0.isEmpty }.joined(separator: " ")
        func refused(_ faults: [String]) -> Result {
            Result(
                source: source.name,
                name: name,
                reference: nil,
                isUnchanged: false,
                faults: faults
            )
        }
        guard let draft = reading.draft, faults.isEmpty else { return refused(faults) }
        let repository = OCIName.path("\(basePath)/\(draft.name)")
        let tag = OCIName.tag(of: draft.version)
        guard OCIName.isRepository(repository), OCIName.isTag(tag) else {
            return refused(["A registry has no place of the name \(repository):\(tag)."])
        }
        let isNew = try await registry.push(
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
            isUnchanged: !isNew,
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
