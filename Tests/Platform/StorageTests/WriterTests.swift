import Glibc
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

/// Holds up the writer until it is let go, so that a test decides what shares a batch.
private final class Gate: Sendable {
    private let isOpen = Flag()
    private let isReached = Flag()

    func open() { isOpen.raise() }

    func pass() {
        isReached.raise()
        while !isOpen.isRaised { sched_yield() }
    }

    func awaitArrival() async {
        while !isReached.isRaised { await Task.yield() }
    }
}

@Suite("Writing")
struct WriterTests {
    private let count: SQL = "SELECT count(*) FROM tally"

    /// Runs the bodies in one batch and returns their errors in order.
    private func oneBatch(
        _ database: Database,
        _ bodies: [@Sendable (borrowing Transaction) throws -> Void]
    ) async -> [(any Error)?] {
        let gate = Gate()
        async let first: Void = database.write { _ in gate.pass() }
        await gate.awaitArrival()
        let tasks = await withTaskGroup(of: Void.self) { _ in
            var tasks: [Task<Void, any Error>] = []
            for (index, body) in bodies.enumerated() {
                tasks.append(Task { try await database.write(body) })
                while database.statistics.queueLength <= index { await Task.yield() }
            }
            return tasks
        }
        gate.open()
        try? await first
        var errors: [(any Error)?] = []
        for task in tasks {
            do {
                try await task.value
                errors.append(nil)
            } catch {
                errors.append(error)
            }
        }
        return errors
    }

    @Test func `a failing job of a batch rolls back alone`() async throws {
        let database = try makeDatabase()
        let errors = await oneBatch(
            database,
            [
                { tx in try tx.run("INSERT INTO tally (n) VALUES (1)") },
                { tx in
                    try tx.run("INSERT INTO tally (n) VALUES (2)")
                    throw Refused()
                },
                { tx in
                    try tx.run("INSERT INTO owner (uid) VALUES ('a')")
                    try tx.run("INSERT INTO owner (uid) VALUES ('a')")
                },
                { tx in
                    try tx.run(
                        """
                        INSERT INTO thing (uid, tenant, name, late_owner)
                        VALUES ('a', 'a', 'a', 'nobody')
                        """
                    )
                },
                { tx in try tx.run("INSERT INTO tally (n) VALUES (3)") },
            ]
        )
        #expect(errors[0] == nil)
        #expect(errors[1] is Refused)
        #expect((errors[2] as? StorageError)?.kind == .constraint(name: "owner.uid"))
        #expect((errors[3] as? StorageError)?.kind == .foreignKey)
        #expect(errors[4] == nil)
        let found = try database.read { tx in
            try tx.all("SELECT n FROM tally ORDER BY n") { $0.int(0) }
        }
        #expect(found == [1, 3])
        let others = try database.read { tx in
            try tx.first("SELECT (SELECT count(*) FROM owner) + (SELECT count(*) FROM thing)") {
                $0.int(0)
            }
        }
        #expect(others == 0)
        #expect(database.statistics.largestBatch == 5)
        // Sizes of up to 1, 2, 5: one batch of five, and what went before it alone.
        #expect(database.statistics.batchCounts[2] == 1)
        let batches = database.statistics.batchCounts.reduce(0, +)
        #expect(batches < database.statistics.jobs)
        #expect(database.isHealthy)
    }

    @Test func `a batch in which all fail leaves nothing`() async throws {
        let database = try makeDatabase()
        let body: @Sendable (borrowing Transaction) throws -> Void = { tx in
            try tx.run("INSERT INTO tally (n) VALUES (1)")
            throw Refused()
        }
        let errors = await oneBatch(database, [body, body])
        #expect(errors.allSatisfy { $0 is Refused })
        #expect(throws: Refused.self) { try database.writeBlocking(body) }
        #expect(try database.read { tx in try tx.first(count) { $0.int(0) } } == 0)
    }

    @Test func `actions run in order, before the callers, and not for what failed`() async throws {
        let database = try makeDatabase()
        let order = Mutex<[Int]>([])
        let seen = Mutex<[Int64?]>([])
        func job(_ n: Int, fails: Bool) -> @Sendable (borrowing Transaction) throws -> Void {
            { tx in
                try tx.run("INSERT INTO tally (n) VALUES ($1)", .int(n))
                tx.afterCommit {
                    order.withLock { $0.append(n) }
                    let now = try? database.read { tx in
                        try tx.first("SELECT count(*) FROM tally") { $0.int(0) }
                    }
                    seen.withLock { $0.append(now) }
                }
                if fails { throw Refused() }
            }
        }
        _ = await oneBatch(
            database,
            [
                job(1, fails: false), job(2, fails: true), job(3, fails: false),
                job(4, fails: false),
            ]
        )
        #expect(order.withLock { $0 } == [1, 3, 4])
        #expect(seen.withLock { $0 } == [3, 3, 3])
        try database.writeBlocking(job(5, fails: false))
        #expect(order.withLock { $0 } == [1, 3, 4, 5])
        #expect(throws: Refused.self) { try database.writeBlocking(job(6, fails: true)) }
        #expect(order.withLock { $0 } == [1, 3, 4, 5])
    }

    @Test func `every acknowledged write is there, from many submitters`() async throws {
        let database = try makeDatabase()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for submitter in 0..<32 {
                group.addTask {
                    for step in 0..<50 {
                        let n = Int64(submitter * 1000 + step)
                        try await database.write { tx in
                            try tx.run("INSERT INTO tally (n) VALUES ($1)", .int(n))
                        }
                        // Reads its own write at once.
                        let found = try database.read { tx in
                            try tx.first("SELECT 1 FROM tally WHERE n = $1", .int(n)) { $0.int(0) }
                        }
                        #expect(found == 1)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try database.read { tx in try tx.first(count) { $0.int(0) } } == 1600)
        let statistics = database.statistics
        #expect(statistics.jobs == 1600)
        #expect(statistics.commits <= 1600)
        #expect(statistics.commitBuckets.reduce(0, +) == statistics.commits)
        #expect(statistics.readStatements >= 1600)
        #expect(statistics.writeStatements >= 1600)
        #expect(statistics.queueLength == 0)
    }

    @Test func `a full queue refuses at once`() async throws {
        var options = try TestDatabase.options(migrations: testMigrations)
        options.queuedJobsMax = 2
        let database = try Database.open(options)
        let gate = Gate()
        async let held: Void = database.write { _ in gate.pass() }
        await gate.awaitArrival()
        async let second: Void = database.write { _ in }
        async let third: Void = database.write { _ in }
        while database.statistics.queueLength < 2 { await Task.yield() }
        #expect(await asyncKind { try await database.write { _ in } } == .overloaded)
        gate.open()
        try await held
        try await second
        try await third
        try await database.write { _ in }
    }

    @Test func `cancelling the task does not take back its write`() async throws {
        let database = try makeDatabase()
        let gate = Gate()
        let held = Task { try await database.write { _ in gate.pass() } }
        await gate.awaitArrival()
        let task = Task {
            try await database.write { tx in try tx.run("INSERT INTO tally (n) VALUES (1)") }
        }
        while database.statistics.queueLength < 1 { await Task.yield() }
        task.cancel()
        gate.open()
        try await held.value
        #expect(try await task.value == 1)
        #expect(try database.read { tx in try tx.first(count) { $0.int(0) } } == 1)
    }

    @Test func `a write waiting for a write is refused`() throws {
        let database = try makeDatabase()
        #expect(throws: StorageError.self) {
            try database.writeBlocking { _ in try database.writeBlocking { _ in } }
        }
    }

    @Test func `the counter only grows`() throws {
        let database = try makeDatabase()
        let first = try database.writeBlocking { tx in
            [try tx.nextCounter(), try tx.nextCounter()]
        }
        let second = try database.writeBlocking { tx in try tx.nextCounter() }
        #expect(first == [1, 2])
        #expect(second == 3)
    }

    @Test func `a transaction has one time`() throws {
        let time = Ticks()
        let database = try makeDatabase(
            clock: Clock {
                Timestamp(milliseconds: time.tick())
            }
        )
        let stood = try database.writeBlocking { tx in tx.now == tx.now }
        #expect(stood)
        let first = try database.read { tx in tx.now }
        let second = try database.read { tx in tx.now }
        #expect(first < second)
    }

    @Test func `commits are synced unless told otherwise`() throws {
        var options = try TestDatabase.options()
        for (mode, number) in [(.full, 2), (.normal, 1), (.off, 0)]
            as [(DatabaseOptions.Synchronous, Int64)]
        {
            options.synchronous = mode
            let database = try Database.open(options)
            let found = try database.writeBlocking { tx in
                [
                    try tx.first("PRAGMA synchronous") { $0.int(0) },
                    try tx.first("PRAGMA foreign_keys") { $0.int(0) },
                ]
            }
            #expect(found == [number, 1])
            database.close()
        }
        #expect(DatabaseOptions(path: "x").synchronous == .full)
    }

    @Test func `a full disk fails the job, shows, and heals`() async throws {
        let database = try makeDatabase()
        let pages = try database.writeBlocking { tx in
            let pages = try tx.first("PRAGMA page_count") { $0.int(0) } ?? 0
            // As a pragma takes no parameter, the limit is the present size: it cannot go below.
            _ = try tx.first("PRAGMA max_page_count = 1") { $0.int(0) }
            return pages
        }
        #expect(pages > 1)
        let big = [UInt8](repeating: 7, count: 200_000)
        let ran = Flag()
        let refused = kind {
            try database.writeBlocking { tx in
                tx.afterCommit { ran.raise() }
                try tx.run("INSERT INTO tally (n, body) VALUES (1, $1)", .bytes(big))
            }
        }
        #expect(refused == .full)
        #expect(!ran.isRaised)
        #expect(!database.isHealthy)
        #expect(database.failure?.kind == .full)
        #expect(try database.read { tx in try tx.first(count) { $0.int(0) } } == 0)
        // Writing less works, and the database counts as healthy again.
        _ = try database.writeBlocking { tx in
            try tx.first("PRAGMA max_page_count = 100000") { $0.int(0) }
        }
        try database.writeBlocking { tx in
            _ = try tx.run("INSERT INTO tally (n, body) VALUES (1, $1)", .bytes(big))
        }
        #expect(database.isHealthy)
        #expect(try database.read { tx in try tx.first(count) { $0.int(0) } } == 1)
    }

    @Test func `writing that works again is noticed without a write`() async throws {
        var options = try TestDatabase.options(migrations: testMigrations)
        options.probeIntervalMilliseconds = 1
        let database = try Database.open(options)
        let big = [UInt8](repeating: 7, count: 200_000)
        let refused = kind {
            try database.writeBlocking { tx in
                _ = try tx.first("PRAGMA max_page_count = 1") { $0.int(0) }
                defer { _ = try? tx.first("PRAGMA max_page_count = 100000") { $0.int(0) } }
                try tx.run("INSERT INTO tally (n, body) VALUES (1, $1)", .bytes(big))
            }
        }
        #expect(refused == .full)
        while !database.isHealthy { await Task.yield() }
        #expect(database.statistics.jobs == 1)
    }

    @Test func `an error that rolls back everything fails the batch, even when swallowed`()
        async throws
    {
        let database = try makeDatabase()
        let errors = await oneBatch(
            database,
            [
                { tx in try tx.run("INSERT INTO tally (n) VALUES (1)") },
                { tx in
                    _ = try? tx.run("INSERT INTO owner (uid) VALUES ('a')")
                    // Stands for a disk error: it ends the transaction at once.
                    _ = try? tx.run("INSERT OR ROLLBACK INTO owner (uid) VALUES ('a')")
                    _ = try? tx.run("INSERT INTO tally (n) VALUES (2)")
                },
                { tx in try tx.run("INSERT INTO tally (n) VALUES (3)") },
            ]
        )
        #expect(errors.allSatisfy { $0 is StorageError })
        #expect(try database.read { tx in try tx.first(count) { $0.int(0) } } == 0)
        try database.writeBlocking { tx in _ = try tx.run("INSERT INTO tally (n) VALUES (4)") }
        #expect(try database.read { tx in try tx.first(count) { $0.int(0) } } == 1)
    }

    @Test func `closing commits what is queued and refuses the rest`() async throws {
        let options = try TestDatabase.options(migrations: testMigrations)
        let database = try Database.open(options)
        let gate = Gate()
        let held = Task { try await database.write { _ in gate.pass() } }
        await gate.awaitArrival()
        let queued = Task {
            try await database.write { tx in try tx.run("INSERT INTO tally (n) VALUES (1)") }
        }
        while database.statistics.queueLength < 1 { await Task.yield() }
        gate.open()
        database.close()
        database.close()
        try await held.value
        #expect(try await queued.value == 1)
        #expect(await asyncKind { try await database.write { _ in } } == .closed)
        #expect(kind { try database.read { _ in } } == .closed)
        #expect(kind { try database.backup(to: options.path + ".copy") } == .closed)
        let again = try Database.open(options)
        #expect(try again.read { tx in try tx.first(count) { $0.int(0) } } == 1)
    }

    @Test func `the log is copied back`() throws {
        let database = try makeDatabase()
        let body = [UInt8](repeating: 1, count: 3000)
        for _ in 0..<6 {
            try database.writeBlocking { tx in
                for n in 0..<500 {
                    try tx.run(
                        "INSERT INTO tally (n, body) VALUES ($1, $2)",
                        .int(n),
                        .bytes(body)
                    )
                }
            }
        }
        database.close()
        let again = try Database.open(
            DatabaseOptions(path: database.path, migrations: testMigrations)
        )
        #expect(try again.read { tx in try tx.first(count) { $0.int(0) } } == 3000)
    }
}
