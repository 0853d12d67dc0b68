import Glibc
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

private final class Box {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}

/// Runs a body on a thread of its own and returns what it gave; the thread never hops.
private func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        let box = Unmanaged.passRetained(Box { continuation.resume(with: Result { try body() }) })
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            },
            box.toOpaque()
        )
        precondition(code == 0)
        pthread_detach(thread)
    }
}

@Suite("Reading")
struct ReaderTests {
    private static let count: SQL = "SELECT count(*) FROM tally"

    private static func count(_ database: Database) throws -> Int64? {
        try database.read { tx in try tx.first(count) { $0.int(0) } }
    }

    private static func insert(_ database: Database) throws {
        try database.writeBlocking { tx in _ = try tx.run("INSERT INTO tally (n) VALUES (1)") }
    }

    @Test func `an attached thread reads its own writes`() async throws {
        let database = try makeDatabase()
        try await onThread {
            try database.attachReader()
            defer { database.detachReader() }
            for n in 0..<50 {
                #expect(try Self.count(database) == Int64(n))
                try Self.insert(database)
            }
        }
    }

    @Test func `a snapshot is kept between reads and dropped on request`() async throws {
        let database = try makeDatabase()
        try await onThread {
            try database.attachReader()
            defer { database.detachReader() }
            _ = try Self.count(database)
            let before = database.statistics.readStatements
            for _ in 0..<10 { _ = try Self.count(database) }
            // One statement a read: nothing begins or ends a transaction in between.
            #expect(database.statistics.readStatements - before == 10)
            database.endSnapshot()
            _ = try Self.count(database)
            #expect(database.statistics.readStatements - before == 13)
        }
    }

    @Test func `one read sees one state, whatever is committed meanwhile`() async throws {
        let database = try makeDatabase()
        for isAttached in [true, false] {
            try await onThread {
                if isAttached { try database.attachReader() }
                defer { database.detachReader() }
                let start = try Self.count(database)
                try database.read { tx in
                    let first = try tx.first(Self.count) { $0.int(0) }
                    try Self.insert(database)
                    let second = try tx.first(Self.count) { $0.int(0) }
                    let inner = try Self.count(database)
                    #expect(first == start)
                    #expect(second == start)
                    #expect(inner == start)
                    database.endSnapshot()
                    #expect(try tx.first(Self.count) { $0.int(0) } == start)
                }
                #expect(try Self.count(database) == (start ?? 0) + 1)
            }
        }
    }

    @Test func `many threads share few connections`() async throws {
        var options = try TestDatabase.options(migrations: testMigrations)
        options.readerPoolMax = 1
        let database = try Database.open(options)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await onThread {
                        for _ in 0..<50 {
                            // A read within a read must not wait for the connection it has.
                            _ = try database.read { _ in try Self.count(database) }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `a failing body leaves the reader usable`() async throws {
        let database = try makeDatabase()
        try await onThread {
            try database.attachReader()
            try database.attachReader()
            #expect(throws: Refused.self) {
                try database.read { tx in
                    try tx.each("SELECT 1") { _ in throw Refused() }
                }
            }
            #expect(try Self.count(database) == 0)
            // Ends without detaching: the thread's end closes the connection.
        }
        database.endSnapshot()
        #expect(try Self.count(database) == 0)
    }

    @Test func `a closed database refuses attached readers too`() async throws {
        let database = try makeDatabase()
        try await onThread {
            try database.attachReader()
            _ = try Self.count(database)
            database.close()
            #expect(kind { try Self.count(database) } == .closed)
            database.detachReader()
        }
    }
}
