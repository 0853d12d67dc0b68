import APIKit
import Archive
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Packs

/// The packs of a server that may read a static site.
struct RegistryBench {
    let database: Database
    let packs: Packs
    let api: TestDispatcher
    let clock: MovedClock
    let sealing = SealingKey()

    final class MovedClock: Sendable {
        private let moment = Mutex(TestDispatcher.moment)

        var clock: Clock { Clock { self.moment.withLock { $0 } } }
        func move(seconds: Int64) {
            moment.withLock { $0 = $0.adding(seconds: seconds) }
        }
    }

    init(_ site: StaticSite? = nil, folders: [String] = []) throws {
        clock = MovedClock()
        database = try TestDatabase.make(clock: clock.clock)
        packs = Packs(
            database: database,
            sealing: sealing,
            remotes: RegistryRemotes(client: site?.client, folders: folders)
        )
        try database.writeBlocking { _ = try Packs.ensureDefaultRegistry($0) }
        api = TestDispatcher(
            packs.endpoints,
            authenticator: FakeAuthenticator(principals: [
                "admin": .tenantAdmin("u1", of: "t1"), "other-admin": .tenantAdmin("u2", of: "t2"),
                "nobody": .person("u3", of: "t1", may: []),
            ]),
            clock: clock.clock
        )
    }

    /// The body that adds a registry.
    static func body(
        _ name: String,
        _ endpoint: String,
        auth: JSONValue = ["type": "noAuth"],
        more: [String: JSONValue] = [:]
    ) -> JSONValue {
        var spec: JSONObject = ["endpoint": .string(endpoint), "auth": auth]
        for (key, value) in more { spec[key] = value }
        return ["metadata": ["name": .string(name)], "spec": .object(spec)]
    }

    /// Adds a registry and waits for its first run.
    func add(_ kind: String, _ body: JSONValue, query: String = "") async throws -> String {
        let answer = try await api.call(.post, "/v1/registries/\(kind)\(query)", body: body)
        try #require(answer.status == 201, "\(answer.text)")
        await packs.sync.settle()
        return try #require(answer.json["uid"]?.text)
    }

    /// Brings a registry up to date and gives the status that then is shown.
    func sync(_ kind: String, _ uid: String) async throws -> JSONValue {
        let begun = try await api.call(.post, "/v1/registries/\(kind)/\(uid)/sync")
        try #require(begun.status == 202, "\(begun.text)")
        await packs.sync.settle()
        return try await status(kind, uid)
    }

    func status(_ kind: String, _ uid: String) async throws -> JSONValue {
        try await api.call(.get, "/v1/registries/\(kind)/\(uid)/sync/status").json
    }

    func count(_ table: SQL) throws -> Int {
        try database.read { tx in
            try tx.first("SELECT count(*) FROM " + table) { Int($0.int(0)) } ?? 0
        }
    }

    /// Name, version and state of all that a registry lists.
    func standings(_ uid: String) throws -> [String] {
        try database.read { tx in
            try PackStore.standings(registryUID: uid, tx).map {
                "\($0.name) \($0.version) \($0.state.rawValue)"
            }.sorted()
        }
    }

    /// Writes packs and their index into a folder, and gives the files a web server would hold.
    static func published(_ packs: [(String, String)]) throws -> [String: [UInt8]] {
        let folder = try TemporaryDirectory.make()
        for (name, version) in packs {
            try SamplePack(name, version).write(to: "\(folder)/\(name)-\(version)-source")
        }
        let index = try PackIndex.write(folder: folder)
        var files: [String: [UInt8]] = [:]
        for name in index.entries.map(\.archive) + [PackIndex.fileName] {
            files[name] = try Files.read("\(folder)/\(name)", bytesMax: 1 << 20)
        }
        return files
    }
}
