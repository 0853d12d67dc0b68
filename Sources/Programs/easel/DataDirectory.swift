import ArgumentParser
import Crypto
import Glibc
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

    /// Opens the database; a second server on the same folder is refused.
    func open(synchronous: DatabaseOptions.Synchronous = .full) throws -> Database {
        do throws(StorageError) {
            return try Database.open(DatabaseOptions(path: database, synchronous: synchronous))
        } catch {
            // Without the statement, which says nothing to an operator.
            let advice =
                error.kind == .corrupt ? " Start with a backup; see docs/operating.md." : ""
            throw Refusal("\(database) cannot be opened: \(error.message)\(advice)")
        }
    }
}
