import Crypto
import Primitives
import Storage

/// Every SQL statement about answers that are kept for a repeated call.
enum IdempotencyStore {
    /// A kept answer as it stands in the database.
    struct Row: Sendable {
        let requestDigest: [UInt8]
        let status: UInt16
        /// The body, sealed.
        let answer: [UInt8]
    }

    /// The answer under an id, unless it was given before a moment.
    static func find(
        _ id: Digest,
        notBefore moment: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Row? {
        try tx.first(
            "SELECT request_digest, status, answer FROM idempotency WHERE id = $1 AND at >= $2",
            .bytes(id.bytes),
            .timestamp(moment)
        ) { row in
            Row(
                requestDigest: row.bytes(0),
                status: UInt16(clamping: row.int(1)),
                answer: row.bytes(2)
            )
        }
    }

    /// Keeps an answer, in the place of an outdated one.
    static func put(
        _ row: Row,
        as id: Digest,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run("DELETE FROM idempotency WHERE id = $1", .bytes(id.bytes))
        _ = try tx.run(
            """
            INSERT INTO idempotency (id, tenant_uid, at, request_digest, status, answer, number)
            VALUES ($1, $2, $3, $4, $5, $6, 1 + COALESCE(
                (SELECT MAX(number) FROM idempotency WHERE tenant_uid = $2), 0))
            """,
            .bytes(id.bytes),
            .text(tenantUID),
            .timestamp(tx.now),
            .bytes(row.requestDigest),
            .int(Int64(row.status)),
            .bytes(row.answer)
        )
    }

    /// Drops answers given before a moment, a few at a time.
    static func purge(before moment: Timestamp, countMax: Int, _ tx: borrowing Transaction) throws {
        _ = try tx.run(
            """
            DELETE FROM idempotency WHERE id IN
                (SELECT id FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2)
            """,
            .timestamp(moment),
            .int(countMax)
        )
    }

    /// Drops the oldest answers of a tenant that are more than it may have, a few at a time.
    ///
    /// They are found by their numbers, so that the time does not grow with what is kept.
    static func trim(
        tenantUID: String,
        to rowsMax: Int,
        countMax: Int,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run(
            """
            DELETE FROM idempotency WHERE id IN
                (SELECT id FROM idempotency WHERE tenant_uid = $1 AND number <= $3 +
                    (SELECT MAX(number) FROM idempotency WHERE tenant_uid = $1)
                ORDER BY number LIMIT $2)
            """,
            .text(tenantUID),
            .int(countMax),
            .int(-rowsMax)
        )
    }
}
