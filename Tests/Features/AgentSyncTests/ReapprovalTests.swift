import AgentSync
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@Suite("Pairing again") struct ReapprovalTests {
    /// An appliance whose machine has paired with the archive's token and polled.
    private struct Pair {
        let fleet: Fleet
        let token: String
        let credential: String

        init() async throws {
            fleet = try Fleet()
            try await fleet.register("device-1")
            token = try fleet.archiveToken(of: "prof1")
            let answer = try await fleet.pair("device-1", token: token)
            credential = answer.credential ?? ""
            _ = try await fleet.poll("device-1", credential)
        }

        func polls(_ credential: String) async throws -> UInt16 {
            try await fleet.poll("device-1", credential).status
        }

        func again(key: String? = nil, fingerprint: String = "machine-1") async throws -> TestAnswer
        {
            try await fleet.pair("device-1", token: token, key: key, fingerprint: fingerprint)
        }

        func act(_ method: HTTPMethod, _ path: String, _ body: JSONValue?) async throws -> UInt16 {
            try await fleet.api.call(
                method,
                "/v1/edgehosts/device-1/\(path)",
                project: "p1",
                body: body
            ).status
        }

        func waitsSince() async throws -> String? {
            try await fleet.appliance("device-1")["status"]?["reapprovalPendingSince"]?.text
        }
    }

    @Test func `a machine whose answers are lost gets a credential until it uses one`()
        async throws
    {
        let fleet = try Fleet()
        let token = try await fleet.makeToken().value
        var credentials: [String] = []
        for _ in 0..<3 {
            let answer = try await fleet.pair("device-1", token: token)
            #expect(answer.status == 200)
            credentials.append(answer.credential ?? "")
        }
        #expect(try await fleet.poll("device-1", credentials[0]).status == 401)
        #expect(try await fleet.poll("device-1", credentials[1]).status == 401)
        #expect(try await fleet.poll("device-1", credentials[2]).status == 200)
        #expect(try await fleet.pair("device-1", token: token).status == 202)
    }

    @Test func `so does one that has nothing but a pairing key, which nobody else can use`()
        async throws
    {
        let fleet = try Fleet()
        try await fleet.register("device-1", key: "once")
        var credentials: [String] = []
        for _ in 0..<3 {
            let answer = try await fleet.pair("device-1", key: "once")
            #expect(answer.status == 200)
            credentials.append(answer.credential ?? "")
            let other = try await fleet.pair("device-1", key: "once", fingerprint: "machine-2")
            #expect(other.code == "IdentityConflict")
            #expect(try await fleet.pair("device-1", key: "wrong").status == 401)
        }
        #expect(try await fleet.poll("device-1", credentials[1]).status == 401)
        #expect(try await fleet.poll("device-1", credentials[2]).status == 200)
        #expect(try await fleet.pair("device-1", key: "once").status == 401)
        #expect(try await fleet.poll("device-1", credentials[2]).status == 200)
    }

    @Test(arguments: ["replace", "hostPairingKey"])
    func `a used key is worth nothing once an operator gives another one`(_ how: String)
        async throws
    {
        let fleet = try Fleet()
        try await fleet.register("device-1", key: "once")
        _ = try await fleet.pair("device-1", key: "once")
        _ = try await fleet.api.call(
            how == "replace" ? .post : .patch,
            "/v1/edgehosts/device-1/\(how)",
            project: "p1",
            body: ["hostPairingKey": "next"]
        )
        #expect(try await fleet.pair("device-1", key: "once").status == 401)
        #expect(try await fleet.pair("device-1", key: "next").status == 200)
        #expect(try await fleet.pair("device-1", key: "once").status == 401)
    }

    @Test(arguments: ["poll", "beat", "report", "login", "profiles"])
    func `whatever it says first is a use, and outlives the process`(_ first: String)
        async throws
    {
        let options = try TestDatabase.options()
        let token: String
        do {
            let fleet = try Fleet(options: options)
            token = try await fleet.makeToken().value
            let credential = try await fleet.pair("device-1", token: token).credential ?? ""
            switch first {
            case "poll": _ = try await fleet.poll("device-1", credential)
            case "beat": _ = try await fleet.beat("device-1", credential)
            case "report": _ = try await fleet.report("device-1", credential, sequence: 1)
            case "profiles":
                _ = try await fleet.api.call(
                    .get,
                    "/v1/edgehosts/device-1/profiles",
                    as: credential
                )
            default:
                _ = try await fleet.api.call(
                    .post,
                    "/v1/auth/services/edge/login",
                    as: nil,
                    body: ["edgeHostUid": "device-1", "authToken": .string(credential)]
                )
            }
            fleet.database.close()
        }
        let fleet = try Fleet(options: options, isNew: false)
        try fleet.agents.load()
        #expect(try await fleet.pair("device-1", token: token).status == 202)
    }

    @Test func `what can be read of an appliance does not make anybody it`() async throws {
        let pair = try await Pair()
        let read = try await pair.fleet.appliance("device-1")
        let checksum = read["spec"]?["host"]?["hostChecksum"]?.text ?? ""
        #expect(checksum == "machine-1")
        let answer = try await pair.again(fingerprint: checksum)
        #expect(answer.status == 202)
        #expect(answer.code == "ReapprovalPending")
        #expect(answer.credential == nil)
        #expect((20...60).contains(Int(answer.header("Retry-After") ?? "") ?? 0))
        #expect(try await pair.polls(pair.credential) == 200)
    }

    @Test func `a waiting machine is shown once, and asking again writes nothing`() async throws {
        let pair = try await Pair()
        #expect(try await pair.waitsSince() == nil)
        _ = try await pair.again()
        #expect(try await pair.waitsSince() != nil)
        let jobs = pair.fleet.database.statistics.jobs
        for _ in 0..<5 { #expect(try await pair.again().status == 202) }
        #expect(pair.fleet.database.statistics.jobs == jobs)
        #expect(try await pair.fleet.events(of: "device-1").first == "ReapprovalPending")
        #expect(
            try pair.fleet.count(
                "SELECT count(*) FROM audit WHERE message = 'Appliance waits for re-approval'"
            ) == 1
        )
        // Other hardware is another matter.
        #expect(try await pair.again(fingerprint: "machine-2").code == "IdentityConflict")
    }

    @Test func `replacing the host lets it in, and the former credential is dead`() async throws {
        let pair = try await Pair()
        _ = try await pair.again()
        #expect(try await pair.act(.post, "replace", [:]) == 200)
        #expect(try await pair.waitsSince() == nil)
        let answer = try await pair.again()
        #expect(answer.status == 200)
        #expect(try await pair.polls(pair.credential) == 401)
        #expect(try await pair.polls(answer.credential ?? "") == 200)
        #expect(
            try await pair.fleet.events(of: "device-1")
                == ["Paired", "HostReplaced", "ReapprovalPending", "Paired", "Registered"]
        )
    }

    @Test func `a new pairing key lets in who presents it, and nobody else`() async throws {
        let pair = try await Pair()
        _ = try await pair.again()
        #expect(try await pair.act(.patch, "hostPairingKey", ["hostPairingKey": "new"]) == 204)
        #expect(try await pair.again().status == 202)
        #expect(try await pair.again(key: "wrong").status == 401)
        #expect(try await pair.again(key: "new", fingerprint: "machine-2").status == 409)
        #expect(try await pair.polls(pair.credential) == 200)
        let answer = try await pair.again(key: "new")
        #expect(answer.status == 200)
        #expect(try await pair.polls(pair.credential) == 401)
        #expect(try await pair.waitsSince() == nil)
    }

    @Test func `an operator may dismiss it`() async throws {
        let pair = try await Pair()
        _ = try await pair.again()
        #expect(try await pair.act(.post, "resume", nil) == 204)
        #expect(try await pair.waitsSince() == nil)
        #expect(try await pair.polls(pair.credential) == 200)
        #expect(try await pair.again().status == 202)
    }
}
