import Glibc

/// The files of an open database, and whether their names still lead to them.
///
/// SQLite keeps its files open. When one is deleted or replaced, it goes on reading and writing
/// what has no name any more, and all that is acknowledged then is gone when the process ends. So
/// the writer looks before each batch, before it answers one, and once a second.
struct OpenFiles {
    /// What a look found.
    enum Finding {
        /// The log or its index is another one; the database's own file is still the one in use.
        case logLost(StorageError)
        /// The database's own file has another name or none.
        case databaseLost(StorageError)
        /// Somebody wrote into the database's own file.
        case overwritten(StorageError)
        /// The file could not be read; it may be another time.
        case unreadable(StorageError)
    }

    /// Names one file for as long as somebody has it open.
    private struct Identity: Equatable {
        let device: dev_t
        let number: ino_t

        init?(_ path: String) {
            var facts = stat()
            guard stat(path, &facts) == 0 else { return nil }
            device = facts.st_dev
            number = facts.st_ino
        }
    }

    private static let logSuffixes = ["-wal", "-shm"]
    private let path: String
    private let database: Identity?
    private let logs: [Identity?]
    /// The start of the database's file as this process left it; nil when that is not known.
    private var header: [UInt8]?

    /// Notes the files of a connection that has read once, so that all of them exist.
    init(of connection: Connection, path: String) {
        self.path = path
        database = Identity(path)
        logs = Self.logSuffixes.map { Identity(path + $0) }
        noteHeader(of: connection)
    }

    /// Notes what the database's file begins with; after everything that may have changed it.
    mutating func noteHeader(of connection: Connection) {
        header = try? connection.header()
    }

    /// Looks at the files; nil when all are in their places.
    ///
    /// - Parameter reading: the connection to read the beginning of the database's file by; nil to
    ///   look at names alone.
    func look(reading connection: Connection?) -> Finding? {
        if Identity(path) != database {
            return .databaseLost(error("\(path) was deleted or replaced"))
        }
        for (suffix, log) in zip(Self.logSuffixes, logs) where Identity(path + suffix) != log {
            return .logLost(error("\(path)\(suffix) was deleted or replaced"))
        }
        guard let header, let connection else { return nil }
        do throws(StorageError) {
            if try connection.header() == header { return nil }
            return .overwritten(error("\(path) was written by somebody else"))
        } catch {
            return error.message == StorageError.shortFile
                ? .overwritten(self.error("\(path) was cut short")) : .unreadable(error)
        }
    }

    /// Takes our log's name away, so that it is not taken for the log of another database.
    ///
    /// It stays open, and what it holds can be read until the process ends.
    func putLogAside() {
        let log = path + Self.logSuffixes[0]
        if Identity(log) == logs.first { rename(log, log + ".lost") }
    }

    private func error(_ what: String) -> StorageError {
        StorageError(.replaced, "\(what) while the server ran.")
    }
}
