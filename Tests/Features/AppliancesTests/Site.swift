import APIKit
import Appliances
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport

/// A fresh server's appliances: a database, the operations over it, and what they announced.
final class Site: Sendable {
    let database: Database
    let appliances: Appliances
    let api: TestDispatcher
    private let announced: Announced

    private final class Announced: Sendable {
        let notices = Mutex<[ApplianceNotice]>([])
    }

    var notices: [ApplianceNotice] { announced.notices.withLock { $0 } }

    /// - Parameter tenants: how many tenants there are besides `t1` and `t2`, `t3` and so on, each
    ///   with an admin `admin3` and so on.
    init(
        limits: ApplianceLimits = ApplianceLimits(),
        tenants: Int = 0,
        clock: Clock = .fixed(TestDispatcher.moment)
    ) throws {
        database = try TestDatabase.make(clock: clock)
        let announced = Announced()
        self.announced = announced
        appliances = Appliances(
            database: database,
            sealing: SealingKey(),
            profileTemplates: { uids, use, _, _ in
                var found: [String: JSONObject] = [:]
                for uid in uids where uid.hasPrefix("profile") {
                    if use == .link, uid == "profile-draft" {
                        let message = "The profile was never published."
                        throw Failure.fault("/profiles/0/uid", "NotPublished", message)
                    }
                    found[uid] = ["uid": .string(uid), "name": "edge-system"]
                }
                return found
            },
            onChange: { notice in announced.notices.withLock { $0.append(notice) } },
            limits: limits
        )
        var authenticator = FakeAuthenticator()
        for number in 3..<(3 + tenants) {
            authenticator.principals["admin\(number)"] = .tenantAdmin(
                "u\(number)",
                of: "t\(number)"
            )
        }
        authenticator.principals["guest"] = .person("u9", of: "t1", may: [])
        authenticator.principals["device-1"] = .appliance(
            FakeAppliance(uid: "device-1", tenantUID: "t1")
        )
        api = TestDispatcher(appliances.endpoints, authenticator: authenticator, clock: clock)
        try database.writeBlocking { tx in
            for (project, tenant) in [("p1", "t1"), ("p2", "t1"), ("q1", "t2")] {
                try tx.run(
                    """
                    INSERT INTO tenant (uid, name, created_at) VALUES ($1, $1, 0)
                    ON CONFLICT DO NOTHING
                    """,
                    .text(tenant)
                )
                try tx.run(
                    """
                    INSERT INTO project (uid, tenant_uid, name, description, labels, version,
                        created_at, modified_at)
                    VALUES ($1, $2, $1, '', '{}', 1, 0, 0)
                    """,
                    .text(project),
                    .text(tenant)
                )
            }
        }
    }

    /// Registers an appliance and expects that to work.
    func register(
        _ uid: String,
        labels: [String: String] = [:],
        spec: JSONObject = [:],
        as credential: String = "admin",
        project: String? = nil
    ) async throws {
        let answer = try await api.call(
            .post,
            "/v1/edgehosts",
            as: credential,
            project: project,
            body: [
                "metadata": ["uid": .string(uid), "name": .string(uid), "labels": json(labels)],
                "spec": .object(spec),
            ]
        )
        guard answer.status == 201 else { throw Refused(text: answer.text) }
    }

    struct Refused: Error {
        let text: String
    }

    /// Makes an appliance look paired, as its agent's registration does.
    func pair(_ uid: String, fingerprint: String = "f1") throws {
        try database.writeBlocking { tx in
            guard let former = try ApplianceStore.findAnywhere(uid, tx) else { return }
            var appliance = former
            appliance.pair(
                credentialDigest: "digest of \(uid)",
                keyDigest: nil,
                fingerprint: fingerprint,
                spec: nil,
                isHeld: false,
                at: tx.now
            )
            _ = try ApplianceStore.update(appliance, formerly: former, tx)
        }
    }

    /// How many rows a table has.
    func count(_ table: Table) throws -> Int64 {
        try database.read { tx in try tx.first(table.sql) { $0.int(0) } ?? -1 }
    }

    enum Table {
        case appliances, audit, tags, health, events

        var sql: SQL {
            switch self {
            case .appliances: "SELECT COUNT(*) FROM appliance"
            case .audit: "SELECT COUNT(*) FROM audit"
            case .tags: "SELECT COUNT(*) FROM appliance_tag"
            case .health: "SELECT COUNT(*) FROM appliance_health"
            case .events: "SELECT COUNT(*) FROM appliance_event"
            }
        }
    }
}

func json(_ map: [String: String]) -> JSONValue {
    .object(JSONObject(map.map { ($0.key, JSONValue.string($0.value)) }))
}
