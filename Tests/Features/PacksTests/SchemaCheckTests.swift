import APIKit
import JSON
import Primitives
import Testing
import YAML

@testable import Packs

@Suite("Values by a pack's schema")
struct SchemaCheckTests {
    // CHK-4.3 and the other formats of BEHAVIOUR 4.2.
    @Test(arguments: [
        ("${ipv4} - ${ipv4}", "10.0.0.1 - 10.0.0.9", true),
        ("${ipv4} - ${ipv4}", "10.0.0.1-10.0.0.9", false), ("${ipv4} - ${ipv4}", "10.0.0.1", false),
        ("${ipv4} - ${ipv4}", "10.0.0.1 - 10.0.0.9 ", false),
        ("${string}, ${string:/size=\\d+/}", "type-zeroedthick, size=150", true),
        ("${string}, ${string:/size=\\d+/}", "type-zeroedthick, size=s", false),
        ("${number}", "12", true), ("${number}", "-1.5e3", true), ("${number}", "12a", false),
        ("${number}", "0x10", false), ("${number}", "", false), ("${number:[1-5]}", "5", true),
        ("${number:[1-5]}", "6", false), ("${number:[-2-5]}", "-2", true),
        ("${number:/^(500[0-5])$/}", "5005", true), ("${number:/^(500[0-5])$/}", "5006", false),
        ("${boolean}", "true", true), ("${boolean}", "yes", false), ("${boolean}", "1", false),
        ("${list:[PACK, GIT]}", "GIT", true), ("${list:[PACK, GIT]}", "git", false),
        ("${ipv4}", "10.0.0.1", true), ("${ipv4}", "10.0.0.256", false), ("${ipv4}", "::1", false),
        ("${ipv4}", "::ffff:10.0.0.1", false), ("${version}", "1.2.3-rc.1", true),
        ("${version}", "1.2", false), ("${password}", "x", true),
        ("${password:/^.{12,}$/}", "short", false), ("${string:/^a{1,2}$/}", "aa", true),
        ("${string:/^a{1,2}$/}", "aaa", false), ("v${number}", "v7", true), ("x", "x", true),
        ("x", "y", false),
    ])
    func `a format is met or not`(_ format: String, _ value: String, _ isMet: Bool) throws {
        #expect(try #require(SchemaFormat(format)).matches(value) == isMet)
    }

    @Test(arguments: [
        "${", "${nothing}", "${list}", "${number:[5-1]}", "${number:[a-b]}", "${string:[1-2]}",
        "${string:/(/}", "${string:/a}", "${ipv4} - ${", "${number:5}",
    ])
    func `a format of another form is not applied`(_ format: String) {
        #expect(SchemaFormat(format) == nil)
    }

    @Test func `many ways to divide a value take no longer`() throws {
        let format = try #require(SchemaFormat("${string}${string}${string}${string}!"))
        #expect(!format.matches(String(repeating: "a", count: 512)))
    }

    /// The faults of values, as `pointer code`.
    private func faults(_ schema: String, _ values: String, own: String = "") throws -> [Fault] {
        var pack = try SamplePack()
        pack.set("schema.yaml", schema)
        let draft = try #require(try pack.read().draft)
        let version = draft.version(uid: "u", registryUID: "r", at: .never)
        return version.schemaFaults(
            of: try YAML.parse(values).first,
            defaults: own,
            pointer: "/values"
        )
    }

    private let rules = """
        net.name:
          schema: '{{ required | format "${string:/^[a-z]+$/}" | hints "The name." }}'
        net.pools.$[]:
          schema: '{{ required | format "${ipv4} - ${ipv4}" }}'
        net.ports.$[].number:
          schema: '{{ format "${number:[1-65535]}" }}'
        net.id:
          schema: '{{ readonly }}'
        net.key:
          schema: '{{ format "${password:/^.{8,}$/}" }}'
        """

    @Test func `all that is wrong is told with its place and not its value`() throws {
        let found = try faults(
            rules,
            """
            net:
              name: A1
              pools: [10.0.0.1 - 10.0.0.9, 10.0.0.1-10.0.0.9]
              ports: [{number: 80}, {number: many}, {other: 1}]
              id: 8
              key: secret7
            """,
            own: "net: {id: 7}\n"
        )
        #expect(
            found.map { "\($0.pointer) \($0.code)" } == [
                "/values/net/name WrongFormat", "/values/net/pools/1 WrongFormat",
                "/values/net/ports/1/number WrongFormat", "/values/net/id ReadOnly",
                "/values/net/key WrongFormat",
            ]
        )
        #expect(!found.contains { $0.message.contains("secret7") })
        #expect(found[0].message.contains("The name") && found[0].message.contains("Line 2"))
    }

    @Test func `what is required must be there, and what is not may be missing`() throws {
        let found = try faults(rules, "net: {name: ''}\n", own: "net: {}\n")
        #expect(
            found.map { "\($0.pointer) \($0.code)" } == [
                "/values/net/name Required", "/values/net/pools Required",
            ]
        )
    }

    @Test func `a list where a text belongs is a fault, a macro is none`() throws {
        #expect(
            try faults(rules, "net: {name: [a], pools: []}\n").map(\.code) == ["WrongType"]
        )
        let macro = "net: {name: '{{ .spectro.macro.n }}', pools: []}\n"
        #expect(try faults(rules, macro).isEmpty)
    }

    @Test func `a value set by the pack stays, however it is written`() throws {
        let values = "net: {name: a, pools: [], id: \"x\"}\n"
        #expect(try faults(rules, values, own: "net: {id: x}\n").isEmpty)
    }

    @Test func `a format that cannot be read is warned of at the import`() throws {
        var pack = try SamplePack()
        pack.set("schema.yaml", "a:\n  schema: '{{ format \"${string:/(/}\" }}'\n")
        #expect(try pack.read().warnings.contains { $0.code == "UnreadableRule" })
    }
}

@Suite("Ranges of dependencies")
struct PackDependencyTests {
    @Test(arguments: [
        ("1.27", "", "1.27.0", true), ("1.27", "", "1.26.9", false), ("", "1.27", "1.27.9", true),
        ("", "1.27", "1.28.0", false), ("1.2.0", "1.4.0", "1.4.0", true),
        ("1.2.0", "1.4.0", "1.4.1", false), ("1.2.0", "", "1.2.0-rc.1", false),
        ("", "", "9.9.9", true), ("v1.2", "", "1.3.0", true), ("1", "1", "1.9.9", true),
    ])
    func `bounds count as far as they are written`(
        _ min: String,
        _ max: String,
        _ version: String,
        _ isInside: Bool
    ) {
        let members: JSONObject = [
            "packName": "p", "type": "required", "minVersion": .string(min),
            "maxVersion": .string(max),
        ]
        let dependency = PackDependency(from: Fields(members, faults: FaultList()))
        #expect(dependency.contains(version) == isInside)
        #expect(dependency.hasRange == !(min.isEmpty && max.isEmpty))
    }
}
