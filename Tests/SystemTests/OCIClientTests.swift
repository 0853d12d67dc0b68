import Archive
import EventLoop
import HTTPClient
import Primitives
import TestSupport
import Testing

@testable import Packs

@Suite("OCI registries")
struct OCIClientTests {
    private static let me = OCIClient.Credentials(
        username: DockerRegistry.user,
        password: DockerRegistry.password
    )

    /// A client that may reach 127.0.0.1 and ::1 alone.
    private func client(
        _ text: String,
        _ credentials: OCIClient.Credentials? = OCIClientTests.me
    ) throws -> OCIClient {
        let policy = OutboundPolicy(
            allowed: ["127.0.0.1", "::1"].compactMap { IPNetwork($0) }
        )
        return OCIClient(
            try #require(HTTPURL(text)),
            credentials,
            client: OutboundClient(
                loop: try Harness.loop(),
                workers: try Harness.workers.get(),
                policy: policy
            )
        )
    }

    private func error(_ body: () async throws -> Void) async -> OutboundError? {
        do {
            try await body()
            return nil
        } catch { return error as? OutboundError }
    }

    private func push(_ registry: DockerRegistry, password: String) async throws -> CommandResult {
        let folder = try TemporaryDirectory.make()
        try TestFiles.write(folder + "/password", password + "\n")
        return try await Programs.easel([
            "packs", "push", Programs.examples + "/packs", "--registry", registry.url + "/a/b/",
            "--username", DockerRegistry.user, "--password-file", folder + "/password",
        ])
    }

    @Test(
        .enabled(if: DockerRegistry.isInstalled, DockerRegistry.missing),
        .timeLimit(.minutes(1))
    )
    func `a real registry gives back the packs that were pushed into it`() async throws {
        let registry = try await DockerRegistry.start()
        let first = try await push(registry, password: DockerRegistry.password)
        #expect(first.ending == .exit(0), "\(first)")
        let lines = first.output.split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("a/b/hello-world:1.0.0 ") }, "\(first.output)")
        // Again: nothing is sent twice, and nothing differs.
        let second = try await push(registry, password: DockerRegistry.password)
        let count = lines.count - 1
        #expect(first.output.hasSuffix("\(count) pushed, 0 unchanged, 0 refused"))
        #expect(second.output.hasSuffix("0 pushed, \(count) unchanged, 0 refused"))
        #expect(second.output.contains("(hello-world 1.0.0), unchanged\n"), "\(second.output)")
        let client = try client(registry.url)
        try await client.check()
        let repositories = try await client.repositories()
        #expect(repositories.contains("a/b/hello-world"))
        #expect(try await client.tags(of: "a/b/hello-world").contains("1.0.0"))
        #expect(try await client.tags(of: "a/b/nothing") == [])
        let bytes = try await client.archive(
            .pack,
            in: "a/b/hello-world",
            tag: "1.0.0",
            bytesMax: PackLimits.archiveBytesMax
        )
        let reading = PackManifestReader.read(archive: bytes)
        let source = try #require(
            PackSource.find(in: Programs.examples + "/packs/hello-world-1.0.0").first
        )
        #expect(reading.draft?.digest == source.read().draft?.digest)
        #expect(reading.draft != nil)
        let wrongKind = await error {
            _ = try await client.archive(.chart, in: "a/b/hello-world", tag: "1.0.0", bytesMax: 1)
        }
        #expect(wrongKind == .badAnswer)
        let tooLong = await error {
            _ = try await client.archive(.pack, in: "a/b/hello-world", tag: "1.0.0", bytesMax: 9)
        }
        #expect(tooLong == .tooBig)
    }

    @Test(
        .enabled(if: DockerRegistry.isInstalled, DockerRegistry.missing),
        .timeLimit(.minutes(1))
    )
    func `a real registry refuses wrong credentials and none`() async throws {
        let registry = try await DockerRegistry.start()
        let wrong = OCIClient.Credentials(username: DockerRegistry.user, password: "wrong")
        for credentials in [wrong, nil] {
            let client = try client(registry.url, credentials)
            #expect(await error { try await client.check() } == .unauthorised)
        }
        let pushed = try await push(registry, password: "wrong")
        #expect(pushed.ending != .exit(0))
        #expect(pushed.errors.contains("credentials"), "\(pushed)")
    }

    @Test(
        .enabled(if: isInstalled("python3"), "python3 is missing"),
        .timeLimit(.minutes(1))
    )
    func `gets a token, reads lists to their end, and follows blobs without it`() async throws {
        let registry = try await FakeRegistry.start()
        let client = try client(
            registry.url,
            OCIClient.Credentials(username: "me", password: "right")
        )
        try await client.check()
        #expect(try await client.tags(of: "a/web") == ["1.0.0", "1.1.0_b", "2.0.0"])
        let bytes = try await client.archive(.pack, in: "a/web", tag: "1.0.0", bytesMax: 100)
        #expect(bytes == Array("the bytes of an archive".utf8))
        let seen = registry.requests
        #expect(
            seen.contains(
                "/token?service=s%20v&scope=repository%3Aa%2Fweb%3Apull Basic bWU6cmlnaHQ="
            ),
            "\(seen)"
        )
        #expect(seen.contains("/cdn/x -"), "\(seen)")
    }

    @Test(
        .enabled(if: isInstalled("python3"), "python3 is missing"),
        .timeLimit(.minutes(1)),
        arguments: [
            ("digest", .badAnswer), ("blob", .refusedByPolicy), ("realm", .refusedByPolicy),
        ] as [(String, OutboundError)]
    )
    func `takes no bytes of another digest, and goes nowhere for them or a token`(
        fault: String,
        expected: OutboundError
    ) async throws {
        let registry = try await FakeRegistry.start(fault: fault)
        let client = try client(
            registry.url,
            OCIClient.Credentials(username: "me", password: "right")
        )
        let found = await error {
            _ = try await client.archive(.pack, in: "a/web", tag: "1.0.0", bytesMax: 100)
        }
        #expect(found == expected)
    }

    @Test(
        arguments: [
            ("Basic realm=\"x\"", .basic), ("basic", .basic),
            (
                "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a:pull,push\"",
                .bearer(realm: "https://a/t", service: "s", scope: "repository:a:pull,push")
            ),
            (
                "bearer realm=https://a/t , error=\"x\\\"y\"",
                .bearer(realm: "https://a/t", service: "", scope: "")
            ),
            ("Bearer", nil), ("Bearer realm=", nil), ("Bearer realm=\"\\", nil),
            ("Digest a=b", nil),
        ] as [(String, OCIChallenge?)]
    )
    func `reads challenges`(field: String, expected: OCIChallenge?) {
        #expect(OCIChallenge(field) == expected)
    }

    @Test func `knows names of repositories and tags`() {
        for name in ["a", "a/b", "a-b/c_d.e/1"] { #expect(OCIName.isRepository(name), "\(name)") }
        for name in ["", "/", "a/", "/a", "A", "a//b", "-a", "a/../b", "a b", "a%2e"] {
            #expect(!OCIName.isRepository(name), "\(name)")
        }
        for tag in ["1.0.0", "_x", "V1"] { #expect(OCIName.isTag(tag), "\(tag)") }
        for tag in ["", ".1", "-1", "a/b", "1+2", String(repeating: "a", count: 129)] {
            #expect(!OCIName.isTag(tag), "\(tag)")
        }
    }
}
