import CSQLite
import Glibc

/// Why the database did not do what it was asked.
package struct StorageError: Error, Sendable, CustomStringConvertible {
    /// What a caller may tell apart.
    package enum Kind: Sendable, Hashable {
        /// A constraint other than a foreign key failed.
        ///
        /// The name is as SQLite reports it: `appliance.uid` or
        /// `profile.tenant_uid, profile.name`, the name of a check, or that of an index over
        /// expressions.
        case constraint(name: String)
        /// A foreign key points nowhere, or something still points here.
        case foreignKey
        /// Another connection held a lock for too long.
        case busy
        /// The disk, or the size the database may have, is used up.
        case full
        /// A write where only reads are possible.
        case readOnly
        /// The disk failed, or a file could not be opened.
        case ioError
        /// The file is damaged, or it is no database of this program.
        case corrupt
        /// A file of the database was deleted or replaced while it was open, or what was saved of
        /// it then lies beside the database.
        case replaced
        /// Another process has the data directory; its process id, 0 when unknown.
        case locked(pid: Int32)
        /// The schema was made by a newer version of the program.
        case newerSchema
        /// An applied migration is not the one this program has.
        case changedMigration
        /// Too many writes wait; try again later.
        case overloaded
        /// The database was closed.
        case closed
        /// Anything else, with SQLite's extended result code or 0.
        case other(code: Int32)
    }

    /// What happened.
    package let kind: Kind
    /// A sentence for the log; may hold names of tables and files, never a parameter's value.
    package let message: String
    /// The statement that failed, for the log.
    package let statement: String?

    /// An error with a sentence for the log.
    package init(_ kind: Kind, _ message: String, statement: String? = nil) {
        self.kind = kind
        self.message = message
        self.statement = statement
    }

    /// The message and the statement.
    package var description: String {
        guard let statement else { return message }
        return "\(message) [\(statement)]"
    }

    /// Whether the error says that the database as a whole cannot be written.
    var impairsWriting: Bool {
        switch kind {
        case .full, .readOnly, .ioError, .corrupt, .replaced: true
        default: false
        }
    }

    /// Whether nothing but an operator and a new start can mend it.
    var isLasting: Bool { kind == .corrupt || kind == .replaced }

    /// What is wrong, for whoever may ask whether the server is ready: no paths and no statements.
    package var publicReason: String {
        switch kind {
        case .full: "the disk is full"
        case .readOnly: "its files can only be read"
        case .ioError: "the disk fails"
        case .corrupt: "its file is damaged; nothing is written until the server is started again"
        case .replaced:
            "its files were deleted or replaced; nothing is written until the server is started "
                + "again"
        default: "the log says why"
        }
    }

    /// The same error with a further sentence.
    func adding(_ sentence: String) -> StorageError {
        StorageError(kind, "\(message) \(sentence)", statement: statement)
    }

    /// A file is shorter than what was read from it before.
    static let shortFile = "The file is shorter than it was."

    /// The error that a call on this connection has just returned.
    init(code: Int32, on handle: OpaquePointer?, statement: String? = nil) {
        let text = handle.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        let message = text.map { String(cString: $0) } ?? "SQLite error \(code)"
        let kind = Self.kind(code, message)
        if kind == .corrupt || kind == .ioError, let handle {
            let number = easel_sqlite_take_errno(handle)
            if number != 0 {
                self.init(.ioError, "\(message) (\(reason(number)))", statement: statement)
                return
            }
        }
        self.init(kind, message, statement: statement)
    }

    private static func kind(_ code: Int32, _ message: String) -> Kind {
        switch code & 0xFF {
        case SQLITE_CONSTRAINT:
            let isForeignKey = code == SQLITE_CONSTRAINT | 3 << 8
            return isForeignKey ? .foreignKey : .constraint(name: constraintName(in: message))
        case SQLITE_BUSY, SQLITE_LOCKED: return .busy
        case SQLITE_FULL: return .full
        case SQLITE_READONLY: return .readOnly
        case SQLITE_IOERR, SQLITE_CANTOPEN: return .ioError
        case SQLITE_CORRUPT, SQLITE_NOTADB: return .corrupt
        default: return .other(code: code)
        }
    }

    /// The name in `UNIQUE constraint failed: a.b, a.c` or `… failed: index 'name'`.
    private static func constraintName(in message: String) -> String {
        let separator = ": "
        guard let found = message.firstRange(of: separator) else { return message }
        let name = message[found.upperBound...]
        guard name.hasPrefix("index '"), name.hasSuffix("'") else { return String(name) }
        return String(name.dropFirst(7).dropLast())
    }
}

extension String {
    /// Where a short text first stands in this one.
    fileprivate func firstRange(of wanted: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(wanted) {
                return start..<index(start, offsetBy: wanted.count)
            }
            start = index(after: start)
        }
        return nil
    }
}

/// What the system says of a failed call.
func reason(_ code: Int32) -> String {
    String(cString: strerror(code))
}
