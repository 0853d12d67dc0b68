import Primitives
import Storage

/// Every SQL statement about the trains that published profiles follow, and where they are held.
enum TrainStore {
    /// A train of a pack, as a profile follows it.
    struct Train: Sendable {
        let registryUID: String
        let packName: String
        let train: String
    }

    static func setTrains(
        _ trains: [Train],
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run("DELETE FROM profile_train WHERE profile_uid = $1", .text(profileUID))
        for train in trains {
            _ = try tx.run(
                """
                INSERT INTO profile_train (profile_uid, registry_uid, pack_name, train)
                VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
                """,
                .text(profileUID),
                .text(train.registryUID),
                .text(train.packName),
                .text(train.train)
            )
        }
    }

    /// The profiles that follow a train of this pack.
    static func followers(
        registryUID: String,
        packName: String,
        _ tx: borrowing Transaction
    ) throws -> [(profileUID: String, train: String)] {
        try tx.all(
            """
            SELECT profile_uid, train FROM profile_train
            WHERE registry_uid = $1 AND pack_name = $2 ORDER BY profile_uid
            """,
            .text(registryUID),
            .text(packName)
        ) { ($0.text(0), $0.text(1)) }
    }

    /// The profiles of a scope that follow a train of a pack of this name, in any registry.
    static func profiles(
        following packName: String,
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> [String] {
        try tx.all(
            """
            SELECT DISTINCT profile_train.profile_uid FROM profile_train
            JOIN profile ON profile.uid = profile_train.profile_uid
            WHERE profile_train.pack_name = $1 AND profile.tenant_uid = $2
                AND profile.project_uid IN ('', $3)
            ORDER BY profile_train.profile_uid
            """,
            .text(packName),
            .text(tenantUID),
            .text(projectUID)
        ) { $0.text(0) }
    }

    /// Since when and by whom a layer is held.
    struct Hold: Sendable {
        let at: Timestamp
        let by: String
    }

    /// The held layers of a profile by name.
    static func holds(
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> [String: Hold] {
        let rows = try tx.all(
            "SELECT layer_name, held_at, held_by FROM profile_hold WHERE profile_uid = $1",
            .text(profileUID)
        ) { ($0.text(0), Hold(at: $0.timestamp(1), by: $0.text(2))) }
        return Dictionary(rows, uniquingKeysWith: { first, _ in first })
    }

    /// Holds a layer; one that is held stays as it is.
    ///
    /// - Returns: whether it was not held before.
    static func hold(
        _ layerName: String,
        of profileUID: String,
        by name: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.run(
            """
            INSERT INTO profile_hold (profile_uid, layer_name, held_at, held_by)
            VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
            """,
            .text(profileUID),
            .text(layerName),
            .timestamp(tx.now),
            .text(name)
        ) > 0
    }

    /// Lets a layer go.
    ///
    /// - Returns: whether it was held.
    static func release(
        _ layerName: String,
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.run(
            "DELETE FROM profile_hold WHERE profile_uid = $1 AND layer_name = $2",
            .text(profileUID),
            .text(layerName)
        ) > 0
    }

    /// Lets all layers go but these.
    static func keepHolds(
        _ layerNames: Set<String>,
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws {
        for name in try holds(of: profileUID, tx).keys where !layerNames.contains(name) {
            _ = try release(name, of: profileUID, tx)
        }
    }
}
