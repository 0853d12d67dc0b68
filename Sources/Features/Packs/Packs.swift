import APIKit
import Audit
import EventLoop
import Storage

/// Registries and packs: what layers of profiles are made from.
package struct Packs: Sendable {
    let database: Database
    let importer: PackImporter
    let imports = ImportGate()
    private let workers: WorkerPool?

    /// - Parameters:
    ///   - workers: where archives that come over HTTP are read, so that no loop is held up; nil
    ///     reads them on the loop.
    ///   - onImport: what follows an import, in its own transaction.
    package init(
        database: Database,
        workers: WorkerPool? = nil,
        onImport: @escaping PackImporter.Hook = { _, _ in }
    ) {
        self.database = database
        self.workers = workers
        importer = PackImporter(database: database, onImport: onImport)
    }

    /// All operations of the folder.
    package var endpoints: [Endpoint] {
        packEndpoints + registryEndpoints + [importPack]
    }

    /// Makes the embedded registry `Public Repo` unless it is there.
    ///
    /// It belongs to no tenant: all tenants of a server see the same packs.
    @discardableResult
    package static func ensureDefaultRegistry(_ tx: borrowing Transaction) throws -> Registry {
        try RegistryStore.embedded(tx) ?? RegistryStore.insertEmbedded(tx)
    }

    /// Imports a folder of packs into the embedded registry; see `PackImporter.importFolder`.
    package func importFolder(
        _ path: String,
        by actor: AuditActor
    ) async throws -> ImportReport {
        try await importer.importFolder(path, by: actor)
    }

    /// Runs work that takes long away from the loop.
    func apart<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        guard let workers else { return try work() }
        do {
            return try await workers.run(work)
        } catch is WorkerPoolSaturated {
            throw Failure(
                .unavailable,
                "The server is busy; try again.",
                retryAfterSeconds: Int.random(in: 1...4)
            )
        }
    }
}
