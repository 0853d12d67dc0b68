import CSQLite

/// One prepared statement; belongs to a connection and its thread.
final class Statement {
    let pointer: OpaquePointer
    let isReadOnly: Bool
    /// For each position SQLite binds, the number of the parameter: `$2` first gives `[2, …]`.
    private let numbers: [Int]
    private let parameterCount: Int
    private let handle: OpaquePointer
    var isBusy = false
    var lastUse: UInt64 = 0

    init(_ text: String, on handle: OpaquePointer) throws(StorageError) {
        self.handle = handle
        var text = text
        var prepared: OpaquePointer?
        var hasTail = false
        let code = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                var tail: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(
                    handle,
                    characters.baseAddress,
                    Int32(clamping: characters.count),
                    UInt32(SQLITE_PREPARE_PERSISTENT),
                    &prepared,
                    &tail
                )
                if let tail, let start = characters.baseAddress {
                    hasTail = characters[(tail - start)...].contains { $0 > 0x20 && $0 != 0x3B }
                }
                return code
            }
        }
        guard code == SQLITE_OK else {
            throw StorageError(code: code, on: handle, statement: text)
        }
        guard let prepared else {
            throw StorageError(
                .other(code: SQLITE_MISUSE),
                "This is no statement.",
                statement: text
            )
        }
        pointer = prepared
        isReadOnly = sqlite3_stmt_readonly(prepared) != 0
        var numbers: [Int] = []
        for position in 0..<max(sqlite3_bind_parameter_count(prepared), 0) {
            let name = sqlite3_bind_parameter_name(prepared, position + 1)
            numbers.append(name.flatMap { Int(String(cString: $0).dropFirst()) } ?? 0)
        }
        self.numbers = numbers
        parameterCount = numbers.max() ?? 0
        let areNumbered = numbers.allSatisfy { $0 > 0 }
        if !areNumbered || hasTail {
            throw StorageError(
                .other(code: SQLITE_MISUSE),
                areNumbered
                    ? "This is more than one statement." : "Parameters are written $1 to $n.",
                statement: text
            )
        }
    }

    deinit {
        sqlite3_finalize(pointer)
    }

    var text: String {
        sqlite3_sql(pointer).map { String(cString: $0) } ?? ""
    }

    func bind(_ parameters: [Parameter]) throws(StorageError) {
        guard parameters.count == parameterCount else {
            throw StorageError(
                .other(code: SQLITE_MISUSE),
                "\(parameterCount) parameters are wanted, \(parameters.count) were given.",
                statement: text
            )
        }
        for (index, number) in numbers.enumerated() {
            let code = bind(parameters[number - 1], at: Int32(truncatingIfNeeded: index + 1))
            guard code == SQLITE_OK else {
                throw StorageError(code: code, on: handle, statement: text)
            }
        }
    }

    private func bind(_ parameter: Parameter, at position: Int32) -> Int32 {
        switch parameter {
        case .int(let value):
            return sqlite3_bind_int64(pointer, position, value)
        case .text(var value):
            return value.withUTF8 { bytes in
                // The empty text has no address, and no address means null.
                guard let start = bytes.baseAddress else {
                    return easel_sqlite_bind_text(pointer, position, "", 0)
                }
                return easel_sqlite_bind_text(pointer, position, start, UInt64(bytes.count))
            }
        case .bytes(let value):
            return value.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress, !bytes.isEmpty else {
                    return sqlite3_bind_zeroblob(pointer, position, 0)
                }
                return easel_sqlite_bind_blob(pointer, position, start, UInt64(bytes.count))
            }
        case .null:
            return sqlite3_bind_null(pointer, position)
        }
    }

    /// Moves to the next row; false when there is none.
    func step() throws(StorageError) -> Bool {
        let code = sqlite3_step(pointer)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        throw StorageError(code: code, on: handle, statement: text)
    }

    /// Makes it ready for the next use and lets go of the values bound to it.
    func reset() {
        sqlite3_reset(pointer)
        if !numbers.isEmpty { sqlite3_clear_bindings(pointer) }
    }
}
