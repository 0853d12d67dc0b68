import Testing

@testable import Packs

@Suite("Schemas that are known")
struct KnownSchemasTests {
    private static let rules = [SchemaRule(path: "a.b", "{{ required }}")].compactMap(\.self)

    @Test func `are read once`() {
        let known = KnownSchemas()
        var reads = 0
        for _ in 0..<3 {
            let rules = known.rules(of: "one") {
                reads += 1
                return Self.rules
            }
            #expect(rules.map(\.path) == ["a.b"])
        }
        #expect(reads == 1)
    }

    @Test func `are told apart by their text`() {
        let known = KnownSchemas()
        #expect(known.rules(of: "one") { Self.rules }.count == 1)
        #expect(known.rules(of: "two") { [] }.isEmpty)
    }

    @Test func `never take more than they may`() {
        let known = KnownSchemas()
        let text = String(repeating: "a", count: KnownSchemas.textBytesMax / 3)
        for number in 0..<10 {
            _ = known.rules(of: "\(number)" + text) { Self.rules }
            #expect(known.bytes <= KnownSchemas.textBytesMax)
        }
        var reads = 0
        for _ in 0..<2 {
            _ = known.rules(of: text + text + text + text) {
                reads += 1
                return Self.rules
            }
        }
        #expect(reads == 2)
    }
}
