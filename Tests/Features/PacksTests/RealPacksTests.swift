import Testing

@testable import Packs

/// Published packs, when a folder of them is named by `EASEL_REAL_PACKS`.
@Suite(
    "Published packs",
    .enabled(if: Disk.environment("EASEL_REAL_PACKS") != nil)
)
struct RealPacksTests {
    @Test func `all of them are imported, and a second time unchanged`() async throws {
        let folder = try #require(Disk.environment("EASEL_REAL_PACKS"))
        let bench = try ImportBench.quiet()
        let report = try await bench.importFolder(folder, by: ImportBench.actor)
        #expect(!report.results.isEmpty)
        for result in report.results {
            #expect(result.outcome == .imported, "\(result.source): \(result.faults)")
        }
        let again = try await bench.importFolder(folder, by: ImportBench.actor)
        #expect(again.results.allSatisfy { $0.outcome == .unchanged })
    }

    @Test func `every preset applies to its pack's values and every rule is read`() async throws {
        let folder = try #require(Disk.environment("EASEL_REAL_PACKS"))
        for source in try PackSource.find(in: folder) {
            let reading = source.read()
            let draft = try #require(reading.draft)
            for preset in draft.presets {
                _ = try PresetMerger.apply(
                    ["\(preset.group):\(preset.name)"],
                    of: draft.presets,
                    to: draft.values.bytes
                )
            }
            #expect(!reading.warnings.contains { $0.code == "UnreadableRule" })
        }
    }
}

extension ImportBench {
    /// Packs without a hook, on a database of their own.
    static func quiet() throws -> Packs { Packs(database: try ImportBench().database) }
}
