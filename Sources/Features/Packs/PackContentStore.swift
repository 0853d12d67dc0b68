import JSON
import Primitives
import Storage

/// A version as its registry's synchronisation looks at it.
struct PackStanding: Sendable {
    let uid: String
    let name: String
    let version: String
    let state: PackState
    /// Whether an operator said so: what the registry lists does not count then.
    let isStateSet: Bool
    let location: String
    let isFetched: Bool
}

/// The statements about versions whose registry lists them before their bytes are here.
extension PackStore {
    /// All versions of a registry.
    static func standings(
        registryUID: String,
        _ tx: borrowing Transaction
    ) throws -> [PackStanding] {
        try tx.all(
            """
            SELECT uid, name, version, state, location, values_digest, is_state_set
            FROM pack_version WHERE registry_uid = $1 ORDER BY uid
            """,
            .text(registryUID)
        ) { row in
            PackStanding(
                uid: row.text(0),
                name: row.text(1),
                version: row.text(2),
                state: PackState(rawValue: row.text(3)) ?? .active,
                isStateSet: row.int(6) != 0,
                location: row.text(4),
                isFetched: !row.text(5).isEmpty
            )
        }
    }

    /// - Parameter isHeld: whether the state stays whatever the registry says of it.
    static func setState(
        _ state: PackState,
        isHeld: Bool = false,
        of uid: String,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            "UPDATE pack_version SET state = $2, is_state_set = $3 WHERE uid = $1",
            .text(uid),
            .text(state.rawValue),
            .int(isHeld ? 1 : 0)
        )
    }

    /// Notes where a version that is not fetched yet is now, and what it must be.
    static func setLocation(
        _ location: String,
        digest: String,
        of uid: String,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            UPDATE pack_version SET location = $2, digest = $3
            WHERE uid = $1 AND values_digest = ''
            """,
            .text(uid),
            .text(location),
            .text(digest)
        )
    }

    /// Writes the content of a version that was listed without it; its blobs are there already.
    static func setContent(_ pack: PackVersion, _ tx: borrowing Transaction) throws {
        let content = PackContent(
            presets: pack.presets,
            schema: pack.schema,
            constraints: pack.constraints,
            manifests: pack.manifests,
            charts: pack.charts,
            valuesSize: pack.valuesSize
        )
        try tx.run(
            """
            UPDATE pack_version SET content = $2, values_digest = $3, readme_digest = $4,
                logo_digest = $5, digest = $6
            WHERE uid = $1
            """,
            .text(pack.uid),
            .text(String(decoding: content.jsonBytes(), as: UTF8.self)),
            .text(pack.valuesDigest),
            .optionalText(pack.readmeDigest),
            .optionalText(pack.logoDigest),
            .text(pack.digest)
        )
    }

    /// Removes a version whose bytes nobody ever asked for.
    static func deleteUnfetched(_ uid: String, _ tx: borrowing Transaction) throws {
        try tx.run(
            "DELETE FROM pack_version WHERE uid = $1 AND values_digest = ''",
            .text(uid)
        )
    }
}
