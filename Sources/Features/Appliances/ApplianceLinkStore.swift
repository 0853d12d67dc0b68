import Storage

/// Every SQL statement about what an appliance is tied to: the profiles it follows and the
/// clusters that hold it.
package enum ApplianceLinkStore {
    /// The profiles an appliance follows, in order.
    package static func profileUIDs(
        of key: Int64,
        _ tx: borrowing Transaction
    ) throws -> [String] {
        try tx.all(
            "SELECT profile_uid FROM appliance_profile WHERE appliance_key = $1 ORDER BY position",
            .int(key)
        ) { $0.text(0) }
    }

    /// Makes these the profiles an appliance follows, in this order.
    package static func setProfiles(
        _ uids: [String],
        of key: Int64,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run("DELETE FROM appliance_profile WHERE appliance_key = $1", .int(key))
        for (position, uid) in uids.enumerated() {
            try tx.run(
                """
                INSERT INTO appliance_profile (appliance_key, profile_uid, position)
                VALUES ($1, $2, $3)
                """,
                .int(key),
                .text(uid),
                .int(position)
            )
        }
    }

    /// The IDs of some appliances that follow a profile, for the refusal to delete it.
    package static func applianceUIDs(
        following profileUID: String,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [String] {
        try tx.all(
            """
            SELECT a.uid FROM appliance_profile p JOIN appliance a ON a.key = p.appliance_key
            WHERE p.profile_uid = $1 ORDER BY a.uid LIMIT $2
            """,
            .text(profileUID),
            .int(limit)
        ) { $0.text(0) }
    }

    /// The clusters that hold an appliance.
    package static func clusters(
        of key: Int64,
        _ tx: borrowing Transaction
    ) throws -> [HoldingCluster] {
        try tx.all(
            """
            SELECT cluster_uid, cluster_name FROM appliance_cluster WHERE appliance_key = $1
            ORDER BY cluster_uid
            """,
            .int(key)
        ) { HoldingCluster(uid: $0.text(0), name: $0.text(1)) }
    }

    /// Notes that a cluster holds an appliance.
    package static func associate(
        _ cluster: HoldingCluster,
        with key: Int64,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            INSERT INTO appliance_cluster (appliance_key, cluster_uid, cluster_name)
            VALUES ($1, $2, $3)
            """,
            .int(key),
            .text(cluster.uid),
            .text(cluster.name)
        )
    }

    /// Notes that no cluster holds an appliance any more.
    package static func release(_ key: Int64, _ tx: borrowing Transaction) throws {
        try tx.run("DELETE FROM appliance_cluster WHERE appliance_key = $1", .int(key))
    }
}
