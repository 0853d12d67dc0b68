import HTTPCore
import JSON
import Storage
import Testing
import TestSupport

@Suite("easel bootstrap and the first start")
struct BootstrapTests {
    private let data: String

    init() throws { data = try TemporaryDirectory.make() + "/data" }

    private func bootstrap(_ more: [String], org: String = "Acme") async throws -> CommandResult {
        try await Programs.easel(["bootstrap", "--data", data, "--org", org] + more)
    }

    @Test(.timeLimit(.minutes(1)))
    func `prints the six keys and nothing else, and they work`() async throws {
        let result = try await bootstrap(["--email", "Admin@Acme.example"])
        #expect(result.ending == .exit(0), "\(result)")
        let keys = result.json?.members?.keys
        #expect(keys == ["tenantUid", "projectUid", "userUid", "email", "password", "apiKey"])
        #expect(result.errors.isEmpty)
        let signIn = try SignIn(#require(result.json))
        #expect(signIn.email == "admin@acme.example")
        let server = try await EaselProcess.start(data: data)
        // A tenant exists, so this is no first start.
        #expect(!TestFiles.exists(data + "/bootstrap.json"))
        let api = try server.api(key: signIn.apiKey, project: signIn.projectUID)
        let info = try await api.call(.get, "/v1/users/info")
        #expect(info["tenantUid"]?.text == signIn.tenantUID, "\(info)")
        let anonymous = try server.api(key: nil, project: nil)
        let session = try await anonymous.call(
            .post,
            "/v1/auth/authenticate",
            ["emailId": .string(signIn.email), "password": .string(signIn.password)]
        )
        #expect(session["Authorization"]?.text?.isEmpty == false, "\(session)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `refuses an organisation that exists, and takes another`() async throws {
        #expect(try await bootstrap(["--email", "a@acme.example"]).ending == .exit(0))
        let again = try await bootstrap(["--email", "b@acme.example"])
        #expect(again.ending == .exit(1), "\(again)")
        #expect(again.errors.contains("Acme"), "\(again)")
        #expect(again.output.isEmpty)
        #expect(
            try await bootstrap(["--email", "a@acme.example"], org: "Globex").ending == .exit(0)
        )
    }

    @Test(.timeLimit(.minutes(1)))
    func `takes the password from a file and refuses weak ones and bad addresses`() async throws {
        let file = try TemporaryDirectory.make() + "/password"
        try TestFiles.write(file, "Correct-horse-1\n")
        let flags = ["--email", "a@acme.example", "--password-file", file]
        let made = try await bootstrap(flags)
        #expect(made.json?["password"]?.text == "Correct-horse-1", "\(made)")
        try TestFiles.write(file, "abc\n")
        let weak = try await bootstrap(flags, org: "Weak")
        #expect(weak.ending == .exit(1), "\(weak)")
        #expect(weak.errors.lowercased().contains("password"), "\(weak)")
        #expect(!weak.errors.contains("abc"))
        let address = try await bootstrap(["--email", "nobody"], org: "Nobody")
        #expect(address.ending == .exit(1))
        #expect(address.errors.contains("'nobody' is not an e-mail address"), "\(address)")
        let missing = try await bootstrap(
            ["--email", "a@b.example", "--password-file", file + "-none"],
            org: "None"
        )
        #expect(missing.ending != .exit(0))
        #expect(missing.errors.contains(file + "-none"), "\(missing)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `the first start writes its sign-in once, for the owner alone`() async throws {
        let output = try TemporaryDirectory.make() + "/first.json"
        let flags = ["--listen", "127.0.0.1:0", "--bootstrap-output", output]
        let server = try await EaselProcess.start(data: data, flags: flags)
        #expect(TestFiles.mode(output) == 0o600)
        #expect(TestFiles.mode(data) == 0o700)
        let first = try TestFiles.json(output)
        let signIn = try SignIn(first)
        #expect(first["address"]?.text == server.plainURL)
        #expect(first["organisation"]?.text?.isEmpty == false, "\(first)")
        let written = server.process.output.text + server.process.errors.text
        for secret in [signIn.password, signIn.apiKey] { #expect(!written.contains(secret)) }
        #expect(try await server.stop() == .exit(0))
        try TestFiles.write(output, "gone\n")
        let again = try await EaselProcess.start(data: data, flags: flags)
        #expect(try TestFiles.text(output) == "gone\n")
        #expect(again.process.output.text.isEmpty)
        #expect(!again.log.contains { $0.message.contains("first start") })
        let api = try again.api(key: signIn.apiKey, project: signIn.projectUID, isSecure: false)
        #expect(try await api.send(.get, "/v1/users/info").status == 200)
    }

    @Test func `a sign-in that cannot be written makes no tenant`() async throws {
        let flags = ["--listen", "127.0.0.1:0", "--bootstrap-output", "/proc/none/first.json"]
        let result = try await Programs.easel(["serve", "--data", data] + flags)
        #expect(result.ending == .exit(1), "\(result)")
        #expect(result.errors.contains("/proc/none/first.json: "), "\(result)")
        #expect(!result.errors.contains(".tmp") && !result.errors.contains("errno"), "\(result)")
        let made = try await bootstrap(["--email", "a@acme.example"])
        #expect(made.ending == .exit(0))
        let tenants = try DatabaseCopy(of: data).rows("SELECT name FROM tenant", columns: 1)
        #expect(tenants == [["Acme"]])
    }
}
