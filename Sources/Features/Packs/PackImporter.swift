import APIKit
import Archive
import Audit
import Primitives
import Storage

/// A pack version that has just come into a registry.
package struct ImportNotice: Sendable, Hashable {
    /// The registry that gained the version.
    package let registryUID: String
    /// The pack's name.
    package let packName: String
    /// The version.
    package let version: String

    /// Makes a notice.
    package init(registryUID: String, packName: String, version: String) {
        self.registryUID = registryUID
        self.packName = packName
        self.version = version
    }
}

/// What became of one pack.
package struct PackImportResult: Sendable {
    /// How it ended; the raw value is the word that is printed and sent.
    package enum Outcome: String, Sendable {
        case imported, unchanged, refused
    }

    /// The folder or file it was read from, without the path to it.
    package let source: String
    /// The pack's name, as far as `pack.json` said; else empty.
    package let name: String
    /// The version.
    package let version: String
    /// How it ended.
    package let outcome: Outcome
    /// The pack version's uid; empty when it was refused.
    package let uid: String
    /// Why it was refused; else empty.
    package let faults: [PackFault]
    /// What is odd and does no harm.
    package let warnings: [PackFault]
}

/// What became of the packs of one folder, in the order of their names.
package struct ImportReport: Sendable {
    /// One result for each pack found.
    package let results: [PackImportResult]

    /// Whether any pack was refused.
    package var hasRefusals: Bool { results.contains { $0.outcome == .refused } }
}

/// Takes packs into a registry, each one whole or not at all.
///
/// A version never changes: the same content again changes nothing, other content under a version
/// that is there is refused.
package struct PackImporter: Sendable {
    /// What follows an import, in the import's own transaction: when it throws, nothing is kept.
    package typealias Hook = @Sendable (ImportNotice, borrowing Transaction) throws -> Void

    private let database: Database
    let onImport: Hook

    /// Makes an importer; `onImport` runs in each import's own transaction.
    package init(database: Database, onImport: @escaping Hook) {
        self.database = database
        self.onImport = onImport
    }

    /// Imports the packs of a folder into the embedded registry.
    ///
    /// The folder is one pack, or holds packs as folders and archives (`.tgz`, `.tar.gz`, `.tar`);
    /// the path may also name one archive.
    ///
    /// Reads files on the calling thread. A refused pack does not keep the others out.
    ///
    /// - Throws: `ArchiveError` when the folder itself cannot be read; `StorageError` when the
    ///   database fails, and what the hook throws that is no `Failure`: packs before stay in.
    package func importFolder(
        _ path: String,
        by actor: AuditActor
    ) async throws -> ImportReport {
        let registry = try await database.write { tx in try Packs.ensureDefaultRegistry(tx) }
        var results: [PackImportResult] = []
        // Newest versions first, as far as names tell: a train then relinks once and not once for
        // each version that is older than what follows.
        for source in try PackSource.find(in: path).reversed() {
            results.append(
                try await take(source.read(), from: source.name, into: registry, by: actor)
            )
        }
        return ImportReport(results: results.reversed())
    }

    /// Imports what was read from one archive or folder.
    ///
    /// - Throws: as `importFolder`.
    package func take(
        _ reading: PackReading,
        from source: String,
        into registry: Registry,
        by actor: AuditActor
    ) async throws -> PackImportResult {
        guard let draft = reading.draft else {
            return result(reading, source, .refused, faults: reading.faults)
        }
        do {
            let stored = try await database.write { [onImport] tx in
                try Self.store(draft, registry, actor, onImport, tx)
            }
            switch stored {
            case .new(let uid): return result(reading, source, .imported, uid: uid)
            case .known(let uid): return result(reading, source, .unchanged, uid: uid)
            case .different: return result(reading, source, .refused, faults: [immutable(draft)])
            }
        } catch let failure as Failure {
            let fault = PackFault("", "", failure.code.rawValue, failure.message)
            return result(reading, source, .refused, faults: [fault])
        }
    }

    private enum Stored: Sendable {
        case new(String)
        case known(String)
        case different
    }

    private static func store(
        _ draft: PackDraft,
        _ registry: Registry,
        _ actor: AuditActor,
        _ onImport: Hook,
        _ tx: borrowing Transaction
    ) throws -> Stored {
        if let known = try PackStore.exact(
            registryUID: registry.uid,
            name: draft.name,
            version: draft.version,
            tx
        ) {
            return known.digest == draft.digest ? .known(known.uid) : .different
        }
        for blob in draft.blobs { try BlobStore.put(blob.bytes, digest: blob.digest, tx) }
        let pack = draft.version(
            uid: UID.make(at: tx.now).text,
            registryUID: registry.uid,
            at: tx.now
        )
        try PackStore.insert(pack, tx)
        try RegistryStore.touch(registry.uid, tx)
        try AuditStore.record(
            .create,
            AuditResource("pack", uid: pack.uid, name: "\(pack.name) \(pack.version)"),
            "Imported pack \(pack.name) \(pack.version) into registry \(registry.name).",
            by: actor,
            tx
        )
        try onImport(
            ImportNotice(
                registryUID: registry.uid,
                packName: pack.name,
                version: pack.version
            ),
            tx
        )
        return .new(pack.uid)
    }

    private func immutable(_ draft: PackDraft) -> PackFault {
        PackFault(
            "pack.json",
            "/version",
            "VersionExists",
            "Pack \(draft.name) \(draft.version) is in the registry with other content; packs "
                + "never change, so give this one a new version."
        )
    }

    private func result(
        _ reading: PackReading,
        _ source: String,
        _ outcome: PackImportResult.Outcome,
        uid: String = "",
        faults: [PackFault] = []
    ) -> PackImportResult {
        PackImportResult(
            source: source,
            name: reading.name,
            version: reading.version,
            outcome: outcome,
            uid: uid,
            faults: faults,
            warnings: reading.warnings
        )
    }
}
