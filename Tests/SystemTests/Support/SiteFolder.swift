import Glibc
import TestSupport

/// The folder that is an appliance.
struct SiteFolder: Sendable {
    let path: String

    init() throws { path = try TemporaryDirectory.make() }

    var log: String { (try? TestFiles.text(path + "/edge.log")) ?? "" }

    /// The files of the layers, without those that the agent keeps for itself.
    var layers: Set<String> {
        TestFiles.list(path + "/applied").filter {
            !$0.split(separator: "/").contains { $0.hasPrefix(".") }
        }
    }

    func put(archive: [UInt8]) throws { try TestFiles.write(path + "/systemprofile.tgz", archive) }
    func put(unattended: String) throws {
        try TestFiles.write(path + "/unattended.yaml", unattended)
    }

    /// Waits until the log holds a text.
    func logged(_ text: String, within limit: Duration = .seconds(20)) async throws {
        do {
            try await Wait.until("the agent logs '\(text)'", within: limit) { log.contains(text) }
        } catch {
            throw Wait.TimedOut(description: "\(error)\n\(log)")
        }
    }
}

/// An agent process.
final class AgentProcess: Sendable {
    let process: ChildProcess

    /// - Parameter flags: beside `--root`; by default it asks often.
    init(_ site: SiteFolder, flags: [String] = ["--poll-interval", "1", "--wait", "5"]) throws {
        process = try ChildProcess(Programs.agent(), ["--root", site.path] + flags)
    }

    func stop() async throws -> ChildProcess.Ending {
        process.send(SIGTERM)
        return try await process.ended()
    }
}
