import APIKit
import ArgumentParser
import Audit
import Crypto
import Glibc
import HTTPClient
import Identity
import JSON
import Storage

/// `easel bootstrap`: the first start's job without a server.
struct BootstrapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap",
        abstract: "Make an organisation, its administrator and an API key; prints JSON."
    )

    @Option(help: "The data directory; made when it is missing.")
    var data: String

    @Option(help: "The organisation's name.")
    var org: String

    @Option(help: "The administrator's e-mail address.")
    var email: String

    @Option(help: "File with the administrator's password; without it one is made.")
    var passwordFile: String?

    func run() throws {
        let password = try passwordFile.map { path in
            let bytes = try readFile(path, bytesMax: 4096)
            return String(decoding: bytes, as: UTF8.self).trimmingNewlines
        }
        let directory = try DataDirectory(data)
        let database = try directory.open()
        defer { database.close() }
        let sealingKey = try SealingKey.loadOrMake(path: directory.sealingKey)
        do {
            let result = try Bootstrap.create(
                organisation: org,
                email: email,
                password: password,
                in: database,
                hasher: .scrypt(in: database, sealedUnder: sealingKey)
            )
            printBytes(result.jsonBytes())
        } catch let failure as Failure {
            throw Refusal(failure.message)
        }
    }
}

/// `easel backup`: a copy of the database while nothing else writes, or beside a running server.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Write a consistent copy of the database to a file."
    )

    @Argument(help: "The file to write; it must not exist.")
    var file: String

    @Option(help: "The data directory.")
    var data: String

    func run() throws {
        let directory = DataDirectory(existing: data)
        try Database.backup(of: directory.database, to: file)
        print("\(file): written")
    }
}

/// `easel migrate`: brings the database to this binary's schema.
struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database to this version's schema."
    )

    @Option(help: "The data directory.")
    var data: String

    func run() throws {
        // Opening a database migrates it.
        let database = try DataDirectory(data).open()
        database.close()
        print("\(data): the schema is that of easel \(Release.version)")
    }
}

/// `easel check`: asks a server whether it is ready; for health checks of containers.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Exit with 0 when the URL answers 200, else with 1."
    )

    @Option(help: "The URL to ask.")
    var url = "http://127.0.0.1:8080/readyz"

    func run() throws {
        let status = try Outbound.get(url).status
        guard status == 200 else {
            printError("\(url) answered \(status).")
            throw ExitCode(1)
        }
    }
}
