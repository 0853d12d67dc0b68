import EventLoop
import Glibc
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("Clients and machines that do what they should not")
struct AbuseTests {
    @Test(.timeLimit(.minutes(1)))
    func `of machines that pair under one ID at one moment, one is let in`() async throws {
        _ = System.raiseDescriptorLimit()
        let server = try await EaselProcess.start(flags: ["--listen", "127.0.0.1:0"])
        let api = try server.api(isSecure: false)
        let token = try await api.makeToken(project: server.signIn().projectUID)
        let port = server.plainPort
        let answers = try await Threads.run {
            let sockets = try (0..<200).map { _ in try RawSocket(port: port, receiveSeconds: 20) }
            for (number, socket) in sockets.enumerated() {
                let body = """
                    {"metadata":{"uid":"cloned"},"spec":{"host":{"hostUid":"cloned",\
                    "hostChecksum":"machine-\(number)","hostAuthToken":"\(token)"}}}
                    """
                try socket.send(requestText("POST", "/v1/edgehosts/register", body: body))
            }
            return try sockets.map { try $0.receiveAnswer() }
        }
        let paired = answers.filter { $0.status == 200 || $0.status == 201 }
        #expect(paired.count == 1)
        let others = answers.filter { $0.status != 200 && $0.status != 201 }
        for answer in others {
            let json = try JSONParser.parse(answer.body)
            #expect(answer.status == 409, "\(answer.head)")
            #expect(json["code"]?.text == "IdentityConflict", "\(json)")
        }
        let rows = try DatabaseCopy(of: server.data).rows(
            "SELECT uid, fingerprint FROM appliance",
            columns: 2
        )
        #expect(rows.count == 1)
        #expect(rows.first?[1].hasPrefix("machine-") == true)
        let events = try await api.call(.get, "/v1/edgehosts/cloned/events")
        let conflicts = events["items"]?.elements?.filter {
            $0["reason"]?.text == "IdentityConflict"
        }
        #expect(conflicts?.isEmpty == false, "\(events)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `of two polls of one appliance the newer one stays`() async throws {
        let server = try await EaselProcess.start()
        let api = try server.api()
        let token = try await api.makeToken(project: server.signIn().projectUID)
        let appliance = try await api.pair("twice", token: token).api(server, isSecure: true)
        let path = "/v1/edgehosts/twice/desired"
        let now = try await appliance.send(.get, path)
        let known = [(name: "If-None-Match", value: try #require(now.field("etag")))]
        let clock = ContinuousClock()
        let start = clock.now
        let polls = (0..<2).map { _ in
            Task {
                let answer = try await appliance.send(.get, path + "?wait=8", fields: known)
                return (status: answer.status, after: clock.now - start)
            }
        }
        let first = try await polls[0].value
        let second = try await polls[1].value
        // Whichever came second stays; the other one is answered at once.
        #expect([first.status, second.status].allSatisfy { [204, 304].contains($0) })
        #expect(min(first.after, second.after) < .seconds(5))
        #expect(max(first.after, second.after) >= .seconds(8))
    }

    private static let nesting = String(repeating: "[", count: 100_000)

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "no JSON", "{", "[]", "null", "\"text\"", "{\"metadata\":",
            "{\"metadata\":{\"uid\":\"a\",\"uid\":\"b\"}}",
            "{\"metadata\":{\"uid\":\"a\",\"name\":\"\\ud800\"}}", "{\"metadata\":1e400}",
            "{\"metadata\":{\"uid\":\"a\"},\"spec\":{\"device\":{\"cpu\":{\"cores\":99999999999999999999}}}}",
            "{\"metadata\":{\"uid\":\"..\"}}", "{\"metadata\":{\"uid\":\"a\\u0000b\"}}",
            "{\"metadata\":{\"uid\":\"\(String(repeating: "a", count: 10_000))\"}}",
            "{\"metadata\":\(nesting)",
        ]
    )
    func `refuses a body and changes nothing`(_ body: String) async throws {
        let server = try await EaselProcess.start(flags: ["--listen", "127.0.0.1:0"])
        let api = try server.api(isSecure: false)
        let json = [(name: "Content-Type", value: "application/json")]
        let answer = try await api.send(
            .post,
            "/v1/edgehosts",
            body: Array(body.utf8),
            fields: json
        )
        #expect([400, 413, 422].contains(answer.status), "\(answer)")
        #expect(!answer.code.isEmpty && !answer.message.isEmpty, "\(answer)")
        #expect(answer.json["ref"]?.text == answer.field("x-request-id"))
        let copy = try DatabaseCopy(of: server.data)
        #expect(try copy.rows("SELECT uid FROM appliance", columns: 1).isEmpty)
        #expect(try copy.audit().allSatisfy { $0.kind != "edgehost" })
        #expect(try await server.stop() == .exit(0))
    }

    @Test(.timeLimit(.minutes(1)))
    func `a damaged database is refused at the start, and left as it is`() async throws {
        let server = try await EaselProcess.start(flags: ["--listen", "127.0.0.1:0"])
        #expect(try await server.stop() == .exit(0))
        let path = server.data + "/easel.db"
        var bytes = try TestFiles.read(path)
        for page in 3..<(bytes.count / 4096) where page % 2 == 1 {
            for offset in 0..<64 { bytes[page * 4096 + offset] = 0xA5 }
        }
        try TestFiles.write(path, bytes, mode: 0o600)
        let result = try await Programs.easel([
            "serve", "--data", server.data, "--listen", "127.0.0.1:0",
        ])
        #expect(result.ending == .exit(1), "\(result)")
        #expect(result.errors.contains(path), "\(result)")
        #expect(!result.errors.contains("PRAGMA"), "\(result)")
        #expect(try TestFiles.read(path) == bytes)
    }
}
