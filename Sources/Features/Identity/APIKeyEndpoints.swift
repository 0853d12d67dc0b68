import APIKit
import Audit
import HTTPCore
import Primitives
import Storage

extension Identity {
    var apiKeyEndpoints: [Endpoint] {
        [
            listKeys, createKey, getKey, updateKey,
            // A PATCH that speaks of something else leaves the state alone; to the other operation
            // Go clients send `false` by leaving it out.
            switchKey(.patch, "", "v1ApiKeysUidActiveState", missing: nil),
            switchKey(.put, "/state", "v1ApiKeysUidState", missing: false), deleteKey,
        ]
    }

    private var listKeys: Endpoint {
        Endpoint(
            .get,
            "/v1/apiKeys",
            id: "v1ApiKeysList",
            tag: "apikeys",
            summary: "Lists the caller's API keys; a Tenant Admin sees those of everybody.",
            access: .user(.apiKeyList),
            output: APIKeyListAnswer.self
        ) { _, context in
            let user = try context.user()
            let keys = try database.read {
                try APIKeyStore.list(tenant: user.tenantUID, account: user.reach, $0)
            }
            return APIKeyListAnswer(items: keys.map(APIKeyAnswer.init))
        }
    }

    private var createKey: Endpoint {
        Endpoint(
            .post,
            "/v1/apiKeys",
            id: "v1ApiKeysCreate",
            tag: "apikeys",
            summary: "Creates an API key; the only answer that shows its secret.",
            access: .user(.apiKeyCreate),
            success: 201,
            failures: [.ruleViolated, .limitExceeded, .resourceNotFound],
            input: APIKeyInput.self,
            output: APIKeyCreated.self
        ) { input, context in
            let user = try context.user()
            let owner = try user.owner(named: input.spec?.userUID)
            let (bodyFaults, now) = (context.bodyFaults, context.now)
            let (secret, digest) = APIKey.makeSecret()
            let actor = AuditActor(context)
            return try await context.write(database) { tx in
                let isKnown = try AccountStore.find(owner, tenant: user.tenantUID, tx) != nil
                try input.check(bodyFaults, owner: isKnown ? nil : owner, at: now)
                guard isKnown else { throw Failure.notFound("User", owner) }
                guard try APIKeyStore.count(account: owner, tx) < APIKey.countMax else {
                    throw Failure(
                        .limitExceeded,
                        "A person may have \(APIKey.countMax) API keys; delete one first."
                    )
                }
                let key = APIKey(
                    uid: UID.make(at: tx.now).text,
                    tenantUID: user.tenantUID,
                    accountUID: owner,
                    name: input.metadata.name,
                    annotations: input.metadata.annotations,
                    expiresAt: input.spec?.expiry,
                    isActive: true,
                    version: try tx.nextCounter(),
                    createdAt: tx.now,
                    modifiedAt: tx.now
                )
                try APIKeyStore.insert(key, digest: digest, tx)
                try AuditStore.record(
                    .create,
                    key.auditResource,
                    "API key created.",
                    by: actor,
                    tx
                )
                return APIKeyCreated(secret: secret, uid: key.uid)
            }
        }.takingIdempotencyKey().answeringSecret()
    }

    private var getKey: Endpoint {
        Endpoint(
            .get,
            "/v1/apiKeys/{uid}",
            id: "v1ApiKeysUidGet",
            tag: "apikeys",
            summary: "Shows an API key without its secret.",
            access: .user(.apiKeyGet),
            failures: [.resourceNotFound],
            output: APIKeyAnswer.self
        ) { _, context in
            let user = try context.user()
            let uid = try context.parameter("uid")
            return APIKeyAnswer(owned: try database.read { try user.fetchKey(uid, $0) })
        }
    }

    private var updateKey: Endpoint {
        Endpoint(
            .put,
            "/v1/apiKeys/{uid}",
            id: "v1ApiKeysUidUpdate",
            tag: "apikeys",
            summary: "Changes the name, the annotations and the expiry of an API key.",
            access: .user(.apiKeyUpdate),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed],
            input: APIKeyInput.self
        ) { input, context in
            let (now, shape) = (context.now, context.bodyFaults)
            try await change(context, .update, "API key changed.") { key in
                let expiry = input.spec?.expiry
                let fault = expiry == key.expiresAt ? nil : APIKey.expiryFault(expiry, at: now)
                try Failure.refuse(shape, and: fault.map { [$0] } ?? [])
                return key.edited(
                    name: input.metadata.name,
                    annotations: input.metadata.annotations,
                    expiresAt: expiry
                )
            }
        }
    }

    /// Palette has two operations that do this.
    ///
    /// - Parameter missing: what a body without `isActive` means; `nil` to change nothing.
    private func switchKey(
        _ method: HTTPMethod,
        _ suffix: String,
        _ id: String,
        missing: Bool?
    ) -> Endpoint {
        Endpoint(
            method,
            "/v1/apiKeys/{uid}" + suffix,
            id: id,
            tag: "apikeys",
            summary: "Revokes an API key, or activates it again before it expires.",
            access: .user(.apiKeyUpdate),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed],
            input: ActiveStateInput.self
        ) { input, context in
            let now = context.now
            let wanted = input.isActive ?? missing
            try await change(
                context,
                wanted == true ? .activate : .deactivate,
                wanted == true ? "API key activated." : "API key revoked."
            ) { key in
                guard let wanted else { return key }
                return try key.switched(active: wanted, at: now)
            }
        }
    }

    private var deleteKey: Endpoint {
        Endpoint(
            .delete,
            "/v1/apiKeys/{uid}",
            id: "v1ApiKeysUidDelete",
            tag: "apikeys",
            summary: "Deletes an API key; it is refused from then on.",
            access: .user(.apiKeyDelete),
            failures: [.resourceNotFound, .preconditionFailed]
        ) { _, context in
            let user = try context.user()
            let uid = try context.parameter("uid")
            let (ifMatch, actor) = (context.ifMatch, AuditActor(context))
            try await database.write { tx in
                let key = try user.fetchKey(uid, tx).key
                try ifMatch.check(String(key.version))
                try APIKeyStore.delete(uid, tx)
                try AuditStore.record(
                    .delete,
                    key.auditResource,
                    "API key deleted.",
                    by: actor,
                    tx
                )
            }
        }
    }

    /// Changes a key by a rule, unless the rule leaves it as it is.
    private func change(
        _ context: RequestContext,
        _ action: AuditAction,
        _ message: String,
        by rule: @escaping @Sendable (APIKey) throws -> APIKey
    ) async throws {
        let user = try context.user()
        let uid = try context.parameter("uid")
        let (ifMatch, actor) = (context.ifMatch, AuditActor(context))
        try await database.write { tx in
            let current = try user.fetchKey(uid, tx).key
            try ifMatch.check(String(current.version))
            var changed = try rule(current)
            guard !changed.hasSameContent(as: current) else { return }
            changed.version = try tx.nextCounter()
            changed.modifiedAt = tx.now
            try APIKeyStore.update(changed, tx)
            try AuditStore.record(action, changed.auditResource, message, by: actor, tx)
        }
    }
}

extension APIKeyInput {
    /// - Parameter unknown: the person whose key it would be, when there is none.
    /// - Throws: `.invalidBody` or `.ruleViolated` with all that is wrong; nothing when it is the
    ///   person alone.
    fileprivate func check(
        _ bodyFaults: [Fault],
        owner unknown: String?,
        at now: Timestamp
    ) throws {
        var faults = APIKey.expiryFault(spec?.expiry, at: now).map { [$0] } ?? []
        guard !bodyFaults.isEmpty || !faults.isEmpty else { return }
        if let unknown {
            let message = Failure.notFound("User", unknown).message
            faults.append(Fault("/spec/userUid", "UnknownUser", message))
        }
        try Failure.refuse(bodyFaults, and: faults)
    }
}

extension APIKey {
    fileprivate var auditResource: AuditResource { AuditResource("apikey", uid: uid, name: name) }
}

extension UserPrincipal {
    /// Whose keys this person may touch: `nil` for everybody's in the tenant.
    fileprivate var reach: String? { isTenantAdmin ? nil : uid }

    /// - Throws: `.resourceNotFound`, alike for unknown keys and for those out of reach.
    fileprivate func fetchKey(
        _ uid: String,
        _ tx: borrowing Transaction
    ) throws -> APIKeyStore.Owned {
        guard let owned = try APIKeyStore.find(uid, tenant: tenantUID, account: reach, tx) else {
            throw Failure.notFound("API key", uid)
        }
        return owned
    }

    /// The person a new key is for.
    ///
    /// Palette's SDK sends the tenant's uid and means the caller.
    ///
    /// - Throws: `.operationForbidden` unless a Tenant Admin names somebody else.
    fileprivate func owner(named wanted: String?) throws -> String {
        guard let wanted, !wanted.isEmpty, wanted != uid, wanted != tenantUID else { return uid }
        guard isTenantAdmin else { throw Dispatcher.forbidden(.apiKeyCreate) }
        return wanted
    }
}
