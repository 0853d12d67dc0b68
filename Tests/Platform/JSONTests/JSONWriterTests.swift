import JSON
import Primitives
import Testing

@Suite("Writing JSON")
struct JSONWriterTests {
    private func text(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(decoding: writer.finish(), as: UTF8.self)
    }

    @Test func `sets commas between members and elements`() {
        let text = text { writer in
            writer.object {
                $0.field("uid", "u1")
                $0.field("count", 3)
                $0.field("big", Int64.min)
                $0.field("ready", true)
                $0.field("share", 0.5)
                $0.field("names", ["a", "b"])
                $0.field("tags", ["b": "2", "a": "1"])
                $0.field("none", Int?.none)
                $0.optionalField("left out", String?.none)
                $0.optionalField("given", "x")
                $0.field("spec", object: { $0.field("size", 1) })
                $0.field(
                    "list",
                    array: { list in
                        list.array([1, 2]) { $0.int($1) }
                        list.object { _ in }
                        list.null()
                    }
                )
                $0.field("stored", raw: Array("{\"a\":1}".utf8))
                $0.key("dynamic \"\(1)\"" as String)
                $0.value(JSONValue.array([1, [:]]))
            }
        }
        #expect(
            text == #"{"uid":"u1","count":3,"big":-9223372036854775808,"ready":true,"#
                + #""share":0.5,"names":["a","b"],"tags":{"a":"1","b":"2"},"none":null,"#
                + #""given":"x","spec":{"size":1},"list":[[1,2],{},null],"stored":{"a":1},"#
                + #""dynamic \"1\"":[1,{}]}"#
        )
    }

    @Test(arguments: [
        ("", #""""#), ("plain", #""plain""#), ("a\"b\\c/", #""a\"b\\c/""#),
        ("\u{8}\t\n\u{c}\r\0\u{1f}\u{7f}", "\"\\b\\t\\n\\f\\r\\u0000\\u001f\u{7f}\""),
        ("é😀\u{2028}", "\"é😀\u{2028}\""),
    ])
    func `escapes what must be escaped and nothing else`(value: String, expected: String) {
        #expect(text { $0.string(value) } == expected)
        #expect(text { $0.string(utf8: Array(value.utf8)) } == expected)
    }

    @Test(
        arguments: [
            (0.0, "0.0"), (-0.0, "-0.0"), (1e21, "1e+21"), (0.1, "0.1"), (.nan, "null"),
            (.infinity, "null"),
        ] as [(Double, String)]
    )
    func `writes numbers that can be read back`(number: Double, expected: String) {
        #expect(text { $0.double(number) } == expected)
    }

    @Test func `writes moments as the API shows them`() {
        let moment = Timestamp(milliseconds: 1_709_238_702_204)
        #expect(text { $0.value([moment]) } == #"["2024-02-29T20:31:42.204Z"]"#)
        #expect(
            text { $0.object { $0.field("at", moment) } } == #"{"at":"2024-02-29T20:31:42.204Z"}"#
        )
    }

    @Test func `appends to bytes that are there already`() {
        var writer = JSONWriter(appendingTo: Array("data: ".utf8))
        writer.bool(true)
        #expect(writer.finish() == Array("data: true".utf8))
    }

    @Test func `lets the error of a closure through`() {
        struct Stop: Error {}
        var writer = JSONWriter()
        #expect(throws: Stop.self) {
            try writer.object { writer throws(Stop) in
                writer.field("a", 1)
                throw Stop()
            }
        }
    }

    @Test func `what is written reads back as the same value`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var source = SampleSource(seed: seed)
        for _ in 0..<2_000 {
            let value = source.value(depth: 0)
            let bytes = value.jsonBytes()
            let back = try JSONParser.parse(bytes)
            #expect(back == value, "seed \(seed)")
            #expect(back.hashValue == value.hashValue, "seed \(seed)")
            #expect(back.jsonBytes() == bytes, "seed \(seed)")
        }
    }
}

/// Random values from a seed that a failing test prints.
struct SampleSource {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        // SplitMix64.
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: UInt64) -> Int { Int(next() % bound) }

    mutating func text() -> String {
        let pieces = [
            "a", "Z", "\"", "\\", "\n", "\0", "\u{1f}", "é", "日本", "😀", "key", "/", "~", " ",
            "a longer run of plain text", "\u{2028}",
        ]
        return (0..<below(6)).map { _ in pieces[below(UInt64(pieces.count))] }.joined()
    }

    mutating func value(depth: Int) -> JSONValue {
        switch below(depth > 4 ? 5 : 7) {
        case 0: return .null
        case 1: return .bool(next() & 1 == 0)
        case 2: return .int(Int64(bitPattern: next()) >> Int64(below(64)))
        case 3:
            let number = Double(bitPattern: next())
            return .double(number.isFinite ? number : Double(below(1_000)) / 8)
        case 4: return .string(text())
        case 5: return .array((0..<below(5)).map { _ in value(depth: depth + 1) })
        default:
            var members = JSONObject()
            for _ in 0..<below(20) { members[text()] = value(depth: depth + 2) }
            return .object(members)
        }
    }
}
