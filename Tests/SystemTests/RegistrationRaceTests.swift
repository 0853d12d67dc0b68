import EventLoop
import Glibc
import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("A race for one appliance ID", .serialized)
struct RegistrationRaceTests {
    private struct Tenant: Sendable {
        let organisation: String
        let signIn: SignIn
    }

    private struct Answer: Sendable {
        let tenant: Int
        let status: Int
        let text: String
    }

    @Test(.timeLimit(.minutes(2)))
    func `a thousand registrations of one ID over eight tenants have one winner`() async throws {
        _ = System.raiseDescriptorLimit()
        let data = try TemporaryDirectory.make() + "/data"
        var tenants: [Tenant] = []
        for number in 1...8 {
            let made = try await Programs.easel([
                "bootstrap", "--data", data, "--org", "Org \(number)", "--email",
                "admin@org\(number).example",
            ])
            let json = try #require(made.json, "\(made)")
            tenants.append(Tenant(organisation: "Org \(number)", signIn: try SignIn(json)))
        }
        let server = try await EaselProcess.start(data: data)
        let answers = try await race(tenants, port: server.plainPort)
        #expect(answers.count == 1000)
        let winners = answers.filter { $0.status == 201 }
        #expect(winners.count == 1)
        let refused = answers.filter { $0.status == 409 }
        #expect(refused.count == 999, "\(Dictionary(grouping: answers, by: \.status).mapValues(\.count))")
        checkRefusals(refused, tenants)
        let winner = try #require(winners.first)
        let owner = tenants[winner.tenant].signIn
        try await checkRow(server, owner, others: tenants.map(\.signIn))
        #expect(try await server.stop() == .exit(0))
    }

    /// All connections are open before the first byte is sent.
    private func race(_ tenants: [Tenant], port: UInt16) async throws -> [Answer] {
        let sockets = try await Threads.run { try (0..<1000).map { _ in try RawSocket(port: port) } }
        let body = "{\"metadata\":{\"uid\":\"device-153\",\"name\":\"device-153\"},\"spec\":{}}"
        return try await withThrowingTaskGroup(of: [Answer].self) { group in
            for (index, tenant) in tenants.enumerated() {
                let own = sockets[(index * 125)..<((index + 1) * 125)]
                let text = requestText(
                    "POST", "/v1/edgehosts",
                    fields: [
                        "ApiKey: \(tenant.signIn.apiKey)",
                        "ProjectUid: \(tenant.signIn.projectUID)",
                    ], body: body)
                group.addTask {
                    try await Threads.run {
                        for socket in own { try socket.send(text) }
                        return try own.map { socket in
                            let answer = try socket.receiveAnswer()
                            let text = answer.head + String(decoding: answer.body, as: UTF8.self)
                            return Answer(tenant: index, status: answer.status, text: text)
                        }
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func checkRefusals(_ refused: [Answer], _ tenants: [Tenant]) {
        let telling = tenants.flatMap { tenant in
            [
                tenant.organisation, tenant.signIn.tenantUID, tenant.signIn.projectUID,
                tenant.signIn.userUID, tenant.signIn.email,
            ]
        }
        for answer in refused {
            #expect(!telling.contains { answer.text.contains($0) }, "\(answer.text)")
        }
    }

    private func checkRow(_ server: EaselProcess, _ owner: SignIn, others: [SignIn]) async throws {
        let copy = try DatabaseCopy(of: server.data)
        let rows = try copy.rows("SELECT uid, tenant_uid, project_uid, owner_uid FROM appliance", columns: 4)
        #expect(rows == [["device-153", owner.tenantUID, owner.projectUID, owner.userUID]])
        let made = try copy.audit().filter { $0.kind == "edgehost" }
        #expect(made.count == 1)
        for other in others {
            let api = try server.api(key: other.apiKey, project: other.projectUID)
            let answer = try await api.send(.get, "/v1/edgehosts/device-153")
            #expect(answer.status == (other.tenantUID == owner.tenantUID ? 200 : 404))
        }
    }
}
