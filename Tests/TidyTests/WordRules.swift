/// Rules about words, in every text of the repository.
///
/// The words are put together here from parts, so that this file keeps its own rules.
extension Rule {
    private static let elsewhere = ["../" + "shared", "helper" + " agents", "/work" + "/"]

    static let privateWords = Rule(
        name: "private-word",
        sentence: "The repository speaks of nothing that lies outside of it.",
        reach: .everything,
        broken: SourceText(path: "docs/a.md", "See \(elsewhere[0])/x.\n"),
        kept: SourceText(path: "docs/a.md", "See ../docs/x, the shared code and the agents.\n")
    ) { file in
        file.findings(at: elsewhere.flatMap { file.bytes.offsets(of: $0) })
    }

    private static let reminders = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]

    static let todosHaveIssues = Rule(
        name: "todo",
        sentence: "Write the number of the issue behind it: \(reminders[0])(#12).",
        reach: .everything,
        broken: SourceText(path: "docs/a.md", "\(reminders[0]): later\n"),
        kept: SourceText(path: "docs/a.md", "\(reminders[0])(#12): later\n")
    ) { file in
        file.findings(
            at: reminders.flatMap { word in
                file.bytes.offsets(ofWhole: word).filter { offset in
                    let after = file.bytes[(offset + word.utf8.count)...].prefix(3)
                    let digit = after.last.map { (48...57).contains($0) } ?? false
                    return !(after.starts(with: Array("(#".utf8)) && digit)
                }
            }
        )
    }
}
