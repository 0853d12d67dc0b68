import HTTPCore
import TestSupport
import Testing

@Suite("The signature of a downloaded archive", .serialized)
struct ArchiveSignatureTests {
    /// The commands of the document that a reader is to type.
    private static func commands() throws -> String {
        FirstTenMinutesTests.script(
            try TestFiles.text(Programs.repository + "/docs/system-profile-archive.md")
        )
    }

    private func publish(_ server: EaselProcess) async throws -> String {
        try await server.api().makeProfile(
            "site",
            layers: [(name: "note", content: "text: first\n")]
        )
    }

    private static let flags = ["--tls-listen", "127.0.0.1:0", "--tls-self-signed"]

    @Test(
        .enabled(if: ["openssl", "jq", "tar"].allSatisfy(isInstalled)),
        .timeLimit(.minutes(1))
    )
    func `is good for the commands of the document, and bad after a change`() async throws {
        let server = try await EaselProcess.start(flags: Self.flags)
        let archive = try await server.api().archive(publish(server))
        let stranger = try server.api(key: nil, project: nil)
        let key = try await stranger.send(.get, "/v1/clusterprofiles/spc/publickey")
        #expect(key.status == 200)
        let folder = try TemporaryDirectory.make()
        try TestFiles.write(folder + "/systemprofile.tgz", archive)
        try TestFiles.write(folder + "/signing-key.pem", key.body)
        let commands = try Self.commands()
        let good = try await Programs.bash(commands, directory: folder)
        #expect(good.ending == .exit(0), "\(good)")
        #expect(good.output.contains("Signature Verified Successfully"), "\(good)")
        let changes = [
            "sed -i s/first/other/ systemprofile/layers/01-note/manifests/note.yaml",
            "sed -i s/127.0.0.1/127.0.0.2/ systemprofile/manifest.json",
        ]
        for change in changes {
            let script = commands.split(separator: "\n", maxSplits: 1)
            try #require(script.count == 2 && script[0].hasPrefix("tar "))
            let bad = try await Programs.bash(
                "\(script[0])\n\(change)\n\(script[1])",
                directory: folder
            )
            #expect(bad.ending == .exit(1), "\(change): \(bad)")
        }
        #expect(try await server.stop() == .exit(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `and the archive are the same after a restart and on a restored backup`() async throws {
        let server = try await EaselProcess.start(flags: Self.flags)
        let profile = try await publish(server)
        let archive = try await server.api().archive(profile)
        let flags = ["--tls-listen", "127.0.0.1:\(server.securePort)", "--tls-self-signed"]
        let backup = try TemporaryDirectory.make() + "/backup.db"
        let made = try await Programs.easel(["backup", backup, "--data", server.data])
        #expect(made.ending == .exit(0), "\(made)")
        let signIn = try server.signIn()
        #expect(try await server.stop() == .exit(0))

        let again = try await EaselProcess.start(data: server.data, flags: flags)
        #expect(try await again.api().archive(profile) == archive)
        #expect(try await again.stop() == .exit(0))

        let data = try TemporaryDirectory.make()
        _ = try await Programs.bash(
            "cp -r secret.key tls '\(data)'; cp '\(backup)' '\(data)/easel.db'",
            directory: server.data
        )
        let restored = try await EaselProcess.start(data: data, flags: flags)
        let api = try restored.api(key: signIn.apiKey, project: signIn.projectUID)
        #expect(try await api.archive(profile) == archive)
        #expect(try await restored.stop() == .exit(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `keeps an agent from the archive of another server`() async throws {
        let server = try await EaselProcess.start(flags: Self.flags)
        let other = try await EaselProcess.start(flags: Self.flags)
        #expect(try await server.api().register("device-153").status == 201)
        let site = try SiteFolder()
        try site.put(archive: await server.api().archive(publish(server)))
        try site.put(unattended: "device_id: device-153\n")
        let agent = try AgentProcess(site)
        try await site.logged("Paired with")
        try site.put(archive: await other.api().archive(publish(other)))
        try await site.logged(
            "systemprofile.tgz is refused: it is signed with another key than this appliance trusts"
        )
        #expect(!site.log.contains("Paired with \(other.secureURL)"))
        #expect(try await agent.stop() == .exit(0))
        #expect(try await server.stop() == .exit(0))
        #expect(try await other.stop() == .exit(0))
    }
}
