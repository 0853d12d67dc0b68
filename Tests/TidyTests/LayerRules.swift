/// Rules about what may stand in which layer.
extension Rule {
    /// The Platform targets that may touch each C module.
    private static let owners: [Substring: [String]] = [
        "COpenSSL": ["Sources/Platform/Crypto", "Sources/Platform/TLS"],
        "CSQLite": ["Sources/Platform/Storage"],
        "CZlib": ["Sources/Platform/Archive"],
        "CYAML": ["Sources/Platform/YAML"],
        "CNghttp2": ["Sources/Platform/HTTPCore"],
        "CSystem": ["Sources/Platform"],
        "CAssets": ["Sources/Platform"],
    ]

    static let shimImports = Rule(
        name: "shim-import",
        sentence: "Use the Platform target that owns the C module, or name a new module's owner.",
        reach: .sources,
        broken: SourceText(path: "Sources/Features/A/A.swift", "import CSQLite\n"),
        kept: SourceText(
            path: "Sources/Platform/Storage/A.swift",
            "import CSQLite\nimport Crypto\n// import COpenSSL\n"
        )
    ) { file in
        file.findings(
            at: file.code.offsets(ofWhole: "import").filter { offset in
                let words = file.code[offset...].prefix { $0 != newline }.words
                // `import struct Module.Name` has the module third.
                guard let module = words.dropFirst().first(where: { $0.first?.isUppercase == true })
                else { return false }
                if let owners = owners[module] {
                    return !owners.contains { file.path.hasPrefix($0 + "/") }
                }
                let second = module.dropFirst().first
                return module.hasPrefix("C") && second?.isUppercase == true
            }
        )
    }

    static let sqlInStores = Rule(
        name: "sql-outside-store",
        sentence: "Move the statement into the folder's …Store.swift.",
        reach: .sources,
        broken: SourceText(
            path: "Sources/Features/A/A.swift",
            "let x = \"SELECT uid FROM appliance\"\n"
        ),
        kept: SourceText(
            path: "Sources/Features/A/A.swift",
            "// SELECT uid FROM appliance\nlet x = \"Select a pack from the list.\"\n"
        )
    ) { file in
        guard !file.name.hasSuffix("Store.swift"), !file.lies(in: "Sources/Platform/Storage")
        else { return [] }
        let openings = [
            "SELECT ", "INSERT INTO ", "INSERT OR ", "DELETE FROM ", "CREATE TABLE ",
            "CREATE INDEX ", "CREATE UNIQUE ", "DROP TABLE ", "ALTER TABLE ", "PRAGMA ",
            "BEGIN IMMEDIATE", "ON CONFLICT ",
        ]
        let updates = file.strings.offsets(of: "UPDATE ").filter { offset in
            !Array(file.strings[offset...].prefix(200)).offsets(ofWhole: "SET").isEmpty
        }
        return file.findings(at: openings.flatMap { file.strings.offsets(of: $0) } + updates)
    }

    static let statusNumbers = Rule(
        name: "status-number",
        sentence: "Throw a Failure; Failure+HTTP.swift gives it a status.",
        reach: .sources,
        broken: SourceText(
            path: "Sources/Features/A/A.swift",
            "return Response(status: 404, body: [])\n"
        ),
        kept: SourceText(
            path: "Sources/Features/A/AEndpoints.swift",
            """
            permission: .read, success: 201,
            let statusPageLimit = 50
            let status = part[1024]
            counters[status / 100]
            """
        )
    ) { file in
        let isHTTP = file.lies(
            in: "Sources/Platform/HTTPCore",
            "Sources/Platform/HTTPServer",
            "Sources/Platform/HTTPClient"
        )
        // Programs read the statuses of other servers.
        let isClient = file.lies(in: "Sources/Programs")
        guard !isHTTP, !isClient, file.name != "Failure+HTTP.swift" else { return [] }
        let offsets = ["status", "Status"].flatMap { file.code.offsets(of: $0) }
        return file.findings(
            at: offsets.filter { offset in
                let line = file.line(file.line(at: offset), of: file.code)
                // The class of a status is no status.
                let text = String(decoding: line, as: UTF8.self).replacing("/ 100", with: "")
                return Array(text.utf8)[...].words.contains { word in
                    guard word.count == 3, let number = Int(word) else { return false }
                    // What is no failure may be answered anywhere: 2xx and 304.
                    return (300...599).contains(number) && number != 304
                }
            }
        )
    }
}
