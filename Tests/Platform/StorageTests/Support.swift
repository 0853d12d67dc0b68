import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

/// A schema for these tests: a table with a key, a check and a foreign key, and one to count in.
let testMigrations: [Migration] =
    Migration.embedded + [migration("9999_test.sql", testSchema)].compactMap { $0 }

private let testSchema = """
    CREATE TABLE owner (uid TEXT NOT NULL, CONSTRAINT "owner.uid" PRIMARY KEY (uid));
    CREATE TABLE thing (
        uid TEXT NOT NULL,
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        owner TEXT,
        late_owner TEXT,
        CONSTRAINT "thing.uid" PRIMARY KEY (uid),
        CONSTRAINT "thing.tenant, thing.name" UNIQUE (tenant, name),
        CONSTRAINT "thing.name is short" CHECK (length(name) < 20),
        CONSTRAINT "thing.owner" FOREIGN KEY (owner) REFERENCES owner (uid),
        CONSTRAINT "thing.late_owner" FOREIGN KEY (late_owner) REFERENCES owner (uid)
            DEFERRABLE INITIALLY DEFERRED
    );
    CREATE UNIQUE INDEX "thing.upper" ON thing (upper(name)) WHERE tenant = 'x';
    CREATE TABLE tally (n BIGINT NOT NULL, note TEXT, body BLOB);
    """

/// The migration of this text, numbered behind the ones of the program.
func migration(_ file: String, _ text: String) -> Migration? {
    let number = Migration.embedded.count + 1
    let digits = String(repeating: "0", count: 4 - String(number).count) + String(number)
    return Migration(file: digits + file.dropFirst(4), bytes: Array(text.utf8))
}

func makeDatabase(clock: Clock = .system) throws -> Database {
    try TestDatabase.make(clock: clock, migrations: testMigrations)
}

func kind<T>(_ body: () throws -> T) -> StorageError.Kind? {
    do {
        _ = try body()
        return nil
    } catch {
        return (error as? StorageError)?.kind
    }
}

func asyncKind<T>(_ body: () async throws -> T) async -> StorageError.Kind? {
    do {
        _ = try await body()
        return nil
    } catch {
        return (error as? StorageError)?.kind
    }
}

struct Refused: Error, Equatable {}

/// Something that happens once and that several threads look at.
final class Flag: Sendable {
    private let value = Atomic<Bool>(false)

    var isRaised: Bool { value.load(ordering: .sequentiallyConsistent) }

    func raise() { value.store(true, ordering: .sequentiallyConsistent) }
}

/// A number that is another one every time.
final class Ticks: Sendable {
    private let value = Atomic<Int64>(0)

    func tick() -> Int64 { value.add(1, ordering: .relaxed).newValue }
}
