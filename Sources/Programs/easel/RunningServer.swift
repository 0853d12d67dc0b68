import AgentSync
import APIKit
import ArgumentParser
import Crypto
import EventLoop
import Glibc
import HTTPCore
import HTTPServer
import Identity
import JSON
import Logging
import Packs
import Primitives
import Storage
import Synchronization
import TLS

/// A server with everything it holds, from open to closed.
final class RunningServer {
    let database: Database
    private let givenURL: String?
    private let foundURL = FoundURL()
    private let loops: LoopGroup
    private let workers: WorkerPool
    private let lookups: WorkerPool
    private let wiring: Wiring
    private let server: Server
    private let tls: ServerTLS
    private let isOpen = SharedFlag(true)

    /// Opens the data directory and loads what polls need; does not listen yet.
    init(_ directory: DataDirectory, _ options: ServeOptions, _ logger: Logger) throws {
        database = try directory.open(
            synchronous: options.synchronous,
            waitingSeconds: options.takeOver ? 30 : 0,
            onFailure: { failure in
                if let failure {
                    logger.error("the database fails", metadata: ["error": "\(failure)"])
                } else {
                    logger.notice("the database works again")
                }
            }
        )
        let sealingKey = try SealingKey.loadOrMake(path: directory.sealingKey)
        try database.writeBlocking { tx in _ = try Packs.ensureDefaultRegistry(tx) }
        tls = try ServerTLS(options, directory, database, sealingKey, logger)
        givenURL = options.publicURL
        let reachedAt: @Sendable () -> String = { [givenURL, foundURL] in givenURL ?? foundURL.value
        }
        // Password hashing takes 32 MB a time: few threads bound what a burst of logins costs.
        workers = try WorkerPool(threads: 2)
        // Names are looked up apart: a resolver that does not answer must not hold up sign-ins.
        lookups = try WorkerPool(threads: 4, queuedMax: 64)
        loops = try LoopGroup(count: options.loopCount)
        wiring = try Wiring(
            database,
            Wiring.Surroundings(
                sealingKey: sealingKey,
                workers: workers,
                serverURL: reachedAt,
                caCertificate: try tls.authority(),
                logger: logger,
                outbound: try options.outbound.client(
                    EnvironmentFlags.current(),
                    loop: loops.loops[0],
                    workers: lookups
                ),
                registryFolders: options.registryFolder,
                registrySyncHours: options.registrySyncHours,
                clientAuthority: tls.clientAuthority,
                revisionsKept: options.revisionsKept
            )
        )
        try Self.load(wiring.agents, database)
        server = try Self.makeServer(
            wiring,
            loops,
            options,
            tls: tls,
            isOpen: isOpen,
            workers,
            logger
        )
        bindReaders()
    }

    /// Reads the fleet over a connection of its own: the scan maps most of the database into
    /// memory, and closing the connection gives that back.
    private static func load(_ agents: AgentSync, _ database: Database) throws {
        try database.attachReader()
        defer { database.detachReader() }
        try agents.load()
    }

    /// Each loop gets a database connection of its own and lets go of its snapshot before it
    /// waits.
    private func bindReaders() {
        for loop in loops.loops {
            loop.onStart { [database] loop in
                // Without a connection of its own a loop takes one of the shared ones.
                try? database.attachReader()
                loop.beforeWait { database.endSnapshot() }
            }
        }
    }

    private static func makeServer(
        _ wiring: Wiring,
        _ loops: LoopGroup,
        _ options: ServeOptions,
        tls: ServerTLS,
        isOpen: SharedFlag,
        _ workers: WorkerPool,
        _ logger: Logger
    ) throws -> Server {
        let holder = DispatcherHolder()
        let rejections = Rejections()
        let traffic = Traffic()
        let system = SystemEndpoints(
            database: wiring.database,
            isOpen: { isOpen.value },
            document: { holder.document },
            metrics: {
                guard let dispatcher = holder.dispatcher else { return [] }
                return MetricsPage(
                    endpoints: dispatcher.endpoints,
                    answers: dispatcher.metrics,
                    loops: loops.loops,
                    database: wiring.database,
                    fleet: wiring.agents.index.counts,
                    traffic: traffic,
                    rejections: rejections,
                    certificates: tls.standing
                ).text()
            }
        )
        let dispatcher = Dispatcher(
            endpoints: wiring.endpoints + system.endpoints,
            authenticator: wiring.authenticator,
            services: RequestContext.Services(clock: .system, cursors: wiring.cursors),
            limits: options.limits.callLimits(rejections),
            slowMilliseconds: options.slowRequest > 0 ? options.slowRequest : nil,
            logger: logger,
            idempotency: wiring.idempotency,
            workers: workers
        )
        holder.dispatcher = dispatcher
        return Server(
            configuration: ServerConfiguration(
                endpoints: [],
                limits: options.limits.httpLimits(descriptors: System.raiseDescriptorLimit()),
                proxies: options.limits.trustedProxy.map(\.network)
            ),
            loops: loops,
            responder: dispatcher,
            observer: options.accessLog || logger.logLevel <= .debug
                ? AccessLog(dispatcher, level: options.accessLog ? .info : .debug, logger) : nil,
            tls: try tls.load(),
            certified: { session in
                guard let authority = tls.clientAuthority,
                    let certificate = session.peerCertificate
                else { return nil }
                return authority.credential(of: certificate, at: .now())?.bytes
            },
            rejections: rejections,
            traffic: traffic
        )
    }

    /// Reads the certificates' files again, for connections to come.
    func reloadCertificates() {
        if let context = tls.reload() { server.replaceTLS(context) }
    }

    /// Where sites find the server; known once it has started.
    var publicURL: String { givenURL ?? foundURL.value }

    /// Begins to accept.
    ///
    /// - Returns: the addresses as URLs, with the ports that the system chose.
    func start(on sockets: ListeningSockets) -> [String] {
        server.start(on: sockets)
        foundURL.value = Self.address(of: sockets)
        wiring.agents.startSweeper()
        wiring.packs.sync.start()
        return sockets.addresses.map { address in
            let host = address.host.contains(":") ? "[\(address.host)]" : address.host
            return "\(address.isSecure ? "https" : "http")://\(host):\(address.port)"
        }
    }

    /// Stops within ten seconds: no new connections, parked polls answered, running requests
    /// finished, memory flushed, the database closed.
    func stop() {
        isOpen.value = false
        let done = Semaphore()
        let server = server
        Task.detached {
            await server.stop(within: .seconds(8))
            done.signal()
        }
        done.wait()
        wiring.packs.sync.stop()
        wiring.agents.stop()
        loops.shutdown()
        workers.shutdown()
        lookups.shutdown()
        database.close()
    }

    /// Where sites find the server when no `--public-url` says: the first secure address, else the
    /// first plain one; the machine's name where every address is meant.
    private static func address(of sockets: ListeningSockets) -> String {
        let bound = sockets.addresses
        guard let found = bound.first(where: \.isSecure) ?? bound.first else { return "" }
        let isAny = found.host == "0.0.0.0" || found.host == "::"
        var host = isAny ? Machine.hostName : found.givenHost
        if host.isEmpty { host = found.host }
        if host.contains(":") { host = "[\(host)]" }
        return "\(found.isSecure ? "https" : "http")://\(host):\(found.port)"
    }
}

/// The server's own address, written once when the system has chosen the port.
private final class FoundURL: Sendable {
    private let stored = Mutex("")

    var value: String {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}

/// A truth value that threads share.
final class SharedFlag: Sendable {
    private let stored: Atomic<Bool>

    init(_ value: Bool) {
        stored = Atomic(value)
    }

    var value: Bool {
        get { stored.load(ordering: .acquiring) }
        set { stored.store(newValue, ordering: .releasing) }
    }
}

/// Lets the thread that runs a command wait for a task.
final class Semaphore: Sendable {
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0, errno == EINTR {}
    }
}

/// The server's own endpoints speak of the dispatcher that holds them.
private final class DispatcherHolder: Sendable {
    private struct State {
        var dispatcher: Dispatcher?
        var document: OpenAPICommand.Served?
    }

    private let state = Mutex(State())

    var dispatcher: Dispatcher? {
        get { state.withLock { $0.dispatcher } }
        set { state.withLock { $0.dispatcher = newValue } }
    }

    /// Written at the first request: most servers are never asked.
    var document: OpenAPICommand.Served {
        state.withLock { state in
            if let document = state.document { return document }
            let document = OpenAPICommand.Served(
                OpenAPICommand.document(
                    of: state.dispatcher?.endpoints ?? [],
                    title: "Easel"
                ).jsonBytes()
            )
            state.document = document
            return document
        }
    }
}
