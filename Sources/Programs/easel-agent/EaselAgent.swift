import Archive
import ArgumentParser
import EventLoop
import Glibc
import Primitives
import Synchronization

/// What this build is.
enum AgentRelease {
    static let version = "0.1.0"
}

/// The command line of the agent.
@main
struct EaselAgent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "easel-agent",
        abstract: "Follows the system profile of one appliance.",
        discussion: """
            Reads unattended.yaml and systemprofile.tgz in the root, waits while one is missing, \
            pairs, applies the layers under applied/, reports, and follows every change. Writes \
            edge.log. Opens no port.

            Exit status: 0 after SIGTERM or SIGINT, or with --once when all layers are applied and \
            reported; 1 with --once otherwise; 64 for wrong arguments; 73 when the root cannot be \
            used or another agent has it.
            """,
        version: AgentRelease.version
    )

    @Option(help: "The folder that is the appliance.")
    var root: String

    @Flag(help: "Pair if needed, poll once, apply, report, and end.")
    var once = false

    @Option(help: "Seconds between polls and heartbeats, in place of the server's.")
    var pollInterval: Int64?

    @Option(help: "The longest wait of one poll in seconds, up to 120; 30 to 60 by default.")
    var wait: Int64?

    func validate() throws {
        if let pollInterval, !(1...86_400).contains(pollInterval) {
            throw ValidationError("--poll-interval takes 1 to 86400 seconds.")
        }
        if let wait, !(0...120).contains(wait) {
            throw ValidationError("--wait takes 0 to 120 seconds.")
        }
    }

    func run() throws {
        let root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
        // Before the first thread is made: every one of them inherits it.
        Signals.block()
        let lock: RootLock
        do {
            lock = try RootLock(root: root)
        } catch {
            let line = Array("easel-agent: \(error)\n".utf8)
            _ = write(STDERR_FILENO, line, line.count)
            throw ExitCode(EX_CANTCREAT)
        }
        let log = EdgeLog(
            path: "\(root)/\(EdgeLog.fileName)",
            toTerminal: isatty(STDERR_FILENO) == 1
        )
        log.write(.info, "easel-agent \(AgentRelease.version) starts in \(root).")
        let options = FollowerOptions(
            root: root,
            once: once,
            pollIntervalSeconds: pollInterval,
            waitSeconds: wait
        )
        let isSettled = try Self.follow(options, log)
        withExtendedLifetime(lock) {}
        log.write(.info, "easel-agent ends.")
        if once, !isSettled { throw ExitCode(1) }
    }

    /// Runs the follower on a loop until it ends by itself or a signal comes.
    private static func follow(_ options: FollowerOptions, _ log: EdgeLog) throws -> Bool {
        let loops = try LoopGroup(count: 1)
        let workers = try WorkerPool(threads: 1)
        let loop = loops.loops[0]
        let outside = Surroundings(
            disk: SystemDisk(),
            connect: { try NetworkCourier(to: $0, as: $1, loop: loop, workers: workers) },
            now: Timestamp.now,
            sleep: { try await loop.sleep(for: $0) },
            random: RandomBytes.number,
            log: { log.write($0, $1) },
            machine: Machine.current
        )
        let isSettled = Mutex(false)
        let task = Task(executorPreference: loop.executor) {
            let follower = Follower(options, outside)
            let ending = await follower.run()
            isSettled.withLock { $0 = ending }
            // The main thread waits for a signal; this one says that there is nothing to wait for.
            Signals.end()
        }
        if let signal = Signals.wait() {
            log.write(.info, "Stopping on signal \(signal).")
            task.cancel()
            _ = Signals.waitForEnd()
        }
        loops.shutdown()
        workers.shutdown()
        return isSettled.withLock { $0 }
    }
}

/// The signals that end the agent.
private enum Signals {
    static func block() {
        var set = set()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Blocks until a signal comes; nil when it is `end`'s.
    static func wait() -> Int32? {
        var set = set()
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number == SIGUSR1 ? nil : number
    }

    /// Blocks until `end` was called; a second signal ends the wait too.
    static func waitForEnd() -> Int32? { wait() }

    static func end() { kill(getpid(), SIGUSR1) }

    private static func set() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGUSR1] { sigaddset(&set, number) }
        return set
    }
}
