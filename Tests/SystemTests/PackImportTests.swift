import JSON
import Storage
import Testing
import TestSupport

@Suite("easel packs import")
struct PackImportTests {
    /// A folder with one good pack and some that are refused.
    private func folder() async throws -> String {
        let path = try TemporaryDirectory.make()
        let copied = try await Programs.bash(
            """
            cd '\(path)'
            for name in good no-version bad-yaml lost-chart; do
                cp -r '\(Programs.examples)/packs/log-shipper-4.1.0' $name
            done
            cp -r '\(Programs.examples)/packs/hello-world-1.0.0' good2
            sed -i 's/"version": "4.1.0"/"version": 4/' no-version/pack.json
            printf 'a: [1\\n' > bad-yaml/values.yaml
            rm lost-chart/charts/*
            """
        )
        #expect(copied.ending == .exit(0), "\(copied)")
        return path
    }

    private func check(_ result: CommandResult) {
        #expect(result.ending == .exit(1), "\(result)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.contains { $0.hasPrefix("imported good ") }, "\(result.output)")
        for (name, words) in [
            ("no-version", ["pack.json", "/version"]), ("bad-yaml", ["values.yaml", "line 2"]),
            ("lost-chart", ["charts/log-shipper-4.1.0.tgz"]),
        ] {
            guard let index = lines.firstIndex(where: { $0.hasPrefix("refused \(name)") }) else {
                Issue.record("\(name) is not refused: \(result.output)")
                continue
            }
            let faults = lines[(index + 1)...].prefix { $0.hasPrefix("  ") }
            #expect(!faults.isEmpty)
            for word in words {
                #expect(faults.contains { $0.contains(word) }, "\(name), \(word): \(faults)")
            }
            #expect(!lines[index].hasSuffix(" )"))
            #expect(faults.allSatisfy { $0.contains(": ") })
        }
        #expect(lines.last == "2 imported, 0 unchanged, 3 refused")
    }

    private func packs(_ data: String) throws -> [[String]] {
        try DatabaseCopy(of: data).rows(
            "SELECT name, version FROM pack_version ORDER BY name",
            columns: 2
        )
    }

    private static let good = [["hello-world", "1.0.0"], ["log-shipper", "4.1.0"]]

    @Test(.timeLimit(.minutes(1)))
    func `imports into a data directory what can be, and says why not the rest`() async throws {
        let data = try TemporaryDirectory.make() + "/data"
        let folder = try await folder()
        check(try await Programs.easel(["packs", "import", folder, "--data", data]))
        #expect(try packs(data) == Self.good)
        let again = try await Programs.easel(["packs", "import", folder + "/good", "--data", data])
        #expect(again.ending == .exit(0))
        #expect(again.output.hasSuffix("0 imported, 1 unchanged, 0 refused"), "\(again)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `imports over TLS with an API key`() async throws {
        let server = try await EaselProcess.start()
        let folder = try await folder()
        let key = try server.signIn().apiKey
        let trust = ["SSL_CERT_FILE": server.authorityPath]
        let arguments = ["packs", "import", folder, "--server", server.secureURL]
        let remote = try await Programs.easel(arguments + ["--api-key", key], environment: trust)
        check(remote)
        // The same is said wherever they are imported.
        let local = try await Programs.easel([
            "packs", "import", folder, "--data", try TemporaryDirectory.make() + "/data",
        ])
        #expect(remote.output == local.output)
        #expect(try packs(server.data) == Self.good)
        let fromEnvironment = try await Programs.easel(
            ["packs", "import", folder + "/good"],
            environment: [
                "SSL_CERT_FILE": server.authorityPath, "EASEL_SERVER": server.secureURL,
                "EASEL_API_KEY": key,
            ]
        )
        #expect(fromEnvironment.ending == .exit(0), "\(fromEnvironment)")
        let wrongKey = try await Programs.easel(
            arguments + ["--api-key", "easel_key_wrong"],
            environment: trust
        )
        #expect(wrongKey.ending == .exit(1), "\(wrongKey)")
        #expect(!wrongKey.output.contains("imported good"))
        let untrusted = try await Programs.easel(arguments + ["--api-key", key])
        #expect(untrusted.ending == .exit(1), "\(untrusted)")
        #expect(untrusted.errors.contains("TLS"), "\(untrusted)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `says when nobody answers and when there is nothing to import`() async throws {
        let empty = try TemporaryDirectory.make()
        let deaf = try await Programs.easel([
            "packs", "import", Programs.examples + "/packs", "--server", "http://127.0.0.1:1",
            "--api-key", "k",
        ])
        #expect(deaf.ending == .exit(1), "\(deaf)")
        #expect(deaf.errors.contains("Nobody listens at 127.0.0.1:1"), "\(deaf)")
        let nothing = try await Programs.easel([
            "packs", "import", empty, "--data", try TemporaryDirectory.make() + "/data",
        ])
        #expect(nothing.ending == .exit(1), "\(nothing)")
        #expect(nothing.errors.contains("there is no pack"), "\(nothing)")
        let missing = try await Programs.easel([
            "packs", "import", empty + "/none", "--data", empty + "/data",
        ])
        #expect(missing.ending != .exit(0), "\(missing)")
        #expect((missing.output + missing.errors).contains("none"), "\(missing)")
    }
}
