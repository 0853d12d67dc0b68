import APIKit
import AgentContract
import Archive
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Profiles

@Suite("Finding profiles")
struct ListTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        for (number, project) in [nil, "p1", "p1", "p2", "p1", nil].enumerated() {
            let answer = try await bench.api.call(
                .post,
                "/v1/clusterprofiles",
                project: project,
                body: [
                    "metadata": [
                        "name": .string("BRAND\(number / 2)"),
                        "labels": ["n": .string("\(number)")],
                    ],
                    "spec": [
                        "version": .string("1.\(number).0"),
                        "template": [
                            "type": number == 1 ? "infra" : "system",
                            "cloudType": number == 1 ? "libvirt" : "all",
                        ],
                    ],
                ]
            )
            try #require(answer.status == 201)
        }
        _ = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            as: "other-admin",
            body: ["metadata": ["name": "BRAND0"]]
        )
    }

    func versions(_ answer: TestAnswer) -> [String] {
        (answer.json["items"]?.elements ?? []).compactMap {
            $0.at("spec/version")?.text ?? $0.at("specSummary/version")?.text
        }
    }

    @Test func `a project's list holds its own and the tenant's, page by page`() async throws {
        var found: [String] = []
        var target = "/v1/clusterprofiles?limit=2"
        for offset in [2, 4, 5] {
            let page = try await bench.api.call(.get, target, project: "p1")
            #expect(page.json.at("listmeta/count") == 5)
            #expect(page.json.at("listmeta/offset") == .int(Int64(offset)))
            found += versions(page)
            let token = page.json.at("listmeta/continue")?.text ?? ""
            #expect(token.isEmpty == (offset == 5))
            let escaped = token.replacing("+", with: "%2B").replacing("=", with: "%3D")
            target = "/v1/clusterprofiles?limit=2&continue=\(escaped)"
        }
        #expect(found == ["1.0.0", "1.1.0", "1.2.0", "1.4.0", "1.5.0"])
    }

    @Test(arguments: [
        ("", ["1.0.0", "1.1.0", "1.2.0", "1.4.0", "1.5.0"]),
        ("filters=metadata.name=BRAND0", ["1.0.0", "1.1.0"]),
        ("filters=metadata.name=BRAND0ANDspec.version=1.1.0", ["1.1.0"]),
        ("filters=spec.version_in_1.2.0,1.5.0,9.0.0", ["1.2.0", "1.5.0"]),
        ("filters=spec.type=infra", ["1.1.0"]),
        ("filters=metadata.uid=none", []),
        ("filters=metadata.name=x'%20OR%201=1", []),
        ("orderBy=metadata.name=-1,spec.version=1", ["1.4.0", "1.5.0", "1.2.0", "1.0.0", "1.1.0"]),
        ("orderBy=spec.version=-1&limit=2&offset=1", ["1.4.0", "1.2.0"]),
        ("limit=0", ["1.0.0", "1.1.0", "1.2.0", "1.4.0", "1.5.0"]),
        ("offset=9", []),
    ])
    func `a list is filtered and ordered`(query: String, wanted: [String]) async throws {
        let answer = try await bench.api.call(
            .get,
            "/v1/clusterprofiles?\(query)",
            project: "p1"
        )
        #expect(answer.status == 200)
        #expect(versions(answer) == wanted)
    }

    @Test(arguments: [
        "filters=secret=1", "filters=metadata.name", "orderBy=draft=1", "orderBy=metadata.name=2",
        "filters=spec.version_in_1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
    ])
    func `what cannot be compared or sorted by is refused`(query: String) async throws {
        let answer = try await bench.api.call(.get, "/v1/clusterprofiles?\(query)")
        #expect(answer.status == 422)
    }

    @Test(
        arguments: [
            ([:], ["1.0.0", "1.1.0", "1.2.0", "1.4.0", "1.5.0"]),
            (["filter": [:], "sort": []], ["1.0.0", "1.1.0", "1.2.0", "1.4.0", "1.5.0"]),
            (["filter": ["profileName": ["contains": "brand0"]]], ["1.0.0", "1.1.0"]),
            (["filter": ["profileName": ["eq": "brand0", "ignoreCase": false]]], []),
            (["filter": ["profileType": ["infra"]]], ["1.1.0"]),
            (["filter": ["scope": "tenant"]], ["1.0.0", "1.5.0"]),
            (["filter": ["tags": ["eq": ["n:2", "n:3"]]]], ["1.2.0"]),
            (["filter": ["version": ["gt": "1.1.0", "lt": "1.5.0"]]], ["1.2.0", "1.4.0"]),
            (
                ["sort": [["field": "profileName", "order": "desc"]]],
                ["1.4.0", "1.5.0", "1.2.0", "1.0.0", "1.1.0"]
            ),
        ] as [(JSONValue, [String])]
    )
    func `the search takes typed filters`(body: JSONValue, wanted: [String]) async throws {
        let answer = try await bench.api.call(
            .post,
            "/v1/dashboard/clusterprofiles?limit=25",
            project: "p1",
            body: body
        )
        #expect(answer.status == 200, "\(answer.text)")
        #expect(versions(answer) == wanted)
    }

    @Test func `the search refuses unknown words, all at once`() async throws {
        let answer = try await bench.api.call(
            .post,
            "/v1/dashboard/clusterprofiles",
            body: [
                "filter": ["profileType": ["x"], "scope": "moon"],
                "sort": [["field": "secret", "order": "up"]],
            ]
        )
        #expect(answer.status == 422)
        #expect(answer.faults.count == 4)
    }

    @Test func `pickers get names and versions`() async throws {
        let answer = try await bench.api.call(
            .get,
            "/v1/dashboard/clusterprofiles/metadata",
            project: "p2"
        )
        #expect(versions(answer) == ["1.0.0", "1.3.0", "1.5.0"])
        let uid = answer.json.at("items/0/metadata/uid")?.text ?? ""
        let summary = try await bench.api.call(
            .get,
            "/v1/dashboard/clusterprofiles/\(uid)",
            project: "p2"
        )
        #expect(summary.json.at("specSummary/draft/type") == "system")
        #expect(summary.json.at("metadata/annotations/scope") == "tenant")
    }
}
