import JSON
import Testing
import YAML

@Suite("Writing YAML")
struct YAMLWriterTests {
    @Test func `writes blocks with quotes only where needed`() {
        let value: JSONValue = [
            "name": "hello-universe", "image": "ghcr.io/a/b:1.3", "port": 8080, "on": "yes",
            "empty": "", "share": 0.5, "big": 1e20, "none": nil, "ready": true,
            "list": ["a", ["b", "c"], ["k": 1, "l": [2]], [], [:]],
            "script": "#!/bin/sh\necho hi\n", "cut": "a\nb", "kept": "a\n\n", "lead": " a\nb\n",
            "octal": "0644", "time": "12:30", "colon": "a: b", "hash": "a #b", "map": [:],
        ]
        #expect(
            YAMLWriter.text(value) == """
                name: hello-universe
                image: ghcr.io/a/b:1.3
                port: 8080
                "on": "yes"
                empty: ""
                share: 0.5
                big: 1.0e+20
                none: null
                ready: true
                list:
                  - a
                  - - b
                    - c
                  - k: 1
                    l:
                      - 2
                  - []
                  - {}
                script: |
                  #!/bin/sh
                  echo hi
                cut: |-
                  a
                  b
                kept: |+
                  a

                lead: |2
                   a
                  b
                octal: "0644"
                time: "12:30"
                colon: "a: b"
                hash: "a #b"
                map: {}

                """
        )
    }

    @Test func `keeps the spelling of plain scalars`() throws {
        let text = "mode: 0644\nversion: 1.10\nyes: no\nempty:\nquoted: \"yes\"\n"
        let root = try #require(try YAML.parse(text).first)
        #expect(YAMLWriter.text(root) == text)
    }

    @Test(arguments: ["\u{85}", "\u{2028}", "\u{2029}"])
    func `does not write plain what another reader's line break would end`(_ end: String) throws {
        let root = try #require(try YAML.parse("a: b\n  c\(end)  d\n").first)
        let back = try YAML.parse(YAMLWriter.text(root)).first
        #expect(try back?.json() == root.json())
    }

    @Test(arguments: [
        "--- --- a", "{--- a: b}", "--- ... a", "---\n", "[-, a]", "{a: -, b: [-]}", "\u{5B9}",
        "a: \u{5B9}", "[--- \u{301}]",
    ])
    func `does not take text for the marks of a document`(_ text: String) throws {
        let root = try #require(try YAML.parse(text).first)
        let back = try YAML.parse(YAMLWriter.text(root))
        #expect(try back.map { try $0.json() } == [root.json()])
    }

    @Test func `what is written reads back as the same value`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var source = SampleSource(seed: seed)
        for _ in 0..<3_000 {
            let value = source.value(depth: 0)
            let text = YAMLWriter.text(value)
            let back = try YAML.parse(text)
            #expect(back.count == 1, "seed \(seed)\n\(text)")
            #expect(try back.first?.json() == value, "seed \(seed)\n\(text)")
            let again = back.first.map { YAMLWriter.text($0) }
            #expect(
                try again.map { try YAML.parse($0).map { try $0.json() } } == [value],
                "seed \(seed)"
            )
        }
    }

    @Test func `writes keys of any length and kind`() throws {
        for key in [
            String(repeating: "k", count: 2_000), "", "a\nb", "<<", "? x", "- y", "null", "\u{85}",
        ] {
            let value: JSONValue = [key: ["v": 1], "z": [key: [1]]]
            #expect(try YAML.parse(YAMLWriter.text(value)).first?.json() == value, "\(key)")
        }
    }
}
