import Archive
import ArgumentParser
import EventLoop
import Glibc
import HTTPClient
import Packs
import Primitives

extension PacksCommand {
    /// `easel packs push`.
    struct Push: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Push packs into an OCI registry; exits with 1 if any cannot be pushed."
        )

        @Argument(help: "A pack, an archive of one, or a folder of packs and archives.")
        var folder: String

        @Option(help: "The registry with its base path, such as https://registry.example/packs.")
        var registry: String

        @Option(help: "The name to sign in with; without it nothing is presented.")
        var username: String?

        @Option(help: "A file that holds the password.")
        var passwordFile: String?

        func validate() throws {
            guard (username == nil) == (passwordFile == nil) else {
                throw ValidationError("--username and --password-file belong together.")
            }
        }

        func run() throws {
            guard let url = HTTPURL(registry), !url.target.contains("?") else {
                throw ValidationError("'\(registry)' is not the URL of a registry.")
            }
            let credentials = try credentials()
            let loops = try LoopGroup(count: 1)
            let workers = try WorkerPool(threads: 1)
            defer {
                loops.shutdown()
                workers.shutdown()
            }
            // Whoever runs the command may reach what this machine reaches.
            let policy = OutboundPolicy(
                allowed: ["0.0.0.0/0", "::/0"].compactMap { IPNetwork($0) }
            )
            let client = OCIClient(
                url,
                credentials,
                trust: try Self.trust(),
                client: OutboundClient(loop: loops.loops[0], workers: workers, policy: policy)
            )
            let pusher = PackPusher(client, basePath: url.target)
            let results: [PackPusher.Result]
            do {
                results = try LocalImport.blocking { [folder] in
                    try await pusher.push(folder: folder)
                }
            } catch let error as OutboundError {
                throw Refusal("\(registry): \(error)")
            }
            try Self.report(results, folder)
        }

        private static func report(_ results: [PackPusher.Result], _ folder: String) throws {
            guard !results.isEmpty else {
                throw Refusal("\(folder): there is no pack, neither as a folder nor as an archive.")
            }
            for result in results {
                let name = result.name.isEmpty ? "" : " (\(result.name))"
                let note = result.isUnchanged ? ", unchanged" : ""
                print("\(result.reference ?? "refused") \(result.source)\(name)\(note)")
                for fault in result.faults { print("  \(fault)") }
            }
            let refused = results.count { $0.reference == nil }
            let unchanged = results.count { $0.isUnchanged }
            print(
                "\(results.count - refused - unchanged) pushed, \(unchanged) unchanged, "
                    + "\(refused) refused"
            )
            if refused > 0 { throw ExitCode(1) }
        }

        private func credentials() throws -> OCIClient.Credentials? {
            guard let username, let passwordFile else { return nil }
            let bytes = try readFile(passwordFile, bytesMax: 4096)
            return OCIClient.Credentials(
                username: username,
                password: String(decoding: bytes, as: UTF8.self).trimmingNewlines
            )
        }

        /// The system's authorities, and those of `SSL_CERT_FILE`.
        private static func trust() throws -> OutboundTrust {
            guard let path = getenv("SSL_CERT_FILE").map({ String(cString: $0) }), !path.isEmpty
            else { return .system }
            return try OutboundTrust(
                certificatesPEM: readFile(path, bytesMax: OutboundTrust.pemBytesMax),
                skipsCheck: false
            )
        }
    }
}
