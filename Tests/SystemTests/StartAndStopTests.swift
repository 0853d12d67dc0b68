import Glibc
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("Starting and stopping a server")
struct StartAndStopTests {
    /// Starts a server that must not come up, and gives how it ended.
    private func refused(_ arguments: [String]) async throws -> CommandResult {
        let result = try await Programs.easel(arguments, within: .seconds(15))
        #expect(result.ending != .exit(0), "\(result)")
        #expect(!result.errors.contains("\"ready\""))
        return result
    }

    @Test(.timeLimit(.minutes(1)))
    func `refuses a data directory that another server has`() async throws {
        let server = try await EaselProcess.start()
        for arguments in [
            ["serve", "--data", server.data, "--listen", "127.0.0.1:0"],
            ["migrate", "--data", server.data],
            ["bootstrap", "--data", server.data, "--org", "A", "--email", "a@b.example"],
            ["packs", "import", Programs.examples + "/packs", "--data", server.data],
        ] {
            let result = try await refused(arguments)
            #expect(result.ending == .exit(1), "\(arguments): \(result)")
            let text = result.output + result.errors
            #expect(text.contains("in use by process \(server.process.pid)"), "\(result)")
        }
        // The first one goes on undisturbed.
        #expect(try await server.api().send(.get, "/v1/users/info").status == 200)
        #expect(try await server.stop() == .exit(0))
    }

    @Test func `refuses a database of a newer version`() async throws {
        let data = try TemporaryDirectory.make()
        var options = DatabaseOptions(path: data + "/easel.db")
        let number = String(10_001 + options.migrations.count).dropFirst()
        let later = Migration(
            file: "\(number)_later.sql",
            bytes: Array("CREATE TABLE later (uid TEXT);".utf8)
        )
        options.migrations.append(try #require(later))
        try Database.open(options).close()
        for command in [["serve", "--listen", "127.0.0.1:0"], ["migrate"]] {
            let result = try await refused(command + ["--data", data])
            #expect(result.ending == .exit(1))
            #expect(result.errors.contains("start a newer version"), "\(result)")
        }
    }

    @Test func `refuses a file that is no database`() async throws {
        let data = try TemporaryDirectory.make()
        try TestFiles.write(data + "/easel.db", String(repeating: "no database ", count: 1000))
        let result = try await refused(["serve", "--data", data, "--listen", "127.0.0.1:0"])
        #expect(result.ending == .exit(1))
        #expect(
            result.errors.contains("easel.db") || result.errors.contains("database"),
            "\(result)"
        )
        #expect(try TestFiles.text(data + "/easel.db").hasPrefix("no database"))
    }

    @Test func `refuses folders that it cannot write`() async throws {
        // `/proc` takes no files, whoever asks.
        for data in ["/proc/easel", "/proc", "/nowhere/at/all"] {
            let result = try await refused(["serve", "--data", data, "--listen", "127.0.0.1:0"])
            #expect(result.errors.contains(data), "\(result)")
        }
    }

    @Test func `refuses a port in use, and makes no tenant`() async throws {
        let server = try await EaselProcess.start()
        let data = try TemporaryDirectory.make() + "/data"
        let address = "127.0.0.1:\(server.plainPort)"
        let result = try await refused(["serve", "--data", data, "--listen", address])
        #expect(result.ending == .exit(1))
        #expect(result.errors.contains("in use"), "\(result)")
        #expect(result.errors.contains(address), "\(result)")
        #expect(!TestFiles.exists(data + "/bootstrap.json"))
    }

    @Test func `says why it does not start in the form of its log`() async throws {
        let arguments = ["serve", "--data", "/proc/easel", "--listen", "127.0.0.1:0"]
        let text = try await refused(arguments + ["--log-format", "text"])
        #expect(text.errors.hasPrefix("Error: "), "\(text)")
        let json = try await refused(arguments + ["--log-format", "json"])
        #expect(json.ending == text.ending)
        let lines = json.errors.split(separator: "\n")
        #expect(lines.count == 1, "\(json)")
        let line = try JSONParser.parse(Array((lines.first ?? "").utf8))
        #expect(line["level"]?.text == "critical")
        #expect("Error: \(line["message"]?.text ?? "")" == text.errors.trimmed, "\(json)")
    }

    @Test(arguments: [
        (["serve"], "--data"),
        (["serve", "--data", "D", "--listen", "8080"], "HOST:PORT"),
        (["serve", "--data", "D", "--listen", "127.0.0.1:99999"], "HOST:PORT"),
        (["serve", "--data", "D", "--tls-listen", "127.0.0.1:0"], "--tls-self-signed"),
        (["serve", "--data", "D", "--tls-cert", "F"], "--tls-key"),
        (["serve", "--data", "D", "--loops", "-1"], "loops"),
        (["serve", "--data", "D", "--loops", "many"], "loops"),
        (["serve", "--data", "D", "--log-format", "xml"], "log-format"),
        (["serve", "--data", "D", "--nonsense"], "nonsense"),
        (["bootstrap", "--data", "D", "--org", "A"], "--email"),
        (["packs", "import", "F"], "--data"),
        (["packs", "import", "F", "--server", "http://127.0.0.1:1"], "--api-key"),
        (["backup"], "file"), (["nonsense"], "nonsense"),
    ])
    func `says what is wrong with flags`(_ arguments: [String], _ word: String) async throws {
        let folder = try TemporaryDirectory.make()
        let given = arguments.map { $0 == "D" ? folder + "/data" : $0 }
        let result = try await refused(given)
        #expect(result.ending == .exit(64), "\(result)")
        #expect(result.errors.contains(word), "\(result)")
        #expect(!TestFiles.exists(folder + "/data"))
    }

    @Test(arguments: ["maybe", "on", "TRUE!"])
    func `refuses a switch in the environment that is neither on nor off`(
        _ value: String
    ) async throws {
        let folder = try TemporaryDirectory.make()
        let result = try await Programs.easel(
            ["serve", "--data", folder + "/data", "--listen", "127.0.0.1:0"],
            environment: ["EASEL_TLS_SELF_SIGNED": value]
        )
        #expect(result.ending == .exit(64), "\(result)")
        #expect(result.errors.contains("EASEL_TLS_SELF_SIGNED"), "\(result)")
        #expect(!TestFiles.exists(folder + "/data"))
    }

    @Test(.timeLimit(.minutes(1)), arguments: [(0o700, 0), (0o750, 1), (0o755, 1)])
    func `warns once of a data directory that lets others in`(
        _ mode: mode_t,
        _ count: Int
    ) async throws {
        let data = try TemporaryDirectory.make() + "/data"
        #expect(mkdir(data, 0o700) == 0 && chmod(data, mode) == 0)
        let server = try await EaselProcess.start(data: data, flags: ["--listen", "127.0.0.1:0"])
        let warnings = server.log.filter { $0.message.contains("may look into the data directory") }
        #expect(warnings.count == count)
        #expect(try await server.stop() == .exit(0))
    }

    @Test func `refuses certificates that cannot be used`() async throws {
        let folder = try TemporaryDirectory.make()
        try TestFiles.write(folder + "/bad.pem", "no certificate\n")
        let result = try await refused([
            "serve", "--data", folder + "/data", "--tls-listen", "127.0.0.1:0", "--tls-cert",
            folder + "/bad.pem", "--tls-key", folder + "/missing.pem",
        ])
        #expect(result.errors.contains(".pem"), "\(result)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `takes flags from the environment, and those of the command line first`() async throws {
        let data = try TemporaryDirectory.make() + "/data"
        let process = try ChildProcess(
            Programs.easel(),
            ["serve", "--log-format", "text"],
            environment: [
                "EASEL_DATA": data, "EASEL_LISTEN": "127.0.0.1:0,127.0.0.1:0",
                "EASEL_TLS_LISTEN": "127.0.0.1:0", "EASEL_TLS_SELF_SIGNED": "true",
                "EASEL_LOOPS": "1", "EASEL_LOG_FORMAT": "json",
                "EASEL_BOOTSTRAP_OUTPUT": data + "-first.json",
            ]
        )
        try await Wait.until("ready in text") {
            process.errors.lines.contains { !$0.hasPrefix("{") && $0.contains(" ready") }
        }
        let line = try #require(process.errors.lines.first { $0.contains(" ready") })
        #expect(line.components(of: "http://127.0.0.1:") == 2, "\(line)")
        #expect(line.components(of: "https://127.0.0.1:") == 1, "\(line)")
        #expect(TestFiles.mode(data + "-first.json") == 0o600)
        process.send(SIGINT)
        #expect(try await process.ended() == .exit(0))
    }

    @Test func `tells its version`() async throws {
        for program in [try Programs.easel(), try Programs.agent()] {
            let result = try await Programs.run(program, ["--version"])
            #expect(result.ending == .exit(0))
            #expect(result.output.split(separator: ".").count == 3, "\(result)")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a second signal ends the process at once`() async throws {
        let server = try await EaselProcess.start()
        let key = try server.signIn().apiKey
        let stuck = try RawSocket(port: server.plainPort)
        // A request whose body does not come keeps the server from ending.
        try stuck.send(
            "POST /v1/edgehosts HTTP/1.1\r\nHost: a\r\nApiKey: \(key)\r\n"
                + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        _ = try await server.api().send(.get, "/livez")
        server.process.send(SIGTERM)
        try await Wait.until("stopping") { server.log.contains { $0.message == "stopping" } }
        let clock = ContinuousClock()
        let start = clock.now
        // The handler of the second signal is set up after the log line.
        try await Wait.until("the end", within: .seconds(5)) {
            server.process.send(SIGTERM)
            return server.process.end != nil
        }
        #expect(clock.now - start < .seconds(3))
        withExtendedLifetime(stuck) {}
    }
}

extension String {
    /// The text without the line feed at its end.
    fileprivate var trimmed: String { hasSuffix("\n") ? String(dropLast()) : self }

    /// How often a text occurs.
    func components(of text: String) -> Int {
        var count = 0
        var rest = self[...]
        while let found = rest.firstRange(of: text) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}
