import APIKit
import HTTPCore
import JSON
import Storage
import TestSupport
import Testing

@testable import Profiles

@Suite("Variables of profiles")
struct VariableTests {
    let bench: Bench
    let uid: String

    init() async throws {
        bench = try Bench()
        uid = try await bench.create(packs: [
            [
                "name": "x", "type": "manifest", "values": "a: 1\n",
                "manifests": [["name": "m", "content": "kind: A\n"]],
            ]
        ])
    }

    private func send(
        _ method: HTTPMethod,
        _ variables: [JSONValue],
        headers: [(String, String)] = [],
        as credential: String = "admin"
    ) async throws -> TestAnswer {
        try await bench.api.call(
            method,
            "/v1/clusterprofiles/\(uid)/variables",
            as: credential,
            project: credential == "other-admin" ? "q1" : "p1",
            headers: headers,
            body: ["variables": .array(variables)]
        )
    }

    private func shown() async throws -> TestAnswer {
        try await bench.api.call(.get, "/v1/clusterprofiles/\(uid)/variables", project: "p1")
    }

    private func names() async throws -> [String] {
        try await shown().json["variables"]?.elements?.compactMap { $0["name"]?.text } ?? []
    }

    @Test func `are replaced, changed and kept in their order`() async throws {
        #expect(try await names() == [])
        #expect(try await send(.put, [["name": "b"], ["name": "a"]]).status == 204)
        #expect(try await names() == ["b", "a"])
        let patched = try await send(.patch, [["name": "c"], ["name": "b", "required": true]])
        #expect(patched.status == 204)
        #expect(try await names() == ["b", "a", "c"])
        #expect(try await shown().json.at("variables/0/required") == true)
        #expect(try await send(.put, [["name": "a"]]).status == 204)
        #expect(try await names() == ["a"])
        #expect(try bench.audit() == ["create", "update", "update", "update"])
    }

    @Test func `what is shown is put back and changes nothing`() async throws {
        let variables: [JSONValue] = [
            [
                "name": "pick", "displayName": "Pick", "description": "d", "format": "ipv4",
                "inputType": "dropdown", "required": true, "hidden": true, "immutable": true,
                "options": [
                    ["value": "10.0.0.1", "label": "one", "description": "x", "default": true],
                    ["value": "10.0.0.2"],
                ],
            ],
            [
                "name": "secret", "isSensitive": true, "defaultValue": "10.1.0.0/16",
                "format": "ipv4cidr", "regex": "^10",
            ],
        ]
        #expect(try await send(.put, variables).status == 204)
        let first = try await shown()
        #expect(!first.text.contains("10.1.0.0"))
        #expect(first.json.at("variables/1/defaultValue") == "********")
        let back = try #require(first.json["variables"]?.elements)
        let before = try bench.state()
        for method in [HTTPMethod.put, .patch] {
            #expect(try await send(method, back).status == 204)
        }
        #expect(try bench.state() == before)
        #expect(try await shown().etag == first.etag)
        let kept = try bench.database.read { try ProfileStore.find(uid, $0)?.variableList }
        #expect(kept?.last?.defaultValue == "10.1.0.0/16")
        let other = try await send(
            .patch,
            [
                ["name": "new", "isSensitive": true, "defaultValue": "********"]
            ]
        )
        #expect(other.faults == ["/variables/0/defaultValue MaskedValue"])
    }

    @Test func `all faults are told at once`() async throws {
        let answer = try await send(
            .put,
            [
                ["name": "a", "displayName": "A"],
                ["name": "a", "displayName": "A"],
                ["name": "hidden", "hidden": true, "required": true],
                ["name": "fixed", "immutable": true],
                ["name": "empty", "inputType": "dropdown"],
                ["name": "undecided", "inputType": "dropdown", "options": [["value": "x"]]],
                [
                    "name": "else", "inputType": "dropdown", "options": [["value": "x"]],
                    "defaultValue": "y",
                ],
                [
                    "name": "twice", "inputType": "dropdown",
                    "options": [["value": "x", "default": true], ["value": "x"]],
                ],
                ["name": "text", "options": [["value": "x"]]],
                ["name": "lines", "defaultValue": "a\nb"],
                ["name": "nested", "defaultValue": "{{ .spectro.var.a }}"],
                ["name": "pattern", "regex": "(a)\\1"],
                ["name": "mismatch", "regex": "^a$", "defaultValue": "b"],
                ["name": "secret", "isSensitive": true, "inputType": "dropdown"],
            ]
        )
        #expect(
            answer.faults == [
                "/variables/1/name DuplicateName", "/variables/1/displayName DuplicateName",
                "/variables/2/defaultValue Required", "/variables/3/defaultValue Required",
                "/variables/4/options Required", "/variables/5/defaultValue Required",
                "/variables/6/defaultValue NotAllowed",
                "/variables/7/options/1/value DuplicateName", "/variables/8/options NotAllowed",
                "/variables/9/defaultValue InvalidValue",
                "/variables/10/defaultValue InvalidValue",
                "/variables/11/regex InvalidPattern", "/variables/12/defaultValue InvalidValue",
                "/variables/13/inputType NotAllowed",
            ]
        )
        #expect(try await names() == [])
        let shape = try await send(.put, [["name": "a b"], [:], ["name": "c", "format": "float"]])
        #expect(
            shape.faults == [
                "/variables/0/name InvalidName", "/variables/1/name Required",
                "/variables/2/format NotAllowed",
            ]
        )
        let missing = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/variables",
            project: "p1",
            body: [:]
        )
        #expect(missing.faults == ["/variables Required"])
    }

    @Test(arguments: [
        ("string", ["x", " "], []),
        ("number", ["1", "-1.5", "1e3"], ["one", "0x1", "nan", "inf"]),
        ("boolean", ["true", "false"], ["1", "0", "True"]),
        ("version", ["1.2.3", "1.0.0-rc.1"], ["1.2", "v1.2.3"]),
        ("ipv4", ["10.0.0.1"], ["10.0.0", "10.0.0.256", "::1", "10.0.0.1/8"]),
        (
            "ipv4cidr", ["10.0.0.0/8", "1.2.3.4/32"],
            ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/08", "::/0"]
        ),
        ("ipv6", ["::1", "fe80::1"], ["10.0.0.1", "fe80::g", "::1/64"]),
        ("base64", ["YQ=="], ["YQ", "?"]),
    ])
    func `a default has the form of its format`(format: String, good: [String], bad: [String])
        async throws
    {
        for (values, status) in [(good, UInt16(204)), (bad, 400)] {
            for value in values {
                let answer = try await send(
                    .put,
                    [
                        ["name": "a", "format": .string(format), "defaultValue": .string(value)]
                    ]
                )
                #expect(answer.status == status, "\(format) \(value)")
            }
        }
    }

    @Test(arguments: [
        ("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-1", "A"), ("\\d{2,4}", "x123", "1"),
        ("^(?:dev|prod)-\\w+$", "dev-1", "test-1"), ("(?i)^[[:alpha:]]+$", "aB", "1"),
        // Engines that try all ways never end here.
        ("^(a+)+$", "aaaa", String(repeating: "a", count: 60) + "b"),
    ])
    func `a regular expression decides`(pattern: String, good: String, bad: String) async throws {
        for (value, status) in [(good, 204), (bad, 400)] {
            let answer = try await send(
                .put,
                [["name": "a", "regex": .string(pattern), "defaultValue": .string(value)]]
            )
            #expect(answer.status == status, "\(pattern) \(value)")
        }
    }

    @Test func `regular expressions check so much text at once, and no more`() async throws {
        let long = JSONValue.string(String(repeating: "a", count: 8192))
        func variables(_ count: Int) -> [JSONValue] {
            (0..<count).map { ["name": .string("v\($0)"), "regex": "a$", "defaultValue": long] }
        }
        #expect(try await send(.put, variables(8)).status == 204)
        #expect(try await send(.put, variables(9)).faults == ["/variables TooLarge"])
        let longer = JSONValue.string(String(repeating: "a", count: 8193))
        let one = try await send(.put, [["name": "v", "regex": "a$", "defaultValue": longer]])
        #expect(one.faults == ["/variables/0/defaultValue InvalidValue"])
    }

    @Test func `one that a layer refers to stays`() async throws {
        _ = try await send(.put, [["name": "used"], ["name": "free"]])
        let changed = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)/packs/x",
            project: "p1",
            body: [
                "pack": ["name": "x", "type": "manifest", "values": "a: {{ .spectro.var.used }}\n"]
            ]
        )
        #expect(changed.status == 204, "\(changed.text)")
        let refused = try await send(.put, [["name": "free"]])
        #expect(refused.code == "ResourceInUse")
        #expect(refused.json["details"]?["layers"] == ["x"])
        #expect(try await send(.put, [["name": "used"]]).status == 204)
    }

    @Test func `belong to their profile, and to whoever has read it last`() async throws {
        #expect(try await send(.put, [], as: "reader").status == 403)
        #expect(try await send(.put, [], as: "other-admin").status == 404)
        let tag = try await shown().etag
        #expect(try await send(.put, [["name": "a"]], headers: [("If-Match", tag)]).status == 204)
        for method in [HTTPMethod.put, .patch] {
            let late = try await send(method, [["name": "b"]], headers: [("If-Match", tag)])
            #expect(late.status == 412)
        }
        #expect(try await names() == ["a"])
    }

    @Test func `come with a new profile`() async throws {
        let answer = try await bench.api.call(
            .post,
            "/v1/clusterprofiles",
            project: "p1",
            body: [
                "metadata": ["name": "other"],
                "spec": [
                    "template": ["type": "system"],
                    "variables": [
                        ["name": "a"],
                        [
                            "name": "a", "format": "ipv4",
                            "defaultValue": "x",
                        ],
                    ],
                ],
            ]
        )
        #expect(
            answer.faults == [
                "/spec/variables/1/name DuplicateName",
                "/spec/variables/1/defaultValue InvalidValue",
            ]
        )
    }
}
