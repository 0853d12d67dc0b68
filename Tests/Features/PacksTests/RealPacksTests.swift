import Crypto
import Storage
import TestSupport
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

    @Test func `their charts are taken over from a Helm repository and fetched`() async throws {
        let folder = try #require(Disk.environment("EASEL_REAL_PACKS"))
        var index = "apiVersion: v1\nentries:\n"
        var files: [String: [UInt8]] = [:]
        var listed: [String: [(version: String, file: String)]] = [:]
        for source in try PackSource.find(in: folder) {
            for blob in try #require(source.read().draft).blobs {
                guard let chart = try? ChartArchive(blob.bytes) else { continue }
                let file = "charts/\(chart.name)-\(chart.version).tgz"
                if files.updateValue(blob.bytes, forKey: file) == nil {
                    listed[chart.name, default: []].append((chart.version, file))
                }
            }
        }
        for (name, versions) in listed.sorted(by: { $0.key < $1.key }) {
            index += "  \(name):\n"
            for (version, file) in versions {
                let digest = SHA256.digest(files[file] ?? []).hex
                index += "  - name: \(name)\n    version: \(version)\n    digest: \(digest)\n"
                index += "    urls:\n    - \(file)\n"
            }
        }
        try #require(!files.isEmpty)
        let charts = files
        files["index.yaml"] = Array(index.utf8)
        let site = try StaticSite(files)
        let bench = try RegistryBench(site)
        let uid = try await bench.add("helm", RegistryBench.body("Charts", site.url))
        #expect(try bench.standings(uid).count == charts.count)
        for (name, versions) in listed {
            for (version, _) in versions {
                try await bench.packs.prepare(
                    WantedChart(
                        name: name,
                        registryUID: uid,
                        packUID: "",
                        tag: version,
                        pointer: ""
                    ),
                    tenantUID: "t1"
                )
                let pack = try bench.database.read { tx in
                    try PackStore.exact(registryUID: uid, name: name, version: version, tx)
                }
                #expect(pack?.isFetched == true, "\(name) \(version)")
            }
        }
        await site.stop()
    }
}

extension ImportBench {
    /// Packs without a hook, on a database of their own.
    static func quiet() throws -> Packs { Packs(database: try ImportBench().database) }
}
