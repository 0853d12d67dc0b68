import Primitives
import Storage

/// Every SQL statement about what happened to appliances.
package enum ApplianceEventStore {
    /// Adds an event as the newest one, and drops the oldest beyond what is kept.
    package static func insert(
        _ event: ApplianceEvent,
        of key: Int64,
        at moment: Timestamp? = nil,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            INSERT INTO appliance_event (uid, appliance_key, at, severity, reason, message)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            .text(UID.make(at: tx.now).text),
            .int(key),
            .timestamp(moment ?? tx.now),
            .text(event.severity.rawValue),
            .text(event.reason),
            .text(event.message)
        )
        try tx.run(
            """
            DELETE FROM appliance_event WHERE appliance_key = $1 AND uid <= (
                SELECT uid FROM appliance_event WHERE appliance_key = $1
                ORDER BY uid DESC LIMIT 1 OFFSET $2)
            """,
            .int(key),
            .int(ApplianceEvent.keptMax)
        )
    }

    /// How many events of an appliance there are.
    package static func count(of key: Int64, _ tx: borrowing Transaction) throws -> Int {
        let count = try tx.first(
            "SELECT COUNT(*) FROM appliance_event WHERE appliance_key = $1",
            .int(key)
        ) { $0.int(0) }
        return Int(count ?? 0)
    }

    /// Events of an appliance, the newest first.
    ///
    /// - Parameter uid: the event after which to begin; `nil` for the newest.
    package static func list(
        of key: Int64,
        after uid: String?,
        offset: Int,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [RecordedEvent] {
        let select: SQL = """
            SELECT uid, at, severity, reason, message FROM appliance_event
            WHERE appliance_key = $1
            """
        let page: SQL = " ORDER BY uid DESC LIMIT $2 OFFSET $3"
        func recorded(_ row: borrowing Row) -> RecordedEvent {
            RecordedEvent(
                uid: row.text(0),
                at: row.timestamp(1),
                event: ApplianceEvent(
                    ApplianceEvent.Severity(rawValue: row.text(2)) ?? .info,
                    reason: row.text(3),
                    message: row.text(4)
                )
            )
        }
        if let uid {
            return try tx.all(
                select + " AND uid < $4" + page,
                .int(key),
                .int(limit),
                .int(0),
                .text(uid),
                map: recorded
            )
        }
        return try tx.all(
            select + page,
            .int(key),
            .int(limit),
            .int(offset),
            map: recorded
        )
    }
}
