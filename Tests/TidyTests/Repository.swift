import FoundationEssentials

/// The text files of the repository, read once.
struct Repository: Sendable {
    /// Every Swift file under `Sources`.
    let sources: [SourceText]
    /// Every text file people wrote: sources, tests, documents, scripts and settings.
    let texts: [SourceText]
    /// The folders `Sources/<layer>/<name>`.
    let targetFolders: [String]

    static let shared = Repository(root: root)

    /// The folder of `Package.swift`, found from the place of this file.
    static let root: String = {
        let components = #filePath.split(separator: "/").dropLast(3)
        return "/" + components.joined(separator: "/")
    }()

    private static let topLevelFiles = [
        "Package.swift", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md",
        ".ci/run",
    ]
    private static let folders = [
        "Sources", "Tests", "Benchmarks", "Fuzzing", "Examples", "docs", "docker", "scripts",
        "migrations", "openapi",
    ]
    private static let binarySuffixes = [".png", ".tgz", ".gz", ".db", ".bin", ".pem", ".der"]

    init(root: String) {
        let found = Self.topLevelFiles + Self.folders.flatMap { Self.files(below: $0, in: root) }
        texts = found.sorted().compactMap { path in
            // Inputs of the fuzzer are as they are.
            guard !path.hasPrefix("Fuzzing/Corpora/"),
                !Self.binarySuffixes.contains(where: path.hasSuffix)
            else { return nil }
            return Self.read(path, in: root)
        }
        sources = texts.filter { $0.path.hasPrefix("Sources/") && $0.path.hasSuffix(".swift") }
        let targets = sources.compactMap { file in
            let components = file.components
            return components.count > 3 ? components[0..<3].joined(separator: "/") : nil
        }
        targetFolders = Set(targets).sorted()
    }

    private static func files(below folder: String, in root: String) -> [String] {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")) ?? []
        return names.flatMap { name -> [String] in
            let path = "\(folder)/\(name)"
            var isFolder = false
            let exists = FileManager.default.fileExists(
                atPath: "\(root)/\(path)",
                isDirectory: &isFolder
            )
            guard exists else { return [] }
            return isFolder ? files(below: path, in: root) : [path]
        }
    }

    private static func read(_ path: String, in root: String) -> SourceText? {
        var isFolder = false
        let full = "\(root)/\(path)"
        guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), !isFolder,
            let data = FileManager.default.contents(atPath: full)
        else { return nil }
        return SourceText(path: path, bytes: Array(data))
    }
}
