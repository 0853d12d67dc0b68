import Primitives
import Storage

/// Every SQL statement about the health of appliances.
package enum ApplianceHealthStore {
    static func insert(_ key: Int64, _ tx: borrowing Transaction) throws {
        try tx.run(
            """
            INSERT INTO appliance_health (appliance_key, state, message, agent_version, changed_at)
            VALUES ($1, '', '', '', $2)
            """,
            .int(key),
            .timestamp(tx.now)
        )
    }

    /// The health of an appliance; the empty one when there is no such appliance.
    package static func find(
        _ key: Int64,
        _ tx: borrowing Transaction
    ) throws -> ApplianceHealth {
        try tx.first(
            """
            SELECT state, message, agent_version, last_seen_at FROM appliance_health
            WHERE appliance_key = $1
            """,
            .int(key)
        ) { health($0, from: 0) } ?? ApplianceHealth()
    }

    /// The health in four columns of a row, beginning with this one.
    static func health(_ row: borrowing Row, from first: Int) -> ApplianceHealth {
        ApplianceHealth(
            state: ApplianceHealth.State(rawValue: row.text(first)) ?? .unknown,
            message: row.text(first + 1),
            agentVersion: row.text(first + 2),
            lastSeenAt: row.optionalTimestamp(first + 3)
        )
    }

    /// Writes the health of an appliance, and an event when its state is another one.
    ///
    /// - Returns: whether the state is another one.
    package static func set(
        _ health: ApplianceHealth,
        of key: Int64,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        let former = try find(key, tx)
        try tx.run(
            """
            UPDATE appliance_health SET state = $2, message = $3, agent_version = $4,
                last_seen_at = $5, changed_at = CASE WHEN state = $2 THEN changed_at ELSE $6 END
            WHERE appliance_key = $1
            """,
            .int(key),
            .text(health.state.rawValue),
            .text(health.message),
            .text(health.agentVersion),
            .optionalTimestamp(health.lastSeenAt),
            .timestamp(tx.now)
        )
        guard former.state != health.state else { return false }
        if let event = ApplianceEvent.health(health) {
            try ApplianceEventStore.insert(event, of: key, tx)
        }
        return true
    }

    /// Moves the time of the last sign of life forward, never back.
    package static func touch(
        _ key: Int64,
        at lastSeenAt: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            UPDATE appliance_health SET last_seen_at = $2
            WHERE appliance_key = $1 AND (last_seen_at IS NULL OR last_seen_at < $2)
            """,
            .int(key),
            .timestamp(lastSeenAt)
        )
    }

    /// The keys of healthy appliances that were last heard of before a moment, longest first.
    ///
    /// The rows may lag behind signs of life that are still in memory: ask for those before
    /// believing one.
    package static func listSilent(
        since moment: Timestamp,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [Int64] {
        try tx.all(
            """
            SELECT appliance_key FROM appliance_health
            WHERE state = 'healthy' AND last_seen_at <= $1 ORDER BY last_seen_at LIMIT $2
            """,
            .timestamp(moment),
            .int(limit)
        ) { $0.int(0) }
    }
}
