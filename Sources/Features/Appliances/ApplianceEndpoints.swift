import APIKit
import Audit
import Crypto
import HTTPCore
import JSON
import Storage

private let tag = "Appliances"

// Register, read, change and delete an appliance.
extension Appliances {
    var register: Endpoint {
        Endpoint(
            .post,
            "/v1/edgehosts",
            id: "v1EdgeHostDevicesCreate",
            tag: tag,
            summary: "Registers an appliance under an ID that is unique across all organisations.",
            access: .user(.applianceCreate),
            success: 201,
            failures: [
                .invalidBody, .limitExceeded, .applianceExists, .tooManyRequests,
            ],
            input: ApplianceDraft.self,
            output: UIDAnswer.self
        ) { draft, context in
            let call = ApplianceCall(context)
            let user = try context.user()
            let registration = ApplianceStore.Registration(
                id: draft.id,
                scope: call.scope,
                ownerUID: user.uid,
                name: draft.name,
                tags: draft.tags,
                annotations: draft.annotations,
                spec: draft.spec,
                pairingKeyDigest: Self.digest(ofKey: draft.spec.pairingKey)
            )
            return try await context.write(database) { tx in
                try insert(registration, as: .registered(by: user.email), call.actor, tx)
                return UIDAnswer(uid: draft.id.text)
            }
        }.takingIdempotencyKey()
    }

    /// Adds an appliance with its event, its audit row and its notice, within the tenant's limits;
    /// also for those that a token admits.
    ///
    /// - Throws: `.applianceExists`, `.limitExceeded`, `.tooManyRequests`.
    @discardableResult
    package func insert(
        _ registration: ApplianceStore.Registration,
        as event: ApplianceEvent,
        _ actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws -> Appliance {
        let tenantUID = registration.scope.tenantUID
        try budget.check(tenantUID, at: tx.now)
        let appliance: Appliance
        do {
            appliance = try ApplianceStore.insert(registration, tenantMax: limits.perTenant, tx)
        } catch let failure as Failure where failure.code == .applianceExists {
            try budget.spend(tenantUID, at: tx.now)
            throw failure
        }
        try ApplianceEventStore.insert(event, of: appliance.key, tx)
        try AuditStore.record(
            .create,
            appliance.auditResource,
            "Appliance registered",
            by: actor,
            tx
        )
        try announce(.registered, appliance, tx)
        return appliance
    }

    /// What is kept of a one-time pairing key; `nil` for none.
    static func digest(ofKey key: String) -> String? {
        key.isEmpty ? nil : SecretDigest(presented: key).hex
    }

    var get: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}",
            id: "v1EdgeHostDevicesUidGet",
            tag: tag,
            summary: "Shows an appliance: its machine, its profiles, state and health.",
            access: .applianceOrUser(.applianceGet),
            failures: [.resourceNotFound],
            query: [
                QueryParameter(
                    "resolvePackValues",
                    .boolean,
                    "Whether macros in pack values are resolved."
                )
            ],
            output: DeviceAnswer.self
        ) { _, context in
            let uid = try context.parameter("uid")
            let call = ApplianceCall(context)
            let use = ProfileUse.full(resolvesValues: context.flag("resolvePackValues"))
            return try database.read { tx in
                let appliance = try call.fetch(uid, tx)
                return DeviceAnswer(try detail(appliance, use: use, tx))
            }
        }
    }

    /// What an answer shows of one appliance.
    package func detail(
        _ appliance: Appliance,
        use: ProfileUse,
        _ tx: borrowing Transaction
    ) throws -> ApplianceDetail {
        guard let detail = try details([appliance], use: use, tx).first else {
            preconditionFailure("One appliance has one detail.")
        }
        return detail
    }

    var replaceDocument: Endpoint {
        Endpoint(
            .put,
            "/v1/edgehosts/{uid}",
            id: "v1EdgeHostDevicesUidUpdate",
            tag: tag,
            summary: "Replaces an appliance's metadata and the parts of its spec that are given.",
            access: .applianceOrUser(.applianceUpdate),
            failures: [
                .invalidBody, .ruleViolated, .resourceNotFound, .applianceNotRegistered,
                .preconditionFailed,
            ],
            input: DeviceInput.self
        ) { document, context in
            let shape = context.bodyFaults
            try await change(context, "Appliance changed") { appliance, _ in
                try appliance.apply(document, despite: shape)
                return []
            }
        }
    }

    var updateMetadata: Endpoint {
        Endpoint(
            .put,
            "/v1/edgehosts/{uid}/meta",
            id: "v1EdgeHostDevicesUidMetaUpdate",
            tag: tag,
            summary: "Replaces an appliance's name and tags.",
            access: .user(.applianceUpdate),
            failures: [.invalidBody, .ruleViolated, .resourceNotFound, .preconditionFailed],
            input: MetadataDocument.self
        ) { document, context in
            let shape = context.bodyFaults
            try await change(context, "Appliance tags changed") { appliance, _ in
                try appliance.apply(document.metadata, despite: shape)
                return []
            }
        }
    }

    var delete: Endpoint {
        Endpoint(
            .delete,
            "/v1/edgehosts/{uid}",
            id: "v1EdgeHostDevicesUidDelete",
            tag: tag,
            summary: "Deletes an appliance that no cluster uses; its credential is void at once.",
            access: .user(.applianceDelete),
            failures: [.resourceNotFound, .inUse, .preconditionFailed]
        ) { _, context in
            let uid = try context.parameter("uid")
            let call = ApplianceCall(context)
            try await database.write { tx in
                let appliance = try call.fetch(uid, tx)
                try call.checkVersion(appliance.version)
                let clusters = try ApplianceLinkStore.clusters(of: appliance.key, tx)
                guard clusters.isEmpty else { throw Self.inUse(appliance, by: clusters) }
                try ApplianceStore.delete(appliance, tx)
                try AuditStore.record(
                    .delete,
                    appliance.auditResource,
                    "Appliance deleted",
                    by: call.actor,
                    tx
                )
                try announce(.deleted, appliance, tx)
            }
        }
    }

    /// The refusal that names the clusters which hold the appliance.
    static func inUse(_ appliance: Appliance, by clusters: [HoldingCluster]) -> Failure {
        let names = clusters.map { "'\($0.name)'" }.joined(separator: ", ")
        return Failure(
            .inUse,
            "The appliance '\(appliance.id.text)' is in use by the cluster \(names); remove it "
                + "from the cluster, or delete the cluster, first.",
            details: [
                "referrers": .array(
                    clusters.map {
                        [
                            "kind": "spectrocluster", "uid": .string($0.uid),
                            "name": .string($0.name),
                        ]
                    }
                )
            ]
        )
    }

    /// Changes an appliance in one write: row, events, audit row and notice.
    ///
    /// One that comes out the same is not written, and leaves none of these.
    ///
    /// - Parameters:
    ///   - output: what the operation answers, if anything.
    ///   - body: changes the appliance and says what happened.
    func change(
        _ context: RequestContext,
        _ message: StaticString,
        action: AuditAction = .update,
        notice: ApplianceNotice.Kind = .updated,
        answering output: (any WireOutput)? = nil,
        _ body:
            @escaping @Sendable (
                inout Appliance, borrowing Transaction
            ) throws -> [ApplianceEvent]
    ) async throws {
        let uid = try context.parameter("uid")
        let call = ApplianceCall(context)
        try await context.write(database, answering: output) { tx in
            let former = try call.fetch(uid, tx)
            try call.checkVersion(former.version)
            var appliance = former
            let events = try body(&appliance, tx)
            guard appliance != former else { return }
            appliance = try ApplianceStore.update(appliance, formerly: former, tx)
            for event in events { try ApplianceEventStore.insert(event, of: appliance.key, tx) }
            try AuditStore.record(
                action,
                appliance.auditResource,
                "\(message)",
                by: call.actor,
                tx
            )
            try announce(notice, appliance, tx)
        }
    }
}

/// Palette's `v1EdgeHostDeviceMetaUpdateEntity`.
struct MetadataDocument: WireInput {
    let metadata: MetadataInput

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        if !fields.has("metadata") {
            fields.fault("metadata", "Required", "'metadata' is required.")
        }
    }
}
