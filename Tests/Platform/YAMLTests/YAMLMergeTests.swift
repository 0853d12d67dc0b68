import JSON
import Testing
import YAML

@Suite("Applying presets to values")
struct YAMLMergeTests {
    private func apply(_ values: String, remove: [String] = [], add: String? = nil) throws -> String
    {
        let node = try add.flatMap { try YAML.parse($0).first }
        let bytes = try YAMLMerge.apply(to: Array(values.utf8), remove: remove, add: node)
        return String(decoding: bytes, as: UTF8.self)
    }

    private let values = """
        # spectrocloud.com/enabled-presets: Backend:disable-api

        pack:
          content:   # what is pulled
            images:
              - image: a:1
              - image: b:1

        manifests:
          hello:
            # how many
            replicas: 1   # one is enough
            mode: 0644
            ui:
              enabled: true
            text: |
              one
              two

        # the end
        last: 'x'
        """

    @Test func `changes one value and nothing else`() throws {
        let result = try apply(values, add: "manifests: {hello: {replicas: 3}}")
        #expect(result == values.replacing("replicas: 1 ", with: "replicas: 3 "))
    }

    @Test func `what is there already changes no byte`() throws {
        #expect(
            try apply(values, add: "manifests: {hello: {replicas: 1, ui: {enabled: true}}}")
                == values
        )
        #expect(try apply(values) == values)
        #expect(try apply(values, remove: ["none", "manifests.none.x", "last.x"]) == values)
        #expect(try apply(values, add: "null") == values)
    }

    @Test func `adds pairs at the end of their mapping`() throws {
        let result = try apply(
            values,
            add: "manifests:\n  hello:\n    ui:\n      a: [1]\n    b: |\n      x\n      y\nz: 1"
        )
        let expected =
            values
            .replacing(
                "      enabled: true\n",
                with: "      enabled: true\n      a:\n        - 1\n"
            )
            .replacing("      two\n", with: "      two\n    b: |\n      x\n      y\n") + "\nz: 1\n"
        #expect(result == expected)
    }

    @Test func `replaces lists, scalars and mappings of another kind`() throws {
        let result = try apply(
            values,
            add:
                "pack: {content: {images: [c]}}\nlast: {a: 1}\nmanifests: {hello: {text: t, ui: off}}"
        )
        #expect(
            result == """
                # spectrocloud.com/enabled-presets: Backend:disable-api

                pack:
                  content:   # what is pulled
                    images:
                      - c

                manifests:
                  hello:
                    # how many
                    replicas: 1   # one is enough
                    mode: 0644
                    ui: off
                    text: t

                # the end
                last:
                  a: 1
                """
        )
    }

    @Test func `removes the lines of a pair`() throws {
        let result = try apply(
            values,
            remove: ["manifests.hello.replicas", "manifests.hello.text", "last"]
        )
        #expect(
            result == """
                # spectrocloud.com/enabled-presets: Backend:disable-api

                pack:
                  content:   # what is pulled
                    images:
                      - image: a:1
                      - image: b:1

                manifests:
                  hello:
                    # how many
                    mode: 0644
                    ui:
                      enabled: true

                # the end

                """
        )
        #expect(try apply("a:\n  b: 1\nc: 2\n", remove: ["a.b"]) == "a:\n  {}\nc: 2\n")
    }

    @Test func `finds keys that hold dots`() throws {
        #expect(try apply("a.b:\n  c.d: 1\n  e: 2\n", remove: ["a.b.c.d"]) == "a.b:\n  e: 2\n")
        #expect(
            try apply("a:\n  x: 1\na.b:\n  c: 1\n  d: 2\n", remove: ["a.b.c"])
                == "a:\n  x: 1\na.b:\n  d: 2\n"
        )
    }

    @Test func `writes the text anew where bytes cannot be spliced`() throws {
        #expect(try apply("a: {b: 1}\n", add: "a: {c: 2}") == "a:\n  b: 1\n  c: 2\n")
        #expect(try apply("a: {b: 1, c: 2}\n", remove: ["a.b"]) == "a:\n  c: 2\n")
        let aliased = "x: &x\n  b: 0644\ny: *x\n"
        #expect(try apply(aliased, add: "y: {b: 2}") == "x:\n  b: 0644\ny:\n  b: 2\n")
        #expect(
            try apply(aliased, add: "x: {b: 2}")
                == "x:\n  b: 2\n\"y\":\n  b: 0644\n".replacing("\"y\"", with: "y")
        )
    }

    @Test func `starts from nothing`() throws {
        #expect(try apply("", add: "a: {b: 1}") == "a:\n  b: 1\n")
        #expect(try apply("# c", add: "a: 1") == "# c\na: 1\n")
        #expect(throws: YAMLError.self) { try apply("- a", add: "b: 1") }
        #expect(throws: YAMLError.self) { try apply("a: 1", add: "- b") }
        #expect(throws: YAMLError.self) { try apply("a: 1\n---\nb: 1", add: "c: 1") }
    }

    @Test func `means the same as a merge of values, whatever the text`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var source = SampleSource(seed: seed)
        for _ in 0..<1_000 {
            let base = source.mapping(depth: 0)
            let add = source.mapping(depth: 0)
            let text = "# first\n" + YAMLWriter.text(base)
            let result = try apply(text, add: YAMLWriter.text(add))
            let value = try YAML.parse(result).first?.json()
            #expect(
                value == Self.merged(base, add),
                "seed \(seed)\n\(text)\n+\n\(YAMLWriter.text(add))"
            )
        }
    }

    private static func merged(_ base: JSONValue, _ add: JSONValue) -> JSONValue {
        guard case .object(var members) = base, case .object(let added) = add else { return add }
        for member in added {
            members[member.key] =
                members[member.key].map { merged($0, member.value) } ?? member.value
        }
        return .object(members)
    }
}
