import APIKit
import Audit
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport

@testable import Identity

/// Runs slow work where it is asked for.
struct ImmediateWork: SlowWork {
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value { try body() }
}

/// Refuses all work, as a full pool does.
struct FullWork: SlowWork {
    struct Full: Error {}

    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value { throw Full() }
}

/// Stands in for scrypt, which takes 80 ms a call, and counts.
final class CountingHasher: Sendable {
    private let count = Mutex(0)

    var verifications: Int { count.withLock { $0 } }

    var hasher: PasswordHasher {
        PasswordHasher(
            hash: { "plain:\($1):\($0)" },
            matching: { password, email, stored in
                self.count.withLock { $0 += 1 }
                return Set(stored.filter { $0 == "plain:\(email):\(password)" })
            }
        )
    }
}

/// A server with two tenants, Acme and Globex, without sockets.
struct Site {
    static let password = "Correct-horse-1"

    let clock = TestClock()
    let hasher = CountingHasher()
    let sealingKey = SealingKey()
    let database: Database
    let identity: Identity
    let api: TestDispatcher
    let acme: Bootstrap.Result
    let globex: Bootstrap.Result

    init(
        referrers: [ProjectReferrers] = [],
        slowWork: any SlowWork = ImmediateWork(),
        globexEmail: String = "admin@globex.example"
    ) throws {
        database = try TestDatabase.make(clock: clock.clock)
        identity = try Identity(
            database: database,
            sealingKey: sealingKey,
            clock: clock.clock,
            slowWork: slowWork,
            hasher: hasher.hasher,
            projectReferrers: referrers
        )
        api = TestDispatcher(
            identity.endpoints,
            authenticator: identity.authenticator,
            clock: clock.clock
        )
        acme = try Bootstrap.create(
            organisation: "Acme",
            email: "admin@acme.example",
            password: Self.password,
            in: database,
            hasher: hasher.hasher
        )
        globex = try Bootstrap.create(
            organisation: "Globex",
            email: globexEmail,
            password: "Globex-pass-1",
            in: database,
            hasher: hasher.hasher
        )
    }

    func logIn(
        _ email: String = "admin@acme.example",
        _ password: String = Site.password,
        org: String? = nil,
        peer: String = "192.0.2.1"
    ) async throws -> TestAnswer {
        var body: JSONObject = ["emailId": .string(email), "password": .string(password)]
        body["org"] = org.map(JSONValue.string)
        return try await api.call(
            .post,
            "/v1/auth/authenticate",
            as: nil,
            body: .object(body),
            peer: peer
        )
    }

    func token() async throws -> String {
        try await logIn().json["Authorization"]?.text ?? ""
    }

    func status(authorization: String) async throws -> UInt16 {
        try await api.call(
            .get,
            "/v1/users/info",
            as: nil,
            headers: [("Authorization", authorization)]
        ).status
    }

    /// An account beside the tenant's admin, and an API key of it.
    func addMember(role: String = "member") throws -> (uid: String, key: String) {
        let (secret, digest) = APIKey.makeSecret()
        let tenant = acme.tenantUID
        let uid = try database.writeBlocking { tx in
            let account = Account(
                uid: UID.make(at: tx.now).text,
                tenantUID: tenant,
                email: "member@acme.example",
                firstName: "Mem",
                lastName: "Ber",
                role: role,
                isActive: true,
                createdAt: tx.now,
                modifiedAt: tx.now
            )
            try AccountStore.insert(account, passwordHash: "plain:Member-pass-1", tx)
            let key = APIKey(
                uid: UID.make(at: tx.now).text,
                tenantUID: tenant,
                accountUID: account.uid,
                name: "mine",
                annotations: [:],
                expiresAt: nil,
                isActive: true,
                version: try tx.nextCounter(),
                createdAt: tx.now,
                modifiedAt: tx.now
            )
            try APIKeyStore.insert(key, digest: digest, tx)
            return account.uid
        }
        return (uid, secret)
    }

    func run(_ sql: SQL, _ parameters: [Parameter] = []) throws {
        try database.writeBlocking { tx in _ = try tx.run(sql, parameters) }
    }

    /// `action kind` of every audit row of a tenant, in order.
    func audit(_ tenant: Bootstrap.Result? = nil) throws -> [String] {
        try database.read { tx in
            try tx.all(
                "SELECT action, resource_kind FROM audit WHERE tenant_uid = $1 ORDER BY uid",
                .text((tenant ?? acme).tenantUID)
            ) { "\($0.text(0)) \($0.text(1))" }
        }
    }

    /// What a call adds to the audit trail.
    func audited(_ body: () async throws -> Void) async throws -> [String] {
        let before = try audit().count
        try await body()
        return Array(try audit().dropFirst(before))
    }

    /// Every text of every audit row, to look for secrets in.
    func auditTexts() throws -> String {
        try database.read { tx in
            try tx.all(
                "SELECT actor_name || ' ' || resource_name || ' ' || message || resource_uid FROM audit"
            ) { $0.text(0) }
        }.joined(separator: "\n")
    }
}
