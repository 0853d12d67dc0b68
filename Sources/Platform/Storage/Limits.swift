/// Every bound of the storage layer.
package enum StorageLimits {
    /// Write jobs that may wait; the next one is refused as overloaded.
    package static let queuedJobsMax = 16_384
    /// Write jobs that share one commit; bounds how long the first of them waits for the last.
    package static let batchJobsMax = 1024
    /// Prepared statements a connection keeps.
    package static let cachedStatementsMax = 256
    /// Reader connections that threads without one of their own share.
    package static let readerPoolMax = 4
    /// Milliseconds a statement waits for a lock that another connection holds.
    package static let busyTimeoutMilliseconds: Int32 = 5000
    /// Pages in the write-ahead log that an idle writer copies back into the database.
    package static let checkpointIdlePages: Int32 = 1000
    /// Pages in the write-ahead log that are copied back even while jobs wait.
    package static let checkpointBusyPages: Int32 = 8192
    /// Bytes the write-ahead log keeps on disk once it has been copied back.
    package static let logBytesMax = 64 << 20
    /// Size up to which the whole database is checked when it is opened.
    package static let fullCheckBytesMax = 16 << 20
    /// Pages a backup copies between two looks at whether the database was closed.
    package static let backupPagesPerStep: Int32 = 1024
    /// Milliseconds between two attempts to write after writing has failed.
    package static let probeIntervalMilliseconds = 1000
    /// Kibibytes of page cache of the writer.
    package static let writerCacheKibibytes = 8192
    /// Kibibytes of page cache of each reader; what it misses mostly lies in the kernel's.
    package static let readerCacheKibibytes = 2048
    /// The start of the database's file, which says what database it is.
    static let headerBytes = 100
}
