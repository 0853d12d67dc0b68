import Archive
import Glibc
import Testing

/// Real packs, read when EASEL_SAMPLE_PACKS names a folder of them.
private let samplePacks = getenv("EASEL_SAMPLE_PACKS").map { String(cString: $0) }

@Suite("Sample packs", .enabled(if: samplePacks != nil))
struct SamplePacksTests {
    @Test func `every pack folder and every chart in it is taken`() throws {
        let folder = try FolderReader.read(try #require(samplePacks))
        #expect(!folder.entries.isEmpty)
        for entry in folder.entries where entry.path.hasSuffix(".tgz") {
            let chart = try TarReader.read(folder.contents(of: entry))
            #expect(chart.entries.contains { $0.path.hasSuffix("/Chart.yaml") })
            var writer = TarWriter()
            for entry in chart.entries { try writer.addFile(entry.path, chart.contents(of: entry)) }
            let again = try TarReader.read(Gzip.compress(writer.finish(), level: 9))
            #expect(again.entries.map(\.path) == chart.entries.map(\.path))
        }
    }
}
