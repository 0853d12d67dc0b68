import Testing

/// One place that breaks a rule.
struct Finding: Sendable, Hashable {
    let path: String
    let line: Int
    let what: String
}

/// One rule about the text of the repository, with samples that prove it can fail.
struct Rule: Sendable {
    /// The files a rule looks at.
    enum Reach: Sendable { case sources, everything }

    /// A short name, used in `Allowed.swift`.
    let name: String
    /// What to do, for the person whose change broke the rule.
    let sentence: String
    let reach: Reach
    /// A text that breaks the rule exactly once.
    let broken: SourceText
    /// A text that looks similar and keeps the rule.
    let kept: SourceText
    let check: @Sendable (SourceText) -> [Finding]

    /// All places of a repository that break the rule.
    func findings(in repository: Repository) -> [Finding] {
        (reach == .sources ? repository.sources : repository.texts).flatMap(check)
    }
}

extension Rule: CustomTestStringConvertible {
    var testDescription: String { name }
}

extension Rule {
    static let all = [
        shimImports, documented, sqlInStores, statusNumbers, noTraps, fileLength, functionLength,
        privateWords, todosHaveIssues,
    ]
}

extension SourceText {
    /// A finding at an offset, with the line's text.
    func finding(at offset: Int, _ what: String? = nil) -> Finding {
        let number = line(at: offset)
        return Finding(path: path, line: number, what: what ?? line(number, of: bytes).trimmed)
    }

    /// At most one finding a line, in the order of the lines.
    func findings(at offsets: [Int]) -> [Finding] {
        var seen: Set<Int> = []
        return offsets.sorted().compactMap { offset in
            seen.insert(line(at: offset)).inserted ? finding(at: offset) : nil
        }
    }

    /// Whether the file lies in one of the folders.
    func lies(in folders: String...) -> Bool {
        folders.contains { path.hasPrefix($0 + "/") }
    }
}
