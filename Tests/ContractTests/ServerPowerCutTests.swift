import APIKit
import HTTPCore
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

/// What the server has answered, and what its database must hold because of it.
private final class Answered: Sendable {
    private struct State {
        var appliances: Set<String> = []
        var profiles: Set<String> = []
        var paired: Set<String> = []
        var beat = 0
    }

    private let state = Mutex(State())

    func note(appliance: String) { state.withLock { _ = $0.appliances.insert(appliance) } }
    func note(profile: String) { state.withLock { _ = $0.profiles.insert(profile) } }
    func note(paired: String) { state.withLock { _ = $0.paired.insert(paired) } }
    func note(beat: Int) { state.withLock { $0.beat = beat } }

    private static func texts(_ sql: SQL, _ tx: borrowing Transaction) throws -> Set<String> {
        Set(try tx.all(sql) { $0.text(0) })
    }

    /// Everything that was answered is there, and nothing is there by half.
    func check(_ database: Database, beating: String) throws {
        let answered = state.withLock { $0 }
        try database.read { tx in
            let stored = try Self.texts("SELECT uid FROM appliance", tx)
            #expect(answered.appliances.isSubset(of: stored))
            let audited = try Self.texts(
                """
                SELECT resource_uid FROM audit
                WHERE resource_kind = 'edgehost' AND action = 'create'
                """,
                tx
            )
            #expect(audited == stored)
            let paired = try Self.texts(
                "SELECT uid FROM appliance WHERE credential_digest IS NOT NULL",
                tx
            )
            #expect(answered.paired.isSubset(of: paired))
            let published = try Self.texts(
                """
                SELECT p.uid FROM profile p JOIN profile_revision r
                ON r.profile_uid = p.uid AND r.number = p.published_number
                """,
                tx
            )
            #expect(answered.profiles.isSubset(of: published))
            let claimed = try Self.texts(
                "SELECT uid FROM profile WHERE published_number IS NOT NULL",
                tx
            )
            #expect(claimed == published)
            let missing = try Self.texts(
                "SELECT digest FROM profile_blob WHERE digest NOT IN (SELECT digest FROM blob)",
                tx
            )
            #expect(missing.isEmpty)
            let beat = try tx.first(
                """
                SELECT h.message FROM appliance_health h JOIN appliance a ON a.key = h.appliance_key
                WHERE a.uid = $1
                """,
                .text(beating)
            ) { Int($0.text(0)) ?? 0 }
            #expect((beat ?? 0) >= answered.beat)
            let whole = try Self.texts("PRAGMA integrity_check", tx)
            #expect(whole == ["ok"])
            let loose = try Self.texts("PRAGMA foreign_key_check", tx)
            #expect(loose.isEmpty)
        }
    }
}

@Suite("A server that loses power", .serialized)
struct ServerPowerCutTests {
    @Test(.timeLimit(.minutes(3)), arguments: UInt64(1)...2)
    func `keeps every publish, pairing and report it has answered, and no half of one`(
        seed: UInt64
    ) async throws {
        let folder = try TemporaryDirectory.make()
        let answered = Answered()
        let random = Mutex(SeededRandom(seed: seed))
        let cuts = Mutex(0)
        let holder = Mutex<WatchedDisk?>(nil)
        let beating = Mutex("")
        let disk = WatchedDisk(folder) { call, _ in
            guard call.changes, let disk = holder.withLock({ $0 }) else { return 0 }
            var own = random.withLock { SeededRandom(seed: $0.next()) }
            let chance = call == .write ? 20 : 3
            guard Int.random(in: 0..<chance, using: &own) == 0 else { return 0 }
            #expect(throws: Never.self) {
                let place = try TemporaryDirectory.make()
                defer { TemporaryDirectory.remove(place) }
                try disk.cutPower(into: place, &own)
                let database = try Database.open(
                    DatabaseOptions(path: place + "/easel.db", synchronous: .off)
                )
                try answered.check(database, beating: beating.withLock { $0 })
                database.close()
            }
            cuts.withLock { $0 += 1 }
            return 0
        }
        defer { disk.remove() }
        let world = try await World {
            $0.path = folder + "/easel.db"
            $0.synchronous = .full
            $0.checkpointIdlePages = 40
        }
        beating.withLock { $0 = world.own.applianceUID }
        holder.withLock { $0 = disk }
        for round in 0..<10 { try await Self.work(round, world, answered) }
        world.database.close()
        #expect(cuts.withLock { $0 } > 40)
    }

    /// A round of what people and machines do at once.
    private static func work(_ round: Int, _ world: World, _ answered: Answered) async throws {
        let maker = PlaceMaker(
            database: world.database,
            api: world.api,
            registryUID: world.registryUID
        )
        let place = world.own
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let made = try await maker.must(
                    .post,
                    "/v1/clusterprofiles?publish=true",
                    place,
                    project: true,
                    Bodies.profile("round-\(round)", registry: world.registryUID)
                )
                answered.note(profile: made["uid"]?.text ?? "")
            }
            group.addTask {
                let uid = "machine-\(round)"
                try await maker.must(
                    .post,
                    "/v1/edgehosts",
                    place,
                    project: true,
                    [
                        "metadata": ["uid": .string(uid)],
                        "spec": ["hostPairingKey": .string("key-of-\(uid)-in-this-test")],
                    ]
                )
                answered.note(appliance: uid)
                try await maker.must(
                    .post,
                    "/v1/edgehosts/register",
                    place,
                    Bodies.pairing(uid, key: "key-of-\(uid)-in-this-test")
                )
                answered.note(paired: uid)
            }
            group.addTask {
                let answer = try await world.api.call(
                    .patch,
                    "/v1/edgehosts/\(place.applianceUID)/health",
                    as: nil,
                    headers: [("Authorization", "Bearer \(place.credential)")],
                    body: ["state": "healthy", "message": .string("\(round)")]
                )
                #expect(answer.status == 204, "\(answer.text)")
                answered.note(beat: round)
            }
            try await group.waitForAll()
        }
    }
}
