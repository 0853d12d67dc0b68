import Crypto
import Synchronization
import Testing

@testable import easel_agent

@Suite("Whose archives an agent takes")
struct ArchiveKeyTests {
    private let other = Samples.profile([SampleLayer(name: "stranger")])

    private func server(_ bench: Bench) -> FakeServer {
        let server = FakeServer(bench.time)
        server.inside.withLock { $0.profiles = [bench.first] }
        return server
    }

    @Test func `another key than the first archive's is refused after a restart too`()
        async throws
    {
        let bench = try Bench()
        #expect(await bench.run(server(bench), once: true))
        let before = bench.tree
        bench.disk.put(
            "/systemprofile.tgz",
            try Samples.archive(other, signer: Samples.otherSigner)
        )
        let later = server(bench)
        #expect(await !bench.run(later, once: true))
        #expect(bench.time.said("systemprofile.tgz is refused: it is signed with another key"))
        // Nobody was asked, and nothing was touched.
        later.inside.withLock { #expect($0.log.isEmpty) }
        #expect(bench.tree == before)
    }

    @Test func `another archive with the first one's key is taken`() async throws {
        let bench = try Bench()
        #expect(await bench.run(server(bench), once: true))
        bench.disk.put("/systemprofile.tgz", try Samples.archive(other))
        #expect(await bench.run(server(bench), once: true))
        #expect(!bench.time.said("is refused"))
    }

    @Test func `the key of unattended.yaml counts before the first archive`() async throws {
        let bench = try Bench(site: siteYAML + "\n" + Self.line(Samples.otherSigner))
        let server = server(bench)
        #expect(await !bench.run(server, once: true))
        #expect(bench.time.said("is refused: it is signed with another key"))
        server.inside.withLock { #expect($0.log.isEmpty) }
    }

    @Test func `a new key in unattended.yaml takes the place of the old one`() async throws {
        let bench = try Bench()
        #expect(await bench.run(server(bench), once: true))
        bench.disk.put(
            "/systemprofile.tgz",
            try Samples.archive(bench.first, signer: Samples.otherSigner)
        )
        bench.disk.put(
            "/unattended.yaml",
            Array((siteYAML + "\n" + (try Self.line(Samples.otherSigner))).utf8)
        )
        #expect(await bench.run(server(bench), once: true))
        // It is kept: the line may go.
        bench.disk.put("/unattended.yaml", Array(siteYAML.utf8))
        #expect(await bench.run(server(bench), once: true))
        bench.disk.put("/systemprofile.tgz", try Samples.archive(bench.first))
        #expect(await !bench.run(server(bench), once: true))
    }

    private static func line(_ signer: Result<SigningKey, any Error>) throws -> String {
        let lines = try signer.get().publicKey.pem.split(separator: "\n")
        return "archiveKey: |\n" + lines.map { "  \($0)\n" }.joined()
    }
}
