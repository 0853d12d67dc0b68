import APIKit
import Audit
import Crypto
import Primitives
import Storage

/// Signing in, and the tokens that prove it.
///
/// A token lives 15 minutes and may be exchanged for a fresh one of the same session for as long
/// as it is valid; a session ends 24 hours after the password was given, however often it was
/// refreshed. A token counts only while its session and its account are there, so that removing
/// either ends it at once.
package struct Sessions: Sendable {
    static let tokenSeconds: Int64 = 15 * 60
    static let sessionSeconds: Int64 = 24 * 60 * 60
    /// Accounts of one e-mail address that are tried when no organisation is named.
    static let candidatesMax = 8

    let database: Database
    let authority: SignedTokenAuthority
    let hasher: PasswordHasher
    let slowWork: any SlowWork
    let throttle: LoginThrottle

    init(database: Database, key: SignedTokenKey, hasher: PasswordHasher, slowWork: any SlowWork) {
        self.database = database
        self.hasher = hasher
        self.slowWork = slowWork
        authority = SignedTokenAuthority(issuer: "easel", audience: "easel-api", key: key)
        throttle = LoginThrottle()
    }

    /// The one answer to a wrong address, a wrong password and an unknown organisation.
    static var refusal: Failure {
        Failure(.unauthenticated, "The e-mail address, the password or the organisation is wrong.")
    }

    /// The one answer to a credential that opens nothing.
    static var invalidCredential: Failure {
        Failure(.unauthenticated, "The credential is unknown, expired or revoked.")
    }

    // MARK: Signing in

    /// Checks a password and opens a session.
    ///
    /// One check is made whether nobody has the address, one organisation or several, so that its
    /// time tells nothing of other organisations. When no organisation is named and several know
    /// the address, the password decides; the oldest account wins should it fit more than one.
    /// - Throws: `.unauthenticated`, `.tooManyRequests`, `.unavailable` when too many wait.
    func signIn(
        _ input: LoginInput,
        from address: String,
        requestID: String,
        at now: Timestamp
    ) async throws -> String {
        let email = EmailAddress(input.email)?.text ?? input.email.lowercased()
        let organisation = input.organisation.flatMap { $0.isEmpty ? nil : $0 }
        let attempt: LoginThrottle.Attempt
        switch throttle.begin(
            account: email,
            organisation: organisation ?? "",
            address: address,
            at: now
        )
        {
        case .goOn(let admitted): attempt = admitted
        case .wait(let seconds): throw Self.tooManyAttempts(seconds)
        }
        do {
            guard let found = try await check(email, organisation, input.password) else {
                throttle.failed(attempt, at: now)
                throw Self.refusal
            }
            let token = try await open(found, requestID: requestID, at: now)
            throttle.succeeded(attempt)
            return token
        } catch let failure as Failure where failure.code == .unauthenticated {
            throw failure
        } catch {
            throttle.abandoned(attempt)
            throw error
        }
    }

    private static func tooManyAttempts(_ seconds: Int64) -> Failure {
        // Spread, so that clients that were refused together do not come back together.
        let jitter = Int64.random(in: 0...max(1, seconds / 10))
        return Failure(
            .tooManyRequests,
            "Too many failed sign-ins; wait before you try again.",
            retryAfterSeconds: Int(clamping: seconds + jitter)
        )
    }

    private struct Match: Sendable {
        let account: Account
        /// The password under today's parameters, when it was kept under older ones.
        let freshHash: String?
    }

    private func check(
        _ email: String,
        _ organisation: String?,
        _ password: String
    ) async throws -> Match? {
        let candidates = try database.read {
            try AccountStore.candidates(
                email: email,
                organisation: organisation,
                countMax: Self.candidatesMax,
                $0
            )
        }
        let hasher = hasher
        do {
            return try await slowWork.run {
                let fitting = hasher.matching(password, email, candidates.map(\.passwordHash))
                let found = candidates.first {
                    fitting.contains($0.passwordHash) && $0.account.isActive
                }
                return try found.map {
                    let isStale = PasswordHash.needsRehash($0.passwordHash)
                    return Match(
                        account: $0.account,
                        freshHash: isStale ? try hasher.hash(password, email) : nil
                    )
                }
            }
        } catch {
            throw Failure(
                .unavailable,
                "Too many people sign in at once; try again.",
                retryAfterSeconds: Int.random(in: 1...4),
                cause: error
            )
        }
    }

    /// The form in which a password is stored; without one, a form that no password fits.
    ///
    /// - Throws: `.unavailable` when too many wait.
    func hash(_ password: String?, of email: String) async throws -> String {
        guard let password else { return PasswordHash.decoy }
        let hasher = hasher
        do {
            return try await slowWork.run { try hasher.hash(password, email) }
        } catch {
            throw Failure(
                .unavailable,
                "The server is busy; try again.",
                retryAfterSeconds: Int.random(in: 1...4),
                cause: error
            )
        }
    }

    private func open(
        _ match: Match,
        requestID: String,
        at now: Timestamp
    ) async throws -> String {
        let account = match.account
        let session = UID.make(at: now).text
        let token = try issue(account, session: session, at: now)
        try await database.write { tx in
            if let hash = match.freshHash {
                try AccountStore.updatePasswordHash(account.uid, hash, tx)
            }
            try AccountStore.openSession(
                session,
                account: account.uid,
                endedBefore: now.adding(seconds: -Self.sessionSeconds),
                tx
            )
            try AuditStore.record(
                .create,
                AuditResource("session", uid: session, name: account.email),
                "Signed in with a password.",
                by: AuditActor(
                    kind: "user",
                    uid: account.uid,
                    name: account.email,
                    tenantUID: account.tenantUID,
                    requestID: requestID
                ),
                tx
            )
        }
        return token
    }

    // MARK: Tokens

    private func issue(
        _ account: Account,
        session: String,
        at now: Timestamp
    ) throws -> String {
        try authority.issue(
            subject: account.uid,
            tenant: account.tenantUID,
            session: session,
            id: UID.make(at: now).text,
            at: now,
            lifetimeSeconds: Self.tokenSeconds
        )
    }

    /// A fresh token for the session of one that is still valid.
    ///
    /// - Throws: `.unauthenticated`.
    func refresh(_ token: String, at now: Timestamp) throws -> String {
        let (account, session) = try verify(Array(token.utf8), at: now)
        return try issue(account, session: session, at: now)
    }

    /// The person behind a token, by its signature and one look-up.
    ///
    /// - Throws: `.unauthenticated`, with one text whatever is wrong.
    func verify(
        _ token: [UInt8],
        at now: Timestamp
    ) throws -> (account: Account, session: String) {
        let claims: SignedTokenClaims
        do {
            claims = try authority.verify(token, at: now)
        } catch {
            throw Self.invalidCredential
        }
        let begunAfter = now.adding(seconds: -Self.sessionSeconds)
        let account = try database.read {
            try AccountStore.account(session: claims.session, begunAfter: begunAfter, $0)
        }
        guard let account, account.isActive, account.uid == claims.subject,
            account.tenantUID == claims.tenant
        else { throw Self.invalidCredential }
        return (account, claims.session)
    }
}
