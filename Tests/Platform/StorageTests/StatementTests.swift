import Primitives
import Storage
import Testing

@Suite("Statements")
struct StatementTests {
    @Test func `values come back as they went in`() throws {
        let database = try makeDatabase()
        let text = "naïve \u{0} ✓ \u{1F980} '; DROP TABLE tally; --"
        let body: [UInt8] = [0, 1, 255, 0]
        try database.writeBlocking { tx in
            try tx.run(
                "INSERT INTO tally (n, note, body) VALUES ($1, $2, $3)",
                .int(Int64.min),
                .text(text),
                .bytes(body)
            )
            try tx.run("INSERT INTO tally (n, note, body) VALUES ($1, $2, $3)", 7, nil, nil)
            try tx.run(
                "INSERT INTO tally (n, note, body) VALUES ($1, $2, $3)",
                true,
                "",
                .bytes([])
            )
        }
        try database.read { tx in
            let found = try tx.first("SELECT n, note, body FROM tally WHERE n < 0") { row in
                #expect(row.int(0) == .min)
                #expect(row.text(1) == text)
                #expect(row.bytes(2) == body)
                #expect(row.withBytes(2) { $0.count } == 4)
                #expect(row.optionalText(1) == text)
                #expect(row.bytes(1) == Array(text.utf8))
                return true
            }
            #expect(found == true)
            try tx.each("SELECT n, note, body FROM tally WHERE n = 7") { row in
                #expect(row.isNull(1) == true)
                #expect(row.optionalText(1) == nil)
                #expect(row.text(1).isEmpty)
                #expect(row.bytes(2).isEmpty)
                #expect(row.optionalBytes(2) == nil)
                #expect(row.withBytes(2) { $0.count } == 0)
                #expect(row.optionalInt(1) == nil)
                #expect(row.optionalTimestamp(1) == nil)
                #expect(row.text(0) == "7")
                #expect(row.int(99) == 0)
                return true
            }
            try tx.each("SELECT n, note, body FROM tally WHERE n = 1") { row in
                #expect(row.bool(0) == true)
                #expect(row.optionalText(1) == "")
                #expect(row.optionalBytes(2) == [])
                return true
            }
        }
    }

    @Test func `parameters may repeat and stand in any order`() throws {
        let database = try makeDatabase()
        let texts = try database.read { tx in
            try tx.all("SELECT $2 || $1 || $2 || $3", "a", "b", "c") { $0.text(0) }
        }
        #expect(texts == ["babc"])
    }

    @Test func `conveniences bind what they say`() throws {
        let database = try makeDatabase()
        let uid = UID.make()
        try database.read { tx in
            try tx.each(
                "SELECT $1, $2, $3, $4, $5, $6, $7",
                .uid(uid),
                .timestamp(.never),
                .optionalText(nil),
                .optionalUID(uid),
                .bool(true),
                .optionalTimestamp(nil),
                .optionalInt(3)
            ) { row in
                #expect(row.text(0) == uid.text)
                #expect(row.timestamp(1) == .never)
                #expect(row.isNull(2) == true)
                #expect(row.text(3) == uid.text)
                #expect(row.bool(4) == true)
                #expect(row.isNull(5) == true)
                #expect(row.int(6) == 3)
                return true
            }
        }
    }

    @Test func `a wrong number of parameters is an error`() throws {
        let database = try makeDatabase()
        #expect(throws: StorageError.self) {
            try database.read { tx in _ = try tx.first("SELECT $1 || $2", "a") { $0.text(0) } }
        }
        #expect(throws: StorageError.self) {
            try database.read { tx in _ = try tx.first("SELECT $1", "a", "b") { $0.text(0) } }
        }
        #expect(throws: StorageError.self) {
            try database.read { tx in _ = try tx.first("SELECT ?", "a") { $0.text(0) } }
        }
    }

    @Test func `two statements in one text are an error`() throws {
        let database = try makeDatabase()
        #expect(throws: StorageError.self) {
            try database.writeBlocking { tx in
                _ = try tx.run("DELETE FROM tally; DELETE FROM owner")
            }
        }
        try database.writeBlocking { tx in _ = try tx.run("DELETE FROM tally;\n") }
    }

    @Test func `a text in double quotes is no string`() throws {
        let database = try makeDatabase()
        #expect(throws: StorageError.self) {
            try database.read { tx in _ = try tx.first("SELECT \"nothing\"") { $0.text(0) } }
        }
    }

    @Test func `statements are joined from literals`() throws {
        let database = try makeDatabase()
        let filters: [SQL] = ["1 = $1", "2 = $2"]
        let filter = SQL.joined(filters, separator: " AND ")
        let sql: SQL = "SELECT 5 WHERE " + (filter ?? "1") + ""
        #expect(sql.text == "SELECT 5 WHERE 1 = $1 AND 2 = $2")
        #expect(SQL.joined([], separator: ",") == nil)
        for _ in 0..<3 {
            let found = try database.read { tx in try tx.first(sql, 1, 2) { $0.int(0) } }
            #expect(found == 5)
        }
    }

    @Test func `more texts than are kept still work`() throws {
        let database = try makeDatabase()
        let clauses: [SQL] = ["+ 1", "+ 2", "+ 3", "+ 4", "+ 5"]
        var count = 0
        try database.read { tx in
            for a in clauses {
                for b in clauses {
                    for c in clauses {
                        for d in clauses {
                            count += 1
                            let sum = try tx.first("SELECT 0 " + a + b + c + d) { $0.int(0) }
                            #expect((sum ?? 0) >= 4)
                        }
                    }
                }
            }
        }
        #expect(count > StorageLimits.cachedStatementsMax)
    }

    @Test func `the same statement runs inside the loop over its rows`() throws {
        let database = try makeDatabase()
        try database.writeBlocking { tx in
            for n in 1...3 { try tx.run("INSERT INTO tally (n) VALUES ($1)", .int(n)) }
        }
        let query: SQL = "SELECT n FROM tally ORDER BY n"
        let pairs = try database.read { tx in
            try tx.all(query) { outer in
                let n = outer.int(0)
                return try tx.all(query) { $0.int(0) * n }
            }
        }
        #expect(pairs == [[1, 2, 3], [2, 4, 6], [3, 6, 9]])
    }

    @Test func `each stops when it is told`() throws {
        let database = try makeDatabase()
        var seen: [Int64] = []
        try database.read { tx in
            try tx.each("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3") { row in
                seen.append(row.int(0))
                return seen.count < 2
            }
        }
        #expect(seen == [1, 2])
    }

    @Test func `run counts changed rows and first finishes what returns rows`() throws {
        let database = try makeDatabase()
        let counts = try database.writeBlocking { tx in
            let made = try tx.run("INSERT INTO tally (n) VALUES (1), (2), (3)")
            let first = try tx.first("UPDATE tally SET n = n + 10 RETURNING n") { $0.int(0) }
            let above = try tx.first("SELECT count(*) FROM tally WHERE n > 10") { $0.int(0) }
            let none = try tx.run("DELETE FROM tally WHERE n = 99")
            let read = try tx.run("SELECT n FROM tally")
            return [Int64(made), first ?? 0, above ?? 0, Int64(none), Int64(read)]
        }
        #expect(counts == [3, 11, 3, 0, 0])
    }

    @Test func `constraints carry the names SQLite reports`() throws {
        let database = try makeDatabase()
        let insert: SQL = """
            INSERT INTO thing (uid, tenant, name, owner, late_owner) VALUES ($1, $2, $3, $4, $5)
            """
        func attempt(_ values: [Parameter]) -> StorageError.Kind? {
            kind { try database.writeBlocking { tx in try tx.run(insert, values) } }
        }
        #expect(attempt(["a", "t", "n", nil, nil]) == nil)
        #expect(attempt(["a", "t", "m", nil, nil]) == .constraint(name: "thing.uid"))
        #expect(
            attempt(["b", "t", "n", nil, nil]) == .constraint(name: "thing.tenant, thing.name")
        )
        #expect(attempt(["x", "x", "n", nil, nil]) == nil)
        #expect(attempt(["b", "x", "N", nil, nil]) == .constraint(name: "thing.upper"))
        #expect(
            attempt(["b", "t", "12345678901234567890", nil, nil])
                == .constraint(name: "thing.name is short")
        )
        #expect(attempt(["b", nil, "m", nil, nil]) == .constraint(name: "thing.tenant"))
        #expect(attempt(["b", "t", "m", "nobody", nil]) == .foreignKey)
        #expect(attempt(["b", "t", "m", nil, "nobody"]) == .foreignKey)
        #expect(attempt(["b", "t", "m", nil, nil]) == nil)
    }

    @Test func `a read cannot write`() throws {
        let database = try makeDatabase()
        let refused = kind {
            try database.read { tx in try tx.run("INSERT INTO tally (n) VALUES (1)") }
        }
        #expect(refused == .readOnly)
    }
}
