import HTTPCore
import JSON
import TestSupport
import Testing

@Suite(
    "Appliances with a key of their own",
    .enabled(if: isInstalled("openssl") && isInstalled("curl"))
)
struct ClientCertificateTests {
    /// A server whose first TLS address asks nobody, the second whoever has one, and the third
    /// everybody.
    private func start() async throws -> EaselProcess {
        try await EaselProcess.start(flags: [
            "--listen", "127.0.0.1:0", "--tls-self-signed", "--tls-listen", "127.0.0.1:0",
            "--tls-listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--tls-client-auth",
            "none", "--tls-client-auth", "optional", "--tls-client-auth", "required",
        ])
    }

    private func addresses(_ server: EaselProcess) -> (open: String, asking: String, closed: String)
    {
        let secure = server.addresses.filter { $0.hasPrefix("https://") }
        return (secure[0], secure[1], secure[2])
    }

    /// Pairs an appliance with a fresh key; the folder takes `key.pem` and `cert.pem`.
    private func pair(
        _ uid: String,
        with server: EaselProcess,
        into folder: String,
        key: String? = nil
    ) async throws -> APIAnswer {
        let made = try await Programs.bash(
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=any "
                + "-keyout key.pem -out request.pem 2>&1",
            directory: folder
        )
        #expect(made.ending == .exit(0), "\(made)")
        let signIn = try server.signIn()
        let api = try server.api(isSecure: false)
        let proof: (String, JSONValue) =
            if let key {
                ("hostPairingKey", .string(key))
            } else {
                (
                    "hostAuthToken",
                    .string(try await api.makeToken(project: signIn.projectUID))
                )
            }
        let answer = try await api.send(
            .post,
            "/v1/edgehosts/register",
            [
                "metadata": ["uid": .string(uid)],
                "spec": [
                    "host": [
                        "hostUid": .string(uid), "hostChecksum": .string("machine-of-\(uid)"),
                        proof.0: proof.1,
                    ]
                ],
                "certificateRequest": .string(try TestFiles.text(folder + "/request.pem")),
            ]
        )
        let chain = try #require(answer.json["status"]?["clientCertificate"]?.text, "\(answer)")
        try TestFiles.write(folder + "/cert.pem", chain)
        return answer
    }

    /// The status that curl gets; 000 when TLS refuses it.
    private func status(
        _ url: String,
        _ server: EaselProcess,
        in folder: String,
        showing: Bool,
        _ options: String = ""
    ) async throws -> String {
        let shown = showing ? "--cert cert.pem --key key.pem" : ""
        let result = try await Programs.bash(
            "curl -s -o /dev/null -w '%{http_code}' --max-time 30 "
                + "--cacert '\(server.authorityPath)' \(shown) \(options) '\(url)' || true",
            directory: folder,
            within: .seconds(40)
        )
        return result.output
    }

    @Test(.timeLimit(.minutes(1)))
    func `a certificate authenticates its appliance and nobody else`() async throws {
        let server = try await start()
        let folder = try TemporaryDirectory.make()
        let answer = try await pair("device-1", with: server, into: folder)
        #expect(TestFiles.mode(server.data + "/tls/client-ca.key") == 0o600)
        let (open, asking, closed) = addresses(server)
        let own = "/v1/edgehosts/device-1/desired"
        for address in [asking, closed] {
            #expect(try await status(address + own, server, in: folder, showing: true) == "200")
            let other = address + "/v1/edgehosts/device-2/desired"
            #expect(try await status(other, server, in: folder, showing: true) == "403")
            let people = address + "/v1/users/info"
            #expect(try await status(people, server, in: folder, showing: true) == "403")
        }
        // Where nobody is asked the certificate is not seen.
        #expect(try await status(open + own, server, in: folder, showing: true) == "401")
        // The bearer credential goes on working beside it.
        let credential = try #require(answer.json["status"]?["serviceAuthToken"]?.text)
        let bearer = "-H 'Authorization: Bearer \(credential)'"
        #expect(try await status(open + own, server, in: folder, showing: false, bearer) == "200")
        #expect(try await status(asking + own, server, in: folder, showing: false, bearer) == "200")
        // Where a certificate is required, nothing else will do.
        #expect(try await status(closed + own, server, in: folder, showing: false, bearer) == "401")
        #expect(try await status(closed + "/livez", server, in: folder, showing: false) == "401")
    }

    @Test(.timeLimit(.minutes(1)))
    func `what a proxy says of certificates is not believed`() async throws {
        let server = try await start()
        let folder = try TemporaryDirectory.make()
        _ = try await pair("device-1", with: server, into: folder)
        let certificate = try TestFiles.text(folder + "/cert.pem")
        let line = String(certificate.split(separator: "-----END")[0])
            .replacing("-----BEGIN CERTIFICATE-----", with: "").replacing("\n", with: "")
        let (open, asking, closed) = addresses(server)
        for name in [
            "Client-Cert", "X-Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert",
            "X-SSL-Client-Verify", "SSL-Client-Cert", "X-ARR-ClientCert",
        ] {
            for address in [open, asking, closed] {
                let said = "-H '\(name): :\(line):' -H 'X-SSL-Client-S-DN: CN=device-1'"
                #expect(
                    try await status(
                        address + "/v1/edgehosts/device-1/desired",
                        server,
                        in: folder,
                        showing: false,
                        said
                    ) == "401",
                    "\(name)"
                )
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `deleting the appliance ends its parked poll and its connection's rights at once`()
        async throws
    {
        let server = try await start()
        let folder = try TemporaryDirectory.make()
        _ = try await pair("device-1", with: server, into: folder)
        let own = addresses(server).closed + "/v1/edgehosts/device-1/desired"
        // The second request goes over the same connection, after the first was let go.
        let poll = try ChildProcess(
            "/bin/bash",
            [
                "-c",
                """
                cd '\(folder)'; etag=$(curl -s -o /dev/null -D - --cacert '\(server.authorityPath)' \
                --cert cert.pem --key key.pem '\(own)' | tr -d '\\r' | sed -n 's/^[Ee][Tt]ag: //p')
                exec curl -s -w '%{http_code} %{num_connects}\\n' -o /dev/null -o /dev/null \
                --cacert '\(server.authorityPath)' --cert cert.pem --key key.pem \
                -H "If-None-Match: $etag" '\(own)?wait=50' '\(own)'
                """,
            ]
        )
        let operators = try server.api(isSecure: false)
        // The first answer is there; the poll is parked now or in a moment, and ends as 404 either
        // way.
        try await Wait.until("the first answer") {
            try await operators.send(.get, "/metrics").text.contains(
                #"easel_http_requests_total{method="GET",route="/v1/edgehosts/{uid}/desired",status="2xx"} 1"#
            )
        }
        #expect(
            try await operators.send(.delete, "/v1/edgehosts/device-1").status == 204
        )
        #expect(try await poll.ended(within: .seconds(10)) == .exit(0))
        let lines = poll.output.text.split(separator: "\n")
        #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("404") }, "\(lines)")
        #expect(lines.last == "404 0")
        // Its ticket is worth nothing either.
        #expect(try await status(own, server, in: folder, showing: true) == "404")
    }

    @Test(.timeLimit(.minutes(1)))
    func `replacing the host ends its certificate, and so does pairing again`() async throws {
        let server = try await start()
        let operators = try server.api(isSecure: false)
        var folders = [try TemporaryDirectory.make()]
        _ = try await pair("device-1", with: server, into: folders[0])
        let (_, asking, closed) = addresses(server)
        let own = "/v1/edgehosts/device-1/desired"
        for (method, path) in [
            (HTTPMethod.post, "/v1/edgehosts/device-1/replace"),
            (.patch, "/v1/edgehosts/device-1/hostPairingKey"),
        ] {
            for address in [asking, closed] {
                let answer = try await status(
                    address + own,
                    server,
                    in: folders[folders.count - 1],
                    showing: true
                )
                #expect(answer == "200")
            }
            let key = "key-\(folders.count)"
            let allowed = try await operators.send(
                method,
                path,
                ["hostPairingKey": .string(key)]
            )
            #expect((200...204).contains(allowed.status), "\(allowed)")
            folders.append(try TemporaryDirectory.make())
            _ = try await pair("device-1", with: server, into: folders[folders.count - 1], key: key)
        }
        for (place, folder) in folders.enumerated() {
            let expected = place == folders.count - 1 ? "200" : "401"
            for address in [asking, closed] {
                let answer = try await status(address + own, server, in: folder, showing: true)
                #expect(answer == expected, "\(place)")
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a certificate of nobody we know is refused by TLS`() async throws {
        let server = try await start()
        let folder = try TemporaryDirectory.make()
        let made = try await Programs.bash(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 "
                + "-keyout key.pem -out cert.pem -subj /CN=device-1 "
                + "-addext extendedKeyUsage=clientAuth 2>&1",
            directory: folder
        )
        #expect(made.ending == .exit(0), "\(made)")
        let url = addresses(server).asking + "/livez"
        #expect(try await status(url, server, in: folder, showing: true) == "000")
        #expect(try await status(url, server, in: folder, showing: false) == "200")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a request is refused where no address takes certificates, and when it is none`()
        async throws
    {
        let body: @Sendable (String, String) -> JSONValue = { request, token in
            [
                "metadata": ["uid": "device-1"],
                "spec": [
                    "host": [
                        "hostUid": "device-1", "hostChecksum": "machine",
                        "hostAuthToken": .string(token),
                    ]
                ],
                "certificateRequest": .string(request),
            ]
        }
        for (server, code) in [
            (try await EaselProcess.start(), "NotOffered"),
            (try await start(), "InvalidCertificateRequest"),
        ] {
            let api = try server.api(isSecure: false)
            let token = try await api.makeToken(project: server.signIn().projectUID)
            let answer = try await api.send(
                .post,
                "/v1/edgehosts/register",
                body("nonsense", token)
            )
            #expect(answer.status == 400)
            #expect(answer.text.contains(code), "\(answer)")
            #expect(answer.text.contains("/certificateRequest"), "\(answer)")
            // Nothing was paired.
            let found = try await api.send(.get, "/v1/edgehosts/device-1")
            #expect(found.status == 404)
        }
    }
}
