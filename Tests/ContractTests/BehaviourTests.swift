import HTTPCore
import JSON
import Primitives
import TestSupport
import Testing

/// What operators and agents rely on, through the whole server.
@Suite("Operators and agents")
struct BehaviourTests {
    private let world: World
    private var own: Place { world.own }

    init() async throws { world = try await World() }

    private func call(
        _ method: HTTPMethod,
        _ target: String,
        _ body: JSONValue? = nil,
        project: Bool = true
    ) async throws -> TestAnswer {
        try await world.api.call(
            method,
            target,
            as: own.key,
            project: project ? own.projectUID : nil,
            body: body
        )
    }

    private func agent(
        _ method: HTTPMethod,
        _ path: String,
        _ body: JSONValue? = nil,
        headers: [(String, String)] = []
    ) async throws -> TestAnswer {
        try await world.api.call(
            method,
            "/v1/edgehosts/\(own.applianceUID)\(path)",
            as: nil,
            headers: headers + [("Authorization", "Bearer \(own.credential)")],
            body: body
        )
    }

    // CHK-1.1.
    @Test func `an API key opens nothing while it is revoked, nor when it has expired`()
        async throws
    {
        func works(_ key: String) async throws -> Bool {
            try await world.api.call(.get, "/v1/users/info", as: key).status == 200
        }
        let target = "/v1/apiKeys/\(own.spareKeyUID)"
        #expect(try await works(own.spareKey))
        _ = try await call(.put, target + "/state", ["isActive": false], project: false)
        #expect(try await !works(own.spareKey))
        _ = try await call(.put, target + "/state", ["isActive": true], project: false)
        #expect(try await works(own.spareKey))
        let expiry = world.clock.now.adding(seconds: 60).text
        let made = try await call(
            .post,
            "/v1/apiKeys",
            ["metadata": ["name": "short"], "spec": ["expiry": .string(expiry)]],
            project: false
        )
        let short = try #require(made.json["apiKey"]?.text)
        #expect(try await works(short))
        world.clock.advance(seconds: 61)
        #expect(try await !works(short))
        let uid = try #require(made.json["uid"]?.text)
        for (isActive, status) in [(false, UInt16(204)), (true, 400)] {
            let answer = try await call(
                .put,
                "/v1/apiKeys/\(uid)/state",
                ["isActive": .bool(isActive)],
                project: false
            )
            #expect(answer.status == status)
        }
    }

    // CHK-1.7.
    @Test func `a session ends when its token has expired, and lives on when it is refreshed`()
        async throws
    {
        let login = try await world.api.call(
            .post,
            "/v1/auth/authenticate",
            as: nil,
            body: ["emailId": .string(own.email), "password": .string(own.password)]
        )
        let token = try #require(login.json["Authorization"]?.text)
        world.clock.advance(seconds: 14 * 60)
        let fresh = try await world.api.call(.get, "/v1/auth/refresh/\(token)", as: nil)
        let renewed = try #require(fresh.json["Authorization"]?.text)
        world.clock.advance(seconds: 2 * 60)
        for (text, status) in [(token, UInt16(401)), (renewed, 200)] {
            let answer = try await world.api.call(
                .get,
                "/v1/users/info",
                as: nil,
                headers: [("Authorization", text)]
            )
            #expect(answer.status == status)
        }
        let late = try await world.api.call(.get, "/v1/auth/refresh/\(token)", as: nil)
        #expect(late.status == 401)
    }

    // CHK-2.1, SECURITY 6.
    @Test func `an ID that another organisation holds is refused without a word of whom`()
        async throws
    {
        let body: JSONValue = ["metadata": ["uid": .string(world.other.applianceUID)]]
        let foreign = try await call(.post, "/v1/edgehosts", body)
        #expect(foreign.status == 409)
        #expect(foreign.code == "EdgeHostAlreadyExists")
        for word in [world.other.tenantUID, world.other.projectUID, world.other.email] {
            #expect(!foreign.text.contains(word))
        }
        let same: JSONValue = ["metadata": ["uid": .string(own.applianceUID)]]
        let mine = try await call(.post, "/v1/edgehosts", same)
        #expect(
            mine.message.replacing(own.applianceUID, with: "")
                == foreign.message.replacing(world.other.applianceUID, with: "")
        )
        // A token of one's own does not take it over either.
        let squat = try await world.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: Bodies.pairing(world.other.waitingUID, token: own.token)
        )
        #expect(squat.status == 409)
        #expect(!squat.text.contains(world.other.tenantUID))
    }

    // CHK-2.2, CHK-2.3, CHK-2.4 without the silence, which AgentSync's tests have.
    @Test func `an appliance is unpaired, then ready, then healthy when its agent says so`()
        async throws
    {
        let target = "/v1/edgehosts/\(own.waitingUID)"
        #expect(try await call(.get, target).json["status"]?["state"] == "unpaired")
        #expect(try await call(.get, target).json["status"]?["health"]?["state"] == "")
        let paired = try await world.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: Bodies.pairing(own.waitingUID, key: own.pairingKey, checksum: "machine-2")
        )
        let credential = try #require(paired.json["status"]?["serviceAuthToken"]?.text)
        #expect(try await call(.get, target).json["status"]?["state"] == "ready")
        #expect(try await call(.get, target).json["status"]?["health"]?["state"] == "")
        let report = try await world.api.call(
            .post,
            target + "/report",
            as: nil,
            headers: [("Authorization", "Bearer \(credential)")],
            body: Bodies.report(1)
        )
        #expect(report.status == 204)
        #expect(try await call(.get, target).json["status"]?["health"]?["state"] == "healthy")

        _ = try await call(
            .put,
            target + "/meta",
            ["metadata": ["name": "a", "labels": ["name": "Shop 7"]]]
        )
        let found = try await call(.post, "/v1/dashboard/edgehosts/search", [:])
        let names = found.json["items"]?.elements?.compactMap { $0["metadata"]?["name"]?.text }
        #expect(names?.contains("Shop 7") == true, "\(names ?? [])")
    }

    // CHK-2.5, SECURITY 7.
    @Test(arguments: [
        "", String(repeating: "a", count: 129), "a/b", "a b", "a ", " a", "a.", "..", "%2e",
        "a\u{0}",
        "dévice", "dеvice", "a?b", "a#b", "tokens", "register", "tags", "metadata",
        String(repeating: "x", count: 10_240),
    ])
    func `an ID outside of the alphabet is refused`(_ id: String) async throws {
        let before = try world.snapshot()
        let answer = try await call(.post, "/v1/edgehosts", ["metadata": ["uid": .string(id)]])
        #expect(answer.status == 400, "\(answer.text)")
        #expect(answer.faults.first?.hasPrefix("/metadata/uid ") == true, "\(answer.faults)")
        let machine = try await world.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: Bodies.pairing(id, token: own.token)
        )
        #expect(machine.status == 400, "\(machine.text)")
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // CHK-2.6, SECURITY 11, 12.
    @Test func `a token that is off, expired or gone admits nobody, and its appliances work on`()
        async throws
    {
        func register(_ uid: String) async throws -> TestAnswer {
            try await world.api.call(
                .post,
                "/v1/edgehosts/register",
                as: nil,
                body: Bodies.pairing(uid, token: own.token, checksum: uid)
            )
        }
        let target = "/v1/edgehosts/tokens/\(own.tokenUID)"
        let admitted = try await register("by-token")
        let credential = try #require(admitted.json["status"]?["serviceAuthToken"]?.text)
        var texts: Set<String> = []
        func refused(_ uid: String) async throws {
            let before = try world.snapshot()
            let answer = try await register(uid)
            #expect(answer.status == 401)
            texts.insert(answer.message)
            #expect(try world.snapshot().changes(since: before) == [])
        }
        _ = try await call(.put, target + "/state", ["isActive": false], project: false)
        try await refused("while-off")
        _ = try await call(.put, target + "/state", ["isActive": true], project: false)
        _ = try await call(
            .put,
            target,
            [
                "metadata": ["name": "field"],
                "spec": [
                    "defaultProjectUid": .string(own.projectUID),
                    "expiry": .string(world.clock.now.adding(seconds: 60).text),
                ],
            ],
            project: false
        )
        world.clock.advance(seconds: 61)
        try await refused("when-expired")
        #expect(try await call(.delete, target, project: false).status == 204)
        try await refused("when-gone")
        #expect(texts.count == 1)
        let poll = try await world.api.call(
            .get,
            "/v1/edgehosts/by-token/desired",
            as: nil,
            headers: [("Authorization", "Bearer \(credential)")]
        )
        #expect(poll.status == 200)
    }

    // CHK-2.7.
    @Test func `an appliance in use is not offered to others and cannot be deleted`() async throws {
        let target = "/v1/edgehosts/\(own.applianceUID)"
        let free = "/v1/edgehosts/metadata?quickFilter=unusedEdgeHosts"
        #expect(try await call(.get, free).text.contains(own.applianceUID))
        let taken = try await call(
            .patch,
            target + "/cluster/associate",
            ["clusterUid": "65f1c0a4d2b7e81f3c9a4b6d"]
        )
        #expect(taken.status == 204)
        #expect(try await !call(.get, free).text.contains(own.applianceUID))
        #expect(try await call(.delete, target).status == 409)
        #expect(try await call(.delete, target + "/cluster/associate").status == 204)
        #expect(try await call(.delete, target).status == 204)
    }

    // CHK-1.3.
    @Test func `a tenant's profile is read in a project and changed only in the tenant`()
        async throws
    {
        let target = "/v1/clusterprofiles/\(own.draftUID)"
        #expect(try await call(.get, target).status == 200)
        let body: JSONValue = ["metadata": ["name": "renamed"]]
        #expect(try await call(.patch, target + "/metadata", body).status == 403)
        #expect(try await call(.delete, target).status == 403)
        #expect(try await call(.patch, target + "/metadata", body, project: false).status == 204)
    }

    // CHK-5.1, CHK-5.2, SECURITY 35.
    @Test func `an archive is the same bytes twice, and only a system profile has one`()
        async throws
    {
        let target = "/v1/clusterprofiles/\(own.profileUID)/spc/download"
        let one = try await call(.get, target)
        let two = try await call(.get, target)
        #expect(one.response.body == two.response.body)
        #expect(one.response.body.prefix(2) == [0x1f, 0x8b])
        #expect(one.header("Content-Disposition")?.contains("systemprofile.tgz") == true)
        #expect(!one.etag.isEmpty && one.etag == two.etag)
        let made = try await call(
            .post,
            "/v1/clusterprofiles?publish=true",
            Bodies.profile("addon", registry: world.registryUID, type: "add-on")
        )
        let uid = try #require(made.json["uid"]?.text)
        let refused = try await call(.get, "/v1/clusterprofiles/\(uid)/spc/download")
        #expect(refused.status == 400, "\(refused.text)")
    }

    // CHK-6.1, CHK-6.2.
    @Test func `an agent learns of a published change at its next poll, removed layers too`()
        async throws
    {
        let first = try await agent(.get, "/desired")
        #expect(first.json["profiles"]?[0]?["layers"]?.elements?.count == 2)
        let known = [("If-None-Match", first.etag)]
        #expect(try await agent(.get, "/desired", headers: known).status == 304)
        let target = "/v1/clusterprofiles/\(own.profileUID)"
        #expect(try await call(.delete, target + "/packs/vms").status == 204)
        #expect(try await agent(.get, "/desired", headers: known).status == 304)
        #expect(try await call(.patch, target + "/publish").status == 204)
        let second = try await agent(.get, "/desired", headers: known)
        #expect(second.status == 200)
        let names = second.json["profiles"]?[0]?["layers"]?.elements?.compactMap {
            $0["name"]?.text
        }
        #expect(names == ["web"])
    }

    // CHK-3.2 from the agent's side.
    @Test func `an agent learns of a pack's newer version within the train`() async throws {
        let first = try await agent(.get, "/desired")
        let target = "/v1/registries/pack/\(world.registryUID)/packs"
        func add(_ version: String) async throws -> UInt16 {
            try await world.api.call(
                .post,
                target,
                as: own.key,
                headers: [("Content-Type", "application/gzip")],
                raw: try PlaceMaker.pack("web", version)
            ).status
        }
        #expect(try await add("2.0.0") == 201)
        let known = [("If-None-Match", first.etag)]
        #expect(try await agent(.get, "/desired", headers: known).status == 304)
        #expect(try await add("1.2.0") == 201)
        let second = try await agent(.get, "/desired", headers: known)
        #expect(second.json["profiles"]?[0]?["layers"]?[0]?["version"] == "1.2.0")
    }

    // CHK-6.5, SECURITY 13.
    @Test func `a pairing key works once`() async throws {
        let again = try await world.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: Bodies.pairing(own.applianceUID, key: own.pairingKey, checksum: "machine-2")
        )
        #expect([401, 409].contains(again.status), "\(again.text)")
        #expect(try await agent(.get, "/desired").status == 200)
        var statuses: [UInt16] = []
        for guess in 0..<12 {
            statuses.append(
                try await world.api.call(
                    .post,
                    "/v1/edgehosts/register",
                    as: nil,
                    body: Bodies.pairing(own.waitingUID, key: "guess-\(guess)")
                ).status
            )
        }
        #expect(statuses.prefix(9).allSatisfy { $0 == 401 })
        #expect(statuses.last == 429)
    }

    // CHK-5.3.
    @Test func `a machine with an ID that nobody registered stays outside`() async throws {
        let before = try world.snapshot()
        let answer = try await world.api.call(
            .post,
            "/v1/edgehosts/register",
            as: nil,
            body: Bodies.pairing("device-unknown")
        )
        #expect(answer.status == 401)
        #expect(try world.snapshot().changes(since: before) == [])
    }

    // CHK-8.4, as far as the operations go.
    @Test func `every change leaves one audit row, and nothing else leaves any`() async throws {
        for call in try world.calls(of: own) {
            let before = try world.snapshot()
            let answer = try await world.send(call, of: own)
            let after = try world.snapshot()
            let rows = after.count("audit") - before.count("audit")
            let changed = !after.changes(since: before).filter { !$0.hasPrefix("audit") }.isEmpty
            // What agents tell of themselves is no person's doing.
            let isReport = call.caller == .appliance
            // Pairing by a token registers and pairs.
            let expected = call.id == "v1EdgeHostDevicesRegister" ? 2 : 1
            #expect(
                rows == (changed && !isReport ? expected : 0),
                "\(call) answered \(answer.status) and left \(rows) rows"
            )
        }
    }
}
