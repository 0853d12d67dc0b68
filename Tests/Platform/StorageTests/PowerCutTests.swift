import Synchronization
import TestSupport
import Testing

@testable import Storage

/// What a test's writers were told, and what a database must hold because of it.
private final class Ledger: Sendable {
    private struct State {
        var acknowledged: Set<Int64> = []
        var asked: Set<Int64> = []
    }

    private let state = Mutex(State())

    var acknowledged: Set<Int64> { state.withLock { $0.acknowledged } }

    /// Writes a pair of rows under a number, and notes when that is acknowledged.
    ///
    /// - Returns: whether it was.
    @discardableResult
    func write(_ number: Int64, _ database: Database, bytes: Int = 10) async -> Bool {
        state.withLock { _ = $0.asked.insert(number) }
        do {
            try await database.write { tx in
                try tx.run("INSERT INTO owner (uid) VALUES ($1)", .text("\(number)"))
                _ = try tx.run(
                    "INSERT INTO tally (n, body) VALUES ($1, $2)",
                    .int(number),
                    .bytes([UInt8](repeating: 1, count: bytes))
                )
            }
            state.withLock { _ = $0.acknowledged.insert(number) }
            return true
        } catch {
            return false
        }
    }

    /// A write that fails after its first half.
    func fail(_ number: Int64, _ database: Database) async {
        _ = try? await database.write { tx in
            try tx.run("INSERT INTO owner (uid) VALUES ($1)", .text("\(number)"))
            throw Refused()
        }
    }

    /// Everything acknowledged is there, nothing is there in part or unasked.
    func check(_ database: Database, isExact: Bool = false) throws {
        let (pairs, halves) = try database.read { tx in
            (
                try tx.all("SELECT n FROM tally ORDER BY n") { $0.int(0) },
                try tx.all("SELECT uid FROM owner") { $0.text(0) }
            )
        }
        let (acknowledged, asked) = state.withLock { ($0.acknowledged, $0.asked) }
        #expect(acknowledged.isSubset(of: pairs))
        #expect(asked.isSuperset(of: pairs))
        #expect(Set(pairs).count == pairs.count)
        #expect(Set(pairs.map { "\($0)" }) == Set(halves))
        if isExact { #expect(acknowledged == Set(pairs)) }
        let whole = try database.read { tx in
            try tx.all("PRAGMA integrity_check") { $0.text(0) }
        }
        #expect(whole == ["ok"])
    }
}

@Suite("A disk that loses power or fails", .serialized)
struct PowerCutTests {
    private static func options(_ folder: String) -> DatabaseOptions {
        var options = DatabaseOptions(path: folder + "/easel.db", migrations: testMigrations)
        // Many checkpoints in little time, and no waiting for an attempt to write.
        options.checkpointIdlePages = 8
        options.probeIntervalMilliseconds = 1
        return options
    }

    @Test(.timeLimit(.minutes(3)), arguments: UInt64(1)...4)
    func `whatever was not synced, a cut of power loses nothing acknowledged`(
        seed: UInt64
    ) async throws {
        let folder = try TemporaryDirectory.make()
        let ledger = Ledger()
        let random = Mutex(SeededRandom(seed: seed))
        let cuts = Mutex(0)
        let holder = Mutex<WatchedDisk?>(nil)
        let disk = WatchedDisk(folder) { call, _ in
            guard call.changes, let disk = holder.withLock({ $0 }) else { return 0 }
            var own = random.withLock { SeededRandom(seed: $0.next()) }
            // Writes are many; what comes around them is looked at each time.
            guard call != .write || Int.random(in: 0..<3, using: &own) == 0 else { return 0 }
            #expect(throws: Never.self) {
                let place = try TemporaryDirectory.make()
                defer { TemporaryDirectory.remove(place) }
                try disk.cutPower(into: place, &own)
                let database = try Database.open(Self.options(place))
                try ledger.check(database)
                database.close()
            }
            cuts.withLock { $0 += 1 }
            return 0
        }
        holder.withLock { $0 = disk }
        defer { disk.remove() }
        let database = try Database.open(Self.options(folder))
        for batch in 0..<25 {
            let size = random.withLock { Int.random(in: 1...8, using: &$0) }
            await withTaskGroup(of: Void.self) { group in
                for job in 0..<size {
                    let number = Int64(100 * batch + job)
                    group.addTask { await ledger.write(number, database, bytes: job * 2000) }
                    if job == 3 { group.addTask { await ledger.fail(number + 50, database) } }
                }
            }
        }
        try ledger.check(database, isExact: true)
        database.close()
        let again = try Database.open(Self.options(folder))
        try ledger.check(again, isExact: true)
        again.close()
        #expect(ledger.acknowledged.count > 50)
        #expect(cuts.withLock { $0 } > 150)
    }

    @Test(.timeLimit(.minutes(3)), arguments: [1, 4])
    func `whichever call fails, nothing is half done and writing goes on`(
        times: Int
    ) async throws {
        var call = 0
        var wasReached = true
        while wasReached {
            call += times
            wasReached = try await oneFault(at: call, times: times)
        }
        #expect(call > 30)
    }

    /// Lets a call and those behind it fail.
    ///
    /// - Returns: whether there were so many calls.
    private func oneFault(at first: Int, times: Int) async throws -> Bool {
        let folder = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(folder) }
        let ledger = Ledger()
        // Nil while nothing is to fail.
        let count = Mutex<Int?>(nil)
        let disk = WatchedDisk(folder) { _, _ in
            let number = count.withLock { count -> Int in
                guard let former = count else { return 0 }
                count = former + 1
                return former + 1
            }
            return number >= first && number < first + times ? 10 : 0
        }
        defer { disk.remove() }
        let database = try Database.open(Self.options(folder))
        await ledger.write(1, database)
        count.withLock { $0 = 0 }
        await ledger.write(2, database, bytes: 30_000)
        await ledger.fail(50, database)
        _ = try? database.read { tx in try tx.all("SELECT n FROM tally") { $0.int(0) } }
        let wasReached = count.withLock { $0 ?? 0 } >= first
        count.withLock { $0 = nil }
        while !database.isHealthy { await Task.yield() }
        #expect(await ledger.write(3, database))
        try ledger.check(database, isExact: true)
        database.close()
        let again = try Database.open(Self.options(folder))
        try ledger.check(again, isExact: true)
        again.close()
        return wasReached
    }
}
