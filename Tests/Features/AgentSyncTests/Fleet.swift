import APIKit
import AgentSync
import Appliances
import Crypto
import HTTPCore
import JSON
import Logging
import Primitives
import Storage
import Synchronization
import TestSupport

/// A server's features over a fresh database, without sockets: what a test calls.
final class Fleet: Sendable {
    let database: Database
    let index: FleetIndex
    let appliances: Appliances
    let agents: AgentSync
    let published = PublishedProfiles()
    let time = TestTime()
    let api: TestDispatcher

    init(
        options: DatabaseOptions? = nil,
        isNew: Bool = true,
        limits: CallLimits = CallLimits()
    ) throws {
        let time = time
        let published = published
        var options = try options ?? TestDatabase.options()
        options.clock = time.clock
        database = try Database.open(options)
        index = FleetIndex(epoch: database.epoch)
        let index = index
        let sealing = try SealingKey.loadOrMake(path: options.path + ".key")
        appliances = Appliances(
            database: database,
            sealing: sealing,
            profileTemplates: { uids, _, _, _ in
                Dictionary(
                    uniqueKeysWithValues: uids.map {
                        ($0, ["uid": .string($0), "name": "system"] as JSONObject)
                    }
                )
            },
            onChange: { index.publish($0) }
        )
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        agents = AgentSync(
            database: database,
            index: index,
            appliances: appliances,
            profiles: published.access,
            logger: logger,
            monotonic: { time.monotonic }
        )
        api = TestDispatcher(
            appliances.endpoints + agents.endpoints,
            authenticator: FleetAuthenticator(agents: agents.authenticator),
            clock: time.clock,
            limits: limits
        )
        guard isNew else { return }
        try database.writeBlocking { tx in
            for tenant in ["t1", "t2"] {
                try tx.run(
                    "INSERT INTO tenant (uid, name, created_at) VALUES ($1, $1, 0)",
                    .text(tenant)
                )
            }
            for (project, tenant) in [("p1", "t1"), ("p2", "t1"), ("q1", "t2")] {
                try tx.run(
                    """
                    INSERT INTO project (uid, tenant_uid, name, description, labels, version,
                        created_at, modified_at) VALUES ($1, $2, $1, '', '{}', 1, 0, 0)
                    """,
                    .text(project),
                    .text(tenant)
                )
            }
        }
    }

    // MARK: What operators do

    func register(_ uid: String, key: String = "", project: String? = "p1") async throws {
        let answer = try await api.call(
            .post,
            "/v1/edgehosts",
            project: project,
            body: ["metadata": ["uid": .string(uid)], "spec": ["hostPairingKey": .string(key)]]
        )
        guard answer.status == 201 else { throw Unexpected(answer: answer) }
    }

    /// Makes a registration token.
    ///
    /// - Returns: its uid and its value.
    func makeToken(
        _ name: String = "stores",
        project: String? = "p1",
        maxUses: Int? = nil,
        expiry: String? = nil,
        as admin: String = "admin"
    ) async throws -> (uid: String, value: String) {
        var spec = JSONObject()
        if let project { spec["defaultProjectUid"] = .string(project) }
        if let expiry { spec["expiry"] = .string(expiry) }
        var metadata: JSONObject = ["name": .string(name)]
        if let maxUses { metadata["annotations"] = ["maxUses": .string(String(maxUses))] }
        let made = try await api.call(
            .post,
            "/v1/edgehosts/tokens",
            as: admin,
            body: ["metadata": .object(metadata), "spec": .object(spec)]
        )
        guard let uid = made.json["uid"]?.text else { throw Unexpected(answer: made) }
        let read = try await api.call(.get, "/v1/edgehosts/tokens/\(uid)", as: admin)
        guard let value = read.json["spec"]?["token"]?.text else { throw Unexpected(answer: read) }
        return (uid, value)
    }

    /// The token that a profile's archive carries.
    func archiveToken(of profileUID: String, tenant: String = "t1") throws -> String {
        try database.writeBlocking { [appliances] tx in
            try appliances.tokens.valueForProfile(
                profileUID,
                named: "system",
                scope: ApplianceScope(tenantUID: tenant, projectUID: ""),
                tx
            )
        }
    }

    func follow(_ profiles: [String], by uid: String) async throws {
        let answer = try await api.call(
            .put,
            "/v1/edgehosts/\(uid)/profiles",
            project: "p1",
            body: ["profiles": .array(profiles.map { ["uid": .string($0)] })]
        )
        guard answer.status == 204 else { throw Unexpected(answer: answer) }
    }

    /// Publishes a revision as Profiles would.
    func publish(_ profileUID: String, number: Int64, layers: [String] = ["fluentbit"]) throws {
        let counter = try database.writeBlocking { try $0.nextCounter() }
        let content = PublishedProfiles.content(profileUID, number: number, layers: layers)
        published.set(
            ProfileAccess.Revision(
                profileUID: profileUID,
                number: number,
                counter: counter,
                content: content
            )
        )
        index.publish(profileUID: profileUID, number: number, counter: counter, content: content)
    }

    func events(of uid: String) async throws -> [String] {
        let answer = try await api.call(.get, "/v1/edgehosts/\(uid)/events", project: "p1")
        return (answer.json["items"]?.elements ?? []).compactMap { $0["reason"]?.text }
    }

    func appliance(_ uid: String, project: String? = "p1") async throws -> JSONValue {
        try await api.call(.get, "/v1/edgehosts/\(uid)", project: project).json
    }

    func count(_ sql: SQL) throws -> Int64 {
        try database.read { try $0.first(sql) { $0.int(0) } ?? 0 }
    }

    // MARK: What machines do

    func pair(
        _ uid: String,
        token: String? = nil,
        key: String? = nil,
        fingerprint: String = "machine-1",
        project: String? = nil,
        disableAutoRegister: Bool = false,
        peer: String = "192.0.2.1"
    ) async throws -> TestAnswer {
        var host: JSONObject = [
            "hostUid": .string(uid), "hostAddress": "192.0.2.15",
            "hostChecksum": .string(fingerprint),
        ]
        if let token { host["hostAuthToken"] = .string(token) }
        if let key { host["hostPairingKey"] = .string(key) }
        if let project { host["project"] = ["uid": .string(project)] }
        if disableAutoRegister { host["disableAutoRegister"] = true }
        return try await api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: [
                "metadata": ["uid": .string(uid)],
                "spec": ["host": .object(host), "device": ["archType": "arm64"]],
            ],
            peer: peer
        )
    }

    /// Registers and pairs an appliance.
    ///
    /// - Returns: its credential.
    func paired(_ uid: String, following profiles: [String] = []) async throws -> String {
        try await register(uid, key: "key-of-\(uid)")
        let answer = try await pair(uid, key: "key-of-\(uid)")
        guard answer.status == 200, let credential = answer.credential else {
            throw Unexpected(answer: answer)
        }
        if !profiles.isEmpty { try await follow(profiles, by: uid) }
        return credential
    }

    func poll(
        _ uid: String,
        _ credential: String,
        knowing etag: String? = nil,
        observed: String? = nil,
        stamp: String? = nil,
        wait: Int? = nil
    ) async throws -> TestAnswer {
        var headers: [(String, String)] = []
        if let etag { headers.append(("If-None-Match", etag)) }
        if let stamp { headers.append(("Easel-Poll", stamp)) }
        if let observed { headers.append(("Easel-Observed", observed)) }
        let query = wait.map { "?wait=\($0)" } ?? ""
        return try await api.call(
            .get,
            "/v1/edgehosts/\(uid)/desired\(query)",
            as: credential,
            headers: headers
        )
    }

    func beat(
        _ uid: String,
        _ credential: String,
        state: String = "healthy",
        message: String = ""
    ) async throws -> TestAnswer {
        try await api.call(
            .patch,
            "/v1/edgehosts/\(uid)/health",
            as: credential,
            body: [
                "state": .string(state), "message": .string(message), "agentVersion": "1.0.0",
            ]
        )
    }

    /// Waits until the appliance's poll is parked.
    func waitUntilParked(_ uid: String) async {
        while index.entry(uid: uid)?.hasParkedPoll != true { await Task.yield() }
    }
}

/// An answer that a test did not expect while it prepared.
struct Unexpected: Error {
    let answer: TestAnswer
}

extension TestAnswer {
    var credential: String? { json["status"]?["serviceAuthToken"]?.text }
}

/// Both clocks of a server, moved by the test.
final class TestTime: Sendable {
    private let state = Mutex((wall: TestDispatcher.moment, monotonic: Int64(1_000_000)))

    var clock: Clock { Clock(now: { self.state.withLock { $0.wall } }) }

    var monotonic: MonotonicTime {
        MonotonicTime(nanoseconds: state.withLock { $0.monotonic } * 1_000_000)
    }

    func pass(seconds: Int64) {
        state.withLock {
            $0.wall = $0.wall.adding(seconds: seconds)
            $0.monotonic += seconds * 1000
        }
    }

    /// Somebody sets the clock of the machine.
    func jump(seconds: Int64) {
        state.withLock { $0.wall = $0.wall.adding(seconds: seconds) }
    }
}

/// Appliances by their credential, people by name.
struct FleetAuthenticator: Authenticator {
    let people = FakeAuthenticator()
    let agents: AgentAuthenticator

    func principal(
        of request: Request,
        presenting credential: PresentedCredential
    ) throws -> Principal {
        switch credential {
        case .apiKey(let range), .bearer(let range):
            if AgentAuthenticator.isAgentCredential(request, range) {
                return try agents.principal(request, range)
            }
        case .certificate(let digest): return try agents.principal(certified: digest)
        case .apiKeyText: break
        }
        return try people.principal(of: request, presenting: credential)
    }

    func scope(projectUID: String, for principal: Principal) throws -> Scope {
        try people.scope(projectUID: projectUID, for: principal)
    }
}
