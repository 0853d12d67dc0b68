import CAssets
import Glibc
import Primitives
import TestSupport
import Testing

@testable import Storage

@Suite("Opening a database")
struct OpeningTests {
    private func reopened(_ options: DatabaseOptions, _ migrations: [Migration]) throws -> Database
    {
        var options = options
        options.migrations = migrations
        return try Database.open(options)
    }

    private func tamper(_ options: DatabaseOptions, _ script: String) throws {
        try Connection(options, .writer).script(script)
    }

    @Test func `a second opening in this process is refused`() throws {
        let options = try TestDatabase.options()
        let database = try Database.open(options)
        #expect(kind { try Database.open(options) } == .locked(pid: getpid()))
        database.close()
        try Database.open(options).close()
    }

    @Test func `closing frees the directory even while a child has a copy of the lock`() throws {
        let options = try TestDatabase.options()
        let database = try Database.open(options)
        var copies: [Int32] = []
        for descriptor in Int32(3)..<1024 where copies.isEmpty {
            var target = [CChar](repeating: 0, count: 4096)
            let count = readlink("/proc/self/fd/\(descriptor)", &target, target.count)
            let bytes = target[..<max(count, 0)].map { UInt8(bitPattern: $0) }
            let path = String(decoding: bytes, as: UTF8.self)
            if path == options.directory + "/easel.lock" { copies.append(dup(descriptor)) }
        }
        #expect(copies.count == 1)
        database.close()
        try Database.open(options).close()
        for copy in copies { close(copy) }
    }

    @Test func `a directory another process has is refused`() throws {
        let options = try TestDatabase.options()
        try Database.open(options).close()
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        // The shell holds the lock from before it says so until its input ends.
        let lock = options.directory + "/easel.lock"
        let child = try spawn(
            "exec 9<>\(lock); flock 9; echo $$ > \(lock); echo ready; exec cat",
            output: ends[1]
        )
        defer { child.end() }
        var byte: UInt8 = 0
        try #require(read(ends[0], &byte, 1) == 1)
        #expect(kind { try Database.open(options) } == .locked(pid: child.pid))
        close(ends[0])
    }

    private struct Child {
        let pid: pid_t

        func end() {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
    }

    private func spawn(_ script: String, output: Int32) throws -> Child {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var input: [Int32] = [0, 0]
        try #require(pipe(&input) == 0)
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = []
        for word in ["/bin/sh", "-c", script] { arguments.append(strdup(word)) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var pid = pid_t()
        try #require(posix_spawn(&pid, "/bin/sh", &actions, nil, &arguments, environ) == 0)
        close(input[0])
        close(output)
        return Child(pid: pid)
    }

    @Test func `files are for this user alone`() throws {
        let directory = try TemporaryDirectory.make() + "/data"
        let database = try Database.open(DatabaseOptions(path: directory + "/easel.db"))
        try database.writeBlocking { tx in _ = try tx.nextCounter() }
        for file in ["/easel.db", "/easel.db-wal", "/easel.db-shm", "/easel.lock"] {
            var status = stat()
            #expect(stat(directory + file, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600, "\(file)")
        }
    }

    @Test func `what is no database of ours is refused and left alone`() throws {
        let options = try TestDatabase.options()
        let text = Array("just a text file, longer than a header of sixteen bytes".utf8)
        let descriptor = open(options.path, O_WRONLY | O_CREAT, 0o600)
        try #require(write(descriptor, text, text.count) == text.count)
        close(descriptor)
        #expect(kind { try Database.open(options) } == .corrupt)
        unlink(options.path)
        close(open(options.path, O_WRONLY | O_CREAT, 0o600))
        try tamper(options, "CREATE TABLE theirs (n)")
        #expect(kind { try Database.open(options) } == .corrupt)
    }

    @Test func `a damaged database is refused`() throws {
        let options = try TestDatabase.options(migrations: testMigrations)
        let database = try Database.open(options)
        try database.writeBlocking { tx in
            for n in 0..<1000 {
                try tx.run("INSERT INTO tally (n, note) VALUES ($1, 'some text')", .int(n))
            }
        }
        database.close()
        let descriptor = open(options.path, O_WRONLY)
        var status = stat()
        fstat(descriptor, &status)
        let noise = [UInt8](repeating: 0xA5, count: 4096)
        try #require(pwrite(descriptor, noise, 4096, (status.st_size / 4096 - 2) * 4096) == 4096)
        close(descriptor)
        #expect(kind { try Database.open(options) } == .corrupt)
    }

    @Test func `a directory that cannot be made is an error`() throws {
        let path = try TemporaryDirectory.make() + "/a/b/easel.db"
        #expect(kind { try Database.open(DatabaseOptions(path: path)) } == .ioError)
    }

    @Test func `migrations are recorded once each`() throws {
        let options = try TestDatabase.options(clock: .fixed(Timestamp(seconds: 5)))
        try Database.open(options).close()
        let database = try reopened(options, testMigrations)
        let rows = try database.read { tx in
            try tx.all("SELECT number, name, checksum, applied_at FROM schema_migration") { row in
                "\(row.int(0)) \(row.text(1)) \(row.text(2).utf8.count) \(row.int(3))"
            }
        }
        #expect(rows.first == "1 meta 64 5000")
        #expect(rows.count == testMigrations.count)
        #expect(rows.last == "\(testMigrations.count) test 64 5000")
    }

    @Test func `a newer schema is refused`() throws {
        let options = try TestDatabase.options(migrations: testMigrations)
        try Database.open(options).close()
        #expect(kind { try reopened(options, Migration.embedded) } == .newerSchema)
        try reopened(options, testMigrations).close()
    }

    @Test func `a changed migration is refused`() throws {
        let options = try TestDatabase.options(migrations: testMigrations)
        try Database.open(options).close()
        let edited = try #require(migration("9999_test.sql", "CREATE TABLE other (n BIGINT)"))
        #expect(
            kind { try reopened(options, Migration.embedded + [edited]) } == .changedMigration
        )
    }

    @Test(arguments: [
        "CREATE TABLE half (n BIGINT); CREATE TABLE half (n BIGINT);",
        "CREATE TABLE half (n BIGINT); nonsense",
        "CREATE TABLE half (n BIGINT REFERENCES meta (key)); INSERT INTO half VALUES (9);",
    ])
    func `a failing migration leaves nothing of itself`(text: String) throws {
        let options = try TestDatabase.options()
        try Database.open(options).close()
        let failing = try #require(migration("9999_half.sql", text))
        #expect(throws: StorageError.self) {
            try reopened(options, Migration.embedded + [failing])
        }
        let database = try Database.open(options)
        let left = try database.read { tx in
            [
                try tx.first("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") {
                    $0.int(0)
                },
                try tx.first("SELECT count(*) FROM schema_migration") { $0.int(0) },
            ]
        }
        #expect(left == [0, Int64(Migration.embedded.count)])
    }

    @Test func `a first migration that fails leaves a file that still opens`() throws {
        let options = try TestDatabase.options()
        let failing = try #require(Migration(file: "0001_bad.sql", bytes: Array("no".utf8)))
        #expect(throws: StorageError.self) { try reopened(options, [failing]) }
        try Database.open(options).close()
    }

    @Test func `lines for an engine live on that engine`() throws {
        let text = "a\n--sqlite b\n--postgres c\n -- sqlite d\n--sqlitee"
        let migration = try #require(Migration(file: "0001_x.sql", bytes: Array(text.utf8)))
        #expect(migration.sqliteText == "a\nb\n -- sqlite d\n--sqlitee\n")
    }

    @Test func `checksums are SHA-256`() throws {
        let migration = try #require(Migration(file: "0001_x.sql", bytes: Array("abc".utf8)))
        #expect(
            migration.checksum
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
    }

    @Test(arguments: ["1_x.sql", "0001.sql", "0001_x.txt", "000a_x.sql", "00001_x.sql"])
    func `other file names are no migrations`(name: String) {
        #expect(Migration(file: name, bytes: []) == nil)
    }

    @Test func `the folder and the embedded migrations agree`() throws {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        let stream = try #require(opendir(root + "/migrations"))
        defer { closedir(stream) }
        var files: [String: [UInt8]] = [:]
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            // The schema file tells what the migrations add up to and is not one of them.
            guard name.hasSuffix(".sql"), name != "schema.sql" else { continue }
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let descriptor = open(root + "/migrations/" + name, O_RDONLY)
            let count = read(descriptor, &bytes, bytes.count)
            close(descriptor)
            files["migrations/" + name] = Array(bytes[..<max(count, 0)])
        }
        let embedded = Asset.all.filter { $0.name.hasPrefix("migrations/") }
        #expect(embedded.map(\.name).sorted() == files.keys.sorted())
        for asset in embedded { #expect(asset.bytes == files[asset.name]) }
        #expect(Migration.embedded.count == files.count)
        #expect(Asset.named("migrations/0001_meta.sql") != nil)
        #expect(Asset.named("migrations/none.sql") == nil)
    }
}
