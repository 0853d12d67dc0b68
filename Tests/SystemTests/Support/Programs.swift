import Glibc
import JSON
import Testing

/// Where the programs under test and the repository are.
enum Programs {
    /// The programs were not built, or the tests run from an unexpected place.
    struct NotFound: Error, CustomStringConvertible {
        let description: String
    }

    static func easel() throws -> String { try find("easel") }
    static func agent() throws -> String { try find("easel-agent") }

    /// The folder that holds the programs: the test bundle lies beside them.
    static func folder() throws -> String { String(try easel().dropLast("/easel".count)) }

    private static func find(_ name: String) throws -> String {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        var bundles = CommandLine.arguments
        if count > 0 {
            bundles.append(
                String(decoding: path[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        for bundle in bundles {
            guard let slash = bundle.lastIndex(of: "/") else { continue }
            let candidate = "\(bundle[..<slash])/\(name)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw NotFound(description: "\(name) is not beside the tests: \(bundles)")
    }

    /// The root of the repository.
    static let repository: String = {
        var parts = #filePath.split(separator: "/")
        parts.removeLast(4)
        return "/" + parts.joined(separator: "/")
    }()

    static var examples: String { repository + "/Examples" }
}

/// The result of a command that ran to its end.
struct CommandResult: Sendable {
    let ending: ChildProcess.Ending
    let output: String
    let errors: String

    var json: JSONValue? { try? JSONParser.parse(Array(output.utf8)) }
}

extension Programs {
    /// Runs `easel` with these arguments to its end.
    static func easel(
        _ arguments: [String], environment: [String: String] = [:],
        within limit: Duration = .seconds(30)
    ) async throws -> CommandResult {
        try await run(easel(), arguments, environment: environment, within: limit)
    }

    /// Runs a program to its end; kills it when that takes too long.
    static func run(
        _ path: String, _ arguments: [String], environment: [String: String] = [:],
        within limit: Duration = .seconds(30)
    ) async throws -> CommandResult {
        let process = try ChildProcess(path, arguments, environment: environment)
        let ending: ChildProcess.Ending
        do {
            ending = try await process.ended(within: limit)
            // Whatever it left running would keep its streams open.
            Glibc.kill(-process.pid, SIGKILL)
            try await Wait.until("the streams of \(path) end") {
                process.output.isEnded && process.errors.isEnded
            }
        } catch {
            process.kill()
            throw Wait.TimedOut(description: "\(error)\n\(process.transcript)")
        }
        return CommandResult(
            ending: ending, output: process.output.text, errors: process.errors.text)
    }

    /// Runs a script with `bash -euo pipefail`.
    static func bash(
        _ script: String, environment: [String: String] = [:], directory: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> CommandResult {
        try await run(
            "/bin/bash", ["-euo", "pipefail", "-c", (directory.map { "cd '\($0)'\n" } ?? "") + script],
            environment: environment, within: limit)
    }
}

/// Looks for a program in the places of Debian.
func isInstalled(_ name: String) -> Bool {
    ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"].contains {
        access("\($0)/\(name)", X_OK) == 0
    }
}
