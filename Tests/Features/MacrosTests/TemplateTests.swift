import Macros
import Testing

@Suite("References in texts")
struct TemplateTests {
    /// The text with these macros; a fault as its code and place.
    private func render(_ text: String, _ macros: [String: String] = [:]) -> String {
        let template = TemplateText(text)
        var faults = template.faults
        let rendered = template.rendered(faults: &faults) { reference in
            switch reference.target {
            case .macro(let name):
                guard let value = macros[name] else { return .fault(code: "Unknown", message: "") }
                return .value(value)
            case .system: return .unknown
            case .pack: return .value("")
            case .variable: return .masked("****")
            }
        }
        guard faults.isEmpty else {
            return faults.map { "\($0.code) \($0.line):\($0.column)" }.joined(separator: ", ")
        }
        return rendered
    }

    @Test(arguments: [
        ("a: {{ .spectro.macro.zone }}\n", "a: eu\n"),
        ("{{.spectro.macro.zone}}{{.spectro.macro.zone}}", "eueu"),
        ("{{\t.spectro.macro.zone\t}}", "eu"),
        ("{{{ .spectro.macro.zone }}}", "{eu}"),
        ("é: {{ .spectro.macro.a.b-c_1 }}", "é: dotted"),
        ("{{ .Values.x }} {{ $labels.y }} {{", "{{ .Values.x }} {{ $labels.y }} {{"),
        ("{a: {b: 1}} }}", "{a: {b: 1}} }}"),
        (
            "{{ .spectro.system.cluster.name | upper }}",
            "{{ .spectro.system.cluster.name | upper }}"
        ),
        ("{{ .spectro.var.secret | b64enc }}", "****"),
        (
            "# {{ .spectro.macro.nowhere }} {{\n  # { .spectro.x\na",
            "# {{ .spectro.macro.nowhere }} {{\n  # { .spectro.x\na"
        ),
        ("", ""),
    ])
    func `references are replaced and the rest is kept`(text: String, expected: String) {
        #expect(render(text, ["zone": "eu", "a.b-c_1": "dotted"]) == expected)
    }

    @Test(arguments: [
        ("{{ .spectro.macro.x", "UnbalancedBraces 1:1"),
        ("a\n  {{ .spectro.macro.x }\n", "UnbalancedBraces 2:3"),
        ("é {{ .spectro.macro.x\n}}", "UnbalancedBraces 1:3"),
        ("{ .spectro.macro.x }}", "UnbalancedBraces 1:1"),
        ("{{ .spectro.macro.x | {{ .spectro.macro.y }} }}", "UnknownFunction 1:1, Unknown 1:23"),
        ("{{ .spectro.macro.x | shout }}", "UnknownFunction 1:1"),
        ("{{ .spectro.macro.x | }}", "UnknownFunction 1:1"),
        ("{{ .spectro.macro.x upper }}", "UnexpectedText 1:1"),
        ("{{ .spectro.macro.x | default }}", "WrongArguments 1:1"),
        ("{{ .spectro.macro.x | upper 1 }}", "WrongArguments 1:1"),
        ("{{ .spectro.macro.x | trunc \"a\" }}", "WrongArguments 1:1"),
        ("{{ .spectro.macro.x | trunc 99999999999 }}", "WrongArguments 1:1"),
        ("{{ .spectro.macro.x | default \"a }}", "InvalidLiteral 1:1"),
        ("{{ .spectro.macro.x | default \"\\q\" }}", "InvalidLiteral 1:1"),
        ("{{ .spectro.macro.x | default 'a' }}", "InvalidLiteral 1:1"),
        ("{{ .spectro.macro.x | default `a }}", "InvalidLiteral 1:1"),
        ("{{ .spectro.nothing.x }}", "UnknownReference 1:1"),
        ("{{ .spectro.macro }}", "UnknownReference 1:1"),
        ("{{ .spectro }}", "UnknownReference 1:1"),
        ("{{ .spectro.macro..x }}", "UnknownReference 1:1"),
        ("{{ upper .spectro.macro.x }}", "Unsupported 1:1"),
        ("{{- .spectro.macro.zone }}", "Unsupported 1:1"),
        ("{{ .spectro.macro.nowhere }}", "Unknown 1:1"),
        (
            "a: {{ .spectro.macro.x\nb: {{ .spectro.x.y }}",
            "UnbalancedBraces 1:4, UnknownReference 2:4"
        ),
    ])
    func `a fault has its place`(text: String, fault: String) {
        #expect(render(text, ["zone": "eu"]) == fault)
    }

    @Test func `faults and references have a limit`() {
        let broken = TemplateText(String(repeating: "{{ .spectro.x }}\n", count: 1000))
        #expect(broken.faults.count == 20)
        let many = TemplateText(String(repeating: "{{ .spectro.macro.x }}", count: 2001))
        #expect(many.faults.map(\.code) == ["TooMany"])
        let path = String(repeating: "x", count: 600)
        #expect(TemplateText("{{ .spectro.macro.\(path) }}").faults.map(\.code) == ["TooLong"])
        let pipes = String(repeating: "| upper ", count: 9)
        #expect(TemplateText("{{ .spectro.macro.x \(pipes)}}").faults.map(\.code) == ["TooMany"])
    }

    @Test(arguments: [
        ("upper", "mixed Case", "MIXED CASE"), ("lower", "MIXED", "mixed"),
        ("title", "two words", "Two Words"), ("trim", "  a b ", "a b"),
        ("trimAll \"-x\"", "-xa-x", "a"), ("trimPrefix \"v\"", "v1", "1"),
        ("trimSuffix \".git\"", "a.git", "a"), ("nospace", "a b c", "abc"),
        ("default \"x\"", "", "x"), ("default \"x\"", "y", "y"), ("default 8080", "", "8080"),
        ("default `a\\b`", "", "a\\b"), ("default true", "", "true"),
        ("default \"a \\\"q\\\" }}\"", "", "a \"q\" }}"),
        ("quote", "a\"b\\\n", "\"a\\\"b\\\\\\n\""), ("squote", "it's", "'it''s'"),
        ("replace \"a\" \"bb\"", "aXa", "bbXbb"), ("replace \"\" \"b\"", "a", "a"),
        ("trunc 2", "abc", "ab"), ("trunc -2", "abc", "bc"), ("trunc 9", "abc", "abc"),
        ("repeat 3", "ab", "ababab"), ("repeat -1", "ab", ""),
        ("b64enc", "käse", "a8Okc2U="), ("b64dec", "a8Okc2U=", "käse"),
        ("int", "42.9", "42"), ("int", "none", "0"), ("int64", "-7", "-7"), ("int", "nan", "0"),
        ("toString", "1", "1"), ("indent 2", "a\nb", "  a\n  b"), ("nindent 1", "a\nb", "\n a\n b"),
        ("lower | title | quote", "ABC", "\"Abc\""),
    ])
    func `a value goes through functions`(pipes: String, value: String, expected: String) {
        #expect(render("{{ .spectro.macro.x | \(pipes) }}", ["x": value]) == expected)
    }

    @Test func `a value grows no further than its limit`() {
        let long = String(repeating: "a", count: 60_000)
        for pipes in ["repeat 2000000000", "replace \"a\" \"bb\" | b64enc", "indent 70000"] {
            let result = render("{{ .spectro.macro.x | \(pipes) }}", ["x": long])
            #expect(result == "TooLarge 1:1", "\(pipes)")
        }
        let text = String(repeating: "{{ .spectro.macro.x }}", count: 100)
        #expect(render(text, ["x": long]).hasPrefix("TooLarge"))
        #expect(render("{{ .spectro.macro.x | b64dec }}", ["x": "%"]) == "InvalidValue 1:1")
    }

    // SECURITY 37.
    @Test(arguments: [
        ("a: {{ .spectro.macro.x }}", "SeveralLines 1:4"),
        ("a: {{ .spectro.macro.x | upper }}", "SeveralLines 1:4"),
        ("a: |\n  {{ .spectro.macro.x }}", "a: |\n  1\n  b: 2"),
        ("a: {{ .spectro.macro.x | quote }}", "a: \"1\\nb: 2\""),
        ("a: |{{ .spectro.macro.x | nindent 2 }}", "a: |\n  1\n  b: 2"),
    ])
    func `a value of several lines writes no keys of its own`(text: String, expected: String) {
        #expect(render(text, ["x": "1\nb: 2"]) == expected)
    }

    @Test func `only texts with references are looked at`() {
        #expect(TemplateText.mayRefer("a: {{ .spectro.macro.x }}"))
        #expect(TemplateText.mayRefer("{\na: { .spectro.x"))
        #expect(!TemplateText.mayRefer("a: {{ .Values.spectro }}"))
        #expect(!TemplateText.mayRefer("see .spectro.macro.x"))
        #expect(TemplateText("a: {{ .spectro.macro.x }} {{ .b }}").neutral == "a: x {{ .b }}")
    }
}
