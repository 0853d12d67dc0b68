import APIKit
import JSON
import Identity
import Primitives
import Storage

/// Every SQL statement about profiles, their revisions and the trains they follow.
enum ProfileStore {
    static let columns: SQL = """
        SELECT uid, tenant_uid, project_uid, name, profile_version, type, cloud_type, labels,
            annotations, draft, variables, published_number, version, created_at, modified_at,
            created_by
        FROM profile
        """

    static func profile(_ row: borrowing Row) throws -> Profile {
        Profile(
            uid: row.text(0),
            tenantUID: row.text(1),
            projectUID: row.text(2),
            name: row.text(3),
            profileVersion: row.text(4),
            type: ProfileType(rawValue: row.text(5)) ?? .full,
            cloudType: row.text(6),
            labels: try textMap(row.bytes(7)),
            annotations: try textMap(row.bytes(8)),
            layers: try LayerCoding.layers(row.bytes(9)),
            variables: try JSONParser.parse(row.bytes(10), limits: .stored),
            publishedNumber: row.optionalInt(11),
            version: row.int(12),
            createdAt: row.timestamp(13),
            modifiedAt: row.timestamp(14),
            createdBy: row.text(15)
        )
    }

    static func textMap(_ json: [UInt8]) throws -> [String: String] {
        guard case .object(let object) = try JSONParser.parse(json) else { return [:] }
        return object.reduce(into: [:]) { $0[$1.key] = $1.value.text }
    }

    // MARK: Profiles

    /// - Throws: `.duplicateName` when the scope has a profile of this name and version.
    static func insert(_ profile: Profile, _ tx: borrowing Transaction) throws {
        try refusingDuplicates(profile) { () throws(StorageError) in
            _ = try tx.run(
                """
                INSERT INTO profile (uid, tenant_uid, project_uid, name, profile_version, type,
                    cloud_type, labels, annotations, draft, variables, published_number, version,
                    created_at, modified_at, created_by)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
                """,
                .text(profile.uid),
                .text(profile.tenantUID),
                .text(profile.projectUID),
                .text(profile.name),
                .text(profile.profileVersion),
                .text(profile.type.rawValue),
                .text(profile.cloudType),
                json(profile.labels),
                json(profile.annotations),
                text(LayerCoding.json(profile.layers)),
                text(profile.variables.jsonBytes()),
                .optionalInt(profile.publishedNumber),
                .int(profile.version),
                .timestamp(profile.createdAt),
                .timestamp(profile.modifiedAt),
                .text(profile.createdBy)
            )
        }
        try ReferenceStore.set(profile.layers.macroNames, of: profile.uid, .draft, tx)
    }

    /// Notes the newest revision of a profile.
    static func setPublished(
        _ number: Int64,
        of uid: String,
        version: Int64,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run(
            """
            UPDATE profile SET published_number = $2, version = $3, modified_at = $4
            WHERE uid = $1
            """,
            .text(uid),
            .int(number),
            .int(version),
            .timestamp(tx.now)
        )
    }

    /// Writes what its author can change of a profile.
    ///
    /// - Throws: `.duplicateName` when the scope has another profile of this name and version.
    static func update(_ profile: Profile, _ tx: borrowing Transaction) throws {
        try refusingDuplicates(profile) { () throws(StorageError) in
            _ = try tx.run(
                """
                UPDATE profile SET name = $2, profile_version = $3, labels = $4, annotations = $5,
                    draft = $6, variables = $7, version = $8, modified_at = $9
                WHERE uid = $1
                """,
                .text(profile.uid),
                .text(profile.name),
                .text(profile.profileVersion),
                json(profile.labels),
                json(profile.annotations),
                text(LayerCoding.json(profile.layers)),
                text(profile.variables.jsonBytes()),
                .int(profile.version),
                .timestamp(profile.modifiedAt)
            )
        }
        try ReferenceStore.set(profile.layers.macroNames, of: profile.uid, .draft, tx)
    }

    private static func refusingDuplicates(
        _ profile: Profile,
        _ body: () throws(StorageError) -> Void
    ) throws {
        do {
            try body()
        } catch {
            let taken =
                "profile.tenant_uid, profile.project_uid, profile.name, "
                + "profile.profile_version"
            guard case .constraint(name: taken) = error.kind else { throw error }
            throw Failure(
                .duplicateName,
                "A profile named '\(profile.name)' with version \(profile.profileVersion) exists "
                    + "already; choose another name or version.",
                faults: [
                    Fault(
                        "/metadata/name",
                        "DuplicateName",
                        "The name is taken in this version."
                    )
                ],
                cause: error
            )
        }
    }

    private static func json(_ map: [String: String]) -> Parameter { text(map.jsonBytes()) }

    private static func text(_ bytes: [UInt8]) -> Parameter {
        .text(String(decoding: bytes, as: UTF8.self))
    }

    /// A profile that the scope can read: its own, and in a project also the tenant's.
    static func find(
        _ uid: String,
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> Profile? {
        try tx.first(
            columns + " WHERE uid = $1 AND tenant_uid = $2 AND project_uid IN ('', $3)",
            .text(uid),
            .text(tenantUID),
            .text(projectUID)
        ) { try profile($0) }
    }

    /// A profile for the server's own work, whatever its scope.
    static func find(_ uid: String, _ tx: borrowing Transaction) throws -> Profile? {
        try tx.first(columns + " WHERE uid = $1", .text(uid)) { try profile($0) }
    }

    /// The profiles of the same scope and name, oldest first.
    static func versions(
        of profile: Profile,
        _ tx: borrowing Transaction
    ) throws -> [(uid: String, version: String)] {
        try tx.all(
            """
            SELECT uid, profile_version FROM profile
            WHERE tenant_uid = $1 AND project_uid = $2 AND name = $3 ORDER BY uid
            """,
            .text(profile.tenantUID),
            .text(profile.projectUID),
            .text(profile.name)
        ) { ($0.text(0), $0.text(1)) }
    }

    static func exists(
        name: String,
        version: String,
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.first(
            """
            SELECT uid FROM profile
            WHERE tenant_uid = $1 AND project_uid = $2 AND name = $3 AND profile_version = $4
            """,
            .text(tenantUID),
            .text(projectUID),
            .text(name),
            .text(version)
        ) { $0.text(0) } != nil
    }

    static func count(
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> Int64 {
        try tx.first("SELECT count(*) FROM profile WHERE tenant_uid = $1", .text(tenantUID)) {
            $0.int(0)
        } ?? 0
    }

    /// Takes a profile away with its revisions and trains.
    static func delete(_ uid: String, _ tx: borrowing Transaction) throws {
        _ = try tx.run("DELETE FROM profile WHERE uid = $1", .text(uid))
    }

    /// Some of the appliances that follow a profile, and how many there are.
    static func followers(
        _ uid: String,
        _ tx: borrowing Transaction
    ) throws -> (some: [Referrer], count: Int64) {
        let some = try tx.all(
            """
            SELECT appliance.uid, appliance.name FROM appliance_profile
            JOIN appliance ON appliance.key = appliance_profile.appliance_key
            WHERE appliance_profile.profile_uid = $1 ORDER BY appliance.uid LIMIT 20
            """,
            .text(uid)
        ) { Referrer("edgehost", uid: $0.text(0), name: $0.text(1)) }
        let count = try tx.first(
            "SELECT count(*) FROM appliance_profile WHERE profile_uid = $1",
            .text(uid)
        ) { $0.int(0) }
        return (some, count ?? 0)
    }

    // MARK: Revisions

    /// A published revision's row.
    struct Revision {
        let number: Int64
        let counter: Int64
        let digest: String
        let content: [UInt8]
        let source: [Layer]
        let variables: JSONValue
        let cause: String
        let createdAt: Timestamp
        let createdBy: String
    }

    static func insert(
        _ revision: Revision,
        of profileUID: String,
        note: String,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run(
            """
            INSERT INTO profile_revision (profile_uid, number, counter, digest, content, source,
                cause, note, created_at, created_by, variables)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            .text(profileUID),
            .int(revision.number),
            .int(revision.counter),
            .text(revision.digest),
            text(revision.content),
            text(LayerCoding.json(revision.source)),
            .text(revision.cause),
            .text(note),
            .timestamp(revision.createdAt),
            .text(revision.createdBy),
            text(revision.variables.jsonBytes())
        )
    }

    private static let revisionColumns: SQL = """
        SELECT number, counter, digest, content, source, cause, created_at, created_by, variables
        FROM profile_revision
        """

    private static func revision(_ row: borrowing Row) throws -> Revision {
        Revision(
            number: row.int(0),
            counter: row.int(1),
            digest: row.text(2),
            content: row.bytes(3),
            source: try LayerCoding.layers(row.bytes(4)),
            variables: try JSONParser.parse(row.bytes(8), limits: .stored),
            cause: row.text(5),
            createdAt: row.timestamp(6),
            createdBy: row.text(7)
        )
    }

    static func revision(
        _ number: Int64,
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> Revision? {
        try tx.first(
            revisionColumns + " WHERE profile_uid = $1 AND number = $2",
            .text(profileUID),
            .int(number)
        ) { try revision($0) }
    }

    /// Calls the body with the newest revision of every profile.
    static func eachNewest(
        _ tx: borrowing Transaction,
        _ body: (RevisionNotice) -> Void
    ) throws {
        try tx.each(
            """
            SELECT profile.uid, profile.tenant_uid, profile_revision.number, profile_revision.counter,
                profile_revision.content
            FROM profile JOIN profile_revision ON profile_revision.profile_uid = profile.uid
                AND profile_revision.number = profile.published_number
            """
        ) { row in
            body(
                RevisionNotice(
                    profileUID: row.text(0),
                    tenantUID: row.text(1),
                    number: row.int(2),
                    counter: row.int(3),
                    content: row.bytes(4)
                )
            )
            return true
        }
    }

    // MARK: What a published profile refers to

    static func addBlobs(
        _ digests: Set<String>,
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws {
        for digest in digests.sorted() {
            _ = try tx.run(
                """
                INSERT INTO profile_blob (profile_uid, digest) VALUES ($1, $2)
                ON CONFLICT DO NOTHING
                """,
                .text(profileUID),
                .text(digest)
            )
        }
    }

    static func holds(
        _ digest: String,
        profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.first(
            "SELECT 1 FROM profile_blob WHERE profile_uid = $1 AND digest = $2",
            .text(profileUID),
            .text(digest)
        ) { $0.int(0) } != nil
    }
}

extension ProfileStore {
    /// What of this table lives in a project.
    static func projectReferrers(
        _ projectUID: String,
        _ countMax: Int,
        _ tx: borrowing Transaction
    ) throws -> [Referrer] {
        try tx.all(
            "SELECT uid, name FROM profile WHERE project_uid = $1 ORDER BY uid LIMIT $2",
            .text(projectUID),
            .int(countMax)
        ) { Referrer("clusterprofile", uid: $0.text(0), name: $0.text(1)) }
    }

    /// The profiles of a tenant whose draft or newest revision names a registry.
    ///
    /// A uid stands in stored JSON as it is, so that the texts need not be parsed; deleting a
    /// registry is rare.
    static func registryReferrers(
        _ registryUID: String,
        tenantUID: String,
        _ countMax: Int,
        _ tx: borrowing Transaction
    ) throws -> [Referrer] {
        var referrers: [Referrer] = []
        try tx.each(
            """
            SELECT p.uid, p.name, p.draft, r.content
            FROM profile p LEFT JOIN profile_revision r
                ON r.profile_uid = p.uid AND r.number = p.published_number
            WHERE p.tenant_uid = $1 ORDER BY p.uid
            """,
            .text(tenantUID)
        ) { row in
            let isUser =
                row.text(2).contains(registryUID)
                || row.optionalText(3)?.contains(registryUID) == true
            if isUser {
                referrers.append(
                    Referrer("clusterprofile", uid: row.text(0), name: row.text(1))
                )
            }
            return referrers.count < countMax
        }
        return referrers
    }
}
