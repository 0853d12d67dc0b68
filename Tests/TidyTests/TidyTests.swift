import Testing

@Suite("The text of the repository")
struct TidyTests {
    @Test(arguments: Rule.all)
    func `keeps every rule`(_ rule: Rule) {
        let findings = rule.findings(in: .shared)
        let complaints = AllowList.shared.complaints(about: rule, findings: findings)
        #expect(complaints.isEmpty, "\(rule.sentence)\n\(complaints.joined(separator: "\n"))")
    }

    @Test(arguments: Rule.all)
    func `a planted fault is found`(_ rule: Rule) {
        #expect(rule.check(rule.broken).count == 1)
    }

    @Test(arguments: Rule.all)
    func `a harmless likeness is passed`(_ rule: Rule) {
        #expect(rule.check(rule.kept) == [])
    }

    @Test(arguments: [
        "let a = b as! C", "try! run()", "fatalError(\"x\")", "a[0]!.b", "f()!", "var a: B!",
        "\"\\(a!)\"",
    ])
    func `each kind of trap is found`(_ text: String) {
        let file = SourceText(path: "Sources/Platform/A/A.swift", text)
        #expect(Rule.noTraps.check(file).count == 1)
    }

    @Test(arguments: [
        "\"UPDATE a SET b = 1\"", "\"\"\"\nDELETE FROM a\n\"\"\"", "#\"PRAGMA x\"#",
        "\"\\(a(\")\")) INSERT INTO b\"",
    ])
    func `each kind of literal is searched for SQL`(_ text: String) {
        let file = SourceText(path: "Sources/Features/A/A.swift", text)
        #expect(Rule.sqlInStores.check(file).count == 1)
    }

    @Test
    func `every folder of sources is a target`() throws {
        let package = try #require(Repository.shared.texts.first { $0.path == "Package.swift" })
        for folder in Repository.shared.targetFolders {
            let name = folder.split(separator: "/").last ?? ""
            #expect(
                !package.bytes.offsets(of: "\"\(name)\"").isEmpty,
                "Nothing builds \(folder)."
            )
        }
    }

    @Test
    func `the files are really read`() {
        #expect(Repository.shared.sources.count > 10)
        #expect(Repository.shared.texts.contains { $0.path == "Makefile" })
        #expect(Repository.shared.targetFolders.contains("Sources/Platform/HTTPCore"))
    }
}

@Suite("The list of allowed places")
struct AllowListTests {
    private let finding = Finding(path: "a.swift", line: 3, what: "x")

    @Test
    func `has only lines that say something`() {
        #expect(AllowList.shared.faults == [])
    }

    @Test(arguments: ["trap a.swift", "trap a.swift 0", "nonsense a.swift 1", "trap a 1\ntrap a 2"])
    func `a line without sense is named`(_ text: String) {
        #expect(AllowList(text).faults.count == 1)
    }

    @Test
    func `covers as many places as it says`() {
        let list = AllowList("# why\ntrap a.swift 1\n")
        #expect(list.complaints(about: .noTraps, findings: [finding]) == [])
    }

    @Test
    func `names every place when there are more`() {
        let list = AllowList("trap a.swift 1\n")
        #expect(list.complaints(about: .noTraps, findings: [finding, finding]).count == 2)
        #expect(list.complaints(about: .documented, findings: [finding]) == ["a.swift:3: x"])
    }

    @Test
    func `wants an entry lowered when there are fewer`() {
        let list = AllowList("trap a.swift 2\n")
        #expect(list.complaints(about: .noTraps, findings: [finding]).count == 1)
        #expect(list.complaints(about: .noTraps, findings: []).count == 1)
    }
}
