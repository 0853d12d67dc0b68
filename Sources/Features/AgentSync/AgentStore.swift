import Appliances
import APIKit
import Primitives
import Storage

/// Every SQL statement about what agents say.
enum AgentStore {
    // MARK: - Health

    /// Writes a beat that says something new, and an event when the state is another one.
    ///
    /// - Throws: `.resourceNotFound` when the appliance was deleted meanwhile.
    static func setHealth(
        _ health: FleetEntry.Health,
        of entry: FleetEntry,
        at now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        // The usual case is one statement: another message or version, the state as it was.
        let same = try tx.run(
            """
            UPDATE appliance_health SET message = $3, agent_version = $4, last_seen_at = $5
            WHERE appliance_key = $1 AND state = $2
            """,
            .int(entry.key),
            .text(health.state.rawValue),
            .text(health.message),
            .text(health.agentVersion),
            .timestamp(now)
        )
        if same > 0 { return }
        let other = try tx.run(
            """
            UPDATE appliance_health SET state = $2, message = $3, agent_version = $4,
                last_seen_at = $5, changed_at = $6
            WHERE appliance_key = $1
            """,
            .int(entry.key),
            .text(health.state.rawValue),
            .text(health.message),
            .text(health.agentVersion),
            .timestamp(now),
            .timestamp(tx.now)
        )
        guard other > 0 else { throw ApplianceStore.notFound(entry.uid) }
        let told = ApplianceHealth(
            state: health.state,
            message: health.message,
            agentVersion: health.agentVersion
        )
        if let event = ApplianceEvent.health(told) {
            try ApplianceEventStore.insert(event, of: entry.key, tx)
        }
    }

    /// Writes that nothing was heard of a healthy appliance, with its event.
    ///
    /// - Returns: its health now; `nil` when it was not healthy any more.
    static func silence(
        _ entry: FleetEntry,
        _ tx: borrowing Transaction
    ) throws -> FleetEntry.Health? {
        let agentVersion = try tx.first(
            """
            UPDATE appliance_health SET state = 'unhealthy', message = $2, changed_at = $3
            WHERE appliance_key = $1 AND state = 'healthy' RETURNING agent_version
            """,
            .int(entry.key),
            .text(ApplianceHealth.silenceMessage),
            .timestamp(tx.now)
        ) { $0.text(0) }
        guard let agentVersion else { return nil }
        let health = ApplianceHealth(
            state: .unhealthy,
            message: ApplianceHealth.silenceMessage,
            agentVersion: agentVersion
        )
        if let event = ApplianceEvent.health(health) {
            try ApplianceEventStore.insert(event, of: entry.key, tx)
        }
        return FleetEntry.Health(
            state: .unhealthy,
            message: health.message,
            agentVersion: agentVersion
        )
    }

    /// Hands out the health of every appliance, in order of the keys.
    static func eachHealth(
        _ tx: borrowing Transaction,
        _ body: (_ key: Int64, _ health: FleetEntry.Health, _ lastSeenAt: Timestamp?) -> Void
    ) throws {
        try tx.each(
            """
            SELECT appliance_key, state, message, agent_version, last_seen_at
            FROM appliance_health ORDER BY appliance_key
            """
        ) { row in
            let health = FleetEntry.Health(
                state: ApplianceHealth.State(rawValue: row.text(1)) ?? .unknown,
                message: row.text(2),
                agentVersion: row.text(3)
            )
            body(row.int(0), health, row.optionalTimestamp(4))
            return true
        }
    }

    // MARK: - Observations

    /// What an appliance last reported; sequence 0 and no layers before the first report.
    struct Observation {
        let sequence: Int64
        let layers: [UInt8]
    }

    /// - Throws: `.resourceNotFound` when the appliance was deleted meanwhile.
    static func observation(
        of entry: FleetEntry,
        _ tx: borrowing Transaction
    ) throws -> Observation {
        let found = try tx.first(
            """
            SELECT o.sequence, o.layers FROM appliance a
            LEFT JOIN appliance_observation o ON o.appliance_key = a.key WHERE a.key = $1
            """,
            .int(entry.key)
        ) { Observation(sequence: $0.int(0), layers: $0.bytes(1)) }
        guard let found else { throw ApplianceStore.notFound(entry.uid) }
        return found
    }

    /// Writes a report in place of the former one.
    static func setObservation(
        of key: Int64,
        sequence: Int64,
        observed: (epoch: Int64, counter: Int64),
        layers: [UInt8],
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            INSERT INTO appliance_observation (appliance_key, sequence, observed_epoch,
                observed_counter, layers, reported_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (appliance_key) DO UPDATE SET sequence = $2, observed_epoch = $3,
                observed_counter = $4, layers = $5, reported_at = $6
            """,
            .int(key),
            .int(sequence),
            .int(observed.epoch),
            .int(observed.counter),
            .text(String(decoding: layers, as: UTF8.self)),
            .timestamp(tx.now)
        )
    }

    /// Writes layers alone: those of agents that know no sequence.
    static func setLayers(
        _ layers: [UInt8],
        of key: Int64,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            INSERT INTO appliance_observation (appliance_key, sequence, observed_epoch,
                observed_counter, layers, reported_at)
            VALUES ($1, 0, 0, 0, $2, $3)
            ON CONFLICT (appliance_key) DO UPDATE SET layers = $2, reported_at = $3
            """,
            .int(key),
            .text(String(decoding: layers, as: UTF8.self)),
            .timestamp(tx.now)
        )
    }

    // MARK: - Appliances that have seen more than this server

    /// Notes the later state that an appliance has seen.
    static func noteAhead(
        _ key: Int64,
        epoch: Int64,
        counter: Int64,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            INSERT INTO appliance_ahead (appliance_key, seen_epoch, seen_counter, noted_at)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (appliance_key) DO UPDATE SET seen_epoch = $2, seen_counter = $3,
                noted_at = $4
            """,
            .int(key),
            .int(epoch),
            .int(counter),
            .timestamp(tx.now)
        )
    }

    /// The later state that an appliance has seen; `nil` when it never did.
    static func ahead(
        _ key: Int64,
        _ tx: borrowing Transaction
    ) throws -> (epoch: Int64, counter: Int64)? {
        try tx.first(
            "SELECT seen_epoch, seen_counter FROM appliance_ahead WHERE appliance_key = $1",
            .int(key)
        ) { ($0.int(0), $0.int(1)) }
    }

    /// Notes that an operator accepts the numbers of an epoch.
    static func resume(_ key: Int64, epoch: Int64, _ tx: borrowing Transaction) throws {
        try tx.run(
            "UPDATE appliance_ahead SET resumed_epoch = $2 WHERE appliance_key = $1",
            .int(key),
            .int(epoch)
        )
    }

    /// Hands out the appliances of which an operator has accepted an epoch.
    static func eachResumed(
        _ tx: borrowing Transaction,
        _ body: (_ key: Int64, _ epoch: Int64) -> Void
    ) throws {
        try tx.each(
            """
            SELECT appliance_key, resumed_epoch FROM appliance_ahead
            WHERE resumed_epoch IS NOT NULL
            """
        ) { row in
            body(row.int(0), row.int(1))
            return true
        }
    }

    /// The last number that the database's counter has handed out.
    static func counter(_ tx: borrowing Transaction) throws -> Int64 {
        try tx.first("SELECT value FROM meta WHERE key = 'counter'") { $0.int(0) } ?? 0
    }

    /// Moves the database's counter on, never back.
    static func raiseCounter(to counter: Int64, _ tx: borrowing Transaction) throws {
        try tx.run(
            "UPDATE meta SET value = $1 WHERE key = 'counter' AND value < $1",
            .int(counter)
        )
    }
}
