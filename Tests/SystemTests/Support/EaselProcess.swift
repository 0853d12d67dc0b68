import Glibc
import JSON
import TestSupport

/// A line of the server's log.
struct LogLine: Sendable {
    let json: JSONValue

    var message: String { json["message"]?.text ?? "" }
    func field(_ name: String) -> String? { json[name]?.text }
}

/// A server process.
final class EaselProcess: Sendable {
    /// The server ended before it was ready.
    struct NotReady: Error, CustomStringConvertible {
        let description: String
    }

    let process: ChildProcess
    let data: String
    /// What it listens on, as the log line `ready` says.
    let addresses: [String]

    /// Starts `easel serve` and waits until it is ready.
    ///
    /// - Parameters:
    ///   - data: the data directory; a new one by default.
    ///   - descriptors: how many files the process may have open.
    static func start(
        data: String? = nil,
        flags: [String] = standardFlags,
        environment: [String: String] = [:],
        descriptors: Int? = nil,
        handing socket: Int32? = nil,
        within limit: Duration = .seconds(20)
    ) async throws -> EaselProcess {
        let data = try data ?? TemporaryDirectory.make() + "/data"
        let process =
            if let socket {
                try launch(data: data, flags: flags, handing: socket)
            } else {
                try launch(
                    data: data,
                    flags: flags,
                    environment: environment,
                    descriptors: descriptors
                )
            }
        return try await ready(process, data: data, within: limit)
    }

    /// Waits until a launched server is ready.
    static func ready(
        _ process: ChildProcess,
        data: String,
        within limit: Duration = .seconds(20)
    ) async throws -> EaselProcess {
        let line: LogLine
        do {
            line = try await Wait.until("the server is ready", within: limit) {
                if let line = logLines(process).first(where: { $0.message == "ready" }) {
                    return line
                }
                guard process.end == nil else { throw NotReady(description: "it ended") }
                return nil
            }
        } catch {
            let ending = process.end.map { "\($0)" } ?? "it runs"
            process.kill()
            throw NotReady(description: "\(error) (\(ending))\n\(process.transcript)")
        }
        let addresses = (line.field("addresses") ?? "").split(separator: " ").map(String.init)
        return EaselProcess(process, data, addresses)
    }

    /// Starts `easel serve` without waiting.
    static func launch(
        data: String,
        flags: [String] = standardFlags,
        environment: [String: String] = [:],
        descriptors: Int? = nil
    ) throws -> ChildProcess {
        let arguments = ["serve", "--data", data] + flags
        guard let descriptors else {
            return try ChildProcess(Programs.easel(), arguments, environment: environment)
        }
        return try ChildProcess(
            "/bin/sh",
            ["-c", "ulimit -n \(descriptors) && exec \"$0\" \"$@\"", Programs.easel()] + arguments,
            environment: environment
        )
    }

    /// Starts `easel serve` as a service manager does that keeps the listening socket.
    private static func launch(
        data: String,
        flags: [String],
        handing socket: Int32
    ) throws -> ChildProcess {
        try ChildProcess(
            "/bin/sh",
            // Only the process itself knows the number that has to stand in LISTEN_PID.
            ["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\"", Programs.easel(), "serve", "--data", data]
                + flags,
            environment: ["LISTEN_FDS": "1", "LISTEN_FDNAMES": "http"],
            inherited: [socket]
        )
    }

    /// One plain and one TLS port that the system chooses.
    static let standardFlags = [
        "--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--tls-self-signed",
    ]

    private init(_ process: ChildProcess, _ data: String, _ addresses: [String]) {
        self.process = process
        self.data = data
        self.addresses = addresses
    }

    var log: [LogLine] { Self.logLines(process) }

    private static func logLines(_ process: ChildProcess) -> [LogLine] {
        process.errors.lines.compactMap { line in
            (try? JSONParser.parse(Array(line.utf8))).map(LogLine.init)
        }
    }

    /// The address of the first plain port.
    var plainURL: String { addresses.first { $0.hasPrefix("http://") } ?? "" }
    /// The address of the first TLS port.
    var secureURL: String { addresses.first { $0.hasPrefix("https://") } ?? "" }
    var plainPort: UInt16 { Self.port(plainURL) }
    var securePort: UInt16 { Self.port(secureURL) }

    private static func port(_ url: String) -> UInt16 {
        UInt16(url.split(separator: ":").last ?? "") ?? 0
    }

    var authorityPath: String { data + "/tls/ca.pem" }

    /// What the first start wrote.
    func signIn() throws -> SignIn { try SignIn(TestFiles.json(data + "/bootstrap.json")) }

    /// A client with the first start's key.
    func api(isSecure: Bool = true) throws -> API {
        let signIn = try signIn()
        return try api(key: signIn.apiKey, project: signIn.projectUID, isSecure: isSecure)
    }

    /// A client with this key and project.
    func api(key: String?, project: String?, isSecure: Bool = true) throws -> API {
        try API(
            isSecure ? secureURL : plainURL,
            authority: isSecure ? TestFiles.read(authorityPath) : nil,
            key: key,
            project: project
        )
    }

    /// Stops the server in the usual way.
    func stop() async throws -> ChildProcess.Ending {
        process.send(SIGTERM)
        return try await process.ended()
    }

    /// Ends the process as a cut of power does for it.
    func killHard() async throws {
        process.kill()
        _ = try await process.ended()
    }
}

/// Who may do what after a first start or `easel bootstrap`.
struct SignIn: Sendable {
    let tenantUID: String
    let projectUID: String
    let userUID: String
    let email: String
    let password: String
    let apiKey: String

    struct Incomplete: Error {}

    init(_ json: JSONValue) throws {
        guard let tenantUID = json["tenantUid"]?.text, let projectUID = json["projectUid"]?.text,
            let userUID = json["userUid"]?.text, let email = json["email"]?.text,
            let password = json["password"]?.text, let apiKey = json["apiKey"]?.text
        else { throw Incomplete() }
        self.tenantUID = tenantUID
        self.projectUID = projectUID
        self.userUID = userUID
        self.email = email
        self.password = password
        self.apiKey = apiKey
    }
}
