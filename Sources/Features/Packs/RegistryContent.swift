import APIKit
import Archive
import Audit
import Crypto
import HTTPClient
import Storage

/// Takes over what registries of other places hold; never inside a transaction.
struct RegistryContent: Sendable {
    let database: Database
    let importer: PackImporter
    let sealing: SealingKey
    let remotes: RegistryRemotes

    /// What a run came to.
    struct Outcome: Sendable {
        /// What people read of it.
        var message: String
        /// What the index said of its own version.
        var validator: String
        /// Whether nothing could be taken over of what there is.
        var isFailed = false
    }

    /// Sees whether a registry can be read as it is described, before it is stored.
    ///
    /// - Throws: `.ruleViolated` in words that tell nothing of what listens there.
    func check(
        _ kind: Registry.Kind,
        _ spec: RegistrySpec,
        _ secret: RegistrySecret
    ) async throws {
        do {
            try await Self.within(PackLimits.checkTimeout) {
                try await read(kind, spec, secret)
            }
        } catch {
            throw Self.failure(error)
        }
    }

    private func read(
        _ kind: Registry.Kind,
        _ spec: RegistrySpec,
        _ secret: RegistrySecret
    ) async throws {
        switch kind {
        case .pack:
            if let folder = spec.folder {
                guard let folder = remotes.folder(folder) else {
                    throw OutboundError.refusedByPolicy
                }
                _ = try await Self.aside { try PackSource.find(in: folder).count }
            } else {
                _ = try await packIndex(try reader(spec, secret), unless: "")
            }
        case .helm:
            let file = try await helmIndexFile(try reader(spec, secret), unless: "")
            guard let file else { throw OutboundError.badAnswer }
            // No chart has this name: only the form of the index is looked at.
            _ = try await Self.aside { try HelmIndex(file.bytes, chart: "").skippedCount }
        case .oci:
            try await checkOCI(spec, secret)
        }
    }

    /// A registry that drips its answer, or gives none.
    struct TookTooLong: Error {}

    /// Cancels work that takes longer than this.
    ///
    /// - Throws: `TookTooLong`, and what the work throws.
    static func within(
        _ limit: Duration,
        _ work: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: limit)
                throw TookTooLong()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Takes over what a registry holds now.
    ///
    /// - Throws: whatever went wrong; ``sentence(_:)`` puts it for people.
    func sync(_ registry: Registry) async throws -> Outcome {
        switch registry.kind {
        case .pack: try await syncPacks(registry)
        case .helm: try await syncCharts(registry)
        case .oci: try await syncOCI(registry)
        }
    }

    /// Does work that takes long on no event loop.
    static func aside<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await Task.detached { try work() }.value
    }

    func reader(_ registry: Registry) throws -> RegistryReader {
        try reader(registry.spec, try RegistrySecret(of: registry, under: sealing))
    }

    private func reader(
        _ spec: RegistrySpec,
        _ secret: RegistrySecret
    ) throws -> RegistryReader {
        guard let client = remotes.client else { throw OutboundError.busy }
        return try RegistryReader(spec, secret, client)
    }

    /// A sentence for people about what went wrong, without a word of the upstream's.
    static func sentence(_ error: any Error) -> String {
        switch error {
        case OutboundError.unauthorised: "The credentials were not accepted."
        case OutboundError.refusedByPolicy:
            "The endpoint lies where this server is not allowed to read; its operator can open "
                + "networks with --outbound-allow and folders with --registry-folder."
        case OutboundError.tooBig: "The index or an archive is larger than this server takes."
        case OutboundError.busy: "The server fetches too much at once; try again later."
        case is TookTooLong:
            "The registry took longer to answer than "
                + "\(PackLimits.checkTimeout.components.seconds) seconds; check the endpoint, or "
                + "try again later."
        case let failure as Failure: failure.message
        case let invalid as PackIndex.Invalid: invalid.sentence ?? Self.unreadable
        // One sentence for what is closed, silent, not TLS, not HTTP or no index: whoever writes
        // endpoints must not learn what listens where.
        default: Self.unreadable
        }
    }

    private static let unreadable =
        "No registry of this kind can be read there; check the endpoint and the certificate."

    /// The refusal of a request whose endpoint cannot be read.
    static func failure(_ error: any Error) -> Failure {
        if let failure = error as? Failure { return failure }
        let isCredential = error as? OutboundError == .unauthorised
        var failure = Failure.fault(
            isCredential ? "/spec/auth" : "/spec/endpoint",
            isCredential ? "BadCredentials" : error is TookTooLong ? "TookTooLong" : "Unreachable",
            sentence(error)
        )
        if error as? OutboundError == .busy {
            failure = Failure(.unavailable, sentence(error), retryAfterSeconds: 5)
        }
        return failure
    }
}

/// How registries of other places may be reached.
package struct RegistryRemotes: Sendable {
    /// Fetches over HTTP; nil where the server reads nothing from elsewhere.
    let client: OutboundClient?
    /// Folders of the server's machine that registries may lie in.
    let folders: [String]

    /// Nothing can be reached without either.
    package init(client: OutboundClient? = nil, folders: [String] = []) {
        self.client = client
        self.folders = folders
    }

    /// The folder with its links resolved; nil unless it is one that may be read.
    func folder(_ path: String) -> String? {
        guard let real = Files.realPath(path) else { return nil }
        let isOpen = folders.compactMap(Files.realPath).contains { root in
            real == root || real.hasPrefix(root == "/" ? root : root + "/")
        }
        return isOpen ? real : nil
    }
}

extension RegistrySpec {
    /// The folder that a `file:` endpoint names; nil for one of the network.
    var folder: String? {
        endpoint.hasPrefix("file://") ? String(endpoint.dropFirst("file://".count)) : nil
    }
}
