import Primitives
import Storage

/// Every SQL statement about how far registries have been taken over.
extension RegistryStore {
    /// Makes or removes the row of a registry that begins or ends to be synchronised.
    ///
    /// A run is due at once.
    static func setSynchronised(_ registry: Registry, _ tx: borrowing Transaction) throws {
        guard registry.isSynchronised else {
            try tx.run("DELETE FROM registry_sync WHERE registry_uid = $1", .text(registry.uid))
            return
        }
        try tx.run(
            """
            INSERT INTO registry_sync (registry_uid, status, message, run, next_at, validator)
            VALUES ($1, $2, '', 0, $3, '')
            ON CONFLICT (registry_uid) DO NOTHING
            """,
            .text(registry.uid),
            .text(SyncState.Status.pending.rawValue),
            .timestamp(tx.now)
        )
    }

    /// Notes when the next run is due, and that the index is to be read anew.
    static func postponeSync(
        _ uid: String,
        until next: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            "UPDATE registry_sync SET next_at = $2, validator = '' WHERE registry_uid = $1",
            .text(uid),
            .timestamp(next)
        )
    }

    /// The registries whose next run is due, the longest due first.
    static func dueForSync(countMax: Int, _ tx: borrowing Transaction) throws -> [String] {
        try tx.all(
            """
            SELECT registry_uid FROM registry_sync WHERE next_at <= $1 AND status <> $2
            ORDER BY next_at, registry_uid LIMIT $3
            """,
            .timestamp(tx.now),
            .text(SyncState.Status.inProgress.rawValue),
            .int(countMax)
        ) { $0.text(0) }
    }

    /// The registries whose run was under way when the server ended.
    static func interruptedSyncs(_ tx: borrowing Transaction) throws -> [String] {
        try tx.all(
            "SELECT registry_uid FROM registry_sync WHERE status = $1 ORDER BY registry_uid",
            .text(SyncState.Status.inProgress.rawValue)
        ) { $0.text(0) }
    }

    /// Notes that a run begins, under the next number.
    static func beginSync(_ uid: String, _ tx: borrowing Transaction) throws {
        try tx.run(
            """
            UPDATE registry_sync SET status = $2, message = '', run = run + 1, started_at = $3
            WHERE registry_uid = $1
            """,
            .text(uid),
            .text(SyncState.Status.inProgress.rawValue),
            .timestamp(tx.now)
        )
    }

    /// Notes how a run ended, unless another has overtaken it.
    ///
    /// - Parameter state: as the run leaves it, but for the times, which are now.
    /// - Returns: whether the run still counted.
    static func endSync(
        _ uid: String,
        _ state: SyncState,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.run(
            """
            UPDATE registry_sync SET status = $3, message = $4, finished_at = $5, synced_at = $6,
                next_at = $7, validator = $8
            WHERE registry_uid = $1 AND run = $2
            """,
            .text(uid),
            .int(state.run),
            .text(state.status.rawValue),
            .text(state.message),
            .timestamp(tx.now),
            .optionalTimestamp(state.status == .success ? tx.now : state.syncedAt),
            .timestamp(state.nextAt),
            .text(state.validator)
        ) == 1
    }
}
