import Archive
import TestSupport
import Testing

@testable import Packs

/// SECURITY row 34, through the importer: whatever is wrong with one entry refuses the whole pack.
@Suite("Archives made to do harm")
struct PackAttackTests {
    /// One tar entry, headers as raw as an attacker writes them.
    struct Entry: Sendable {
        var name: String
        var type: Character = "0"
        var link = ""
        var content: [UInt8] = []
        /// What the header says; the content's length when nil.
        var size: Int?

        var bytes: [UInt8] {
            var header = [UInt8](repeating: 0, count: 512)
            func put(_ text: String, at: Int) {
                for (offset, byte) in text.utf8.prefix(100).enumerated() {
                    header[at + offset] = byte
                }
            }
            func octal(_ number: Int, _ digits: Int) -> String {
                let text = String(number, radix: 8)
                return String(repeating: "0", count: max(0, digits - text.count)) + text
            }
            put(name, at: 0)
            put("0000644", at: 100)
            put("0000000", at: 108)
            put("0000000", at: 116)
            put(octal(size ?? content.count, 11), at: 124)
            put("00000000000", at: 136)
            put("        ", at: 148)
            put(String(type), at: 156)
            put(link, at: 157)
            put("ustar", at: 257)
            put("00", at: 263)
            put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
            header[154] = 0
            var all = header + content
            all += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
            return all
        }
    }

    /// A right pack with these entries behind it.
    private func archive(_ entries: [Entry]) throws -> [UInt8] {
        let pack = try SamplePack()
        var bytes: [UInt8] = []
        for (path, content) in pack.files.sorted(by: { $0.key < $1.key }) {
            bytes += Entry(name: "web/\(path)", content: content).bytes
        }
        for entry in entries { bytes += entry.bytes }
        return bytes + [UInt8](repeating: 0, count: 1024)
    }

    private func refusal(_ bytes: [UInt8]) async throws -> [PackFault] {
        let bench = try ImportBench()
        let result = try await bench.packs.importer.take(
            PackManifestReader.read(archive: bytes),
            from: "",
            into: bench.registry,
            by: ImportBench.actor
        )
        #expect(result.outcome == .refused)
        #expect(try bench.rows() == [0, 0, 0, 0])
        return result.faults
    }

    @Test func `the archive is right without the attack`() throws {
        #expect(PackManifestReader.read(archive: try archive([])).faults.isEmpty)
    }

    @Test(arguments: [
        Entry(name: "../evil"), Entry(name: "web/../../evil"), Entry(name: "/etc/evil"),
        Entry(name: "web/a", type: "2", link: "/etc/passwd"),
        Entry(name: "web/a", type: "2", link: "values.yaml"),
        Entry(name: "web/a", type: "1", link: "web/values.yaml"),
        Entry(name: "web/a", type: "3"), Entry(name: "web/a", type: "4"),
        Entry(name: "web/a", type: "6"), Entry(name: "web/values.yaml"),
        Entry(name: "web/./values.yaml"), Entry(name: "web//values.yaml"),
        Entry(name: "web/values.yaml/inner"), Entry(name: "web\\..\\evil"),
    ])
    func `one bad entry refuses the whole pack and writes nothing`(entry: Entry) async throws {
        let faults = try await refusal(try archive([entry]))
        #expect(faults.count == 1)
        #expect(["UnsafeEntry", "MalformedArchive"].contains(faults.first?.code))
    }

    @Test(arguments: [1 << 20, 0o77777777777, 1])
    func `sizes that lie refuse the pack`(size: Int) async throws {
        var content = [UInt8](repeating: 0x41, count: 600)
        content[0] = 0xFF
        _ = try await refusal(try archive([Entry(name: "web/a", content: content, size: size)]))
    }

    @Test func `more entries than a pack may have`() async throws {
        let many = (0...PackLimits.fileCountMax).map { Entry(name: "web/f\($0)") }
        #expect(try await refusal(try archive(many)).map(\.code) == ["TooLarge"])
    }

    @Test func `a bomb is refused by its ratio`() async throws {
        var tar = TarWriter()
        try tar.addFile("web/pack.json", Array("{}".utf8))
        try tar.addFile("web/zeros", [UInt8](repeating: 0, count: 32 << 20))
        #expect(try await refusal(Gzip.compress(tar.finish())).map(\.code) == ["TooLarge"])
    }

    @Test func `a bomb hidden in a chart is refused`() async throws {
        var tar = TarWriter()
        try tar.addFile("tool/Chart.yaml", Array("name: tool\nversion: 1.0.0\n".utf8))
        try tar.addFile("tool/zeros", [UInt8](repeating: 0, count: 32 << 20))
        var pack = try SamplePack()
        pack.files["charts/tool-0.1.0.tgz"] = Gzip.compress(tar.finish(), level: 9)
        let faults = try await refusal(try pack.archive())
        #expect(faults.map { "\($0.file) \($0.code)" } == ["charts/tool-0.1.0.tgz TooLarge"])
    }

    @Test(arguments: [[], [0x1F], [0x1F, 0x8B, 8, 0], Array("not an archive".utf8)])
    func `what is no archive at all`(bytes: [UInt8]) async throws {
        #expect(!(try await refusal(bytes)).isEmpty)
    }

    @Test func `every cut of a right archive is refused or read, never more`() throws {
        let bytes = try SamplePack().archive()
        let whole = try #require(PackManifestReader.read(archive: bytes).draft?.digest)
        for count in stride(from: 0, to: bytes.count, by: 7) {
            let draft = PackManifestReader.read(archive: Array(bytes.prefix(count))).draft
            #expect(draft == nil || draft?.digest == whole)
        }
    }

    @Test func `a folder with a link in it is refused`() async throws {
        let folder = try TemporaryDirectory.make() + "/web"
        try SamplePack().write(to: folder)
        Disk.link("/etc/passwd", at: folder + "/manifests/secret.yaml")
        let bench = try ImportBench()
        let report = try await bench.packs.importFolder(folder, by: ImportBench.actor)
        #expect(report.results.map(\.outcome) == [.refused])
        #expect(report.results[0].faults.map(\.code) == ["UnsafeEntry"])
        #expect(report.results[0].faults[0].file == "manifests/secret.yaml")
    }
}
