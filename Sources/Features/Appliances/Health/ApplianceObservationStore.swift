import JSON
import Storage

/// The SQL statements by which operators see what appliances reported; the reports themselves are
/// written where they arrive.
package enum ApplianceObservationStore {
    /// What an appliance last reported; `nil` before the first report.
    package static func find(
        _ key: Int64,
        _ tx: borrowing Transaction
    ) throws -> ApplianceObservation? {
        try tx.first(
            """
            SELECT layers, reported_at, observed_epoch, observed_counter
            FROM appliance_observation WHERE appliance_key = $1
            """,
            .int(key)
        ) { row in
            let layers = (try? JSONParser.parse(row.bytes(0)))?.elements ?? []
            return ApplianceObservation(
                reportedAt: row.timestamp(1),
                number: "\(row.int(2)).\(row.int(3))",
                layers: layers.compactMap(\.members)
            )
        }
    }

    /// Forgets what an appliance reported: the next machine begins to count anew.
    package static func delete(_ key: Int64, _ tx: borrowing Transaction) throws {
        try tx.run("DELETE FROM appliance_observation WHERE appliance_key = $1", .int(key))
    }
}
