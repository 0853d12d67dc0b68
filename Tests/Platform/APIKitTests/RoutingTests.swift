import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

@Suite("Routing")
struct RoutingTests {
    let api = TestDispatcher([
        probe(.get, "/v1/things", "list"),
        probe(.post, "/v1/things", "create"),
        probe(.get, "/v1/things/{uid}", "get"),
        probe(.delete, "/v1/things/{uid}", "delete"),
        probe(.get, "/v1/things/tokens", "tokens"),
        probe(.get, "/v1/things/tokens/first/name", "deep"),
        probe(.get, "/v1/things/{uid}/parts/{part}", "part"),
    ])

    @Test(arguments: [
        ("/v1/things", "list", []),
        ("/v1/things/abc", "get", ["abc"]),
        ("/v1/things/tokens", "tokens", []),
        ("/v1/things/tokenss", "get", ["tokenss"]),
        ("/v1/things/token", "get", ["token"]),
        ("/v1/things/tokens/first/name", "deep", []),
        ("/v1/things/a/parts/b", "part", ["a", "b"]),
        ("/v1/things/a%2Fb", "get", ["a/b"]),
        ("/v1/things/a%20b", "get", ["a b"]),
        ("/v1/things/a+b", "get", ["a+b"]),
        ("/v1/things/%C3%A4", "get", ["ä"]),
    ])
    func `a literal segment wins over a parameter`(
        path: String,
        operation: String,
        parameters: [String]
    ) async throws {
        let answer = try await api.call(.get, path)
        #expect(answer.status == 200)
        #expect(answer.json["operation"]?.text == operation)
        #expect(answer.json["parameters"]?.elements?.compactMap(\.text) == parameters)
    }

    @Test func `goes back to the parameter when the literal leads nowhere`() async throws {
        let answer = try await api.call(.get, "/v1/things/tokens/parts/b")
        #expect(answer.json["operation"]?.text == "part")
        #expect(answer.json["parameters"]?.elements?.compactMap(\.text) == ["tokens", "b"])
    }

    @Test(arguments: [
        "/", "/v1", "/v2/things", "/v1/things/", "/v1/things//parts/b", "/v1/things/a/parts",
        "/v1/things/a/parts/b/c", "/V1/things", "/v1/thing",
    ])
    func `answers 404 for a path that nobody declared`(path: String) async throws {
        let answer = try await api.call(.get, path)
        #expect(answer.status == 404)
        #expect(answer.code == "ResourceNotFound")
    }

    @Test(arguments: ["/v1/things/%", "/v1/things/%zz", "/v1/things/%00", "/v1/things/%ff"])
    func `a parameter with broken escapes names nothing`(path: String) async throws {
        let answer = try await api.call(.get, path)
        #expect(answer.status == 404)
        #expect(answer.code == "ResourceNotFound")
    }

    @Test func `answers 405 with the methods there are`() async throws {
        let answer = try await api.call(.put, "/v1/things/abc")
        #expect(answer.status == 405)
        #expect(answer.code == "MethodNotAllowed")
        #expect(answer.header("Allow") == "DELETE, GET, HEAD, OPTIONS")
    }

    @Test func `answers OPTIONS without a credential`() async throws {
        let answer = try await api.call(.options, "/v1/things", as: nil)
        #expect(answer.status == 204)
        #expect(answer.header("Allow") == "GET, HEAD, OPTIONS, POST")
        #expect(answer.response.body.isEmpty)
    }

    @Test func `HEAD runs the endpoint of GET`() async throws {
        #expect(try await api.call(.head, "/v1/things/abc").status == 200)
    }
}

@Suite("Access")
struct AccessTests {
    static let appliance = Principal.appliance(
        FakeAppliance(uid: "device 153", tenantUID: "t1")
    )

    let api = TestDispatcher(
        [
            probe(.get, "/v1/open", "open", access: .open),
            probe(.get, "/v1/me", "me", access: .signedIn),
            probe(.get, "/v1/things", "list", access: .user(Permission("thing.list"))),
            probe(.get, "/v1/hosts/{uid}/desired", "follow", access: .appliance),
            probe(
                .get,
                "/v1/hosts/{uid}",
                "either",
                access: .applianceOrUser(Permission("thing.get"))
            ),
        ],
        authenticator: FakeAuthenticator(principals: [
            "admin": .tenantAdmin("u1", of: "t1"), "appliance": appliance,
            "reader": .person("u3", of: "t1", may: ["thing.get"]),
        ])
    )

    @Test(
        arguments: [
            ("/v1/open", nil, 200), ("/v1/open", "wrong", 200),
            ("/v1/me", nil, 401), ("/v1/me", "wrong", 401), ("/v1/me", "reader", 200),
            ("/v1/me", "appliance", 403),
            ("/v1/things", nil, 401), ("/v1/things", "admin", 200), ("/v1/things", "reader", 403),
            ("/v1/things", "appliance", 403),
            ("/v1/hosts/device%20153/desired", "appliance", 200),
            ("/v1/hosts/device-154/desired", "appliance", 403),
            ("/v1/hosts/device%20153/desired", "admin", 401),
            ("/v1/hosts/device%20153/desired", nil, 401),
            ("/v1/hosts/device%20153/desired", "null", 401),
            ("/v1/hosts/device%20153", "reader", 200), ("/v1/hosts/device%20153", "appliance", 200),
            ("/v1/hosts/device-154", "appliance", 403),
        ] as [(String, String?, UInt16)]
    )
    func `lets in who may call`(path: String, credential: String?, status: UInt16) async throws {
        let answer = try await api.call(.get, path, as: credential)
        #expect(answer.status == status)
        #expect((answer.header("WWW-Authenticate") != nil) == (status == 401))
    }

    @Test func `names the permission that is lacking`() async throws {
        let answer = try await api.call(.get, "/v1/things", as: "reader")
        #expect(answer.code == "OperationForbidden")
        #expect(
            answer.message == "Operation 'thing.list' is forbidden. Verify the user has "
                + "'thing.list' permission"
        )
    }

    @Test(
        arguments: [
            ("/v1/things", [("Authorization", "admin")], 200),
            ("/v1/things", [("Authorization", "Bearer admin")], 200),
            ("/v1/things", [("authorization", "bearer admin")], 200),
            ("/v1/things", [("Authorization", "Bearer")], 401),
            ("/v1/things", [("Authorization", "Bearer ")], 401),
            ("/v1/things", [("Authorization", "Bearer null")], 401),
            ("/v1/things", [("Authorization", "")], 401),
            ("/v1/things", [("Authorization", ""), ("apikey", "admin")], 200),
            ("/v1/things?ApiKey=admin", [], 200), ("/v1/things?apiKey=adm%69n", [], 200),
            ("/v1/things?ApiKey=", [], 401),
        ] as [(String, [(String, String)], UInt16)]
    )
    func `takes a credential from where clients put it`(
        target: String,
        headers: [(String, String)],
        status: UInt16
    ) async throws {
        #expect(try await api.call(.get, target, as: nil, headers: headers).status == status)
    }

    @Test(arguments: [("p1", 200), ("q1", 403), ("nowhere", 403), ("", 200)] as [(String, UInt16)])
    func `a foreign project is forbidden`(project: String, status: UInt16) async throws {
        #expect(try await api.call(.get, "/v1/things", project: project).status == status)
        #expect(try await api.call(.get, "/v1/things?projectuid=\(project)").status == status)
    }
}
