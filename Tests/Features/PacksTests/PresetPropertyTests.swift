import Testing
import YAML

@testable import Packs

/// What holds for any values that a user wrote and any choice of presets.
@Suite("Presets, for any values")
struct PresetPropertyTests {
    let presets: [Preset]

    init() throws {
        presets = try #require(try SamplePack().read().draft).presets
    }

    /// A generator that gives the same values for the same seed.
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(sides))
        }

        /// A member that no preset speaks of, written as people write them.
        mutating func foreign(_ number: Int, indent: String) -> [String] {
            let key = "\(indent)k\(number)"
            let forms: [[String]] = [
                ["\(key): 'it''s'   # kept"], ["\(indent)# a note of its own", "\(key):    12"],
                ["\(key):", "\(indent)  - a # first", "\(indent)  - \"b: c\""],
                ["\(key): |", "\(indent)  # no comment", "\(indent)  text"],
                ["", "\(key): {flow: [1, 2]}"], ["\(key): ü  "], ["\(key): ~"],
                ["\(key):", "\(indent)    deep:   # odd indent", "\(indent)      er: 1"],
            ]
            return forms[roll(forms.count)]
        }

        /// Values with the members that presets change somewhere in them.
        mutating func values() -> (text: String, foreign: [String]) {
            var lines: [String] = []
            var foreign: [String] = []
            func add(_ made: [String]) {
                lines += made
                foreign += made
            }
            add(["# the head"])
            for number in 0..<roll(4) { add(self.foreign(number, indent: "")) }
            add(["manifests:"])
            add(["  web:"])
            var changed = ["    port: 80", "    api: true", "    replicas: 1"]
            for number in 10..<(12 + roll(3)) {
                add(self.foreign(number, indent: "    "))
                if !changed.isEmpty { lines.append(changed.remove(at: roll(changed.count))) }
            }
            add(self.foreign(20, indent: "    "))
            for number in 30..<(30 + roll(3)) { add(self.foreign(number, indent: "")) }
            return (lines.joined(separator: "\n") + "\n", foreign)
        }
    }

    private func apply(_ chosen: [String], _ text: String) throws -> String {
        String(
            decoding: try PresetMerger.apply(chosen, of: presets, to: Array(text.utf8)),
            as: UTF8.self
        )
    }

    private static let choices = [
        ["api-off"], ["api-on"], ["big"], ["api-off", "big"], ["api-on", "big"],
    ]

    @Test func `all lines that no preset speaks of stay as they are, in order`() throws {
        for seed in 0..<300 {
            var dice = Dice(state: UInt64(seed))
            let (text, foreign) = dice.values()
            let chosen = Self.choices[dice.roll(Self.choices.count)]
            let result = try apply(chosen, text)
            var rest = result.split(separator: "\n", omittingEmptySubsequences: false)[...]
            for line in foreign {
                guard let at = rest.firstIndex(of: line[...]) else {
                    Issue.record("seed \(seed): '\(line)' is gone\n\(text)---\n\(result)")
                    return
                }
                rest = rest[(at + 1)...]
            }
        }
    }

    @Test func `what is chosen is there, what it removes is not, whatever was there before`()
        throws
    {
        for seed in 0..<300 {
            var dice = Dice(state: UInt64(seed))
            let text = dice.values().text
            for chosen in Self.choices {
                let result = try apply(chosen, text)
                let web = try PackYAML.node(Array(result.utf8))?["manifests"]?["web"]
                let before = try PackYAML.node(Array(text.utf8))?["manifests"]?["web"]
                let isOff = chosen.contains("api-off")
                let port = isOff ? "81" : before?["port"]?.text
                let api = isOff ? nil : chosen.contains("api-on") ? "true" : before?["api"]?.text
                let replicas = chosen.contains("big") ? "3" : before?["replicas"]?.text
                #expect(web?["port"]?.text == port, "seed \(seed) \(chosen)")
                #expect(web?["api"]?.text == api, "seed \(seed) \(chosen)")
                #expect(web?["replicas"]?.text == replicas, "seed \(seed) \(chosen)")
                #expect(try apply(chosen, result) == result, "seed \(seed) \(chosen)")
                #expect(try apply(chosen.reversed(), text) == result, "seed \(seed) \(chosen)")
            }
        }
    }

    /// CHK-4.4.
    @Test func `of one group the last choice is the one that counts`() throws {
        for seed in 0..<100 {
            var dice = Dice(state: UInt64(seed))
            let text = dice.values().text
            let off = try apply(["api-off"], text)
            let on = try apply(["api-on"], off)
            #expect(try PackYAML.node(Array(on.utf8))?["manifests"]?["web"]?["api"]?.text == "true")
            #expect(throws: (any Error).self) { try apply(["api-on", "api-off"], text) }
        }
    }
}
