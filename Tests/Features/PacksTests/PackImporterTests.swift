import APIKit
import Archive
import Audit
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Packs

/// A database with the embedded registry, and what imports announced.
struct ImportBench {
    let database: Database
    let packs: Packs
    let registry: Registry
    let notices = Notices()

    final class Notices: Sendable {
        private let list = Mutex<[ImportNotice]>([])
        /// The version whose import the hook refuses.
        let forbidden = Mutex<String?>(nil)

        var versions: [String] { list.withLock { $0.map(\.version) } }
        func add(_ notice: ImportNotice) { list.withLock { $0.append(notice) } }
    }

    init() throws {
        database = try TestDatabase.make()
        packs = Packs(database: database) { [notices] notice, tx in
            // What a hook writes is in the import's transaction.
            _ = try tx.run(
                "INSERT INTO server_secret (name, sealed) VALUES ($1, '')",
                .text("\(notice.registryUID) \(notice.packName) \(notice.version)")
            )
            if notices.forbidden.withLock({ $0 }) == notice.version {
                throw Failure(.conflict, "The hook says no.")
            }
            notices.add(notice)
        }
        registry = try database.writeBlocking { try Packs.ensureDefaultRegistry($0) }
    }

    static let actor = AuditActor(tenantUID: "t1")

    func take(_ pack: SamplePack) async throws -> PackImportResult {
        try await packs.importer.take(
            pack.read(),
            from: "test",
            into: registry,
            by: Self.actor
        )
    }

    func count(_ table: SQL) throws -> Int {
        try database.read { tx in
            try tx.first("SELECT count(*) FROM " + table) { Int($0.int(0)) } ?? 0
        }
    }

    /// Rows of everything that an import may write.
    func rows() throws -> [Int] {
        [
            try count("blob"), try count("pack_version"), try count("audit"),
            try count("server_secret"),
        ]
    }
}

@Suite("Importing packs")
struct PackImporterTests {
    let bench: ImportBench

    init() throws { bench = try ImportBench() }

    @Test func `a pack comes in with blobs, audit row and hook, and reads back whole`() async throws
    {
        let pack = try SamplePack()
        let result = try await bench.take(pack)
        #expect(result.outcome == .imported)
        #expect(try bench.rows() == [5, 1, 1, 1])
        #expect(bench.notices.versions == ["1.2.3"])
        let stored = try #require(
            try bench.database.read { try PackStore.version(uid: result.uid, $0) }
        )
        let draft = try #require(try pack.read().draft)
        #expect(
            stored
                == draft.version(
                    uid: result.uid,
                    registryUID: bench.registry.uid,
                    at: stored.createdAt
                )
        )
        try bench.database.read { tx in
            #expect(try BlobStore.get(stored.valuesDigest, tx) == pack.files["values.yaml"])
            #expect(
                try BlobStore.get(stored.manifests[0].digest, tx)
                    == pack.files["manifests/web.yaml"]
            )
            #expect(try BlobStore.size(stored.charts[0].digest, tx) == stored.charts[0].size)
            let audit = try tx.first(
                "SELECT action, resource_kind, resource_uid, resource_name, tenant_uid FROM audit"
            ) { row in (0..<5).map { row.text($0) } }
            #expect(audit == ["create", "pack", result.uid, "web 1.2.3", "t1"])
        }
    }

    @Test func `the same content again changes nothing`() async throws {
        let first = try await bench.take(try SamplePack())
        let before = try bench.rows()
        var again = try SamplePack()
        again.set("notes.txt", "no part of the pack")
        let second = try await bench.take(again)
        #expect(second.outcome == .unchanged)
        #expect(second.uid == first.uid)
        #expect(try bench.rows() == before)
    }

    @Test func `other content under the same version is refused by name`() async throws {
        _ = try await bench.take(try SamplePack())
        let before = try bench.rows()
        var other = try SamplePack()
        other.set("values.yaml", "pack: {}\n")
        let result = try await bench.take(other)
        #expect(result.outcome == .refused)
        #expect(result.faults.map(\.code) == ["VersionExists"])
        #expect(result.faults[0].message.contains("web 1.2.3"))
        #expect(try bench.rows() == before)
    }

    @Test func `a hook that fails leaves nothing, and the import can be repeated`() async throws {
        bench.notices.forbidden.withLock { $0 = "1.2.3" }
        let result = try await bench.take(try SamplePack())
        #expect(result.outcome == .refused)
        #expect(result.faults.map(\.message) == ["The hook says no."])
        #expect(try bench.rows() == [0, 0, 0, 0])
        bench.notices.forbidden.withLock { $0 = nil }
        #expect(try await bench.take(try SamplePack()).outcome == .imported)
    }

    @Test func `a bad pack writes nothing`() async throws {
        var pack = try SamplePack()
        pack.set("schema.yaml", "text")
        #expect(try await bench.take(pack).outcome == .refused)
        #expect(try bench.rows() == [0, 0, 0, 0])
    }

    @Test func `one of a hundred simultaneous imports is new and ninety-nine change nothing`()
        async throws
    {
        let reading = try SamplePack().read()
        let bench = bench
        let outcomes = try await withThrowingTaskGroup(of: PackImportResult.Outcome.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    try await bench.packs.importer.take(
                        reading,
                        from: "",
                        into: bench.registry,
                        by: ImportBench.actor
                    ).outcome
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 == .imported }.count == 1)
        #expect(outcomes.filter { $0 == .unchanged }.count == 99)
        #expect(try bench.rows() == [5, 1, 1, 1])
    }

    @Test func `a folder of folders and archives, with one bad pack among them`() async throws {
        let folder = try TemporaryDirectory.make()
        try SamplePack("web", "1.0.0").write(to: folder + "/web-1.0.0")
        try Files.atomicWrite(
            path: folder + "/web-1.1.0.tgz",
            bytes: try SamplePack("web", "1.1.0").archive()
        )
        try Files.atomicWrite(path: folder + "/README.md", bytes: [])
        try SamplePack.minimal("hidden", "1.0.0").write(to: folder + "/.hidden")
        var bad = try SamplePack("bad", "1.0.0")
        bad.set("values.yaml", "a: [")
        try bad.write(to: folder + "/bad")
        Disk.makeFolder(folder + "/empty")
        let report = try await bench.packs.importFolder(folder, by: ImportBench.actor)
        #expect(
            report.results.map { "\($0.source) \($0.outcome.rawValue)" } == [
                "bad refused", "empty refused", "web-1.0.0 imported", "web-1.1.0.tgz imported",
            ]
        )
        #expect(report.hasRefusals)
        #expect(
            report.results[0].faults.map { "\($0.file) \($0.code)" } == ["values.yaml InvalidYAML"]
        )
        #expect(
            report.results[1].faults.map { "\($0.file) \($0.code)" } == [
                "pack.json Required", "values.yaml Required",
            ]
        )
        // The newest first, so that a train relinks once.
        #expect(bench.notices.versions == ["1.1.0", "1.0.0"])
        let again = try await bench.packs.importFolder(folder, by: ImportBench.actor)
        #expect(
            again.results.map(\.outcome.rawValue) == [
                "refused", "refused", "unchanged", "unchanged",
            ]
        )
    }

    @Test func `the folder may be one pack, or the path one archive`() async throws {
        let folder = try TemporaryDirectory.make()
        let pack = try SamplePack()
        try pack.write(to: folder + "/web")
        try Files.atomicWrite(path: folder + "/w.tar.gz", bytes: try pack.archive(in: ""))
        let first = try await bench.packs.importFolder(folder + "/web", by: ImportBench.actor)
        #expect(first.results.map(\.outcome) == [.imported])
        let second = try await bench.packs.importFolder(folder + "/w.tar.gz", by: ImportBench.actor)
        #expect(second.results.map(\.outcome) == [.unchanged])
        #expect(!second.hasRefusals)
    }

    @Test func `a folder that is not there is an error`() async throws {
        await #expect(throws: ArchiveError.self) {
            try await bench.packs.importFolder("/nowhere/at/all", by: ImportBench.actor)
        }
    }

    @Test func `two hundred packs take seconds`() async throws {
        let folder = try TemporaryDirectory.make()
        for number in 0..<200 {
            try SamplePack("web", "1.0.\(number)").write(to: folder + "/web-\(number)")
        }
        let report = try await bench.packs.importFolder(folder, by: ImportBench.actor)
        #expect(report.results.count == 200)
        #expect(report.results.allSatisfy { $0.outcome == .imported })
        // All share their charts and texts.
        #expect(try bench.rows() == [5, 200, 200, 200])
    }
}
