import JSON
import Testing

@Suite("Reading JSON")
struct JSONParserTests {
    @Test(
        arguments: [
            ("null", .null), (" true ", true), ("\n\tfalse\r", false), ("0", 0), ("-0", 0),
            ("-12", -12), ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
            ("1.0", 1.0), ("-0.0", .double(-0.0)), ("1e2", 100.0), ("1E+2", 100.0), ("25e-1", 2.5),
            ("0.1", 0.1), ("123456789012345678901234567890.5", 123456789012345678901234567890.5),
            ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
            ("5e-324", .double(.leastNonzeroMagnitude)), ("1e-400", 0.0), ("0e999999999", 0.0),
            (#""""#, ""), (#""a\"\\\/\b\f\n\r\t\u0041""#, "a\"\\/\u{8}\u{c}\n\r\tA"),
            (#""\u00e9\ud83d\ude00""#, "é😀"), ("\"é😀\u{7f}\u{2028}\"", "é😀\u{7f}\u{2028}"),
            (#""\u0000""#, "\0"),
            (#""twelve bytes and an escape\n and more""#, "twelve bytes and an escape\n and more"),
            ("[]", []), ("[ ]", []), ("[1,[2],{}]", [1, [2], [:]]), ("{}", [:]),
            (#"{"a":1,"b":{"c":[null]}}"#, ["a": 1, "b": ["c": [nil]]]),
            (#"{"":0,"\u0061":1}"#, ["": 0, "a": 1]),
        ] as [(String, JSONValue)]
    )
    func `takes what the RFC allows`(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(text) == value)
    }

    @Test(
        arguments: [
            ("", 0, "empty"), (" ", 1, "should stand"), ("nul", 0, "null"), ("nulll", 4, "follows"),
            ("True", 0, "value should"), ("1 2", 2, "follows"), ("01", 0, "zero"),
            ("-", 1, "digit"),
            ("-01", 0, "zero"), ("+1", 0, "value should"), (".5", 0, "value should"),
            ("1.", 2, "point"), ("1.e3", 2, "point"), ("1e", 2, "exponent"), ("1e+", 3, "exponent"),
            ("0x10", 1, "follows"), ("NaN", 0, "value should"), ("Infinity", 0, "value should"),
            ("9223372036854775808", 0, "64 bits"), ("-9223372036854775809", 0, "64 bits"),
            ("1e400", 0, "too large"), ("-1e400", 0, "too large"),
            ("[", 1, "should stand"), ("[1", 2, "inside an array"), ("[1,]", 3, "value should"),
            ("[,1]", 1, "value should"), ("[1 2]", 3, "comma"), ("]", 0, "value should"),
            ("{", 1, "name"), (#"{"a"}"#, 4, "colon"), (#"{"a":}"#, 5, "value should"),
            (#"{"a":1"#, 6, "inside an object"), (#"{"a":1,}"#, 7, "name"), ("{a:1}", 1, "name"),
            ("{'a':1}", 1, "name"), (#"{"a":1 "b":2}"#, 7, "comma"), ("{1:2}", 1, "name"),
            (#"{"a":1,"b":2,"a":3}"#, 13, "\"a\" is given twice"),
            (#"{"a":1,"\u0061":3}"#, 7, "\"a\" is given twice"),
            (#"""#, 0, "no end"), (#""abc"#, 0, "no end"), (#""a\"#, 2, "inside a string"),
            (#""\q""#, 1, "backslash"), (#""\u12g4""#, 1, "hexadecimal"), (#""\u12"#, 1, "escape"),
            (#""\ud800""#, 1, "surrogate"), (#""\udc00""#, 1, "surrogate"),
            (#""\ud800\ud800""#, 1, "surrogate"), (#""\ud800\n""#, 1, "surrogate"),
            ("\"a\nb\"", 2, "control"), ("\"\0\"", 1, "control"), ("[1]//x", 3, "follows"),
            ("\u{feff}1", 0, "byte order"), ("\u{a0}1", 0, "value should"),
            ("/**/1", 0, "value should"),
        ] as [(String, Int, String)]
    )
    func `refuses what is malformed, naming the place`(text: String, offset: Int, word: String) {
        let error = #expect(throws: JSONError.self) { try JSONParser.parse(text) }
        #expect(error?.offset == offset, "\(text): \(String(describing: error))")
        #expect(error?.reason.contains(word) == true, "\(text): \(String(describing: error))")
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22], [0xFF], [0x31, 0x00],
            [0x22, 0x5C, 0x6E, 0x80, 0x22],
        ] as [[UInt8]]
    )
    func `refuses what is not UTF-8`(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONParser.parse(bytes) }
    }

    @Test func `counts lines and characters for the place of an error`() {
        let error = #expect(throws: JSONError.self) {
            try JSONParser.parse("{\n  \"é\": 1,\n  \"ä\": x}")
        }
        #expect(error?.line == 3)
        #expect(error?.column == 8)
        #expect(error?.description == "line 3, column 8: A value should stand here.")
    }

    @Test(arguments: ["[", "{\"a\":"])
    func `refuses deep nesting without using the stack`(opening: String) {
        let bytes = Array(String(repeating: opening, count: 100_000).utf8)
        for depthMax in [64, .max] {
            let error = #expect(throws: JSONError.self) {
                try JSONParser.parse(bytes, limits: JSONLimits(depthMax: depthMax))
            }
            #expect(error?.reason.contains("nested deeper than") == true)
        }
    }

    @Test func `takes nesting up to the limit`() throws {
        let limits = JSONLimits(depthMax: 3)
        #expect(try JSONParser.parse("[[[1]]]", limits: limits) == [[[1]]])
        #expect(throws: JSONError.self) { try JSONParser.parse("[[[[]]]]", limits: limits) }
    }

    @Test func `refuses more members, bytes or digits than allowed`() throws {
        let limits = JSONLimits(membersMax: 3, bytesMax: 20, numberBytesMax: 5)
        #expect(try JSONParser.parse("[1,2,3]", limits: limits) == [1, 2, 3])
        #expect(throws: JSONError.self) { try JSONParser.parse("[1,2,3,4]", limits: limits) }
        #expect(throws: JSONError.self) { try JSONParser.parse("0.00001", limits: limits) }
        #expect(throws: JSONError.self) {
            try JSONParser.parse("\"aaaaaaaaaaaaaaaaaaaaaaaa\"", limits: limits)
        }
    }

    @Test func `takes a million names in bounded time and finds the one given twice`() {
        var text = "{"
        for number in 0..<1_000_000 { text += "\"k\(number)\":0," }
        text += "\"k7\":1}"
        let limits = JSONLimits(membersMax: 2_000_000, bytesMax: 1 << 30)
        let clock = ContinuousClock()
        let elapsed = clock.measure {
            let error = #expect(throws: JSONError.self) {
                try JSONParser.parse(text, limits: limits)
            }
            #expect(error?.reason.contains("\"k7\" is given twice") == true)
        }
        #expect(elapsed < .seconds(60))
        #expect(throws: JSONError.self) { try JSONParser.parse(text) }
    }

    @Test func `takes a span`() throws {
        let bytes = Array("[1]".utf8)
        #expect(try JSONParser.parse(bytes.span) == [1])
    }

    @Test func `a prefix or a changed byte never traps`() throws {
        let text = #"{"a":[1,-2.5e3,"x\n\ud83d\ude00é",true,null,{"b":{}}],"c":"0123456789abcdef"}"#
        let bytes = Array(text.utf8)
        for count in bytes.indices {
            #expect(throws: JSONError.self) { try JSONParser.parse(Array(bytes[..<count])) }
        }
        for at in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = bytes
                changed[at] = byte
                // Either answer is right here; a trap would end the process.
                guard let value = try? JSONParser.parse(changed) else { continue }
                #expect(try JSONParser.parse(value.jsonBytes()) == value)
            }
        }
    }
}
