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

@Suite("Reading a profile and putting it back")
struct RoundTripTests {
    let bench: Bench

    init() async throws {
        bench = try Bench()
        for version in ["4.0.1", "4.1.0"] { try await bench.importPack("logs", version) }
        try await bench.importPack("web", "1.2.0", chart: true)
        try await bench.importCorePacks()
    }

    /// A generator that gives the same profiles for the same seed.
    struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(sides))
        }

        mutating func layer(_ number: Int) -> JSONValue {
            // Each pack once: two layers of one pack need names of their own.
            if number > 1 || roll(3) == 0 {
                var layer: JSONObject = ["name": .string("vm \(number)/ü"), "type": "manifest"]
                layer["manifests"] = .array((0...roll(3)).map(manifest))
                if roll(2) == 0 { layer["values"] = "pack:\n  vmManifest: true\n" }
                return .object(layer)
            }
            let (pack, tags) = [
                ("logs", ["4.x", "4.0.x", "4.1.0"]), ("web", ["1.x", "1.2.0"]),
            ][number]
            var layer: JSONObject = ["name": .string("l\(number)--\(pack)")]
            layer["tag"] = .string(tags[roll(tags.count)])
            if roll(2) == 0 { layer["type"] = "spectro" }
            switch roll(5) {
            case 0: layer["values"] = "a: 1 # kept\n"
            case 1: layer["values"] = ""
            case 2: layer["presets"] = ["api-off", "Size:big"]
            default: break
            }
            if roll(3) == 0 { layer["manifests"] = .array((0..<roll(3)).map(manifest)) }
            return .object(layer)
        }

        func manifest(_ number: Int) -> JSONValue {
            ["name": .string("m\(number)"), "content": .string("kind: A\nn: \(number)\n")]
        }
    }

    @Test func `changes nothing, for any profile`() async throws {
        for seed in 0..<60 {
            var dice = Dice(state: UInt64(seed))
            let layers = (0..<dice.roll(6)).map { dice.layer($0) }
            let uid = try await bench.create(
                "p\(seed)",
                type: "cluster",
                cloudType: "edge-native",
                packs: layers.isEmpty ? [] : Bench.coreLayers + layers,
                publish: !layers.isEmpty && dice.roll(2) == 0,
                more: ["labels": ["a": "b"], "annotations": ["description": "d"]]
            )
            let path = "/v1/clusterprofiles/\(uid)"
            let before = try bench.state()
            let read = try await bench.get(uid)
            let put = try await bench.api.call(.put, path, project: "p1", body: read)
            #expect(put.status == 204, "seed \(seed): \(put.text)")
            let draft = try #require(read.at("spec/draft"))
            let template = try await bench.api.call(
                .put,
                path,
                project: "p1",
                body: [
                    "metadata": try #require(read["metadata"]),
                    "spec": ["version": "1.0.0", "template": draft],
                ]
            )
            #expect(template.status == 204, "seed \(seed): \(template.text)")
            for layer in draft["packs"]?.elements ?? [] {
                let name = layer["name"]?.text ?? ""
                let escaped = name.replacing(" ", with: "%20").replacing("/", with: "%2F")
                    .replacing("ü", with: "%C3%BC")
                let answer = try await bench.api.call(
                    .put,
                    "\(path)/packs/\(escaped)",
                    project: "p1",
                    body: ["pack": layer]
                )
                #expect(answer.status == 204, "seed \(seed) \(name): \(answer.text)")
            }
            #expect(try bench.state() == before, "seed \(seed)")
        }
    }

    @Test func `keeps what the author left to the pack, also after the train has moved`()
        async throws
    {
        let uid = try await bench.create(packs: [["name": "logs", "tag": "4.x"]], publish: true)
        let old = try await bench.get(uid)
        try await bench.importPack("logs", "4.2.0")
        let before = try bench.state()
        let answer = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)",
            project: "p1",
            body: old
        )
        #expect(answer.status == 204, "\(answer.text)")
        #expect(try bench.state() == before)
    }

    @Test func `a manifest keeps its content by its uid, under any name`() async throws {
        let uid = try await bench.create(packs: [
            [
                "name": "vm", "type": "manifest",
                "manifests": [
                    ["name": "a", "content": "was: a\n"], ["name": "b", "content": "was: b\n"],
                ],
            ]
        ])
        let draft = try await bench.get(uid).at("spec/draft/packs/0/manifests")
        let (a, b) = (draft?[0]?["uid"] ?? nil, draft?[1]?["uid"] ?? nil)
        let answer = try await bench.api.call(
            .put,
            "/v1/clusterprofiles/\(uid)",
            project: "p1",
            body: [
                "metadata": ["name": "site"],
                "spec": [
                    "template": [
                        "packs": [
                            [
                                "name": "renamed", "type": "manifest",
                                "manifests": [
                                    ["name": "b", "uid": a], ["name": "a", "uid": b],
                                    ["name": "c", "content": "is: new\n"],
                                ],
                            ]
                        ]
                    ]
                ],
            ]
        )
        #expect(answer.status == 204, "\(answer.text)")
        let list = try await bench.api.call(
            .get,
            "/v1/clusterprofiles/\(uid)/packs/renamed/manifests",
            project: "p1"
        )
        let shown = list.json["items"]?.elements?.map {
            "\($0.at("metadata/name")?.text ?? "") \($0.at("spec/draft/content")?.text ?? "")"
        }
        #expect(shown == ["b was: a\n", "a was: b\n", "c is: new\n"])
    }

    @Test func `presets are merged into the values and noted in them`() async throws {
        let uid = try await bench.create(packs: [
            ["name": "web", "tag": "1.x", "presets": ["api-off", "big"]]
        ])
        let path = "/v1/clusterprofiles/\(uid)"
        let values = try await bench.get(uid).at("spec/draft/packs/0/values")?.text ?? ""
        #expect(values.hasPrefix("# spectrocloud.com/enabled-presets: API:api-off,Size:big\n"))
        #expect(values.contains("# what it is"))
        #expect(values.contains("replicas: 3"))
        #expect(!values.contains("api: true"))
        let before = try bench.state()
        let again = try await bench.api.call(
            .put,
            path,
            project: "p1",
            body: [
                "metadata": ["name": "site"],
                "spec": [
                    "template": [
                        "packs": [
                            [
                                "name": "web", "tag": "1.x", "values": .string(values),
                                "presets": ["api-off"],
                            ]
                        ]
                    ]
                ],
            ]
        )
        #expect(again.status == 204)
        #expect(try bench.state() == before)
    }
}
