import TestSupport
import Testing

/// Debian's `docker-registry`, which asks for a password: "right password" of "me".
final class DockerRegistry: Sendable {
    static let isInstalled = SystemTests.isInstalled("docker-registry")
    static let missing: Comment = "docker-registry is missing: scripts/install-dependencies tools"
    static let user = "me"
    static let password = "right password"

    let port: UInt16
    private let process: ChildProcess

    /// Starts it on a free port with an empty folder.
    static func start() async throws -> DockerRegistry {
        let folder = try TemporaryDirectory.make()
        // bcrypt of the password, at the least cost.
        try TestFiles.write(
            folder + "/htpasswd",
            user + ":$2b$05$abcdefghijklmnopqrstuuChQd15jl6x5/jaJ9KDukc2t1X7oMLPa\n"
        )
        try TestFiles.write(
            folder + "/config.yml",
            """
            version: 0.1
            storage: {filesystem: {rootdirectory: \(folder)/data}}
            http: {addr: "127.0.0.1:0"}
            auth: {htpasswd: {realm: test, path: \(folder)/htpasswd}}
            """
        )
        let process = try ChildProcess(
            "/usr/bin/docker-registry",
            ["serve", folder + "/config.yml"]
        )
        let port = try await Wait.until("the registry listens\n\(process.transcript)") {
            let line = process.errors.lines.first { $0.contains("listening on 127.0.0.1:") }
            return line.flatMap {
                UInt16(
                    ($0.split(separator: "listening on 127.0.0.1:").last ?? "").prefix {
                        $0.isNumber
                    }
                )
            }
        }
        return DockerRegistry(process, port)
    }

    private init(_ process: ChildProcess, _ port: UInt16) {
        self.process = process
        self.port = port
    }

    var url: String { "http://127.0.0.1:\(port)" }
}
