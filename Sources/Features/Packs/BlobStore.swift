import Crypto
import Storage

/// Every SQL statement about blobs: bytes that are found by their digest and never change.
package enum BlobStore {
    /// The digest text that names these bytes: `sha256:` and 64 lower-case hex digits.
    package static func digest(of bytes: [UInt8]) -> String {
        "sha256:" + SHA256.digest(bytes).hex
    }

    /// Keeps the bytes and returns their digest; bytes that are there already are not written again.
    @discardableResult
    package static func put(_ bytes: [UInt8], _ tx: borrowing Transaction) throws -> String {
        let digest = digest(of: bytes)
        try put(bytes, digest: digest, tx)
        return digest
    }

    /// Keeps bytes whose digest the caller has just computed.
    static func put(_ bytes: [UInt8], digest: String, _ tx: borrowing Transaction) throws {
        _ = try tx.run(
            """
            INSERT INTO blob (digest, size, content, created_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (digest) DO NOTHING
            """,
            .text(digest),
            .int(bytes.count),
            .bytes(bytes),
            .timestamp(tx.now)
        )
    }

    /// The bytes of a digest; nil when there are none.
    package static func get(_ digest: String, _ tx: borrowing Transaction) throws -> [UInt8]? {
        try tx.first("SELECT content FROM blob WHERE digest = $1", .text(digest)) { $0.bytes(0) }
    }

    /// The bytes of a digest as text; nil when there are none.
    ///
    /// Broken UTF-8 becomes U+FFFD.
    package static func text(_ digest: String, _ tx: borrowing Transaction) throws -> String? {
        try tx.first("SELECT content FROM blob WHERE digest = $1", .text(digest)) { row in
            row.text(0)
        }
    }

    /// How many bytes a digest has; nil when there are none.
    package static func size(_ digest: String, _ tx: borrowing Transaction) throws -> Int? {
        try tx.first("SELECT size FROM blob WHERE digest = $1", .text(digest)) { Int($0.int(0)) }
    }
}
