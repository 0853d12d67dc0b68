import Storage
import TestSupport
import Testing

@testable import Packs

@Suite("Many packs at once")
struct ManyPacksTests {
    @Test(.timeLimit(.minutes(1)))
    func `two hundred are imported, and importing them again writes nothing`() async throws {
        let folder = try TemporaryDirectory.make()
        for number in 0..<200 {
            // Fifty packs of four versions each.
            let (name, version) = ("pack-\(number % 50)", "1.\(number / 50).0")
            try SamplePack(name, version).write(to: "\(folder)/\(name)-\(version)")
        }
        let bench = try ImportBench()
        let report = try await bench.packs.importFolder(folder, by: ImportBench.actor)
        #expect(report.results.count == 200)
        #expect(report.results.allSatisfy { $0.outcome == .imported })
        #expect(try bench.count("pack_version") == 200)
        let rows = try bench.rows()
        let again = try await bench.packs.importFolder(folder, by: ImportBench.actor)
        #expect(again.results.count == 200)
        #expect(again.results.allSatisfy { $0.outcome == .unchanged })
        #expect(again.results.map(\.uid) == report.results.map(\.uid))
        #expect(try bench.rows() == rows)
    }
}
