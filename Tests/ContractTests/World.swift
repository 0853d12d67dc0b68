import AgentSync
import APIKit
import Appliances
import Crypto
import EventLoop
import HTTPCore
import HTTPServer
import Identity
import JSON
import Logging
import Packs
import Primitives
import Storage
import Synchronization
import TestSupport

@testable import easel

/// The whole server without sockets, with two organisations in it.
struct World: Sendable {
    let database: Database
    let path: String
    let wiring: Wiring
    let api: TestDispatcher
    let clock: TestClock
    let log: LogCapture
    let registryUID: String
    /// The organisation that a test works in.
    let own: Place
    /// The one that must not see it.
    let other: Place

    static let webPack = "web"

    /// What registries of the places hold: nothing, so that taking it over writes nothing else.
    static let site = Result {
        try StaticSite([
            "index.json": Array("{\"format\": \"easel-pack-index/1\", \"packs\": []}".utf8),
            "index.yaml": Array("apiVersion: v1\nentries: {}\n".utf8),
            "v2/": Array("{}".utf8),
            "v2/_catalog": Array("{\"repositories\": []}".utf8),
        ])
    }

    /// - Parameter adjust: changes how the database is opened.
    init(_ adjust: (inout DatabaseOptions) -> Void = { _ in }) async throws {
        clock = TestClock()
        log = LogCapture()
        let log = log
        var options = try TestDatabase.options(clock: clock.clock)
        adjust(&options)
        path = options.path
        database = try Database.open(options)
        registryUID = try database.writeBlocking { try Packs.ensureDefaultRegistry($0).uid }
        let logger = Logger(label: "easel") { _ in LogCaptureHandler(capture: log) }
        let sealingKey = SealingKey()
        wiring = try Wiring(
            database,
            Wiring.Surroundings(
                sealingKey: sealingKey,
                workers: try WorkerPool(threads: 2),
                serverURL: { "https://easel.example:8443" },
                caCertificate: "-----CA-----\n",
                logger: logger,
                outbound: try Self.site.get().client,
                clientAuthority: try ClientAuthority(folder: TemporaryDirectory.make(), at: .now()),
                clock: clock.clock
            )
        )
        try wiring.agents.load()
        let system = SystemEndpoints(
            database: database,
            isOpen: { true },
            document: { OpenAPICommand.Served(Array("{}".utf8)) },
            metrics: { [database, wiring] in
                MetricsPage(
                    endpoints: [],
                    answers: EndpointMetrics(endpointCount: 0),
                    loops: [],
                    database: database,
                    fleet: wiring.agents.index.counts,
                    traffic: Traffic(),
                    rejections: Rejections(),
                    certificates: ServerTLS.Standing()
                ).text()
            }
        )
        api = TestDispatcher(
            wiring.endpoints + system.endpoints,
            authenticator: wiring.authenticator,
            clock: clock.clock,
            logger: logger,
            idempotency: wiring.idempotency,
            workers: try WorkerPool(threads: 1)
        )
        let maker = PlaceMaker(
            database: database,
            api: api,
            registryUID: registryUID
        )
        try await maker.importPacks(
            as: Bootstrap.create(
                organisation: "Importer",
                email: "importer@example.com",
                password: nil,
                in: database,
                hasher: .instant
            ).apiKey
        )
        own = try await maker.make(
            "north",
            hasher: .scrypt(in: database, sealedUnder: sealingKey)
        )
        // The embedded registry is filled by the server's own organisation, the oldest one.
        try database.writeBlocking { tx in
            _ = try tx.run("UPDATE tenant SET created_at = 0 WHERE name = $1", .text("north"))
        }
        other = try await maker.make("south", hasher: .instant)
    }

    /// All operations.
    var endpoints: [Endpoint] { api.dispatcher.endpoints }

    /// One world for all tests that leave it as it is.
    static let shared = Task { try await World() }
}

extension PasswordHasher {
    /// Takes no time, and still tells a right password from a wrong one.
    static let instant = PasswordHasher(
        hash: { password, _ in "instant:\(password)" },
        matching: { password, _, stored in Set(stored.filter { $0 == "instant:\(password)" }) }
    )
}

/// Keeps what is logged.
final class LogCapture: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    func add(_ line: String) { kept.withLock { $0.append(line) } }
}

struct LogCaptureHandler: LogHandler {
    let capture: LogCapture
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(capture: LogCapture) { self.capture = capture }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }
        capture.add("\(event.level) \(event.message) \(fields)")
    }
}

extension World {
    /// Waits until nothing of what calls began is left to do.
    func settle() async { await wiring.packs.sync.settle() }
}
