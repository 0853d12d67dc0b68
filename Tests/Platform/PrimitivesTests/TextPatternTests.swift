import Primitives
import Testing

@Suite("Patterns in linear time")
struct TextPatternTests {
    @Test(arguments: [
        ("^a+$", "aaa", true), ("^a+$", "aab", false), ("b", "abc", true), ("", "x", true),
        ("^(a|b)*c$", "ababc", true), ("^(a|b)*c$", "abxc", false),
        ("^[a-z][a-z0-9-]{0,14}$", "br-lan0", true), ("^[a-z][a-z0-9-]{0,14}$", "-br", false),
        ("^[a-z][a-z0-9-]{0,3}$", "abcde", false), (#"size=\d+"#, "size=150", true),
        (#"size=\d+"#, "size=s", false), (#"^\w+\.\w+$"#, "a.b", true),
        (#"^\w+\.\w+$"#, "ab", false), ("^(?:ab){2}$", "abab", true),
        ("^(?:ab){2}$", "ab", false), ("^(?:ab){2,}$", "ababab", true), ("^a??$", "a", true),
        ("(?i)^abc$", "aBC", true), ("^a(?i:b)c$", "aBc", true), ("^a(?i:b)c$", "aBC", false),
        ("^[^/]+$", "a/b", false), ("^[]a]+$", "]a", true), (#"^[\d\-.]+$"#, "1-2.3", true),
        ("^[[:alpha:]_]+$", "a_b", true), ("^[[:alpha:]_]+$", "a1", false),
        (#"\bcat\b"#, "a cat sat", true), (#"\bcat\b"#, "concat", false),
        ("^.$", "é", true), ("a.c", "a\nc", false), ("(?s)a.c", "a\nc", true),
        ("^b", "a\nb", false), ("(?m)^b$", "a\nb\nc", true), (#"\x41\x{42}"#, "AB", true),
        ("^(?P<year>[0-9]{4})-x{,3}$", "2026-x{,3}", true), ("^$", "", true), ("a|", "b", true),
    ])
    func `finds what RE2 finds`(_ pattern: String, _ text: String, _ isFound: Bool) throws {
        let read = try #require(TextPattern(pattern), "\(pattern)")
        #expect(read.isFound(in: text) == isFound, "\(pattern) in \(text)")
    }

    @Test(arguments: [
        "(", ")", "a)", "[a", "[z-a]", "*a", "a**", #"\"#, #"\8"#, #"\p{L}"#, "(?=a)", "(?!a)",
        "(?<=a)b", "a{3,2}", "a{2000}", "((a{100}){100}){100}", "(?q)a",
        String(repeating: "(", count: 500) + String(repeating: ")", count: 500),
        String(repeating: "a", count: 2000),
    ])
    func `refuses what is no pattern or too large`(_ pattern: String) {
        #expect(TextPattern(pattern) == nil)
    }

    // Matched by trying, each of these takes longer than the universe has.
    @Test(arguments: ["^(a+)+$", "^(a|a)*$", "^(a*)*b$", "^(a?){500}a{500}$"])
    func `hostile patterns take no longer than others`(_ pattern: String) throws {
        let read = try #require(TextPattern(pattern))
        let text = String(repeating: "a", count: 2000) + "!"
        let clock = ContinuousClock()
        let time = clock.measure { #expect(!read.isFound(in: text)) }
        #expect(time < .seconds(30), "\(time)")
    }
}

@Suite("Networks in CIDR notation")
struct AddressRangeTests {
    @Test(arguments: [
        ("10.0.0.0/8", "10.96.0.0/12", true), ("192.168.0.0/16", "10.96.0.0/12", false),
        ("10.0.0.7", "10.0.0.0/24", true), ("10.0.1.7", "10.0.0.0/24", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("fd00::/108", "fd00::ff", true),
        ("fd00::/108", "fd01::/16", false), ("10.0.0.255/24", "10.0.0.1/32", true),
        ("fd00::/64", "fd00:0:0:0:8000::/65", true), ("::/0", "fd00::1", true),
    ])
    func `overlap when an address is in both`(_ one: String, _ other: String, _ is: Bool) throws {
        let (left, right) = (
            try #require(AddressRange(one)), try #require(AddressRange(other))
        )
        #expect(left.overlaps(right) == `is`)
        #expect(right.overlaps(left) == `is`)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "fd00::/129",
        "host/8", "10.0.0.0/+8",
    ])
    func `refuses what is no network`(_ text: String) {
        #expect(AddressRange(text) == nil)
    }
}
