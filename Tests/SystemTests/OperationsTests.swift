import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("What a monitoring system asks")
struct OperationsTests {
    @Test(.timeLimit(.minutes(1)))
    func `the server's own pages answer without a credential`() async throws {
        let server = try await EaselProcess.start()
        let api = try server.api(key: nil, project: nil)
        for path in ["/livez", "/readyz"] {
            let answer = try await api.send(.get, path)
            #expect(answer.status == 200 && answer.text == "ok\n", "\(answer)")
            let head = try await api.send(.head, path)
            #expect(head.status == 200 && head.body.isEmpty, "\(head)")
        }
        let document = try await api.send(.get, "/openapi.json")
        #expect(document.json["openapi"]?.text?.hasPrefix("3.1") == true)
        #expect((document.json["paths"]?.members?.count ?? 0) > 50)
        let check = try await Programs.easel(["check", "--url", server.plainURL + "/readyz"])
        #expect(check.ending == .exit(0), "\(check)")
        let missing = try await Programs.easel(["check", "--url", server.plainURL + "/nothing"])
        #expect(missing.ending == .exit(1), "\(missing)")
        #expect(try await server.stop() == .exit(0))
        let gone = try await Programs.easel(["check", "--url", server.plainURL + "/readyz"])
        #expect(gone.ending == .exit(1), "\(gone)")
    }
}
