import APIKit
import Archive
import ArgumentParser
import Audit
import Crypto
import EventLoop
import HTTPClient
import JSON
import Logging
import Packs
import Primitives
import Storage

/// `easel packs`: what one does with packs from the command line.
struct PacksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "packs",
        abstract: "Work with packs.",
        subcommands: [Import.self, Index.self, Push.self]
    )

    /// `easel packs index`.
    struct Index: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the index of a folder of packs, so that a web server is a registry."
        )

        @Argument(help: "The folder; each pack in it that is a folder gets an archive beside it.")
        var folder: String

        func run() throws {
            let index: PackIndex
            do {
                index = try PackIndex.write(folder: folder)
            } catch let refusal as PackIndex.Refusal {
                throw Refusal(refusal.description)
            }
            print("\(folder)/\(PackIndex.fileName): \(index.entries.count) packs")
        }
    }

    /// `easel packs import`.
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import packs into the embedded registry; exits with 1 if any is refused."
        )

        @Argument(help: "A pack, an archive of one, or a folder of packs and archives.")
        var folder: String

        @Option(help: "The data directory, while no server runs on it.")
        var data: String?

        @Option(help: "The URL of a running server.")
        var server: String?

        @Option(name: .customLong("api-key"), help: "An API key of that server.")
        var apiKey: String?

        func validate() throws {
            guard (data == nil) != (server == nil) else {
                throw ValidationError("Give either --data or --server with --api-key.")
            }
            guard server == nil || apiKey != nil else {
                throw ValidationError("--server needs --api-key.")
            }
        }

        func run() throws {
            let results: [PackOutcome]
            if let data {
                results = try LocalImport.run(folder, data)
            } else {
                results = try RemoteImport(server ?? "", apiKey ?? "").run(folder)
            }
            guard !results.isEmpty else {
                throw Refusal("\(folder): there is no pack, neither as a folder nor as an archive.")
            }
            for result in results { result.printLines() }
            let refused = results.count { $0.outcome == "refused" }
            print(
                "\(results.count { $0.outcome == "imported" }) imported, "
                    + "\(results.count { $0.outcome == "unchanged" }) unchanged, "
                    + "\(refused) refused"
            )
            if refused > 0 { throw ExitCode(1) }
        }
    }
}

/// What became of one pack, wherever it was imported.
struct PackOutcome {
    let source: String
    let name: String
    let outcome: String
    let faults: [String]
    let warnings: [String]

    /// Name and version, as far as they could be read.
    static func name(_ name: String, _ version: String) -> String {
        [name, version].filter { !$0.isEmpty }.joined(separator: " ")
    }

    func printLines() {
        print("\(outcome) \(source)\(name.isEmpty ? "" : " (\(name))")")
        for fault in faults { print("  \(fault)") }
        for warning in warnings { print("  warning: \(warning)") }
    }
}
