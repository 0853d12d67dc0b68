import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("Backup and restore", .serialized)
struct BackupTests {
    @Test(.timeLimit(.minutes(2)))
    func `an agent that saw a later state waits for an operator after a restore`() async throws {
        let server = try await EaselProcess.start()
        let api = try server.api()
        #expect(try await api.register("device-153").status == 201)
        let profile = try await api.makeProfile(
            "site",
            layers: [(name: "note", content: "text: first\n")]
        )
        let site = try SiteFolder()
        try site.put(archive: await api.archive(profile))
        try site.put(unattended: "device_id: device-153\n")
        let agent = try AgentProcess(site)
        try await holds(site, "text: first")
        let backup = try await backUp(server)
        try await api.change(profile, "site", layers: [(name: "note", content: "text: second\n")])
        try await holds(site, "text: second")
        let epoch = try DatabaseCopy(of: server.data).epoch
        let restored = try await restore(server, backup)
        #expect(try DatabaseCopy(of: restored.data).epoch > epoch)
        // A server that stops asks its appliances to come back spread over half a minute.
        try await site.logged(
            "The server knows less than this appliance has seen",
            within: .seconds(45)
        )
        #expect(try note(site).contains("text: second"))
        let operators = try API(
            restored.secureURL,
            authority: TestFiles.read(restored.authorityPath),
            key: server.signIn().apiKey,
            project: server.signIn().projectUID
        )
        let events = try await operators.call(.get, "/v1/edgehosts/device-153/events")
        #expect(
            events["items"]?.elements?.contains { $0["reason"]?.text == "ServerBehind" } == true,
            "\(events)"
        )
        let resumed = try await operators.send(.post, "/v1/edgehosts/device-153/resume")
        #expect(resumed.status == 204, "\(resumed)")
        // The agent waits a minute before it asks again; news of its site wakes it.
        try site.put(unattended: "device_id: device-153\nmode: standalone\n")
        try await holds(site, "text: first")
        let audit = try DatabaseCopy(of: restored.data).audit()
        #expect(audit.contains { $0.uid == "device-153" && $0.message == "Appliance resumed" })
        #expect(try await agent.stop() == .exit(0))
        #expect(try await restored.stop() == .exit(0))
    }

    private func note(_ site: SiteFolder) throws -> String {
        try TestFiles.text(site.path + "/applied/010-note/manifests/note.yaml")
    }

    private func holds(_ site: SiteFolder, _ text: String) async throws {
        do {
            try await Wait.until("the layer says '\(text)'") {
                (try? note(site))?.contains(text) == true
            }
        } catch {
            throw Wait.TimedOut(description: "\(error)\n\(site.log)")
        }
    }

    /// Backs up a running server, while it is written to.
    private func backUp(_ server: EaselProcess) async throws -> String {
        let file = try TemporaryDirectory.make() + "/backup.db"
        let api = try server.api()
        let results = try await withThrowingTaskGroup(of: CommandResult?.self) { group in
            group.addTask { try await Programs.easel(["backup", file, "--data", server.data]) }
            group.addTask {
                for number in 0..<50 { _ = try await api.register("other-\(number)") }
                return nil
            }
            return try await group.reduce(into: [CommandResult]()) { results, result in
                if let result { results.append(result) }
            }
        }
        let made = try #require(results.first)
        #expect(made.ending == .exit(0), "\(made)")
        #expect(TestFiles.mode(file) == 0o600)
        let again = try await Programs.easel(["backup", file, "--data", server.data])
        #expect(again.ending == .exit(1))
        #expect(again.errors.contains("overwrites nothing"), "\(again)")
        return file
    }

    /// Starts a server on the backup, at the address of the former one.
    private func restore(_ server: EaselProcess, _ backup: String) async throws -> EaselProcess {
        #expect(try await server.stop() == .exit(0))
        let data = try TemporaryDirectory.make()
        try TestFiles.copy(backup, data + "/easel.db")
        try TestFiles.copy(server.data + "/secret.key", data + "/secret.key")
        for name in TestFiles.list(server.data + "/tls") {
            _ = try await Programs.bash("mkdir -p -m 700 '\(data)/tls'")
            try TestFiles.copy("\(server.data)/tls/\(name)", "\(data)/tls/\(name)")
        }
        return try await EaselProcess.start(
            data: data,
            flags: ["--tls-listen", "127.0.0.1:\(server.securePort)", "--tls-self-signed"]
        )
    }

    @Test func `refuses to back up what is not there`() async throws {
        let folder = try TemporaryDirectory.make()
        let result = try await Programs.easel([
            "backup", folder + "/copy.db", "--data", folder + "/none",
        ])
        #expect(result.ending == .exit(1))
        #expect(result.errors.contains("is this the data directory?"), "\(result)")
        #expect(!TestFiles.exists(folder + "/none"))
        let made = try await Programs.easel([
            "bootstrap", "--data", folder + "/data", "--org", "Acme", "--email", "a@acme.example",
        ])
        #expect(made.ending == .exit(0), "\(made)")
        let nowhere = try await Programs.easel([
            "backup", folder + "/none/copy.db", "--data", folder + "/data",
        ])
        #expect(nowhere.ending == .exit(1))
        #expect(
            nowhere.errors.contains("\(folder)/none/copy.db cannot be made: No such file"),
            "\(nowhere)"
        )
        #expect(!nowhere.errors.contains("partial") && !nowhere.errors.contains("errno"))
    }
}
