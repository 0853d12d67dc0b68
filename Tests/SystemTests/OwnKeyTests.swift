import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("An agent with a key of its own", .enabled(if: isInstalled("openssl")))
struct OwnKeyTests {
    private static let device = "device-153"

    private func start(_ data: String, port: UInt16, asking: String) async throws -> EaselProcess {
        try await EaselProcess.start(
            data: data,
            flags: [
                "--listen", "127.0.0.1:0", "--tls-self-signed", "--tls-listen",
                "127.0.0.1:\(port)", "--tls-client-auth", asking,
            ]
        )
    }

    private func layers(_ content: String) -> [(name: String, content: String)] {
        [(name: "note", content: "kind: ConfigMap\nnote: \(content)\n")]
    }

    private func applied(_ site: SiteFolder, _ content: String) async throws {
        try await Wait.until("'\(content)' is applied") {
            let path = site.path + "/applied/010-note/manifests/note.yaml"
            return (try? TestFiles.text(path))?.contains(content) == true
        }
    }

    /// Puts a certificate in the place of the agent's that ends tomorrow.
    private func shorten(_ site: SiteFolder, _ server: EaselProcess) async throws {
        let made = try await Programs.bash(
            """
            subject=$(openssl x509 -in client.pem -noout -subject -nameopt sname,sep_multiline)
            number=$(sed -n 's/^ *serialNumber=//p' <<< "$subject")
            openssl req -new -key client.key -subj "/CN=\(Self.device)/serialNumber=$number" |
            openssl x509 -req -days 1 -CA "$CA/client-ca.pem" -CAkey "$CA/client-ca.key" \
                -extfile <(echo extendedKeyUsage=clientAuth) -out short.pem 2>/dev/null
            cat "$CA/client-ca.pem" >> short.pem
            mv short.pem client.pem
            """,
            environment: ["CA": server.data + "/tls"],
            directory: site.path + "/state"
        )
        #expect(made.ending == .exit(0), "\(made)")
    }

    /// Whether the agent's certificate counts for so many days more.
    private func counts(_ site: SiteFolder, days: Int) async throws -> Bool {
        let asked = try await Programs.bash(
            "openssl x509 -in client.pem -noout -checkend \(days * 86_400)",
            directory: site.path + "/state"
        )
        return asked.ending == .exit(0)
    }

    @Test(.timeLimit(.minutes(2)))
    func `pairs, is known by its certificate alone, and renews it in time`() async throws {
        let data = try TemporaryDirectory.make() + "/data"
        let first = try await start(data, port: 0, asking: "optional")
        let port = first.securePort
        let operators = try first.api(isSecure: false)
        let profile = try await operators.makeProfile("site", layers: layers("one"))
        #expect(try await operators.register(Self.device).status == 201)
        let site = try SiteFolder()
        try site.put(archive: await operators.archive(profile))
        try site.put(unattended: "device_id: \(Self.device)\nownKey: true\n")
        let agent = try AgentProcess(site)
        try await site.logged("Paired with")
        try await applied(site, "one")
        #expect(TestFiles.mode(site.path + "/state/client.key") == 0o600)
        #expect(try await counts(site, days: 364))
        #expect(try await first.stop() == .exit(0))

        // Here the credential is not heard: what comes through does so by the certificate.
        let strict = try await start(data, port: port, asking: "required")
        try await strict.api(isSecure: false).change(profile, "site", layers: layers("two"))
        try await applied(site, "two")
        #expect(try await agent.stop() == .exit(0), "\(site.log)")

        try await shorten(site, strict)
        #expect(try await !counts(site, days: 2))
        let again = try AgentProcess(site)
        try await site.logged("The certificate of the appliance's own key is renewed.")
        #expect(try await counts(site, days: 364))
        try await strict.api(isSecure: false).change(profile, "site", layers: layers("three"))
        try await applied(site, "three")
        #expect(try await again.stop() == .exit(0), "\(site.log)")
        #expect(try await strict.stop() == .exit(0))
        // One pairing was all.
        #expect(site.log.ranges(of: "Paired with").count == 1, "\(site.log)")
    }
}
