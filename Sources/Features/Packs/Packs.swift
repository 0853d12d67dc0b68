import APIKit
import Audit
import Crypto
import EventLoop
import Logging
import Storage

/// Registries and packs: what layers of profiles are made from.
package struct Packs: Sendable {
    let database: Database
    let importer: PackImporter
    let imports = ImportGate()
    let writes: RegistryWrites
    let content: RegistryContent
    /// Keeps registries of other places up to date.
    package let sync: RegistrySync
    private let workers: WorkerPool?

    /// - Parameters:
    ///   - workers: where archives that come over HTTP are read, so that no loop is held up; nil
    ///     reads them on the loop.
    ///   - sealing: seals the credentials of registries; without it nobody can open them once the
    ///     process has ended.
    ///   - remotes: how registries of other places are reached.
    ///   - syncHours: between two runs of one registry; 0 for none by schedule.
    ///   - onImport: what follows an import, in its own transaction.
    ///   - referrers: says which profiles use a registry.
    package init(
        database: Database,
        workers: WorkerPool? = nil,
        sealing: SealingKey = SealingKey(),
        remotes: RegistryRemotes = RegistryRemotes(),
        syncHours: Int = 24,
        logger: Logger = Logger(label: "easel"),
        onImport: @escaping PackImporter.Hook = { _, _ in },
        referrers: @escaping RegistryReferrers = { _, _, _ in [] }
    ) {
        self.database = database
        self.workers = workers
        writes = RegistryWrites(sealing: sealing, referrers: referrers)
        importer = PackImporter(database: database, onImport: onImport)
        content = RegistryContent(
            database: database,
            importer: importer,
            sealing: sealing,
            remotes: remotes
        )
        sync = RegistrySync(
            database: database,
            content: content,
            hours: syncHours,
            logger: logger
        )
    }

    /// All operations of the folder.
    package var endpoints: [Endpoint] {
        packEndpoints + registryEndpoints + helmRegistryEndpoints + ociRegistryEndpoints
            + [importPack, setPackState]
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

    /// Sees to it that the bytes of a chart which a layer names are here before the layer is
    /// written; never to be called within a transaction.
    ///
    /// - Throws: `.ruleViolated` when they cannot be had.
    package func prepare(_ chart: WantedChart, tenantUID: String) async throws {
        try await content.prepare(chart, tenantUID: tenantUID)
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
