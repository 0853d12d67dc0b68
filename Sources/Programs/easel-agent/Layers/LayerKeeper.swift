import AgentContract
import Archive

/// Carries out what the reconciler decides, layer by layer.
struct LayerKeeper: Sendable {
    let applier: any Applier
    let blobs: BlobStore

    /// What became of one wanted layer.
    struct Outcome: Sendable, Hashable {
        let wanted: WantedLayer
        /// Nil when the layer is applied.
        let failure: LayerFailure?
    }

    /// What a reconciliation did.
    struct Result: Sendable, Hashable {
        var outcomes: [Outcome] = []
        /// Folders that were written anew.
        var applied: [WantedLayer] = []
        /// Layers that are not there any more.
        var removed: [AppliedLayer] = []

        var isComplete: Bool { outcomes.allSatisfy { $0.failure == nil } }
    }

    /// Makes the appliance have these layers, site properties put in.
    ///
    /// Parts that are not at hand are fetched. A layer that fails leaves what was there, and the
    /// others go on.
    /// - Throws: what only the machine or the end of the process can be blamed for.
    func reconcile(
        _ profiles: [ProfileRevision],
        _ site: SiteProperties,
        number: DesiredNumber?,
        fetch: (Part) async throws -> [UInt8]
    ) async throws -> Result {
        let wanted = WantedLayer.list(profiles)
        let there = try applier.layers()
        let actions = Reconciler.plan(
            wanted: wanted,
            applied: there,
            siteDigest: site.digest
        )
        var result = Result()
        var failures: [String: LayerFailure] = [:]
        for action in actions {
            try Task.checkCancellation()
            switch action {
            case .apply(let layer, let replacing):
                do {
                    try await apply(layer, site, number, fetch)
                    for folder in replacing { try applier.remove(folder: folder) }
                    result.applied.append(layer)
                } catch let failure as LayerFailure {
                    failures[layer.folder] = failure
                } catch let error as DiskError {
                    failures[layer.folder] = Self.failure(error.description)
                } catch let error as FileError {
                    failures[layer.folder] = Self.failure(error.description)
                }
            case .remove(let folder):
                try applier.remove(folder: folder)
                if let layer = there[folder].flatMap({ $0 }),
                    !wanted.contains(where: { $0.identity == layer.identity })
                {
                    result.removed.append(layer)
                }
            }
        }
        result.outcomes = wanted.map { Outcome(wanted: $0, failure: failures[$0.folder]) }
        if result.isComplete {
            _ = try blobs.drop(
                allBut: Set(wanted.flatMap { Self.parts(of: $0.layer) }.map(\.digest))
            )
        }
        return result
    }

    /// Every part of a layer.
    static func parts(of layer: LayerRevision) -> [Part] {
        [layer.values] + layer.manifests.map(\.part) + layer.charts.map(\.part)
    }

    private func apply(
        _ layer: WantedLayer,
        _ site: SiteProperties,
        _ number: DesiredNumber?,
        _ fetch: (Part) async throws -> [UInt8]
    ) async throws {
        for part in Self.parts(of: layer.layer) where try blobs.find(part.digest) == nil {
            guard part.size <= Int64(BlobStore.partBytesMax) else {
                throw LayerFailure(
                    reason: "PartTooLarge",
                    message: "The part \(part.digest) has \(part.size) bytes; "
                        + "\(BlobStore.partBytesMax) are allowed."
                )
            }
            let bytes = try await fetch(part)
            guard try blobs.keep(bytes, as: part.digest) else {
                throw LayerFailure(
                    reason: "DigestMismatch",
                    message: "What the server sent for \(part.digest) has another SHA-256.",
                    isPending: true
                )
            }
        }
        try Task.checkCancellation()
        try applier.apply(layer, site: site, number: number) { part in
            guard let bytes = try blobs.find(part.digest) else {
                throw LayerFailure(
                    reason: "PartMissing",
                    message: "The part \(part.digest) is not at hand.",
                    isPending: true
                )
            }
            return bytes
        }
    }

    private static func failure(_ message: String) -> LayerFailure {
        LayerFailure(reason: "MachineTrouble", message: message)
    }
}
