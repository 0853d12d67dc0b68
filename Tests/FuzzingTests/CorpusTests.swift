import Archive
import FuzzChecks
import Testing

/// Every input of the corpora, those that once broke something among them, on any machine.
@Suite("The corpora of the fuzzer")
struct CorpusTests {
    static let root =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        + "/Fuzzing/Corpora"

    @Test(arguments: FuzzCheck.all.map(\.name))
    func `break no promise`(_ name: String) throws {
        let check = try #require(FuzzCheck.all.first { $0.name == name })
        let files = try FolderReader.read("\(Self.root)/\(name)")
        let inputs = files.entries.filter { $0.kind == .file }
        #expect(inputs.count > 3)
        for input in inputs {
            #expect(throws: Never.self, "\(name)/\(input.path)") {
                try check.run(files.contents(of: input))
            }
        }
    }

    @Test func `belong to a check each`() throws {
        let folders = try FolderReader.read(Self.root).entries.filter { $0.kind == .directory }
        #expect(Set(folders.map(\.path)) == Set(FuzzCheck.all.map(\.name)))
    }

    @Test(arguments: FuzzCheck.all.map(\.name))
    func `are not needed for an empty input`(_ name: String) throws {
        let check = try #require(FuzzCheck.all.first { $0.name == name })
        try check.run([])
    }
}
