import Glibc

/// The lock that gives one agent a root; the kernel lets go of it however the process ends.
struct RootLock: ~Copyable {
    /// Why a root cannot be used; the description is a sentence.
    struct Refusal: Error, CustomStringConvertible {
        let description: String
    }

    private let file: Int32

    init(root: String) throws(Refusal) {
        var status = stat()
        guard stat(root, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw Refusal(description: "\(root) is no folder; make it and try again.")
        }
        let path = "\(root)/.easel-agent.lock"
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw Refusal(
                description: "\(root) cannot be written: \(String(cString: strerror(errno)))."
            )
        }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            throw Refusal(description: "Another easel-agent runs in \(root).")
        }
        self.file = file
    }

    deinit { close(file) }
}
