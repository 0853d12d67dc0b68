import APIKit
import Appliances
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@Suite("Searching appliances")
struct SearchTests {
    static let path = "/v1/dashboard/edgehosts/search"

    static func text(
        _ property: String,
        _ comparison: String,
        _ values: [String],
        negation: Bool = false,
        ignoreCase: Bool = false
    ) -> JSONValue {
        [
            "property": .string(property), "type": "string",
            "condition": [
                "string": [
                    "operator": .string(comparison), "negation": .bool(negation),
                    "ignoreCase": .bool(ignoreCase),
                    "match": [
                        "conjunction": "or", "values": .array(values.map(JSONValue.string)),
                    ],
                ]
            ],
        ]
    }

    static func body(_ items: JSONValue...) -> JSONValue {
        ["filter": ["conjunction": "and", "filterGroups": [["filters": .array(items)]]]]
    }

    private func uids(_ answer: TestAnswer) -> [String] {
        (answer.json["items"]?.elements ?? []).compactMap { $0["metadata"]?["uid"]?.text }
    }

    private func fleet() async throws -> Site {
        let site = try Site()
        try await site.register("a-1", labels: ["name": "Zürich", "region": "north"])
        try await site.register("b-2", labels: ["till": Tags.placeholder])
        try await site.register("B-3", spec: ["archType": "arm64"])
        try await site.register("else", labels: ["region": "north"], project: "p1")
        try site.pair("b-2")
        return site
    }

    @Test func `is told all that is wrong with its shape and its sense at once`() async throws {
        let site = try Site()
        let text: (String, JSONValue) -> JSONValue = { comparison, match in
            [
                "property": "name", "type": "string",
                "condition": ["string": ["operator": .string(comparison), "match": match]],
            ]
        }
        let body: JSONValue = [
            "filter": [
                "conjunction": "xor",
                "filterGroups": [
                    [
                        "filters": [
                            "text", ["property": "colour"], text("like", ["values": ["x"]]),
                            text("eq", ["values": []]), text("eq", ["values": [5]]),
                        ]
                    ]
                ],
            ],
            "sort": [["field": "colour"]],
        ]
        let answer = try await site.api.call(.post, Self.path, body: body)
        #expect(answer.status == 400)
        #expect(answer.code == "InvalidBody")
        let at = "/filter/filterGroups/0/filters"
        #expect(
            answer.faults == [
                "/filter/conjunction NotAllowed", at + "/0 WrongType",
                at + "/4/condition/string/match/values/0 WrongType",
                at + "/1/property UnknownProperty",
                at + "/2/condition/string/operator UnknownOperator",
                at + "/3/condition/string/match/values Required", "/sort/0/field UnknownField",
            ]
        )
        let messages = answer.json["details"]?["errors"]?.elements?.compactMap {
            $0["message"]?.text
        }
        #expect(messages?[1] == "Item 0 of 'filters' must be an object, not a string.")
        #expect(messages?[2] == "Item 0 of 'values' must be a string, not a number.")
    }

    @Test func `refuses a page that is larger than a page`() async throws {
        let site = try await fleet()
        let refused = try await site.api.call(.post, Self.path + "?limit=51", body: [:])
        #expect(refused.status == 422)
        #expect(refused.faults == ["query/limit OutOfRange"])
        let both = try await site.api.call(.post, Self.path + "?limit=51&offset=x", body: [:])
        #expect(both.status == 400)
        #expect(both.faults == ["query/offset OutOfRange", "query/limit OutOfRange"])
        for limit in ["50", "0"] {
            let taken = try await site.api.call(.post, Self.path + "?limit=\(limit)", body: [:])
            #expect(taken.status == 200)
        }
        // A list gives what a page holds.
        #expect(try await site.api.call(.get, "/v1/edgehosts?limit=51").status == 200)
    }

    @Test func `finds by every kind of condition`() async throws {
        let site = try await fleet()
        let cases: [(JSONValue, [String])] = [
            ([:], ["a-1", "b-2", "B-3"]), (["filter": [:], "sort": []], ["a-1", "b-2", "B-3"]),
            (["filter": ["filterGroups": nil], "sort": nil], ["a-1", "b-2", "B-3"]),
            (
                ["filter": ["conjunction": "or", "filterGroups": [["filters": []]]]],
                ["a-1", "b-2", "B-3"]
            ),
            (Self.body(Self.text("name", "eq", ["Zürich"])), ["a-1"]),
            (Self.body(Self.text("uid", "beginsWith", ["b"])), ["b-2"]),
            (Self.body(Self.text("uid", "beginsWith", ["b"], ignoreCase: true)), ["b-2", "B-3"]),
            (Self.body(Self.text("uid", "contains", ["-"])), ["a-1", "b-2", "B-3"]),
            (Self.body(Self.text("uid", "contains", ["%", "_"])), []),
            (Self.body(Self.text("state", "eq", ["ready"])), ["b-2"]),
            (Self.body(Self.text("state", "eq", ["ready"], negation: true)), ["a-1", "B-3"]),
            (Self.body(Self.text("healthState", "eq", ["healthy"])), []),
            (Self.body(Self.text("architecture", "eq", ["arm64", "x"])), ["B-3"]),
            (Self.body(Self.text("tags", "eq", ["region:north"])), ["a-1"]),
            (Self.body(Self.text("tags", "eq", ["till"])), ["b-2"]),
            (Self.body(Self.text("tags", "eq", ["till:spectro__tag"])), ["b-2"]),
            (
                Self.body(
                    Self.text("uid", "beginsWith", ["B"], ignoreCase: true),
                    Self.text("state", "eq", ["unpaired"])
                ), ["B-3"]
            ),
            (
                Self.body([
                    "property": "tags",
                    "condition": [
                        "keyValue": [
                            "key": "region", "operator": "contains", "match": ["values": ["ort"]],
                        ]
                    ],
                ]), ["a-1"]
            ),
            (
                Self.body([
                    "property": "isPaired", "type": "bool",
                    "condition": ["bool": ["value": true]],
                ]), ["b-2"]
            ),
            (
                Self.body([
                    "property": "creationTimestamp", "type": "date",
                    "condition": [
                        "date": [
                            "operator": "range",
                            "match": [
                                "values": ["2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"]
                            ],
                        ]
                    ],
                ]), ["a-1", "b-2", "B-3"]
            ),
            (
                Self.body([
                    "property": "cpuCores", "type": "float",
                    "condition": ["float": ["operator": "lt", "match": ["values": [0.5]]]],
                ]), ["a-1", "b-2", "B-3"]
            ),
        ]
        for (body, expected) in cases {
            let answer = try await site.api.call(.post, Self.path, body: body)
            #expect(uids(answer) == expected, "\(body)")
            #expect(answer.json["listmeta"]?["count"]?.integer == Int64(expected.count))
        }
        let sorted = try await site.api.call(
            .post,
            Self.path,
            body: [
                "sort": [["field": "state", "order": "asc"], ["field": "name", "order": "desc"]]
            ]
        )
        #expect(uids(sorted) == ["b-2", "a-1", "B-3"])
    }

    @Test func `refuses what it does not know, all at once`() async throws {
        let site = try await fleet()
        let answer = try await site.api.call(
            .post,
            Self.path,
            body: [
                "filter": [
                    "filterGroups": [
                        [
                            "filters": [
                                Self.text("hostPairingKey", "eq", ["x"]),
                                Self.text("a.uid) OR 1=1 --", "eq", ["x"]),
                                Self.text("name", "matches", ["(a+)+$"]),
                                Self.text("name", "eq", []),
                                ["property": "cpuCores", "type": "int", "condition": [:]],
                                [
                                    "property": "creationTimestamp",
                                    "condition": [
                                        "date": ["operator": "gt", "match": ["values": ["now"]]]
                                    ],
                                ],
                            ]
                        ],
                        ["filterGroups": [["filters": []]]],
                    ]
                ],
                "sort": [["field": "credential_digest"], ["field": "name", "order": "up"]],
            ]
        )
        #expect(answer.status == 422)
        #expect(
            answer.faults == [
                "/filter/filterGroups/0/filters/0/property UnknownProperty",
                "/filter/filterGroups/0/filters/1/property UnknownProperty",
                "/filter/filterGroups/0/filters/2/condition/string/operator UnknownOperator",
                "/filter/filterGroups/0/filters/3/condition/string/match/values Required",
                "/filter/filterGroups/0/filters/4/condition/int Required",
                "/filter/filterGroups/0/filters/5/condition/date/match/values/0 WrongType",
                "/filter/filterGroups/1/filterGroups TooDeep", "/sort/0/field UnknownField",
                "/sort/1/order NotAllowed",
            ]
        )
        let wrong = try await site.api.call(
            .post,
            Self.path,
            body: ["filter": [], "sort": 7, "continue": "x"]
        )
        #expect(wrong.status == 400)
        #expect(
            Set(wrong.faults) == ["/filter WrongType", "/sort WrongType", "/continue NotHere"]
        )
    }

    @Test func `refuses a filter that costs too much`() async throws {
        let site = try await fleet()
        let many = (0..<10_000).map { "v\($0)" }
        let answer = try await site.api.call(
            .post,
            Self.path,
            body: Self.body(Self.text("name", "contains", many))
        )
        #expect(answer.status == 422 && answer.faults == ["/filter TooCostly"])
        let group: JSONValue = ["filters": [Self.text("name", "eq", ["x"])]]
        let groups = try await site.api.call(
            .post,
            Self.path,
            body: ["filter": ["filterGroups": .array(Array(repeating: group, count: 51))]]
        )
        #expect(groups.status == 422 && groups.faults == ["/filter/filterGroups TooMany"])
    }

    @Test func `pages over 51 appliances by token and by offset, in any order`() async throws {
        let site = try Site()
        for number in 0..<51 {
            try await site.register("device-\(number)", labels: ["name": "n\(number % 7)"])
        }
        let sorts: [JSONValue] = [
            [:], ["sort": [["field": "name", "order": "desc"]]],
            ["sort": [["field": "state"], ["field": "name"]]],
        ]
        for body in sorts {
            let all = uids(try await site.api.call(.post, Self.path + "?limit=0", body: body))
            #expect(Set(all).count == 51)
            let first = try await site.api.call(.post, Self.path, body: body)
            let meta = try #require(first.json["listmeta"])
            #expect(uids(first) == Array(all.prefix(50)))
            #expect(meta["count"]?.integer == 51 && meta["offset"]?.integer == 50)
            let token = try #require(meta["continue"]?.text)
            let second = try await site.api.call(
                .post,
                Self.path + "?continue=" + escaped(token),
                body: body
            )
            #expect(uids(second) == [all[50]])
            #expect(second.json["listmeta"]?["continue"]?.text == "")
            let byOffset = try await site.api.call(.post, Self.path + "?offset=50", body: body)
            #expect(uids(byOffset) == [all[50]])
            var small: [String] = []
            var next: String? = ""
            while let at = next {
                let page = try await site.api.call(
                    .post,
                    Self.path + "?limit=10&continue=" + escaped(at),
                    body: body
                )
                small += uids(page)
                let text = page.json["listmeta"]?["continue"]?.text ?? ""
                next = text.isEmpty ? nil : text
            }
            #expect(small == all)
        }
        let legacy = try await site.api.call(.get, "/v1/edgehosts")
        #expect(uids(legacy).count == 50)
        let token = try #require(legacy.json["listmeta"]?["continue"]?.text)
        let rest = try await site.api.call(.get, "/v1/edgehosts?continue=" + escaped(token))
        #expect(uids(rest).count == 1)
    }

    @Test func `refuses a token that was changed, moved or made for another order`() async throws {
        let site = try Site()
        for number in 0..<51 { try await site.register("device-\(number)") }
        try await site.register("x", as: "other-admin")
        let first = try await site.api.call(.post, Self.path, body: [:])
        let token = try #require(first.json["listmeta"]?["continue"]?.text)
        let calls: [(HTTPMethod, String, String, String?, JSONValue?)] = [
            (.post, Self.path, "other-admin", nil, [:]), (.post, Self.path, "admin", "p1", [:]),
            (.get, "/v1/edgehosts", "admin", nil, nil),
            (.post, Self.path, "admin", nil, ["sort": [["field": "name"]]]),
        ]
        for (method, path, caller, project, body) in calls {
            let answer = try await site.api.call(
                method,
                path + "?continue=" + escaped(token),
                as: caller,
                project: project,
                body: body
            )
            #expect(answer.status == 400, "\(path) \(caller)")
            #expect(answer.faults == ["query/continue InvalidContinue"])
        }
        for changed in ["x", String(token.dropLast(4)) + "AAAA", token + token] {
            let answer = try await site.api.call(
                .post,
                Self.path + "?continue=" + escaped(changed),
                body: [:]
            )
            #expect(answer.status == 400)
        }
    }

    @Test func `lists, filters and sorts as clients of before the searches do`() async throws {
        let site = try await fleet()
        let cases: [(String, [String])] = [
            ("", ["a-1", "b-2", "B-3"]), ("?filters=metadata.uid=b-2", ["b-2"]),
            ("?filters=metadata.uid=BRAND", []),
            ("?filters=status.state=unpairedANDspec.device.archType=arm64", ["B-3"]),
            ("?filters=metadata.name_in_b-2,B-3", ["b-2", "B-3"]),
            ("?orderBy=metadata.name=-1", ["b-2", "a-1", "B-3"]), ("?type=libvirt", []),
            ("?limit=0&type=edge-native", ["a-1", "b-2", "B-3"]),
        ]
        for (query, expected) in cases {
            let answer = try await site.api.call(.get, "/v1/edgehosts" + query)
            #expect(uids(answer) == expected, "\(query)")
        }
        for query in [
            "?filters=spec.host=1", "?filters=x", "?filters=metadata.uid=b-2ANDhost=1",
            "?orderBy=host=1", "?orderBy=a",
        ] {
            #expect(try await site.api.call(.get, "/v1/edgehosts" + query).status == 422)
        }
        #expect(try await site.api.call(.get, "/v1/edgehosts?limit=x").status == 400)
    }

    @Test func `finds by the ID where a name is shown instead`() async throws {
        let site = try await fleet()
        for (comparison, value) in [("eq", "a-1"), ("contains", "-1"), ("eq", "Zürich")] {
            let answer = try await site.api.call(
                .post,
                Self.path,
                body: Self.body(Self.text("name", comparison, [value]))
            )
            #expect(uids(answer) == ["a-1"], "\(comparison) \(value)")
        }
    }

    @Test func `answers the pickers, the tags and the schema`() async throws {
        let site = try await fleet()
        let named = try await site.api.call(
            .post,
            "/v1/dashboard/appliances/metadata",
            body: [
                "filter": ["name": ["contains": "B"], "states": ["unpaired"]],
                "sort": [["field": "name", "order": "asc"]],
            ]
        )
        #expect(uids(named) == ["B-3"])
        let states = try await site.api.call(
            .post,
            "/v1/dashboard/appliances/metadata",
            body: ["filter": ["states": ["x"]]]
        )
        #expect(states.status == 400)
        let quick = try await site.api.call(.get, "/v1/edgehosts/metadata")
        #expect(
            quick.json["edgeHosts"]?.elements?.compactMap { $0["name"]?.text }
                == ["B-3", "Zürich", "b-2"].sorted {
                    Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
                }
        )
        let tags = try await site.api.call(.get, "/v1/edgehosts/tags")
        #expect(tags.json["tags"] == ["name:Zürich", "region:north", "till"])
        let schema = try await site.api.call(.get, Self.path + "/schema")
        #expect(schema.json["schema"]?["properties"]?.elements?.count == 15)
        let elsewhere = try await site.api.call(.get, "/v1/edgehosts/tags", as: "other-admin")
        #expect(elsewhere.json["tags"] == [])
    }
}

/// A query value with the characters that mean something there escaped.
func escaped(_ text: String) -> String {
    text.utf8.reduce(into: "") { result, byte in
        let character = Character(Unicode.Scalar(byte))
        if character.isLetter || character.isNumber {
            result.append(character)
        } else {
            let digits = String(byte, radix: 16)
            result += "%" + (digits.count == 1 ? "0" : "") + digits
        }
    }
}
