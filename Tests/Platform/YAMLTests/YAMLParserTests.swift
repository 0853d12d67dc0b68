import JSON
import Testing
import YAML

@Suite("Reading YAML")
struct YAMLParserTests {
    private func refusal(of text: String, limits: YAMLLimits = YAMLLimits()) -> YAMLError? {
        do throws(YAMLError) {
            for document in try YAML.parse(text, limits: limits) { _ = try document.json() }
            return nil
        } catch {
            return error
        }
    }

    @Test(
        arguments: [
            ("~", nil), ("null", nil), ("a:", ["a": nil]), ("true", true), ("False", false),
            ("yes", "yes"), ("on", "on"), ("12", 12), ("+12", 12), ("-3", -3), ("0", 0),
            ("0644", "0644"), ("0o17", 15), ("0xfF", 255), ("0x", "0x"), ("0b1", "0b1"),
            ("1_000", "1_000"), ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5),
            ("+1.5", 1.5),
            ("1e3", 1000.0), ("1E-2", 0.01), ("1e", "1e"), (".", "."), ("-", [nil]),
            ("1.2.3", "1.2.3"),
            ("12:30:45", "12:30:45"), ("2001-01-01", "2001-01-01"), ("\"12\"", "12"),
            ("'true'", "true"),
            ("!!str 12", "12"), ("! 12", "12"), ("!!int 12", 12), ("!!float 1", 1.0),
            ("!!int \"12\"", 12),
            ("!!null ''", nil), ("{}", [:]), ("[]", []), ("[1, {a: b}]", [1, ["a": "b"]]),
            ("a: |\n  x\n  y\n", ["a": "x\ny\n"]), ("a: >-\n  x\n  y\n", ["a": "x y"]),
            ("a: b c\n  d", ["a": "b c d"]), ("ü: 日本", ["ü": "日本"]), ("\"\\u00e9\"", "é"),
            ("a: &x {b: 1}\nc: *x", ["a": ["b": 1], "c": ["b": 1]]),
            (
                "d: &d {a: 1, b: 2}\ne:\n  <<: *d\n  a: 3",
                ["d": ["a": 1, "b": 2], "e": ["a": 3, "b": 2]]
            ),
            ("e:\n  <<: [{a: 1}, {a: 2, b: 2}]", ["e": ["a": 1, "b": 2]]),
            ("\"<<\": 1", ["<<": 1]), ("%YAML 1.2\n---\na: 1", ["a": 1]), ("? a\n: b", ["a": "b"]),
            ("true: 1\n2: 3", ["true": 1, "2": 3]), ("a: 1\r\nb: 2\r\n", ["a": 1, "b": 2]),
        ] as [(String, JSONValue)]
    )
    func `resolves by the core schema`(text: String, value: JSONValue) throws {
        let documents = try YAML.parse(text)
        #expect(documents.count == 1)
        #expect(try documents.first?.json() == value)
    }

    @Test func `reads streams of documents`() throws {
        let documents = try YAML.parse("# none\n---\na: 1\n---\n- 2\n...\n---\n")
        #expect(try documents.map { try $0.json() } == [["a": 1], [2], nil])
        #expect(try YAML.parse("").isEmpty)
        #expect(try YAML.parse("# only a comment\n").isEmpty)
        #expect(try YAML.parseSingle(Array("a: 1".utf8))?["a"]?.int == 1)
        let error = #expect(throws: YAMLError.self) {
            try YAML.parseSingle(Array("a: 1\n---\nb: 2".utf8))
        }
        #expect(error?.line == 3)
    }

    @Test(arguments: [
        ("a: b: c", 1, "colon"), ("a:\n\t- b", 2, "tabs"), ("a: [1, 2", 1, "comma"),
        ("a: {b: 1", 1, "comma"), ("a: \"x", 1, "quotes"), ("a: 1\n b: 2", 2, "colon"),
        ("- a\nb: c", 2, "list item"), ("a: 1\n- b", 2, "key"), ("a: @b", 1, "quote"),
        ("a: 1\n\na: 2", 3, "in line 1 and in line 3"), ("1: a\n\"1\": b", 2, "twice"),
        ("b: {a: 1, a: 2}", 1, "twice"), ("? [a]\n: b", 1, "key must be text"),
        ("&a [x]: b", 1, "key must be text"), ("a: &x [1]\n*x : 2", 2, "key must be text"),
        ("a: *none", 1, "no anchor"), ("a: &a [*a]", 1, "no anchor"),
        ("--- &a 1\n---\n*a", 3, "no anchor"), ("!foo a", 1, "!foo"),
        ("!!python/object:os.system x", 1, "python"), ("!!binary aGk=", 1, "binary"),
        ("!!set {a}", 1, "set"), ("!!map a", 1, "tag"), ("!!str {a: 1}", 1, "tag"),
        ("%TAG !e! tag:evil,2020:\n---\n!e!x a", 3, "evil"), ("!!int x", 1, "fit its tag"),
        ("!!bool 1", 1, "fit its tag"), ("9223372036854775808", 1, "64 bits"),
        ("0xffffffffffffffffff", 1, "64 bits"), ("1e999", 1, "too large"), (".inf", 1, "no form"),
        ("a: -.Inf", 1, "no form"), (".nan", 1, "no form"), ("<<: 1", 1, "merged"),
        ("\u{feff}a: 1", 1, "byte order"), ("a: \u{1}", 1, "Control"), ("a\n\n\u{0}", 3, "Control"),
        ("\"\\ud800\"", 1, ""), ("a: }", 1, ""), ("%YAML 9.9\n---\na", 1, ""), ("a: 'b' c", 1, ""),
    ])
    func `refuses with the line and a sentence`(text: String, line: Int, word: String) {
        let error = refusal(of: text)
        #expect(error?.line == line, "\(text): \(String(describing: error))")
        #expect(error?.reason.contains(word) == true, "\(text): \(String(describing: error))")
        #expect(error?.reason.hasSuffix(".") == true, "\(text): \(String(describing: error))")
    }

    @Test func `refuses what is not UTF-8`() {
        for bytes in [[0x61, 0xFF], [0xFF, 0xFE, 0x61, 0], [0xED, 0xA0, 0x80], [0xC0, 0x80]]
            as [[UInt8]]
        {
            #expect(throws: YAMLError.self) { try YAML.parse(bytes) }
        }
    }

    @Test func `refuses an alias bomb in bounded time`() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for number in 1..<30 {
            let alias = Array(repeating: "*a\(number - 1)", count: 10).joined(separator: ", ")
            text += "a\(number): &a\(number) [\(alias)]\n"
        }
        #expect(refusal(of: text)?.reason.contains("aliases") == true)
        var wide = "a: &a \"" + String(repeating: "x", count: 100_000) + "\"\nb:\n"
        for _ in 0..<1_000 { wide += "- *a\n" }
        #expect(refusal(of: wide)?.reason.contains("aliases") == true)
        var deep = "a0: &a0 [x]\n"
        for number in 1..<100 { deep += "a\(number): &a\(number) [*a\(number - 1)]\n" }
        #expect(refusal(of: deep)?.reason.contains("deeper") == true)
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "a:\n", "[{a: ", "!!str ", "&a ", "{", "*a "])
    func `refuses deep and huge texts in bounded time`(piece: String) {
        let elapsed = ContinuousClock().measure {
            _ = refusal(of: String(repeating: piece, count: 50_000))
        }
        #expect(elapsed < .seconds(30))
    }

    @Test func `refuses more values, levels or bytes than allowed`() {
        #expect(refusal(of: "[1, 2]", limits: YAMLLimits(nodesMax: 3)) == nil)
        #expect(refusal(of: "[1, 2, 3]", limits: YAMLLimits(nodesMax: 3)) != nil)
        #expect(refusal(of: "[[1]]", limits: YAMLLimits(depthMax: 3)) == nil)
        #expect(refusal(of: "[[[1]]]", limits: YAMLLimits(depthMax: 3)) != nil)
        #expect(refusal(of: "abcdef", limits: YAMLLimits(bytesMax: 5)) != nil)
        let deep = String(repeating: "[", count: 1_000)
        #expect(refusal(of: deep, limits: YAMLLimits(depthMax: .max)) != nil)
    }

    @Test func `gives places in bytes, beyond ASCII too`() throws {
        let text = "ä: ö\n\"日\": [1, \"é\"]\n"
        let bytes = Array(text.utf8)
        let root = try #require(try YAML.parse(text).first)
        let list = try #require(root["日"])
        #expect(list.start.line == 2)
        #expect(list.start.column == 6)
        #expect(
            String(decoding: bytes[list.start.offset..<list.endOffset], as: UTF8.self)
                == "[1, \"é\"]"
        )
        let last = try #require(list[1])
        #expect(
            String(decoding: bytes[last.start.offset..<last.endOffset], as: UTF8.self) == "\"é\""
        )
        #expect(root["ä"]?.text == "ö")
    }

    @Test func `looks values up by key and position`() throws {
        let root = try #require(try YAML.parse("a:\n  b: [1, yes, x]\n  <<: {c: true}").first)
        #expect(root["a"]?["b"]?[0]?.int == 1)
        #expect(root["a"]?["b"]?[1]?.bool == nil)
        #expect(root["a"]?["b"]?[2]?.text == "x")
        #expect(root["a"]?["b"]?[3] == nil)
        #expect(root["a"]?["c"]?.bool == true)
        #expect(root["a"]?["b"]?[0]?.text == "1")
        #expect(root["a"]?["b"]?[0]?.string == nil)
        #expect(root["none"]?["b"] == nil)
    }

    @Test func `a prefix or a changed byte never traps`() {
        let good = Array(
            "a: &x {b: [1, 'c', \"\\u00e9\"], d: !!str 1}\ne: *x\nf: |2\n   g\n? h\n: i\n...\n---\n- é\n"
                .utf8
        )
        let seed = UInt64.random(in: .min ... .max)
        var source = SampleSource(seed: seed)
        for count in good.indices { _ = try? YAML.parse(Array(good[..<count])) }
        for _ in 0..<5_000 {
            var changed = good
            for _ in 0...source.below(3) {
                changed[source.below(UInt64(changed.count))] = UInt8(source.below(256))
            }
            for document in (try? YAML.parse(changed)) ?? [] { _ = try? document.json() }
        }
    }
}
