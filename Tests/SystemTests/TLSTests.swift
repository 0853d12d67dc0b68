import HTTPClient
import HTTPCore
import JSON
import TLS
import TestSupport
import Testing

@Suite("The TLS port")
struct TLSPortTests {
    @Test(.enabled(if: isInstalled("openssl")), .timeLimit(.minutes(1)))
    func `speaks TLS 1.2 and 1.3 and nothing older`() async throws {
        let server = try await EaselProcess.start()
        let target = "-connect 127.0.0.1:\(server.securePort) -CAfile '\(server.authorityPath)'"
        for (flag, isSpoken) in [
            ("-tls1_3", true), ("-tls1_2", true), ("-tls1_1 -cipher ALL:@SECLEVEL=0", false),
            ("-tls1 -cipher ALL:@SECLEVEL=0", false),
        ] {
            let result = try await Programs.bash(
                "openssl s_client \(flag) \(target) -verify_return_error < /dev/null || true",
                within: .seconds(15))
            let isVerified = result.output.contains("Verify return code: 0 (ok)")
            #expect((isVerified && !result.output.contains("Cipher is (NONE)")) == isSpoken, "\(flag): \(result)")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `its certificate holds for 127.0.0.1 and localhost under its own authority alone`()
        async throws
    {
        let server = try await EaselProcess.start()
        let authority = try TestFiles.read(server.authorityPath)
        for host in ["127.0.0.1", "localhost"] {
            let url = "https://\(host):\(server.securePort)"
            let api = try API(url, authority: authority, credentials: [])
            #expect(try await api.send(.get, "/livez").status == 200)
        }
        let stranger = try await EaselProcess.start()
        let other = try TestFiles.read(stranger.authorityPath)
        let api = try API(server.secureURL, authority: other, credentials: [])
        let error = await #expect(throws: HTTPClientError.self) {
            try await api.send(.get, "/livez")
        }
        guard case .tls = error else {
            Issue.record("\(error.map { "\($0)" } ?? "none")")
            return
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `keeps its authority and its sessions over a restart`() async throws {
        let server = try await EaselProcess.start()
        let authority = try TestFiles.read(server.authorityPath)
        #expect(TestFiles.mode(server.data + "/tls/ca.key") == 0o600)
        #expect(TestFiles.mode(server.data + "/tls/server.key") == 0o600)
        #expect(try await server.stop() == .exit(0))
        let again = try await EaselProcess.start(data: server.data)
        #expect(try TestFiles.read(again.authorityPath) == authority)
        #expect(try await again.api().send(.get, "/v1/users/info").status == 200)
    }

    @Test(.timeLimit(.minutes(1)))
    func `closes a connection that does not speak TLS, and goes on`() async throws {
        let server = try await EaselProcess.start()
        let port = server.securePort
        for text in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\u{0}\u{0}\u{0}\u{0}", "hello\r\n"] {
            let bytes = try await Threads.run {
                let socket = try RawSocket(port: port, receiveSeconds: 15)
                try socket.send(text)
                return try socket.receiveToEnd()
            }
            // An alert at most; never an answer in the clear.
            #expect(bytes.count < 64 && !bytes.starts(with: Array("HTTP/".utf8)), "\(bytes)")
        }
        #expect(try await server.api().send(.get, "/livez").status == 200)
    }
}
