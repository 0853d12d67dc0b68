import Primitives

/// How a database is opened.
package struct DatabaseOptions: Sendable {
    /// When a commit counts as done (SQLite's `synchronous`).
    package enum Synchronous: String, Sendable, CaseIterable {
        /// When it is on the disk: nothing acknowledged is lost when power fails.
        case full
        /// When it is with the kernel: the last commits may be lost when power fails.
        case normal
        /// As `normal`, and power failure may damage the file; for tests.
        case off
    }

    /// The file, by custom `easel.db` in the data directory.
    package var path: String
    /// When a commit counts as done.
    package var synchronous: Synchronous
    /// Connections that threads without one of their own share.
    package var readerPoolMax: Int
    /// Write jobs that may wait before new ones are refused.
    package var queuedJobsMax: Int
    /// Milliseconds between two attempts to write after writing has failed.
    package var probeIntervalMilliseconds = StorageLimits.probeIntervalMilliseconds
    /// Pages in the write-ahead log that an idle writer copies back into the database.
    package var checkpointIdlePages = StorageLimits.checkpointIdlePages
    /// Told when writing begins to fail, fails for another reason, or works again (nil); on the
    /// thread that found out.
    package var onFailure: @Sendable (StorageError?) -> Void = { _ in }
    /// Where transactions get their time.
    package var clock: Clock
    /// The schema's migrations in order.
    package var migrations: [Migration]

    /// Options with the defaults of the server.
    package init(
        path: String,
        synchronous: Synchronous = .full,
        readerPoolMax: Int = StorageLimits.readerPoolMax,
        queuedJobsMax: Int = StorageLimits.queuedJobsMax,
        clock: Clock = .system,
        migrations: [Migration] = Migration.embedded
    ) {
        self.path = path
        self.synchronous = synchronous
        self.readerPoolMax = readerPoolMax
        self.queuedJobsMax = queuedJobsMax
        self.clock = clock
        self.migrations = migrations
    }

    /// Where the database is saved when its file is deleted or replaced while it is open.
    var rescuePath: String { path + ".rescued" }

    /// The directory the file is in.
    var directory: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
