import Appliances
import Testing

@Suite("The rules of IDs and tags")
struct ApplianceIDTests {
    @Test(arguments: [
        "device-153", "a", "A_b-9", "4c4c4544-0042-3510-8052-b4c04f4d3732", "[rack]",
        String(repeating: "x", count: 128),
    ])
    func `takes an ID as it is`(_ text: String) {
        #expect(ApplianceID(text)?.text == text)
    }

    @Test(arguments: [
        ("", "Required"), (String(repeating: "x", count: 129), "TooLong"),
        (String(repeating: "x", count: 10_240), "TooLong"), ("a b", "InvalidCharacter"),
        (" a", "InvalidCharacter"), ("a ", "InvalidCharacter"), ("a\u{0}", "InvalidCharacter"),
        ("a\n", "InvalidCharacter"), ("a\u{7F}", "InvalidCharacter"), ("..", "InvalidCharacter"),
        ("a.", "InvalidCharacter"), ("%2e%2e", "InvalidCharacter"),
        ("dеvice", "InvalidCharacter"), ("ｄevice", "InvalidCharacter"),
        ("device\u{200B}", "InvalidCharacter"), ("metadata", "Reserved"), ("register", "Reserved"),
        ("tags", "Reserved"), ("tokens", "Reserved"),
    ])
    func `refuses what is no ID`(_ text: String, _ code: String) {
        #expect(ApplianceID.fault(in: text)?.code == code)
        #expect(ApplianceID(text) == nil)
    }

    @Test(arguments: Array("/?#&+%,$~!@*(){}|=;:<>'.^\""))
    func `refuses each forbidden character`(_ character: Character) {
        #expect(ApplianceID("a\(character)b") == nil)
    }

    @Test func `tells IDs of different case apart`() {
        #expect(ApplianceID("Device") != ApplianceID("device"))
        #expect(ApplianceID("TAGS") != nil)
    }

    @Test(arguments: [
        (["": "x"], "Required"), (["a:b": "x"], "InvalidCharacter"),
        (["a\n": "x"], "InvalidCharacter"), (["a": "\u{1B}[31m"], "InvalidCharacter"),
        ([String(repeating: "k", count: 129): "x"], "TooLong"),
        (["k": String(repeating: "v", count: 257)], "TooLong"),
    ])
    func `refuses what is no tag`(_ pairs: [String: String], _ code: String) {
        #expect(Tags.faults(in: pairs).map(\.code) == [code])
    }

    @Test func `takes tags with and without values`() {
        let pairs = ["a": "b:c", "till": Tags.placeholder, "empty": "", "größe": "ä b"]
        #expect(Tags.faults(in: pairs).isEmpty)
        #expect(Tags(pairs).texts == ["a:b:c", "empty", "größe:ä b", "till"])
    }

    @Test func `has a name when the name tag has a value`() {
        #expect(Tags(["name": "Store 12"]).displayName == "Store 12")
        #expect(Tags(["name": ""]).displayName == nil)
        #expect(Tags(["name": Tags.placeholder]).displayName == nil)
        #expect(Tags(["Name": "x"]).displayName == nil)
    }

    @Test func `goes from state to state as its life does`() {
        #expect(ApplianceState.unpaired.after(.pair) == .ready)
        #expect(ApplianceState.unpaired.after(.pair, isHeld: true) == .inUse)
        #expect(ApplianceState.unpaired.after(.associate) == nil)
        #expect(ApplianceState.ready.after(.associate) == .inUse)
        #expect(ApplianceState.inUse.after(.release) == .ready)
        #expect(ApplianceState.inUse.after(.replace) == .unpaired)
        #expect(ApplianceState.ready.after(.replace) == .unpaired)
    }
}
