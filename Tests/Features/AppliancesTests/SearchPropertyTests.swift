import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Appliances

/// Searches in SQL find what a plain look at each appliance finds.
@Suite("Searches in SQL and by hand")
struct SearchPropertyTests {
    /// Words that meet each other often, some of them with what SQL or patterns could take amiss.
    private static let words = [
        "", "a", "A", "ab", "aB", "b:a", "%", "_", "'", "a' OR 1=1 --", "$1", "ä", "Ä",
        "spectro__tag",
        "north", "Store 12", "\\", "*",
    ]

    private struct Fleet {
        let site: Site
        let rows: [(appliance: Appliance, health: ApplianceHealth)]
        let scope = ApplianceScope(tenantUID: "t1", projectUID: "p1")
    }

    private func fleet(_ random: inout SplitMix) throws -> Fleet {
        let site = try Site()
        let scope = ApplianceScope(tenantUID: "t1", projectUID: "p1")
        let plans = (0..<60).map { _ in Plan(&random) }
        let rows = try site.database.writeBlocking { tx in
            var rows: [(appliance: Appliance, health: ApplianceHealth)] = []
            for (index, plan) in plans.enumerated() {
                let added = try insert(
                    "device-\(index % 5)-\(index)",
                    Self.words[index % Self.words.count],
                    plan.tags,
                    scope,
                    tx
                )
                let stored = try ApplianceStore.update(plan.apply(added), formerly: added, tx)
                _ = try ApplianceHealthStore.set(plan.health, of: added.key, tx)
                rows.append((stored, plan.health))
            }
            // What must never be found: the same things in other scopes.
            for (index, other) in [("t2", "p1"), ("t1", "")].enumerated() {
                _ = try insert(
                    "other-\(index)",
                    "a",
                    ["a": "a"],
                    ApplianceScope(tenantUID: other.0, projectUID: other.1),
                    tx
                )
            }
            return rows
        }
        return Fleet(site: site, rows: rows)
    }

    private func insert(
        _ uid: String,
        _ name: String,
        _ tags: [String: String],
        _ scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws -> Appliance {
        try ApplianceStore.insert(
            ApplianceStore.Registration(
                id: ApplianceID(stored: uid),
                scope: scope,
                ownerUID: "",
                name: name,
                tags: Tags(tags),
                annotations: [:],
                spec: DraftSpec(),
                pairingKeyDigest: nil
            ),
            tenantMax: 1000,
            tx
        )
    }

    /// What one appliance shall be like.
    private struct Plan: Sendable {
        let tags: [String: String]
        let health: ApplianceHealth
        let state: ApplianceState
        let type: String
        let isPaused: Bool
        let isPaired: Bool
        let number: Int64

        init(_ random: inout SplitMix) {
            var tags: [String: String] = [:]
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                tags[random.word(["a", "A", "name", "ab", "till"])] =
                    random.word(SearchPropertyTests.words)
            }
            self.tags = tags
            let moment = Timestamp(seconds: Int64.random(in: 0...3, using: &random))
            health = ApplianceHealth(
                state: ApplianceHealth.State.allCases.randomElement(using: &random) ?? .healthy,
                agentVersion: random.word(SearchPropertyTests.words),
                lastSeenAt: Bool.random(using: &random) ? moment : nil
            )
            state = ApplianceState.allCases.randomElement(using: &random) ?? .ready
            type = random.word(ApplianceDraft.types)
            isPaused = Bool.random(using: &random)
            isPaired = Bool.random(using: &random)
            number = Int64.random(in: 0...3, using: &random)
        }

        func apply(_ appliance: Appliance) -> Appliance {
            var changed = appliance
            changed.state = state
            changed.type = type
            changed.pausedReason = isPaused ? "server-behind" : nil
            changed.credentialDigest = isPaired ? "digest \(appliance.key)" : nil
            changed.machine.cpuCores = number
            changed.machine.memoryMB = number * 2
            return changed
        }
    }

    private func filter(_ random: inout SplitMix, depth: Int) -> ApplianceFilter {
        let kind = Int.random(in: 0...(depth > 0 ? 7 : 4), using: &random)
        let word = random.word(Self.words)
        let comparison = ApplianceFilter.TextComparison.allCases.randomElement(using: &random)
        let text = comparison ?? .equals
        let ignoresCase = Bool.random(using: &random)
        switch kind {
        case 0:
            let property = ApplianceFilter.TextProperty.allCases.randomElement(using: &random)
            return .text(property ?? .name, text, word, ignoresCase: ignoresCase)
        case 1:
            let property = ApplianceFilter.NumberProperty.allCases.randomElement(using: &random)
            let sign = ApplianceFilter.NumberComparison.allCases.randomElement(using: &random)
            let chosen = property ?? .cpuCores
            let value = Int64.random(in: -1...4, using: &random)
            return .number(chosen, sign ?? .equals, chosen.isMoment ? value * 1000 : value)
        case 2:
            return .flag(
                Bool.random(using: &random) ? .isPaired : .isPaused,
                Bool.random(using: &random)
            )
        case 3: return .tag(text, word, ignoresCase: ignoresCase)
        case 4:
            return .tagValue(
                key: random.word(["a", "name"]),
                text,
                word,
                ignoresCase: ignoresCase
            )
        case 5: return .not(filter(&random, depth: depth - 1))
        default:
            let parts = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                filter(&random, depth: depth - 1)
            }
            return kind == 6 ? .all(parts) : .any(parts)
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `find the same appliances`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let fleet = try fleet(&random)
        var found = 0
        for _ in 0..<150 {
            let filter = filter(&random, depth: 3)
            let expected = fleet.rows.filter { Plain.holds(filter, $0.appliance, $0.health) }
                .map(\.appliance.id.text)
            let query = ApplianceQuery(filter: filter)
            let (actual, count) = try fleet.site.database.read { tx in
                (
                    try ApplianceSearchStore.list(
                        query,
                        in: fleet.scope,
                        after: nil,
                        offset: 0,
                        limit: 1000,
                        tx
                    ).map(\.id.text), try ApplianceSearchStore.count(query, in: fleet.scope, tx)
                )
            }
            #expect(actual == expected, "seed \(seed): \(filter)")
            #expect(count == expected.count)
            found += expected.count
        }
        #expect(found > 100)
    }

    @Test(arguments: [UInt64(5), 6])
    func `go through all pages in the order of one sort`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let fleet = try fleet(&random)
        for _ in 0..<30 {
            var sort: [ApplianceSort] = []
            for field in ApplianceSort.Field.allCases.shuffled(using: &random).prefix(
                Int.random(in: 0...3, using: &random)
            ) {
                sort.append(ApplianceSort(field, isDescending: Bool.random(using: &random)))
            }
            let query = ApplianceQuery(filter: filter(&random, depth: 1), sort: sort)
            let size = Int.random(in: 1...20, using: &random)
            try fleet.site.database.read { tx in
                let all = try ApplianceSearchStore.list(
                    query,
                    in: fleet.scope,
                    after: nil,
                    offset: 0,
                    limit: 1000,
                    tx
                )
                #expect(Plain.isSorted(all, sort))
                var paged: [Appliance] = []
                var after: ApplianceCursor?
                while true {
                    let page = try ApplianceSearchStore.list(
                        query,
                        in: fleet.scope,
                        after: after,
                        offset: 0,
                        limit: size,
                        tx
                    )
                    paged += page
                    guard let last = page.last else { break }
                    let next = ApplianceCursor(ApplianceCursor(last, sort).text, sort)
                    #expect(next != nil)
                    if next == nil { break }
                    after = next
                }
                #expect(paged == all, "seed \(seed): \(sort)")
            }
        }
    }
}

/// What a filter and a sort mean, written down once more without SQL.
private enum Plain {
    static func holds(
        _ filter: ApplianceFilter,
        _ appliance: Appliance,
        _ health: ApplianceHealth
    ) -> Bool {
        switch filter {
        case .all(let parts): parts.allSatisfy { holds($0, appliance, health) }
        case .any(let parts): parts.contains { holds($0, appliance, health) }
        case .not(let part): !holds(part, appliance, health)
        case .text(.name, let comparison, let value, let ignoresCase):
            compare(appliance.displayName, comparison, value, ignoresCase)
                || compare(appliance.id.text, comparison, value, ignoresCase)
        case .text(let property, let comparison, let value, let ignoresCase):
            compare(text(property, appliance, health), comparison, value, ignoresCase)
        case .number(let property, let comparison, let value):
            number(property, appliance, health).map { compare($0, comparison, value) } ?? false
        case .flag(.isPaired, let isSet): (appliance.credentialDigest != nil) == isSet
        case .flag(.isPaused, let isSet): (appliance.pausedReason != nil) == isSet
        case .tag(let comparison, let value, let ignoresCase):
            appliance.tags.texts.contains { compare($0, comparison, value, ignoresCase) }
        case .tagValue(let key, let comparison, let value, let ignoresCase):
            appliance.tags.pairs[key].map { compare($0, comparison, value, ignoresCase) } ?? false
        }
    }

    private static func text(
        _ property: ApplianceFilter.TextProperty,
        _ appliance: Appliance,
        _ health: ApplianceHealth
    ) -> String {
        switch property {
        case .name: appliance.displayName
        case .uid: appliance.id.text
        case .state: appliance.state.rawValue
        case .healthState: health.state.rawValue
        case .architecture: appliance.architecture
        case .type: appliance.type
        case .agentVersion: health.agentVersion
        }
    }

    private static func number(
        _ property: ApplianceFilter.NumberProperty,
        _ appliance: Appliance,
        _ health: ApplianceHealth
    ) -> Int64? {
        switch property {
        case .cpuCores: appliance.machine.cpuCores
        case .memoryInMB: appliance.machine.memoryMB
        case .creationTimestamp: appliance.createdAt.milliseconds
        case .lastModifiedTimestamp: appliance.modifiedAt.milliseconds
        case .lastSeenTimestamp: health.lastSeenAt?.milliseconds
        }
    }

    /// Bytes, as `C` collation has it, ASCII letters folded.
    private static func bytes(_ text: String, _ ignoresCase: Bool) -> [UInt8] {
        text.utf8.map { ignoresCase && (65...90).contains($0) ? $0 + 32 : $0 }
    }

    private static func compare(
        _ text: String,
        _ comparison: ApplianceFilter.TextComparison,
        _ value: String,
        _ ignoresCase: Bool
    ) -> Bool {
        let text = bytes(text, ignoresCase)
        let value = bytes(value, ignoresCase)
        switch comparison {
        case .equals: return text == value
        case .begins: return text.starts(with: value)
        case .contains:
            guard text.count >= value.count else { return false }
            return (0...(text.count - value.count)).contains {
                text[$0...].starts(with: value)
            }
        }
    }

    private static func compare(
        _ number: Int64,
        _ comparison: ApplianceFilter.NumberComparison,
        _ value: Int64
    ) -> Bool {
        switch comparison {
        case .equals: number == value
        case .greater: number > value
        case .greaterOrEqual: number >= value
        case .less: number < value
        case .lessOrEqual: number <= value
        }
    }

    static func isSorted(_ appliances: [Appliance], _ sort: [ApplianceSort]) -> Bool {
        func before(_ one: Appliance, _ other: Appliance) -> Bool {
            for item in sort {
                let (left, right) = (key(one, item.field), key(other, item.field))
                if left == right { continue }
                return left.lexicographicallyPrecedes(right) != item.isDescending
            }
            return one.key < other.key
        }
        return zip(appliances, appliances.dropFirst()).allSatisfy { before($0, $1) }
    }

    /// Bytes that sort as the field does.
    private static func key(_ appliance: Appliance, _ field: ApplianceSort.Field) -> [UInt8] {
        func bytes(_ moment: Timestamp) -> [UInt8] { Array(moment.text.utf8) }
        return switch field {
        case .name: Array(appliance.displayName.utf8)
        case .state: Array(appliance.state.rawValue.utf8)
        case .creationTimestamp: bytes(appliance.createdAt)
        case .lastModifiedTimestamp: bytes(appliance.modifiedAt)
        }
    }
}

/// Random numbers that a seed repeats (SplitMix64).
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func word(_ words: [String]) -> String {
        words.randomElement(using: &self) ?? ""
    }
}
