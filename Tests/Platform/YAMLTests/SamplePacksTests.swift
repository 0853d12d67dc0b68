import Archive
import Glibc
import JSON
import Testing
import YAML

/// Real packs, read when EASEL_SAMPLE_PACKS names a folder of them.
private let samplePacks = getenv("EASEL_SAMPLE_PACKS").map { String(cString: $0) }

@Suite("Sample packs", .enabled(if: samplePacks != nil))
struct SamplePacksTests {
    @Test func `every YAML and JSON file reads, and YAML reads back`() throws {
        let folder = try FolderReader.read(try #require(samplePacks))
        var count = 0
        for entry in folder.entries where entry.kind == .file {
            let bytes = folder.contents(of: entry)
            if entry.path.hasSuffix(".json") {
                let value = try JSONParser.parse(bytes)
                #expect(try JSONParser.parse(value.jsonBytes()) == value)
                count += 1
            } else if entry.path.hasSuffix(".yaml"), !isTemplate(bytes) {
                for document in try YAML.parse(bytes) {
                    let value = try document.json()
                    for text in [YAMLWriter.text(document), YAMLWriter.text(value)] {
                        #expect(try YAML.parse(text).first?.json() == value, "\(entry.path)")
                    }
                }
                count += 1
            }
        }
        #expect(count > 0)
    }

    /// Manifests of packs may be Go templates, which are YAML only once they are rendered.
    private func isTemplate(_ bytes: [UInt8]) -> Bool {
        bytes.split(separator: UInt8(ascii: "\n")).contains {
            $0.starts(with: "{{".utf8) || $0.suffix(2).elementsEqual("}}".utf8)
        }
    }

    @Test func `every preset applies to its values and keeps their comments`() throws {
        let folder = try FolderReader.read(try #require(samplePacks))
        for entry in folder.entries where entry.path.hasSuffix("/presets.yaml") {
            let values = try #require(
                folder.contents(at: entry.path.dropLast(12) + "values.yaml")
            )
            let presets = try YAML.parse(folder.contents(of: entry)).first?["presets"]?.elements
            for preset in try #require(presets) {
                let add = try YAML.parse(try #require(preset["add"]?.text)).first
                let remove = preset["remove"]?.elements?.compactMap(\.text) ?? []
                let result = try YAMLMerge.apply(to: values, remove: remove, add: add)
                #expect(result.prefix(40) == values.prefix(40))
                let again = try YAMLMerge.apply(to: result, remove: remove, add: add)
                #expect(again == result)
            }
        }
    }
}
