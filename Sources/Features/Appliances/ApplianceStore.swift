import APIKit
import JSON
import Identity
import Primitives
import Storage

/// Every SQL statement about the rows of appliances themselves.
package enum ApplianceStore {
    static let columns: SQL = """
        a.key, a.uid, a.tenant_uid, a.project_uid, a.owner_uid, a.name, a.state, a.arch, a.type,
        a.labels, a.annotations, a.host, a.device, a.properties, a.service, a.cloud_properties,
        a.cpu_cores, a.memory_mb, a.remote_shell, a.temporary_user, a.tunnel_status,
        a.pairing_key_digest, a.credential_digest, a.fingerprint, a.paused_reason,
        a.desired_counter, a.version, a.created_at, a.modified_at, a.paired_at,
        a.is_credential_used, a.reapproval_since, a.kept_run, a.spent_key_digest
        """
    /// How many columns there are in ``columns``: what a statement selects after them begins here.
    static let columnCount = 34

    static func appliance(_ row: borrowing Row) -> Appliance {
        Appliance(
            key: row.int(0),
            id: ApplianceID(stored: row.text(1)),
            scope: ApplianceScope(tenantUID: row.text(2), projectUID: row.text(3)),
            ownerUID: row.text(4),
            name: row.text(5),
            tags: Tags(textMap(stored: row.bytes(9))),
            annotations: textMap(stored: row.bytes(10)),
            state: ApplianceState(rawValue: row.text(6)) ?? .unpaired,
            architecture: row.text(7),
            type: row.text(8),
            machine: MachineDescription(
                host: row.bytes(11),
                device: row.bytes(12),
                properties: row.bytes(13),
                service: row.bytes(14),
                cloudProperties: row.bytes(15),
                cpuCores: row.int(16),
                memoryMB: row.int(17)
            ),
            tunnel: TunnelConfig(remoteShell: row.text(18), temporaryUser: row.text(19)),
            tunnelStatus: row.bytes(20),
            pairingKeyDigest: row.optionalText(21),
            spentKeyDigest: row.optionalText(33),
            credentialDigest: row.optionalText(22),
            isCredentialUsed: row.int(30) != 0,
            fingerprint: row.optionalText(23),
            reapprovalSince: row.optionalTimestamp(31),
            pausedReason: row.optionalText(24),
            keptRun: row.optionalInt(32),
            desiredCounter: row.int(25),
            version: row.int(26),
            createdAt: row.timestamp(27),
            modifiedAt: row.timestamp(28),
            pairedAt: row.optionalTimestamp(29)
        )
    }

    // MARK: - Look-ups

    /// The appliance of this ID in this scope; `nil` where there is none, elsewhere held or not.
    package static func find(
        _ uid: String,
        in scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws -> Appliance? {
        try tx.first(
            "SELECT " + columns + " FROM appliance a WHERE a.uid = $1 AND a.tenant_uid = $2"
                + " AND a.project_uid = $3",
            .text(uid),
            .text(scope.tenantUID),
            .text(scope.projectUID),
            map: appliance
        )
    }

    /// The appliance of this ID in this scope.
    ///
    /// - Throws: `.resourceNotFound`, the same for an ID nobody holds and one held elsewhere.
    package static func fetch(
        _ uid: String,
        in scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws -> Appliance {
        guard let appliance = try find(uid, in: scope, tx) else { throw notFound(uid) }
        return appliance
    }

    /// The refusal for an ID that the caller cannot see.
    package static func notFound(_ uid: String) -> Failure {
        Failure.notFound("Appliance", uid)
    }

    /// The appliance of this ID, whoever holds it; only for callers that are about to prove that
    /// they are it.
    package static func findAnywhere(
        _ uid: String,
        _ tx: borrowing Transaction
    ) throws -> Appliance? {
        try tx.first(
            "SELECT " + columns + " FROM appliance a WHERE a.uid = $1",
            .text(uid),
            map: appliance
        )
    }

    /// The appliance of this row number.
    package static func find(key: Int64, _ tx: borrowing Transaction) throws -> Appliance? {
        try tx.first(
            "SELECT " + columns + " FROM appliance a WHERE a.key = $1",
            .int(key),
            map: appliance
        )
    }

    // MARK: - Insert and delete

    /// What a new row says, the machine's own part unknown.
    package struct Registration: Sendable {
        package let id: ApplianceID
        package let scope: ApplianceScope
        package let ownerUID: String
        package let name: String
        package let tags: Tags
        package let annotations: [String: String]
        package let spec: DraftSpec
        package let pairingKeyDigest: String?

        package init(
            id: ApplianceID,
            scope: ApplianceScope,
            ownerUID: String,
            name: String,
            tags: Tags,
            annotations: [String: String],
            spec: DraftSpec,
            pairingKeyDigest: String?
        ) {
            self.id = id
            self.scope = scope
            self.ownerUID = ownerUID
            self.name = name
            self.tags = tags
            self.annotations = annotations
            self.spec = spec
            self.pairingKeyDigest = pairingKeyDigest
        }
    }

    /// Adds an unpaired appliance, its tags, its health row and its place in the count.
    ///
    /// - Parameter tenantMax: how many appliances the tenant may have.
    /// - Throws: `.applianceExists` when any tenant holds the ID; `.limitExceeded`.
    package static func insert(
        _ new: Registration,
        tenantMax: Int64,
        _ tx: borrowing Transaction
    ) throws -> Appliance {
        let key = try tx.nextCounter()
        let machine = MachineDescription.unknown(
            new.id,
            architecture: new.spec.architecture,
            cloudProperties: new.spec.cloudProperties
        )
        let appliance = Appliance(
            key: key,
            id: new.id,
            scope: new.scope,
            ownerUID: new.ownerUID,
            name: new.name,
            tags: new.tags,
            annotations: new.annotations,
            state: .unpaired,
            architecture: new.spec.architecture,
            type: new.spec.type,
            machine: machine,
            tunnel: new.spec.tunnel,
            tunnelStatus: Array("{}".utf8),
            pairingKeyDigest: new.pairingKeyDigest,
            credentialDigest: nil,
            isCredentialUsed: false,
            fingerprint: nil,
            reapprovalSince: nil,
            pausedReason: nil,
            keptRun: nil,
            desiredCounter: key,
            version: key,
            createdAt: tx.now,
            modifiedAt: tx.now,
            pairedAt: nil
        )
        try insertRow(appliance, tx)
        try insertTags(appliance, tx)
        try ApplianceHealthStore.insert(key, tx)
        try count(appliance.scope, tenantMax: tenantMax, tx)
        return appliance
    }

    private static func insertRow(
        _ appliance: Appliance,
        _ tx: borrowing Transaction
    ) throws {
        do {
            try tx.run(
                """
                INSERT INTO appliance (key, uid, tenant_uid, project_uid, owner_uid, name,
                    display_name, state, arch, type, labels, annotations, host, device, properties,
                    service, cloud_properties, cpu_cores, memory_mb, remote_shell, temporary_user,
                    tunnel_status, pairing_key_digest, desired_counter, version, created_at,
                    modified_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                    $18, $19, $20, $21, $22, $23, $24, $25, $26, $26)
                """,
                [
                    .int(appliance.key), .text(appliance.id.text),
                    .text(appliance.scope.tenantUID), .text(appliance.scope.projectUID),
                    .text(appliance.ownerUID),
                ] + written(appliance) + [
                    .int(appliance.desiredCounter), .int(appliance.version),
                    .timestamp(appliance.createdAt),
                ]
            )
        } catch {
            guard case .constraint("appliance.uid") = error.kind else { throw error }
            throw Failure(
                .applianceExists,
                "The appliance ID '\(appliance.id.text)' is taken. IDs are unique across all "
                    + "organisations: delete the old appliance first, or choose another ID.",
                cause: error
            )
        }
    }

    /// What an insert and an update both write, in this order: name, display name, state,
    /// architecture, type, labels, annotations, the machine's parts, tunnel, pairing key.
    private static func written(_ appliance: Appliance) -> [Parameter] {
        let machine = appliance.machine
        func json(_ bytes: [UInt8]) -> Parameter { .text(String(decoding: bytes, as: UTF8.self)) }
        return [
            .text(appliance.name), .text(appliance.displayName), .text(appliance.state.rawValue),
            .text(appliance.architecture), .text(appliance.type),
            .text(storedText(of: appliance.tags.pairs)),
            .text(storedText(of: appliance.annotations)), json(machine.host),
            json(machine.device), json(machine.properties), json(machine.service),
            json(machine.cloudProperties), .int(machine.cpuCores), .int(machine.memoryMB),
            .text(appliance.tunnel.remoteShell), .text(appliance.tunnel.temporaryUser),
            json(appliance.tunnelStatus), .optionalText(appliance.pairingKeyDigest),
        ]
    }

    private static func insertTags(_ appliance: Appliance, _ tx: borrowing Transaction) throws {
        for (key, value) in appliance.tags.pairs.sorted(by: { $0.key < $1.key }) {
            try tx.run(
                "INSERT INTO appliance_tag (appliance_key, tag_key, tag_value) VALUES ($1, $2, $3)",
                .int(appliance.key),
                .text(key),
                .text(value)
            )
        }
    }

    private static func count(
        _ scope: ApplianceScope,
        tenantMax: Int64,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            """
            INSERT INTO appliance_count (tenant_uid, project_uid, registered) VALUES ($1, $2, 1)
            ON CONFLICT (tenant_uid, project_uid)
            DO UPDATE SET registered = appliance_count.registered + 1
            """,
            .text(scope.tenantUID),
            .text(scope.projectUID)
        )
        let registered = try tx.first(
            "SELECT SUM(registered) FROM appliance_count WHERE tenant_uid = $1",
            .text(scope.tenantUID)
        ) { $0.int(0) }
        guard let registered, registered <= tenantMax else {
            throw Failure(
                .limitExceeded,
                "The organisation has the \(tenantMax) appliances that it may have; delete one "
                    + "that is no longer needed."
            )
        }
    }

    /// How many appliances there are in a scope.
    package static func count(
        in scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws -> Int {
        let registered = try tx.first(
            "SELECT registered FROM appliance_count WHERE tenant_uid = $1 AND project_uid = $2",
            .text(scope.tenantUID),
            .text(scope.projectUID)
        ) { $0.int(0) }
        return Int(registered ?? 0)
    }

    /// Takes an appliance away with all that belongs to it.
    package static func delete(_ appliance: Appliance, _ tx: borrowing Transaction) throws {
        let gone = try tx.run("DELETE FROM appliance WHERE key = $1", .int(appliance.key))
        guard gone > 0 else { return }
        try DeletedCredentialStore.insert(appliance, tx)
        try tx.run(
            """
            UPDATE appliance_count SET registered = registered - 1
            WHERE tenant_uid = $1 AND project_uid = $2
            """,
            .text(appliance.scope.tenantUID),
            .text(appliance.scope.projectUID)
        )
    }

    // MARK: - Update

    /// Writes an appliance as it is now, under a new version; its tags too when they changed.
    ///
    /// - Returns: the appliance with its version and time of change.
    package static func update(
        _ appliance: Appliance,
        formerly former: Appliance,
        _ tx: borrowing Transaction
    ) throws -> Appliance {
        var updated = appliance
        updated.version = try tx.nextCounter()
        updated.modifiedAt = tx.now
        try tx.run(
            """
            UPDATE appliance SET name = $2, display_name = $3, state = $4, arch = $5, type = $6,
                labels = $7, annotations = $8, host = $9, device = $10, properties = $11,
                service = $12, cloud_properties = $13, cpu_cores = $14, memory_mb = $15,
                remote_shell = $16, temporary_user = $17, tunnel_status = $18,
                pairing_key_digest = $19, credential_digest = $20, fingerprint = $21,
                paused_reason = $22, desired_counter = $23, version = $24, modified_at = $25,
                paired_at = $26, is_credential_used = $27, reapproval_since = $28, kept_run = $29,
                spent_key_digest = $30
            WHERE key = $1
            """,
            [.int(updated.key)] + written(updated) + [
                .optionalText(updated.credentialDigest), .optionalText(updated.fingerprint),
                .optionalText(updated.pausedReason), .int(updated.desiredCounter),
                .int(updated.version), .timestamp(updated.modifiedAt),
                .optionalTimestamp(updated.pairedAt), .int(updated.isCredentialUsed ? 1 : 0),
                .optionalTimestamp(updated.reapprovalSince), .optionalInt(updated.keptRun),
                .optionalText(updated.spentKeyDigest),
            ]
        )
        if updated.tags != former.tags {
            try tx.run("DELETE FROM appliance_tag WHERE appliance_key = $1", .int(updated.key))
            try insertTags(updated, tx)
        }
        return updated
    }

    /// Sets or clears why the server withholds new desired state; not a write of a person, so
    /// that neither version nor time of change move.
    ///
    /// - Parameter keptRun: the agent's run that is followed all the same.
    /// - Returns: whether it was another reason before.
    package static func setPaused(
        _ key: Int64,
        reason: String?,
        keptRun: Int64? = nil,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.run(
            """
            UPDATE appliance SET paused_reason = $2, kept_run = $3
            WHERE key = $1 AND paused_reason IS DISTINCT FROM $2
            """,
            .int(key),
            .optionalText(reason),
            .optionalInt(keptRun)
        ) > 0
    }

    /// Notes that a request came with the credential, unless that was replaced meanwhile.
    ///
    /// - Returns: whether the credential is still the appliance's.
    package static func setCredentialUsed(
        _ key: Int64,
        digest: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.run(
            """
            UPDATE appliance SET is_credential_used = 1, spent_key_digest = NULL
            WHERE key = $1 AND credential_digest = $2
            """,
            .int(key),
            .text(digest)
        ) > 0
    }

    /// Hands out what the fleet index keeps of every appliance, in order of the keys.
    package static func eachForIndex(
        _ tx: borrowing Transaction,
        body: (ApplianceNotice) throws -> Void
    ) throws {
        var profiles: [Int64: [String]] = [:]
        try tx.each(
            """
            SELECT appliance_key, profile_uid FROM appliance_profile
            ORDER BY appliance_key, position
            """
        ) { row in
            profiles[row.int(0), default: []].append(row.text(1))
            return true
        }
        try tx.each(
            """
            SELECT key, uid, tenant_uid, project_uid, credential_digest, desired_counter,
                paused_reason, is_credential_used, kept_run
            FROM appliance ORDER BY key
            """
        ) { row in
            let key = row.int(0)
            try body(
                ApplianceNotice(
                    kind: .registered,
                    key: key,
                    uid: row.text(1),
                    tenantUID: row.text(2),
                    projectUID: row.text(3),
                    credentialDigest: row.optionalText(4),
                    desiredCounter: row.int(5),
                    profileUIDs: profiles[key] ?? [],
                    pausedReason: row.optionalText(6),
                    isCredentialUsed: row.int(7) != 0,
                    keptRun: row.optionalInt(8)
                )
            )
            return true
        }
    }

    /// A project's name; `nil` when the tenant has no such project.
    package static func projectName(
        _ uid: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> String? {
        try tx.first(
            "SELECT name FROM project WHERE uid = $1 AND tenant_uid = $2",
            .text(uid),
            .text(tenantUID)
        ) { $0.text(0) }
    }
}

extension ApplianceStore {
    /// What of this table lives in a project.
    static func projectReferrers(
        _ projectUID: String,
        _ countMax: Int,
        _ tx: borrowing Transaction
    ) throws -> [Referrer] {
        try tx.all(
            "SELECT uid, display_name FROM appliance WHERE project_uid = $1 ORDER BY uid LIMIT $2",
            .text(projectUID),
            .int(countMax)
        ) { Referrer("edgehost", uid: $0.text(0), name: $0.text(1)) }
    }
}
