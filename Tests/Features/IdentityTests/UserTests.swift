import APIKit
import Crypto
import HTTPCore
import JSON
import TestSupport
import Testing

@testable import Identity

@Suite("Making a person")
struct UserTests {
    private func create(
        _ site: Site,
        _ spec: JSONValue,
        as key: String? = nil
    ) async throws -> TestAnswer {
        try await site.api.call(
            .post,
            "/v1/users",
            as: key ?? site.acme.apiKey,
            body: ["spec": spec]
        )
    }

    private func bearer(_ site: Site, _ email: String, _ password: String) async throws -> String {
        let answer = try await site.logIn(email, password)
        return answer.json["Authorization"]?.text ?? ""
    }

    @Test func `lets them sign in, see who they are and do no more`() async throws {
        let site = try Site()
        let made = try await create(
            site,
            [
                "emailId": " Ann@Acme.example", "firstName": "Ann", "lastName": "Lee",
                "password": "First-pass-1", "roles": nil, "teams": [],
            ]
        )
        #expect(made.status == 201, "\(made.text)")
        let token = try await bearer(site, "ann@acme.example", "First-pass-1")
        func call(_ method: HTTPMethod, _ target: String) async throws -> TestAnswer {
            try await site.api.call(method, target, as: nil, headers: [("Authorization", token)])
        }
        let info = try await call(.get, "/v1/users/info")
        #expect(info.json["userUid"] == made.json["uid"])
        #expect(info.json["tenantUid"]?.text == site.acme.tenantUID)
        #expect(try await call(.get, "/v1/projects").status == 403)
        #expect(try await call(.get, "/v1/users").status == 403)
        let list = try await site.api.call(.get, "/v1/users", as: site.acme.apiKey)
        let ann = list.json["items"]?.elements?.first { $0["metadata"]?["uid"] == made.json["uid"] }
        #expect(ann?["metadata"]?["name"]?.text == "Ann Lee")
        #expect(ann?["spec"]?["emailId"]?.text == "ann@acme.example")
        #expect(ann?["spec"]?["roles"] == [])
        let others = try await site.api.call(.get, "/v1/users", as: site.globex.apiKey)
        #expect(!others.text.contains("ann@acme.example"))
    }

    @Test func `may make a second Tenant Admin, of this organisation alone`() async throws {
        let site = try Site()
        let spec: JSONValue = [
            "emailId": "bob@acme.example", "password": "First-pass-1", "roles": ["tenant-admin"],
        ]
        #expect(try await create(site, spec).status == 201)
        let token = try await bearer(site, "bob@acme.example", "First-pass-1")
        let list = try await site.api.call(
            .get,
            "/v1/users",
            as: nil,
            headers: [("Authorization", token)]
        )
        #expect(list.status == 200)
        #expect(list.json["items"]?.elements?.count == 2)
        #expect(!list.text.contains("globex"))
    }

    @Test func `without a password lets nobody sign in`() async throws {
        let site = try Site()
        #expect(try await create(site, ["emailId": "ann@acme.example"]).status == 201)
        for password in ["", "First-pass-1", PasswordHash.decoy] {
            let answer = try await site.logIn("ann@acme.example", password)
            #expect(answer.status == (password.isEmpty ? 400 : 401), "\(answer.text)")
        }
    }

    @Test func `is for Tenant Admins, who take an address once`() async throws {
        let site = try Site()
        let spec: JSONValue = ["emailId": "ann@acme.example"]
        let member = try site.addMember()
        #expect(try await create(site, spec, as: member.key).status == 403)
        #expect(try await create(site, spec).status == 201)
        let again = try await create(site, ["emailId": "ANN@acme.example"])
        #expect(again.status == 409)
        #expect(again.code == "DuplicateName")
        // The other organisation's address book is not ours.
        #expect(try await create(site, spec, as: site.globex.apiKey).status == 201)
    }

    @Test(
        arguments: [
            ([:], ["/spec/emailId Required"]),
            (["emailId": "nobody"], ["/spec/emailId InvalidEmail"]),
            (
                ["emailId": "a@b.c", "password": "short1!"],
                ["/spec/password UppercaseRequired"]
            ),
            (["emailId": "a@b.c", "roles": ["root"]], ["/spec/roles UnknownRole"]),
            (["emailId": "a@b.c", "teams": ["t"]], ["/spec/teams UnknownTeam"]),
            (["emailId": "a@b.c", "firstName": " "], ["/spec/firstName NotAllowed"]),
        ] as [(JSONValue, [String])]
    )
    func `is refused with what is wrong`(spec: JSONValue, faults: [String]) async throws {
        let site = try Site()
        let answer = try await create(site, spec)
        #expect(answer.status == 400)
        #expect(answer.faults == faults)
    }

    @Test func `stops at the number that an organisation may have`() async throws {
        let site = try Site()
        for number in 1..<Account.countMax {
            let spec: JSONValue = ["emailId": .string("p\(number)@acme.example")]
            #expect(try await create(site, spec).status == 201)
        }
        let last = try await create(site, ["emailId": "last@acme.example"])
        #expect(last.status == 400)
        #expect(last.code == "ResourceLimitExceeded")
    }
}

@Suite("Finding projects")
struct ProjectSearchTests {
    private static func names(_ site: Site, _ body: JSONValue, _ query: String = "") async throws
        -> [String]
    {
        let answer = try await site.api.call(
            .post,
            "/v1/dashboard/projects\(query)",
            as: site.acme.apiKey,
            body: body
        )
        return (answer.json["items"]?.elements ?? []).compactMap { $0["metadata"]?["name"]?.text }
    }

    @Test func `filters by name, sorts and pages`() async throws {
        let site = try Site()
        for name in ["Shops", "shelves", "Ports"] {
            site.clock.advance(seconds: 1)
            let made = try await site.api.call(
                .post,
                "/v1/projects",
                as: site.acme.apiKey,
                body: ["metadata": ["name": .string(name)]]
            )
            #expect(made.status == 201)
        }
        let all = ["Default", "Ports", "Shops", "shelves"]
        #expect(try await Self.names(site, [:]) == all)
        #expect(try await Self.names(site, ["filter": ["name": ["eq": ""]]]) == all)
        let begins: JSONValue = ["filter": ["name": ["beginsWith": "SH"]]]
        #expect(try await Self.names(site, begins) == ["Shops", "shelves"])
        let exact: JSONValue = ["filter": ["name": ["beginsWith": "Sh", "ignoreCase": false]]]
        #expect(try await Self.names(site, exact) == ["Shops"])
        let newest: JSONValue = ["sort": [["field": "creationTimestamp", "order": "desc"]]]
        #expect(try await Self.names(site, newest) == ["Ports", "shelves", "Shops", "Default"])
        let page = try await site.api.call(
            .post,
            "/v1/dashboard/projects?limit=3",
            as: site.acme.apiKey,
            body: newest
        )
        #expect(page.json["listmeta"]?["count"]?.integer == 4)
        let next = page.json["listmeta"]?["continue"]?.text ?? ""
        #expect(!next.isEmpty)
        #expect(try await Self.names(site, newest, "?limit=3&continue=\(next)") == ["Default"])
    }

    @Test func `refuses an order that there is not`() async throws {
        let site = try Site()
        let answer = try await site.api.call(
            .post,
            "/v1/dashboard/projects",
            as: site.acme.apiKey,
            body: ["sort": [["field": "secret", "order": "up"]]]
        )
        #expect(answer.status == 400)
        #expect(answer.faults == ["/sort/0/order NotAllowed", "/sort/0/field NotAllowed"])
    }
}
