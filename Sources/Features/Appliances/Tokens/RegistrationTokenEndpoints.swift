import APIKit
import Audit
import Crypto
import HTTPCore
import Primitives
import Storage

/// The tokens that admit appliances nobody registered by hand; they belong to the tenant,
/// whichever project a call is in.
package struct RegistrationTokens: Sendable {
    let database: Database
    let sealing: SealingKey
    let limits: ApplianceLimits

    var endpoints: [Endpoint] { [list, create, get, update, delete, setState] }

    private var list: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/tokens",
            id: "v1EdgeTokensList",
            tag: "Registration tokens",
            summary: "Lists the tenant's registration tokens with their values.",
            access: .user(.tokenList),
            output: TokenListAnswer.self
        ) { _, context in
            try database.read { tx in
                let tokens = try RegistrationTokenStore.list(
                    tenantUID: context.tenantUID,
                    limit: ApplianceLimits.listMax,
                    tx
                )
                return TokenListAnswer(items: try tokens.map { try answer($0, tx) })
            }
        }.answeringSecret()
    }

    private var create: Endpoint {
        Endpoint(
            .post,
            "/v1/edgehosts/tokens",
            id: "v1EdgeTokensCreate",
            tag: "Registration tokens",
            summary: "Makes a token that admits appliances nobody registered by hand.",
            access: .user(.tokenCreate),
            success: 201,
            failures: [.invalidBody, .ruleViolated, .limitExceeded, .duplicateName],
            input: TokenInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let (call, bodyFaults) = (ApplianceCall(context), context.bodyFaults)
            return try await context.write(database) { tx in
                try check(input, bodyFaults, formerly: nil, call, tx)
                let made = try RegistrationTokenStore.count(tenantUID: call.scope.tenantUID, tx)
                guard made < limits.tokensPerTenant else {
                    throw Failure(
                        .limitExceeded,
                        "The organisation has the \(limits.tokensPerTenant) registration tokens "
                            + "that it may have; delete one first."
                    )
                }
                let token = try insert(input, profileUID: nil, call.scope.tenantUID, tx).token
                try AuditStore.record(
                    .create,
                    token.auditResource,
                    "Registration token created",
                    by: call.actor,
                    tx
                )
                return UIDAnswer(uid: token.uid)
            }
        }.takingIdempotencyKey()
    }

    private var get: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/tokens/{uid}",
            id: "v1EdgeTokensUidGet",
            tag: "Registration tokens",
            summary: "Shows one registration token with its value.",
            access: .user(.tokenGet),
            failures: [.resourceNotFound],
            output: TokenAnswer.self
        ) { _, context in
            let uid = try context.parameter("uid")
            return try database.read { tx in
                try answer(
                    RegistrationTokenStore.fetch(uid, tenantUID: context.tenantUID, tx),
                    tx
                )
            }
        }.answeringSecret()
    }

    private var update: Endpoint {
        Endpoint(
            .put,
            "/v1/edgehosts/tokens/{uid}",
            id: "v1EdgeTokensUidUpdate",
            tag: "Registration tokens",
            summary: "Changes a token's name, annotations, default project and expiry.",
            access: .user(.tokenUpdate),
            failures: [
                .invalidBody, .ruleViolated, .resourceNotFound, .duplicateName,
                .preconditionFailed,
            ],
            input: TokenInput.self
        ) { input, context in
            let bodyFaults = context.bodyFaults
            try await change(context, .update, "Registration token changed") { token, call, tx in
                try check(input, bodyFaults, formerly: token, call, tx)
                token.name = input.name
                token.annotations = input.annotations ?? token.annotations
                if input.annotations != nil { token.usesMax = input.usesMax }
                token.defaultProjectUID = input.defaultProjectUID
                token.expiresAt = input.expiresAt
            }
        }
    }

    private var setState: Endpoint {
        Endpoint(
            .put,
            "/v1/edgehosts/tokens/{uid}/state",
            id: "v1EdgeTokensUidState",
            tag: "Registration tokens",
            summary: "Switches a token on or off; appliances that have paired are not touched.",
            access: .user(.tokenUpdate),
            failures: [.invalidBody, .resourceNotFound, .preconditionFailed],
            input: TokenStateInput.self
        ) { input, context in
            let message: StaticString =
                input.isActive ? "Registration token activated" : "Registration token deactivated"
            try await change(context, input.isActive ? .activate : .deactivate, message) {
                token,
                _,
                _ in token.isActive = input.isActive
            }
        }
    }

    private var delete: Endpoint {
        Endpoint(
            .delete,
            "/v1/edgehosts/tokens/{uid}",
            id: "v1EdgeTokensUidDelete",
            tag: "Registration tokens",
            summary: "Deletes a token; appliances that have paired are not touched.",
            access: .user(.tokenDelete),
            failures: [.resourceNotFound, .preconditionFailed]
        ) { _, context in
            let uid = try context.parameter("uid")
            let call = ApplianceCall(context)
            try await database.write { tx in
                let token = try RegistrationTokenStore.fetch(
                    uid,
                    tenantUID: call.scope.tenantUID,
                    tx
                )
                try call.checkVersion(token.version)
                try RegistrationTokenStore.delete(uid, tx)
                try AuditStore.record(
                    .delete,
                    token.auditResource,
                    "Registration token deleted",
                    by: call.actor,
                    tx
                )
            }
        }
    }

    /// Changes a token; one that comes out the same is not written.
    private func change(
        _ context: RequestContext,
        _ action: AuditAction,
        _ message: StaticString,
        _ body:
            @escaping @Sendable (
                inout RegistrationToken, ApplianceCall, borrowing Transaction
            ) throws -> Void
    ) async throws {
        let uid = try context.parameter("uid")
        let call = ApplianceCall(context)
        try await database.write { tx in
            let former = try RegistrationTokenStore.fetch(uid, tenantUID: call.scope.tenantUID, tx)
            try call.checkVersion(former.version)
            var token = former
            try body(&token, call, tx)
            guard token != former else { return }
            token.version = try tx.nextCounter()
            token.modifiedAt = tx.now
            try RegistrationTokenStore.update(token, tx)
            try AuditStore.record(action, token.auditResource, "\(message)", by: call.actor, tx)
        }
    }

    /// - Throws: `.ruleViolated` with every rule that the input breaks; `.invalidBody` when its
    ///   shape has faults, with all of them.
    private func check(
        _ input: TokenInput,
        _ bodyFaults: [Fault],
        formerly former: RegistrationToken?,
        _ call: ApplianceCall,
        _ tx: borrowing Transaction
    ) throws {
        var faults: [Fault] = []
        if let uid = input.defaultProjectUID,
            try ApplianceStore.projectName(uid, tenantUID: call.scope.tenantUID, tx) == nil
        {
            faults.append(
                Fault(
                    "/spec/defaultProjectUid",
                    "UnknownProject",
                    "The organisation has no project with the uid '\(uid)'."
                )
            )
        }
        if let expiresAt = input.expiresAt, expiresAt != former?.expiresAt, expiresAt <= tx.now {
            faults.append(
                Fault("/spec/expiry", "InThePast", "'expiry' must lie in the future.")
            )
        }
        try Failure.refuse(bodyFaults, and: faults)
    }

    private func insert(
        _ input: TokenInput,
        profileUID: String?,
        _ tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> (token: RegistrationToken, value: String) {
        let uid = UID.make(at: tx.now).text
        let value = Secret.make(prefix: RegistrationToken.prefix)
        let token = RegistrationToken(
            uid: uid,
            tenantUID: tenantUID,
            name: input.name,
            annotations: input.annotations ?? [:],
            defaultProjectUID: input.defaultProjectUID,
            sealed: try seal(value, uid),
            usesMax: input.usesMax,
            uses: 0,
            profileUID: profileUID,
            expiresAt: input.expiresAt,
            isActive: true,
            version: try tx.nextCounter(),
            createdAt: tx.now,
            modifiedAt: tx.now
        )
        try RegistrationTokenStore.insert(token, digest: SecretDigest(presented: value), tx)
        return (token, value)
    }

    /// The value of the token that a profile's archive carries; made at the first call, the same
    /// at each later one, so that one revision gives the same archive twice.
    ///
    /// When an operator has deleted the token, the next archive carries a new one.
    package func valueForProfile(
        _ profileUID: String,
        named name: String,
        scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws -> String {
        if let token = try findForProfile(profileUID, tenantUID: scope.tenantUID, tx) {
            return token
        }
        let input = TokenInput(
            name: "\(name) (\(profileUID))",
            defaultProjectUID: scope.projectUID.isEmpty ? nil : scope.projectUID
        )
        return try insert(input, profileUID: profileUID, scope.tenantUID, tx).value
    }

    /// The value of the token that a profile's archive carries; `nil` when there is none yet.
    package func findForProfile(
        _ profileUID: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> String? {
        try RegistrationTokenStore.find(profileUID: profileUID, tenantUID: tenantUID, tx)
            .map(value)
    }

    private func answer(
        _ token: RegistrationToken,
        _ tx: borrowing Transaction
    ) throws -> TokenAnswer {
        TokenAnswer(
            token: token,
            value: try value(of: token),
            projectName: try token.defaultProjectUID.flatMap {
                try ApplianceStore.projectName($0, tenantUID: token.tenantUID, tx)
            }
        )
    }

    private func seal(_ value: String, _ uid: String) throws -> String {
        Base64.encode(try sealing.seal(Array(value.utf8), context: "registration_token.\(uid)"))
    }

    private func value(of token: RegistrationToken) throws -> String {
        guard let sealed = Base64.decode(token.sealed) else {
            throw StorageError(.other(code: 0), "A sealed registration token is not base64.")
        }
        let bytes = try sealing.open(sealed, context: "registration_token.\(token.uid)")
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension TokenInput {
    /// What the server asks for when it makes a token itself.
    fileprivate init(name: String, defaultProjectUID: String?) {
        self.name = name
        annotations = nil
        self.defaultProjectUID = defaultProjectUID
        expiresAt = nil
        usesMax = nil
    }
}

extension RegistrationToken {
    /// How the audit trail names the token; never its value.
    fileprivate var auditResource: AuditResource {
        AuditResource("edgetoken", uid: uid, name: name)
    }
}
