import Glibc
import Synchronization

/// A program that a test started, with what it has written; killed when the test lets go of it.
///
/// It leads a process group of its own, so that what it starts ends with it.
final class ChildProcess: Sendable {
    /// Why a program could not be started.
    struct NotStarted: Error, CustomStringConvertible {
        let description: String
    }

    /// How a program ended.
    enum Ending: Sendable, Hashable {
        case exit(Int32)
        case signal(Int32)
    }

    let pid: pid_t
    let output: LineCollector
    let errors: LineCollector
    private let ending: EndingBox
    private static let starting = Lock()

    /// - Parameters:
    ///   - path: the program; no search in `PATH`.
    ///   - environment: all of it but `PATH` and `HOME`, which are passed on.
    ///   - inherited: descriptors that the program finds from 3 on.
    init(
        _ path: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        inherited: [Int32] = []
    ) throws {
        // A process that another thread starts between making a pipe and marking it would inherit
        // it and hold it open.
        Self.starting.lock()
        defer { Self.starting.unlock() }
        let out = try Pipe()
        let err = try Pipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, out.writing, 1)
        posix_spawn_file_actions_adddup2(&actions, err.writing, 2)
        for (index, number) in inherited.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, number, Int32(3 + index))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var variables = environment
        for name in ["PATH", "HOME"] where variables[name] == nil {
            variables[name] = getenv(name).map { String(cString: $0) }
        }
        var argv = ([path] + arguments).map { strdup($0) } + [nil]
        var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var number = pid_t()
        let code = posix_spawn(&number, path, &actions, &attributes, &argv, &envp)
        close(out.writing)
        close(err.writing)
        guard code == 0 else {
            close(out.reading)
            close(err.reading)
            throw NotStarted(description: "\(path): \(String(cString: strerror(code)))")
        }
        let started = number
        pid = started
        output = LineCollector(out.reading)
        errors = LineCollector(err.reading)
        let box = EndingBox()
        ending = box
        Threads.start { box.reap(started) }
    }

    deinit { kill() }

    /// How it ended; nil while it runs.
    var end: Ending? { ending.value }

    /// Ends the program and whatever it started.
    func kill() {
        ending.whileRunning { Glibc.kill(-pid, SIGKILL) }
    }

    /// Sends a signal to the program alone.
    func send(_ signal: Int32) {
        ending.whileRunning { Glibc.kill(pid, signal) }
    }

    /// Waits for the program's end and for the rest of its output.
    func ended(within limit: Duration = .seconds(20)) async throws -> Ending {
        try await Wait.until("process \(pid) ends", within: limit) { self.end }
    }

    /// Everything it wrote, for a failure's message.
    var transcript: String { (output.lines + errors.lines).suffix(60).joined(separator: "\n") }
}

/// A lock without a value.
private final class Lock: @unchecked Sendable {
    // Unchecked: the mutex is made to be shared; its memory does not move.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init() { pthread_mutex_init(mutex, nil) }

    func lock() { pthread_mutex_lock(mutex) }
    func unlock() { pthread_mutex_unlock(mutex) }
}

/// The two ends of a pipe.
private struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw ChildProcess.NotStarted(description: "no pipe: errno \(errno)")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        reading = ends[0]
        writing = ends[1]
    }
}

/// Where the thread that waits for a process leaves its ending.
private final class EndingBox: Sendable {
    private let state = Mutex<ChildProcess.Ending?>(nil)

    var value: ChildProcess.Ending? { state.withLock { $0 } }

    func whileRunning(_ body: () -> Void) {
        state.withLock { if $0 == nil { body() } }
    }

    func reap(_ pid: pid_t) {
        // The number stays taken until `waitpid`, so no signal can reach a stranger.
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        state.withLock { state in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            state = signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
        }
    }
}

/// The lines that a program has written to one of its streams so far.
final class LineCollector: Sendable {
    private struct State {
        var lines: [String] = []
        var rest: [UInt8] = []
        var isEnded = false
    }

    private let state: SharedState<State>

    init(_ descriptor: Int32) {
        let state = SharedState(State())
        self.state = state
        Threads.start {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                state.withLock { state in
                    state.rest += buffer[..<count]
                    var lines = state.rest.split(
                        separator: 0x0A,
                        omittingEmptySubsequences: false
                    )
                    state.rest = Array(lines.removeLast())
                    state.lines += lines.map { String(decoding: $0, as: UTF8.self) }
                }
            }
            state.withLock { state in
                if !state.rest.isEmpty {
                    state.lines.append(String(decoding: state.rest, as: UTF8.self))
                }
                state.rest = []
                state.isEnded = true
            }
            close(descriptor)
        }
    }

    var lines: [String] { state.withLock { $0.lines } }
    var text: String { lines.joined(separator: "\n") }
    /// Whether the stream was closed by all who held it.
    var isEnded: Bool { state.withLock { $0.isEnded } }
}

/// A value behind a lock that closures may share.
final class SharedState<Value>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: sending Value) { mutex = Mutex(value) }

    func withLock<R>(_ body: (inout sending Value) throws -> sending R) rethrows -> sending R {
        try mutex.withLock(body)
    }
}
