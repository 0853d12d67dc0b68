import APIKit
import Testing

@testable import Packs

@Suite("Presets")
struct PresetMergerTests {
    let presets: [Preset]
    let values: [UInt8]

    init() throws {
        let pack = try SamplePack()
        presets = try #require(try pack.read().draft).presets
        values = Array("# kept\n\(pack.text("values.yaml"))".utf8)
    }

    private func apply(_ chosen: [String]) throws -> String {
        String(
            decoding: try PresetMerger.apply(chosen, of: presets, to: values),
            as: UTF8.self
        )
    }

    @Test func `no choice leaves the bytes as they are`() throws {
        #expect(try PresetMerger.apply([], of: presets, to: values) == values)
    }

    @Test func `removes first, then merges`() throws {
        let text = try apply(["api-off"])
        #expect(text.hasPrefix("# kept\n"))
        #expect(!text.contains("api"))
        #expect(text.contains("port: 81"))
        #expect(text.contains("namespace: web"))
    }

    @Test func `one preset of each group, in any order, gives the same bytes`() throws {
        let text = try apply(["api-off", "big"])
        #expect(text.contains("replicas: 3"))
        #expect(try apply(["Size:big", "API:api-off", "big"]) == text)
    }

    @Test func `applying a choice twice changes nothing more`() throws {
        let once = try PresetMerger.apply(["big"], of: presets, to: values)
        #expect(try PresetMerger.apply(["big"], of: presets, to: once) == once)
    }

    @Test func `unknown names and two of one group are each a fault`() throws {
        let failure = try #require(throws: Failure.self) {
            try PresetMerger.apply(
                ["nope", "api-on", "API:api-off"],
                of: presets,
                to: values,
                pointer: "/p"
            )
        }
        #expect(failure.code == .ruleViolated)
        #expect(
            failure.faults.map { "\($0.pointer) \($0.code)" } == [
                "/p/0 UnknownPreset", "/p/2 PresetConflict",
            ]
        )
    }

    @Test func `values that are no mapping are a fault, not a crash`() {
        for text in ["- a\n", "a: [", "just text"] {
            #expect(throws: Failure.self) {
                try PresetMerger.apply(["big"], of: presets, to: Array(text.utf8))
            }
        }
    }
}

@Suite("Schema rules")
struct SchemaRuleTests {
    @Test func `reads flags, format and hints`() throws {
        let rule = try #require(
            SchemaRule(
                path: "a.b",
                #"{{ required | readonly | format "${list:[x, y]}" | hints "one" "two \"2\"" }}"#
            )
        )
        #expect(rule.isRequired && rule.isReadOnly)
        #expect(rule.type == "list" && rule.options == ["x", "y"])
        #expect(rule.hints == ["one", "two \"2\""])
    }

    @Test func `keeps a regular expression whole, bars and escapes too`() throws {
        let rule = try #require(
            SchemaRule(path: "a", #"{{ format "${string:/^(a|b)\d+$/}" }}"#)
        )
        #expect(rule.type == "string" && rule.regex == #"^(a|b)\d+$"#)
    }

    @Test func `several placeholders have no single type`() throws {
        let rule = try #require(SchemaRule(path: "a", #"{{ format "${ipv4} - ${ipv4}" }}"#))
        #expect(rule.type.isEmpty && rule.format == "${ipv4} - ${ipv4}")
    }

    @Test(arguments: [
        "", "required", "{{ }}", "{{ frobnicate }}", "{{ format }}", #"{{ format "a }}"#, "{{",
        "}}", "{{}", #"{{ "x" | required }}"#,
    ])
    func `refuses other forms`(text: String) {
        #expect(SchemaRule(path: "a", text) == nil)
    }
}
