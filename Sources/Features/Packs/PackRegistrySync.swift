import APIKit
import Audit
import Crypto
import HTTPClient
import Storage

extension RegistryContent {
    /// Reads the index of a pack registry.
    ///
    /// - Returns: nil when it has not changed since it had this validator.
    func packIndex(
        _ reader: RegistryReader,
        unless validator: String
    ) async throws -> (index: PackIndex, validator: String)? {
        let file = try await reader.index(
            PackIndex.fileName,
            bytesMax: PackLimits.packIndexBytesMax,
            unless: validator
        )
        guard let file else { return nil }
        return (try await Self.aside { try PackIndex(file.bytes) }, file.validator)
    }

    /// Imports what a pack registry has gained, and marks what it has lost.
    func syncPacks(_ registry: Registry) async throws -> Outcome {
        if let folder = registry.spec.folder { return try await syncFolder(folder, registry) }
        let reader = try reader(registry)
        let validator = registry.sync?.validator ?? ""
        guard let (index, validator) = try await packIndex(reader, unless: validator) else {
            return Outcome(message: "Nothing has changed.", validator: validator)
        }
        var tally = SyncTally()
        // The newest first: a train then relinks once, and not once for each older version.
        for entry in index.entries.reversed() {
            try Task.checkCancellation()
            let known = try database.read { tx in
                try PackStore.exact(
                    registryUID: registry.uid,
                    name: entry.name,
                    version: entry.version,
                    tx
                )
            }
            if let known {
                tally.unchanged += known.digest == entry.digest ? 1 : 0
                if known.digest != entry.digest { tally.refuse(entry.key, .changed) }
                continue
            }
            let bytes: [UInt8]
            do {
                bytes = try await reader.file(
                    entry.archive,
                    bytesMax: PackLimits.archiveBytesMax
                )
            } catch {
                guard let reason = SyncTally.Refusal(ofOneFile: error) else { throw error }
                tally.refuse(entry.key, reason)
                continue
            }
            guard BlobStore.digest(of: bytes) == entry.archiveDigest else {
                tally.refuse(entry.key, .notOfIndex)
                continue
            }
            let reading = PackManifestReader.read(archive: bytes)
            guard reading.draft?.digest == entry.digest, reading.name == entry.name,
                reading.version == entry.version
            else {
                tally.refuse(entry.key, .notOfIndex)
                continue
            }
            try await take(reading, registry, &tally)
        }
        try await mark(
            registry,
            states: Dictionary(
                index.entries.map { (PackKey($0.name, $0.version), $0.state) },
                uniquingKeysWith: { first, _ in first }
            ),
            &tally
        )
        // With something missing the index is read again next time, changed or not.
        return Outcome(tally, "pack", validator: validator)
    }

    private func syncFolder(_ path: String, _ registry: Registry) async throws -> Outcome {
        guard let folder = remotes.folder(path) else { throw OutboundError.refusedByPolicy }
        var tally = SyncTally()
        var states: [PackKey: PackState] = [:]
        for source in try PackSource.find(in: folder).reversed() {
            try Task.checkCancellation()
            let reading = source.read()
            states[PackKey(reading.name, reading.version)] = .active
            try await take(reading, registry, &tally, named: source.name)
        }
        try await mark(registry, states: states, &tally)
        return Outcome(tally, "pack", validator: "")
    }

    func take(
        _ reading: PackReading,
        _ registry: Registry,
        _ tally: inout SyncTally,
        named source: String? = nil
    ) async throws {
        let result = try await importer.take(
            reading,
            from: source ?? reading.name,
            into: registry,
            by: AuditActor(tenantUID: registry.tenantUID ?? "")
        )
        switch result.outcome {
        case .imported: tally.added += 1
        case .unchanged: tally.unchanged += 1
        case .refused:
            tally.refuse(source ?? "\(reading.name) \(reading.version)", .malformed)
        }
    }

    /// Gives each version the state that its registry says; one that is no longer listed is
    /// deprecated: profiles that hold it go on with what is stored here.
    ///
    /// What an operator set stays.
    func mark(
        _ registry: Registry,
        states: [PackKey: PackState],
        _ tally: inout SyncTally
    ) async throws {
        let changed = try await database.write { tx in
            var lost = 0
            for pack in try PackStore.standings(registryUID: registry.uid, tx)
            where !pack.isStateSet {
                let listed = states[PackKey(pack.name, pack.version)]
                let state = listed ?? .deprecated
                guard state != pack.state else { continue }
                try PackStore.setState(state, of: pack.uid, tx)
                if listed == nil { lost += 1 }
            }
            return lost
        }
        tally.lost += changed
    }
}

extension PackIndex.Entry {
    /// The entry as messages name it.
    fileprivate var key: String { "\(name) \(version)" }
}

/// Name and version, which tell the packs of one registry apart.
struct PackKey: Hashable, Sendable {
    let name: String
    let version: String

    init(_ name: String, _ version: String) {
        self.name = name
        self.version = version
    }
}
