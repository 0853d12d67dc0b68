import Testing

@testable import Packs

@Suite("Semantic versions")
struct SemanticVersionTests {
    @Test(arguments: [
        "0.0.0", "1.2.3", "10.20.30", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-0.3.7",
        "1.0.0-x-y-z.-", "1.0.0+20130313144700", "1.0.0-beta+exp.sha.5114f85", "1.0.0+21AF-26",
        "18446744073709551615.0.0",
    ])
    func `reads and writes the strict form unchanged`(text: String) {
        #expect(SemanticVersion(text)?.description == text)
    }

    @Test(arguments: [
        "", "1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.02.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b",
        "1.2.3+", "1.2.3+a..b", "1.2.x", "a.b.c", " 1.2.3", "1.2.3 ", "1.2.3-ä", "1.2.3_1",
        "-1.2.3",
        "18446744073709551616.0.0", "1..3", "1.2.3-a+b+c",
        "1.0.0-" + String(repeating: "a", count: 200),
    ])
    func `refuses every other form`(text: String) {
        #expect(SemanticVersion(text) == nil)
    }

    /// SemVer 2.0.0 §11, with numbers beyond one digit.
    static let ascending = [
        "0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1",
        "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0",
        "1.0.0+a", "1.0.0+b", "1.0.1", "1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0", "10.0.0",
    ]

    @Test func `orders by precedence and is total`() throws {
        let versions = try Self.ascending.map { try #require(SemanticVersion($0)) }
        for (left, one) in versions.enumerated() {
            for (right, other) in versions.enumerated() {
                #expect((one < other) == (left < right), "\(one) < \(other)")
                #expect((one == other) == (left == right))
            }
        }
    }

    @Test func `random versions sort the same whatever order they come in`() throws {
        var random = SeededNumbers(seed: 7)
        for _ in 0..<200 {
            let texts = (0..<12).map { _ in random.version() }
            let versions = try texts.map { try #require(SemanticVersion($0)) }
            let sorted = versions.sorted()
            #expect(sorted == versions.shuffled(using: &random).sorted())
            for (one, other) in zip(sorted, sorted.dropFirst()) { #expect(!(other < one)) }
        }
    }
}

@Suite("Version trains")
struct VersionTrainTests {
    @Test(arguments: ["1.x", "0.x", "1.1.x", "12.34.x"])
    func `reads trains and writes them unchanged`(text: String) {
        #expect(VersionTrain(text)?.description == text)
    }

    @Test(arguments: [
        "", "x", "1", "1.1", "1.1.1", "1.x.x", "x.x", "1.X", "v1.x", "01.x", "1.1.1.x", "1.*",
    ])
    func `exact versions and other forms are no trains`(text: String) {
        #expect(VersionTrain(text) == nil)
    }

    @Test(arguments: [
        ("1.1.x", ["1.1.1", "1.1.9", "1.2.0"], "1.1.9"),
        ("1.x", ["1.1.9", "1.10.0", "1.9.0", "2.0.0"], "1.10.0"),
        ("1.x", ["1.1.9", "1.2.0-rc.1"], "1.1.9"),
        ("1.x", ["2.0.0", "0.9.0"], nil),
        ("1.x", ["1.0.0-rc.1"], nil),
        ("1.x", ["junk", "1.0.0"], "1.0.0"),
        ("1.x", [], nil),
    ])
    func `the newest release of the line wins`(train: String, versions: [String], newest: String?)
        throws
    {
        let train = try #require(VersionTrain(train))
        #expect(train.newest(of: versions, version: SemanticVersion.init) == newest)
    }

    @Test func `a version is in exactly the trains it names`() throws {
        var random = SeededNumbers(seed: 11)
        for _ in 0..<500 {
            let version = try #require(SemanticVersion(random.version()))
            let holding = VersionTrain.holding(version)
            #expect(holding.allSatisfy { $0.matches(version) })
            #expect(holding.count == (version.isPreRelease ? 0 : 2))
            let text = ["\(random.next() % 3).x", "\(random.next() % 3).\(random.next() % 3).x"]
            for train in text.compactMap(VersionTrain.init) {
                #expect(train.matches(version) == holding.contains(train))
            }
        }
    }
}

/// Numbers that are the same on every run.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func version() -> String {
        var text = "\(next() % 3).\(next() % 3).\(next() % 12)"
        if next() % 3 == 0 { text += "-" + ["rc", "alpha", "1", "12", "beta-2"][Int(next() % 5)] }
        if next() % 5 == 0 { text += ".\(next() % 12)" + "+b\(next() % 3)" }
        // A lone `.n` behind a release is no version.
        return SemanticVersion(text) == nil ? "1.0.0" : text
    }
}
