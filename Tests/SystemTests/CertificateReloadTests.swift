import Glibc
import HTTPCore
import TestSupport
import Testing

@Suite("Certificates given by files", .enabled(if: isInstalled("openssl")))
struct CertificateReloadTests {
    /// Makes a certificate for some names, with its key beside it.
    private func make(_ name: String, in folder: String, key: String = "ec") async throws {
        let options =
            key == "ec" ? "-newkey ec -pkeyopt ec_paramgen_curve:P-256" : "-newkey rsa:2048"
        let result = try await Programs.bash(
            "openssl req -x509 \(options) -nodes -keyout key.new -out cert.new -days 9 "
                + "-subj /CN=\(name) -addext subjectAltName=DNS:\(name) 2>&1; "
                + "chmod 600 key.new; mv key.new key.pem; mv cert.new cert.pem",
            directory: folder
        )
        #expect(result.ending == .exit(0), "\(result)")
    }

    /// The subject of the certificate that the server shows for a name.
    private func shown(_ name: String, by server: EaselProcess) async throws -> String {
        let result = try await Programs.bash(
            "openssl s_client -connect 127.0.0.1:\(server.securePort) -servername \(name) "
                + "< /dev/null 2>/dev/null | openssl x509 -noout -subject",
            within: .seconds(15)
        )
        return result.output.split(separator: "=").last.map { $0.filter { !$0.isWhitespace } } ?? ""
    }

    private func metric(_ name: String, of server: EaselProcess) async throws -> String? {
        let page = try await server.api(key: nil, project: nil, isSecure: false)
            .send(.get, "/metrics").text
        return page.split(separator: "\n").first { $0.hasPrefix(name) }.map(String.init)
    }

    @Test(.timeLimit(.minutes(1)))
    func `SIGHUP takes up new files, and keeps the old ones when the new are faulty`()
        async throws
    {
        let folder = try TemporaryDirectory.make()
        let other = try TemporaryDirectory.make()
        try await make("one.example", in: folder)
        try await make("other.example", in: other, key: "rsa")
        let server = try await EaselProcess.start(
            flags: ["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"],
            environment: [
                "EASEL_TLS_CERT": "\(folder)/cert.pem,\(other)/cert.pem",
                "EASEL_TLS_KEY": "\(folder)/key.pem,\(other)/key.pem",
            ]
        )
        #expect(try await shown("one.example", by: server) == "one.example")
        #expect(try await shown("other.example", by: server) == "other.example")
        #expect(try await shown("unknown.example", by: server) == "one.example")

        try await make("two.example", in: folder)
        server.process.send(SIGHUP)
        try await Wait.until("the certificates are read") {
            server.log.contains { $0.message == "certificates were read again" }
        }
        // The loops take it up in their next turn.
        try await Wait.until("the new certificate") {
            try await shown("two.example", by: server) == "two.example"
        }

        try TestFiles.write("\(folder)/cert.pem", "nonsense")
        server.process.send(SIGHUP)
        let line = try await Wait.until("the refusal") {
            server.log.first { $0.message.hasPrefix("certificates could not be read again") }
        }
        #expect(line.field("error")?.contains("\(folder)/cert.pem") == true)
        #expect(try await shown("two.example", by: server) == "two.example")
        #expect(
            try await metric(#"easel_tls_reloads_total{result="done"}"#, of: server)
                == #"easel_tls_reloads_total{result="done"} 1"#
        )
        #expect(
            try await metric(#"easel_tls_reloads_total{result="failed"}"#, of: server)
                == #"easel_tls_reloads_total{result="failed"} 1"#
        )
        let expiry = try await metric("easel_tls_certificate_expiry_timestamp_seconds", of: server)
        #expect(expiry?.contains("\(folder)/cert.pem") == true)
        #expect(try await server.stop() == .exit(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a key of another certificate is refused at start`() async throws {
        let folder = try TemporaryDirectory.make()
        let other = try TemporaryDirectory.make()
        try await make("one.example", in: folder)
        try await make("other.example", in: other)
        let result = try await Programs.easel(
            [
                "serve", "--data", "\(folder)/data", "--tls-listen", "127.0.0.1:0",
                "--tls-cert", "\(folder)/cert.pem", "--tls-key", "\(other)/key.pem",
            ],
            within: .seconds(15)
        )
        #expect(result.ending != .exit(0))
        #expect(result.errors.contains("\(other)/key.pem"), "\(result)")
        #expect(result.errors.contains("does not belong to the certificate"), "\(result)")
    }
}
