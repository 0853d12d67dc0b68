import Glibc

/// A program that this one started, bound to one processor, and ends.
final class ChildProcess {
    let identifier: pid_t
    /// Where its output goes.
    let outputPath: String
    private var isRunning = true

    /// - Parameters:
    ///   - arguments: the program, by path or found in PATH, and its arguments.
    ///   - processor: the only one it may run on.
    init(_ arguments: [String], processor: Int, outputPath: String) throws {
        self.outputPath = outputPath
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        let flags = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, flags, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let words = ["taskset", "--cpu-list", "\(processor)"] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var identifier: pid_t = 0
        let outcome = posix_spawnp(&identifier, "taskset", &actions, nil, pointers, environ)
        guard outcome == 0 else {
            throw BenchError("cannot start \(arguments[0]): \(String(cString: strerror(outcome)))")
        }
        self.identifier = identifier
    }

    deinit { stop() }

    /// Asks it to end.
    func askToEnd() {
        if isRunning { kill(identifier, SIGTERM) }
    }

    /// Asks it to end and waits until it has; after 15 s it is killed.
    func stop() {
        guard isRunning else { return }
        isRunning = false
        kill(identifier, SIGTERM)
        var status: Int32 = 0
        for _ in 0..<1500 {
            if waitpid(identifier, &status, WNOHANG) != 0 { return }
            usleep(10_000)
        }
        kill(identifier, SIGKILL)
        waitpid(identifier, &status, 0)
    }

    /// Whether it ended by itself.
    var hasEnded: Bool {
        guard isRunning else { return true }
        var status: Int32 = 0
        guard waitpid(identifier, &status, WNOHANG) != 0 else { return false }
        isRunning = false
        return true
    }

    var output: String { (try? Files.text(outputPath)) ?? "" }

    /// Runs a program to its end.
    ///
    /// - Returns: what it printed.
    /// - Throws: when it has not ended after a minute.
    static func run(_ arguments: [String], in folder: String) throws -> String {
        let path = "\(folder)/command-output"
        unlink(path)
        let child = try ChildProcess(arguments, processor: 1, outputPath: path)
        for _ in 0..<6000 {
            if child.hasEnded { return child.output }
            usleep(10_000)
        }
        throw BenchError("\(arguments[0]) does not end")
    }
}
