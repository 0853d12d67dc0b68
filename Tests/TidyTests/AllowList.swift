/// The places that break a rule today.
///
/// The list may only shrink.
///
/// One line each: the rule's name, the path, how many places. A line that starts with `#` is a
/// comment.
struct AllowList: Sendable {
    struct Key: Sendable, Hashable, Comparable {
        let rule: String
        let path: String

        static func < (left: Key, right: Key) -> Bool {
            (left.rule, left.path) < (right.rule, right.path)
        }
    }

    let counts: [Key: Int]
    /// The lines nobody can read.
    let faults: [String]

    static let shared = AllowList(allowedPlaces)

    init(_ text: String) {
        var counts: [Key: Int] = [:]
        var faults: [String] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            guard parts.count == 3, let count = Int(parts[2]), count > 0,
                Rule.all.contains(where: { $0.name == parts[0] }),
                counts.updateValue(
                    count,
                    forKey: Key(rule: String(parts[0]), path: String(parts[1]))
                ) == nil
            else {
                faults.append(String(line))
                continue
            }
        }
        self.counts = counts
        self.faults = faults
    }

    /// What is wrong when these are the findings of a rule: new places, or entries to lower.
    func complaints(about rule: Rule, findings: [Finding]) -> [String] {
        let found = Dictionary(grouping: findings, by: \.path)
        let allowed = counts.filter { $0.key.rule == rule.name }
        let paths = Set(found.keys).union(allowed.keys.map(\.path))
        return paths.sorted().flatMap { path -> [String] in
            let places = found[path] ?? []
            let limit = allowed[Key(rule: rule.name, path: path)] ?? 0
            if places.count < limit {
                return [
                    "Allowed.swift: '\(rule.name) \(path)' is now \(places.count), not \(limit)"
                ]
            }
            guard places.count > limit else { return [] }
            return places.map { "\($0.path):\($0.line): \($0.what)" }
        }
    }
}
