import Glibc

/// Folders and links for tests.
enum Disk {
    static func makeFolder(_ path: String) { mkdir(path, 0o755) }

    static func link(_ target: String, at path: String) { symlink(target, path) }

    /// The value of a variable of the environment; nil when it is not set.
    static func environment(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
