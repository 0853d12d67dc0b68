import ArgumentParser
import Crypto
import Glibc
import Primitives
import Storage

/// The files of one server.
struct DataDirectory {
    let path: String

    /// The folder as it is, made by nobody here.
    init(existing path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    /// Opens the folder and makes it, readable by its owner alone, when it is missing.
    init(_ path: String) throws {
        self.init(existing: path)
        guard mkdir(self.path, 0o700) == 0 || errno == EEXIST else {
            throw Refusal(
                "The data directory '\(path)' cannot be made: \(String(cString: strerror(errno)))."
            )
        }
    }

    var database: String { path + "/easel.db" }
    var sealingKey: String { path + "/secret.key" }
    var tls: String { path + "/tls" }

    /// Whether others than the owner may look into the folder.
    var letsOthersIn: Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & 0o077 != 0
    }

    /// Opens the database; a second server on the same folder is refused.
    ///
    /// - Parameters:
    ///   - waitingSeconds: How long the other server is given to end.
    ///   - onFailure: As the option of the database.
    func open(
        synchronous: DatabaseOptions.Synchronous = .full,
        waitingSeconds: Int64 = 0,
        onFailure: @escaping @Sendable (StorageError?) -> Void = { _ in }
    ) throws -> Database {
        var options = DatabaseOptions(path: database, synchronous: synchronous)
        options.onFailure = onFailure
        let giveUpAt = MonotonicTime.now().adding(milliseconds: waitingSeconds * 1000)
        while true {
            do throws(StorageError) {
                return try Database.open(options)
            } catch {
                if case .locked = error.kind, MonotonicTime.now() < giveUpAt {
                    usleep(20_000)
                    continue
                }
                throw refusal(error)
            }
        }
    }

    private func refusal(_ error: StorageError) -> Refusal {
        // Without the statement, which says nothing to an operator.
        let advice = error.kind == .corrupt ? " Start with a backup; see docs/operating.md." : ""
        return Refusal("\(database) cannot be opened: \(error.message)\(advice)")
    }
}
