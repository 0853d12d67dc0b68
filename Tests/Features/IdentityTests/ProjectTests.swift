import APIKit
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Identity

@Suite("Projects")
struct ProjectTests {
    private func create(
        _ site: Site,
        _ name: String,
        as credential: String? = nil
    ) async throws -> TestAnswer {
        try await site.api.call(
            .post,
            "/v1/projects",
            as: credential ?? site.acme.apiKey,
            body: [
                "metadata": [
                    "name": .string(name), "annotations": ["description": "For tests."],
                    "labels": ["team": "north"],
                ]
            ]
        )
    }

    @Test func `a project is created, read, changed and deleted`() async throws {
        let site = try Site()
        let key = site.acme.apiKey
        let rows = try await site.audited {
            let created = try await create(site, "Shops")
            #expect(created.status == 201)
            let path = "/v1/projects/\(created.json["uid"]?.text ?? "")"
            let read = try await site.api.call(.get, path, as: key)
            #expect(read.json["metadata"]?["name"]?.text == "Shops")
            #expect(read.json["metadata"]?["annotations"]?["description"]?.text == "For tests.")
            #expect(read.json["metadata"]?["labels"]?["team"]?.text == "north")
            #expect(
                try await site.api.call(.put, path, as: key, body: read.json).status == 204
            )
            #expect(try await site.api.call(.get, path, as: key).etag == read.etag)
            site.clock.advance(seconds: 5)
            let body: JSONValue = ["metadata": ["name": "Stores"]]
            #expect(try await site.api.call(.put, path, as: key, body: body).status == 204)
            let changed = try await site.api.call(.get, path, as: key)
            #expect(changed.json["metadata"]?["name"]?.text == "Stores")
            #expect(changed.json["metadata"]?["labels"]?.members?.isEmpty == true)
            #expect(changed.etag != read.etag)
            let stale = [("If-Match", read.etag)]
            #expect(
                try await site.api.call(.delete, path, as: key, headers: stale).status == 412
            )
            #expect(try await site.api.call(.delete, path, as: key, body: [:]).status == 204)
            #expect(try await site.api.call(.get, path, as: key).status == 404)
        }
        #expect(rows == ["create project", "update project", "delete project"])
    }

    @Test func `a name is taken once in a tenant`() async throws {
        let site = try Site()
        let uid = try await create(site, "Shops").json["uid"]?.text ?? ""
        let rows = try await site.audited {
            let taken = try await create(site, "Shops")
            #expect(taken.status == 409)
            #expect(taken.code == "DuplicateName")
            let renamed = try await site.api.call(
                .put,
                "/v1/projects/\(uid)",
                as: site.acme.apiKey,
                body: ["metadata": ["name": "Default"]]
            )
            #expect(renamed.status == 409)
        }
        #expect(rows == [])
        #expect(try await create(site, "Shops", as: site.globex.apiKey).status == 201)
    }

    @Test func `a project that holds something is not deleted`() async throws {
        let site = try Site(referrers: [
            { uid, _, _ in
                [
                    Referrer("edgehost", uid: "device-153", name: "till"),
                    Referrer("p", uid: uid, name: ""),
                ]
            },
            { _, countMax, _ in
                (0..<99).prefix(countMax).map {
                    Referrer("clusterprofile", uid: "\($0)", name: "n")
                }
            },
        ])
        let path = "/v1/projects/\(site.acme.projectUID)"
        for query in ["", "?cleanupProjectResources=true"] {
            let rows = try await site.audited {
                let refused = try await site.api.call(
                    .delete,
                    path + query,
                    as: site.acme.apiKey
                )
                #expect(refused.status == 409)
                #expect(refused.code == "ResourceInUse")
                let referrers = refused.json["details"]?["referrers"]
                #expect(referrers?.elements?.count == 12)
                #expect(referrers?[0]?["uid"]?.text == "device-153")
                #expect(referrers?[1]?["uid"]?.text == site.acme.projectUID)
            }
            #expect(rows == [])
        }
        #expect(try await site.api.call(.get, path, as: site.acme.apiKey).status == 200)
    }

    @Test func `the fifty-first project is refused`() async throws {
        let site = try Site()
        for number in 2...50 { #expect(try await create(site, "p\(number)").status == 201) }
        let refused = try await create(site, "p51")
        #expect(refused.status == 400)
        #expect(refused.code == "ResourceLimitExceeded")
        let first = try await site.api.call(.get, "/v1/projects?limit=30", as: site.acme.apiKey)
        #expect(first.json["items"]?.elements?.count == 30)
        let token = (first.json["listmeta"]?["continue"]?.text ?? "")
            .map { $0 == "=" ? "%3D" : $0 == "+" ? "%2B" : $0 == "/" ? "%2F" : "\($0)" }.joined()
        let second = try await site.api.call(
            .get,
            "/v1/projects?limit=30&continue=\(token)",
            as: site.acme.apiKey
        )
        #expect(second.json["items"]?.elements?.count == 20)
        #expect(second.json["listmeta"]?["continue"]?.text == "")
        let all = try await site.api.call(.get, "/v1/projects?limit=0", as: site.acme.apiKey)
        #expect(all.json["items"]?.elements?.count == 50)
        #expect(
            try await site.api.call(
                .get,
                "/v1/projects?limit=30&continue=\(token)",
                as: site.globex.apiKey
            ).status == 400
        )
    }

    // SECURITY 4 and 5
    @Test func `another tenant's project is unknown, and its header forbidden`() async throws {
        let site = try Site()
        let foreign = "/v1/projects/\(site.globex.projectUID)"
        for (method, body) in [
            (.get, nil), (.put, ["metadata": ["name": "mine"]]), (.delete, nil),
        ] as [(HTTPMethod, JSONValue?)] {
            let answer = try await site.api.call(
                method,
                foreign,
                as: site.acme.apiKey,
                body: body
            )
            #expect(answer.status == 404)
            #expect(answer.code == "ResourceNotFound")
        }
        for (project, status) in [
            (site.acme.projectUID, 200), (site.globex.projectUID, 403), ("nowhere", 403),
        ] as [(String, UInt16)] {
            let answer = try await site.api.call(
                .get,
                "/v1/users/info",
                as: site.acme.apiKey,
                project: project
            )
            #expect(answer.status == status)
        }
        let created = try await site.api.call(
            .post,
            "/v1/projects",
            as: site.acme.apiKey,
            body: [
                "metadata": ["name": "x", "uid": "chosen"],
                "tenantUid": .string(site.globex.tenantUID),
                "spec": ["tenantUid": .string(site.globex.tenantUID)],
            ]
        )
        let uid = created.json["uid"]?.text ?? ""
        #expect(uid != "chosen")
        #expect(
            try await site.api.call(.get, "/v1/projects/\(uid)", as: site.globex.apiKey).status
                == 404
        )
    }

    @Test(arguments: [("", 3), ("?name=sho", 1), ("?name=SHOPS", 1), ("?name=nothing", 0)])
    func `names are listed and searched`(query: String, count: Int) async throws {
        let site = try Site()
        _ = try await create(site, "Shops")
        _ = try await create(site, "Depots")
        let answer = try await site.api.call(
            .get,
            "/v1/dashboard/projects/metadata\(query)",
            as: site.acme.apiKey
        )
        #expect(answer.json["items"]?.elements?.count == count)
        #expect(!answer.text.contains(site.globex.projectUID))
    }

    @Test func `people are listed without what is theirs`() async throws {
        let site = try Site()
        _ = try site.addMember()
        let answer = try await site.api.call(.get, "/v1/users", as: site.acme.apiKey)
        let emails = answer.json["items"]?.elements?.compactMap { $0["spec"]?["emailId"]?.text }
        #expect(emails == ["admin@acme.example", "member@acme.example"])
        #expect(answer.json["listmeta"]?["count"]?.integer == 2)
        #expect(!answer.text.contains("plain:") && !answer.text.contains("globex"))
    }
}
