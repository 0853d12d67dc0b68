import Glibc
import Primitives
import Storage
import TestSupport
import Testing

@Suite("Backup and restore")
struct BackupTests {
    private let seconds = Timestamp(seconds: 1_700_000_000)

    private func options(_ path: String, at moment: Timestamp) -> DatabaseOptions {
        DatabaseOptions(
            path: path,
            synchronous: .off,
            clock: .fixed(moment),
            migrations: testMigrations
        )
    }

    @Test func `a new database keeps its epoch over restarts`() throws {
        let path = try TemporaryDirectory.make() + "/easel.db"
        for later in 0...2 {
            let database = try Database.open(
                options(path, at: seconds.adding(seconds: Int64(later)))
            )
            #expect(database.epoch == 1_700_000_000)
            #expect(database.epochStartCounter == 0)
            database.close()
        }
    }

    @Test func `a restored copy begins a larger epoch, once`() throws {
        let path = try TemporaryDirectory.make() + "/easel.db"
        let copy = try TemporaryDirectory.make() + "/easel.db"
        let database = try Database.open(options(path, at: seconds))
        try database.writeBlocking { tx in
            for _ in 0..<7 { _ = try tx.nextCounter() }
            try tx.run("INSERT INTO tally (n) VALUES (42)")
        }
        try database.backup(to: copy)
        // The original is not marked.
        database.close()
        let original = try Database.open(options(path, at: seconds.adding(seconds: 9)))
        #expect(original.epoch == 1_700_000_000)

        // The clock of the machine it is restored on stands behind.
        var restored = try Database.open(options(copy, at: seconds.adding(seconds: -100)))
        #expect(restored.epoch == 1_700_000_001)
        #expect(restored.epochStartCounter == 7)
        #expect(try restored.writeBlocking { tx in try tx.nextCounter() } == 8)
        #expect(try restored.read { tx in try tx.first("SELECT n FROM tally") { $0.int(0) } } == 42)
        restored.close()
        restored = try Database.open(options(copy, at: seconds.adding(seconds: 100)))
        #expect(restored.epoch == 1_700_000_001)
        #expect(restored.epochStartCounter == 7)

        let second = try TemporaryDirectory.make() + "/easel.db"
        try restored.backup(to: second)
        let again = try Database.open(options(second, at: seconds.adding(seconds: 200)))
        #expect(again.epoch == 1_700_000_200)
        #expect(again.epochStartCounter == 8)
    }

    @Test func `a backup is one file, for this user alone, and overwrites nothing`() throws {
        let database = try makeDatabase()
        let directory = try TemporaryDirectory.make()
        try database.backup(to: directory + "/copy.db")
        var status = stat()
        #expect(stat(directory + "/copy.db", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(kind { try database.backup(to: directory + "/copy.db") } == .ioError)
        #expect(kind { try database.backup(to: directory + "/no/copy.db") } == .ioError)
        #expect(names(in: directory) == ["copy.db"])
    }

    @Test func `a backup taken while writes go on is one state`() async throws {
        let database = try makeDatabase()
        let body = [UInt8](repeating: 3, count: 2000)
        @Sendable func add(_ count: Int) async throws {
            for _ in 0..<count {
                try await database.write { tx in
                    let n = try tx.nextCounter()
                    try tx.run(
                        "INSERT INTO tally (n, body) VALUES ($1, $2)",
                        .int(n),
                        .bytes(body)
                    )
                }
            }
        }
        try await add(2000)
        let isDone = Flag()
        let path = try TemporaryDirectory.make() + "/easel.db"
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !isDone.isRaised { try await add(10) }
            }
            group.addTask {
                defer { isDone.raise() }
                try database.backup(to: path)
            }
            try await group.waitForAll()
        }
        let copy = try Database.open(options(path, at: seconds))
        let (rows, highest) = try copy.read { tx in
            try tx.first("SELECT count(*), max(n) FROM tally") { ($0.int(0), $0.int(1)) } ?? (0, 1)
        }
        #expect(rows >= 2000)
        #expect(rows == highest)
        #expect(copy.epochStartCounter == rows)
    }

    private func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { name in
                    name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
            )
        }
        return names.filter { $0 != "." && $0 != ".." }.sorted()
    }
}
