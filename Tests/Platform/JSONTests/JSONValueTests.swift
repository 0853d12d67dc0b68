import JSON
import Testing

@Suite("JSON values, objects and pointers")
struct JSONValueTests {
    @Test func `an object keeps the order but compares without it`() throws {
        let one = try JSONParser.parse(#"{"b":1,"a":2}"#)
        let other = try JSONParser.parse(#"{"a":2,"b":1}"#)
        #expect(one.members?.keys == ["b", "a"])
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one != ["a": 2])
        #expect(one != ["a": 2, "c": 1])
    }

    @Test(arguments: [3, 12, 13, 40])
    func `members are found, changed and removed, however many there are`(count: Int) {
        var members = JSONObject()
        for number in 0..<count { members["k\(number)"] = .int(Int64(number)) }
        #expect(members.count == count)
        for number in 0..<count { #expect(members["k\(number)"] == .int(Int64(number))) }
        members["k1"] = nil
        members["k2"] = "changed"
        #expect(members["k1"] == nil)
        #expect(members["k2"] == "changed")
        #expect(members.keys.first == "k0")
        #expect(members.keys.dropFirst().first == "k2")
        let hasReplaced = members.insert(0, named: "k2")
        let hasAdded = members.insert(0, named: "k1")
        #expect(!hasReplaced)
        #expect(hasAdded)
        #expect(members.keys.last == "k1")
        #expect(members.values.count == count)
    }

    @Test func `accessors answer nil for another kind`() {
        let value: JSONValue = ["s": "x", "i": 1, "d": 1.5, "b": true, "a": [nil]]
        #expect(value["s"]?.text == "x")
        #expect(value["i"]?.integer == 1)
        #expect(value["i"]?.number == 1)
        #expect(value["d"]?.number == 1.5)
        #expect(value["d"]?.integer == nil)
        #expect(value["b"]?.flag == true)
        #expect(value["a"]?[0]?.isNull == true)
        #expect(value["a"]?[1] == nil)
        #expect(value["a"]?[-1] == nil)
        #expect(value["a"]?["s"] == nil)
        #expect(value["a"]?.elements?.count == 1)
        #expect(value["s"]?.integer == nil)
        #expect(value.text == nil)
    }

    @Test func `follows the pointers of the RFC`() throws {
        let value = try JSONParser.parse(
            #"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"m~n":8," ":7}"#
        )
        let expected: [(String, JSONValue?)] = [
            ("", value), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1),
            ("/c%d", 2), ("/m~0n", 8), ("/ ", 7), ("/foo/2", nil), ("/foo/00", nil),
            ("/foo/-", nil), ("/foo/+1", nil), ("/foo/0/x", nil), ("/none", nil),
        ]
        for (text, target) in expected {
            let pointer = try #require(JSONPointer(parsing: text))
            #expect(value[pointer] == target, "\(text)")
        }
    }

    @Test func `builds and reads pointers with escapes`() {
        let pointer = JSONPointer("spec", "a/b~c").appending(3).appending("")
        #expect(pointer.text == "/spec/a~1b~0c/3/")
        #expect(pointer.parts == ["spec", "a/b~c", "3", ""])
        #expect(JSONPointer.root.parts == [])
        for bad in ["a", "/~", "/~2", "/a~/b"] { #expect(JSONPointer(parsing: bad) == nil) }
    }
}
