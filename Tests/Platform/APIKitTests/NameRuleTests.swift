import APIKit
import Testing

@Suite("Names and filters")
struct NameRuleTests {
    @Test(arguments: [
        "", "Zürich", "a b", "店舗 12", "חנות", "e\u{301}", "👨\u{200D}👩\u{200D}👧", "-", "..",
    ])
    func `takes what people write`(_ name: String) {
        #expect(NameRule.flaw(in: name) == nil)
    }

    @Test(arguments: [
        " ", "\u{A0}\u{3000}", "\u{200B}", "\u{FEFF} \u{3164}", " a", "a\u{2003}", "a\nb", "a\u{0}",
        "a\u{1B}[31m", "a\u{85}b", "a\u{2028}b", "gpj\u{202E}exe.", "a\u{2066}b", "a\u{200F}b",
        "\u{61C}a",
    ])
    func `refuses what cannot be seen or turns the text`(_ name: String) {
        #expect(NameRule.flaw(in: name) != nil)
    }

    @Test(arguments: [
        ("", []), ("a=1", ["a=1"]), ("metadata.uid=BRAND", ["metadata.uid=BRAND"]),
        ("spec.name=aANDspec.version=1", ["spec.name=a", "spec.version=1"]),
        ("spec.name=aANDsecret=1", ["spec.name=a", "secret=1"]),
        ("spec.name=BRANDANDspec.layer_in_a,b", ["spec.name=BRAND", "spec.layer_in_a,b"]),
        ("spec.name=SANDYANDspec.version=1", ["spec.name=SANDY", "spec.version=1"]),
        ("ANDa=1", ["ANDa=1"]), ("a=1AND", ["a=1AND"]), ("a=1AND=2", ["a=1AND=2"]),
    ])
    func `cuts filters between terms`(text: String, terms: [String]) {
        #expect(FilterTerms.split(text).map(String.init) == terms)
    }
}
