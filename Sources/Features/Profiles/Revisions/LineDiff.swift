/// What was done to the lines of one text to make another.
///
/// By E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986.
struct LineDiff {
    enum Step: Equatable {
        case keep(old: Int, new: Int)
        case remove(old: Int)
        case add(new: Int)
    }

    /// Texts that differ in more lines are said to differ in all lines between their first and
    /// their last difference: finding the shortest way would take its square in memory.
    static let editsMax = 1000
    /// Unchanged lines around a change.
    private static let contextLines = 3

    /// In the order of the texts; what is removed stands before what is added in its place.
    let steps: [Step]

    init(_ old: [Substring], _ new: [Substring]) {
        var first = 0
        while first < old.count, first < new.count, old[first] == new[first] { first += 1 }
        var same = 0
        while same < old.count - first, same < new.count - first,
            old[old.count - 1 - same] == new[new.count - 1 - same]
        { same += 1 }
        var steps = (0..<first).map { Step.keep(old: $0, new: $0) }
        let (oldEnd, newEnd) = (old.count - same, new.count - same)
        var numbers: [Substring: Int] = [:]
        func number(_ line: Substring) -> Int {
            if let known = numbers[line] { return known }
            numbers[line] = numbers.count
            return numbers.count - 1
        }
        let middle = Self.shortest(
            old[first..<oldEnd].map(number),
            new[first..<newEnd].map(number)
        )
        if let middle {
            steps += middle.map { step in
                switch step {
                case .keep(let one, let other): .keep(old: one + first, new: other + first)
                case .remove(let one): .remove(old: one + first)
                case .add(let other): .add(new: other + first)
                }
            }
        } else {
            steps += (first..<oldEnd).map { Step.remove(old: $0) }
            steps += (first..<newEnd).map { Step.add(new: $0) }
        }
        steps += (0..<same).map { Step.keep(old: oldEnd + $0, new: newEnd + $0) }
        self.steps = steps
    }

    /// The shortest way; nil when it has more than `editsMax` edits.
    private static func shortest(_ old: [Int], _ new: [Int]) -> [Step]? {
        let editsMax = min(old.count + new.count, Self.editsMax)
        // How far each diagonal `old - new` has come, and that before each number of edits.
        let zero = editsMax + 1
        var reached = [Int](repeating: 0, count: 2 * editsMax + 3)
        var trace: [[Int]] = []
        for edits in 0...editsMax {
            trace.append(Array(reached[(zero - edits)...(zero + edits)]))
            for diagonal in stride(from: -edits, through: edits, by: 2) {
                let left = reached[zero + diagonal - 1]
                let above = reached[zero + diagonal + 1]
                let isDown = diagonal == -edits || (diagonal != edits && left < above)
                var x = isDown ? above : left + 1
                while x < old.count, x - diagonal < new.count, old[x] == new[x - diagonal] {
                    x += 1
                }
                reached[zero + diagonal] = x
                if diagonal == old.count - new.count, x >= old.count {
                    return way(back: trace, from: old.count, new.count)
                }
            }
        }
        return nil
    }

    private static func way(back trace: [[Int]], from oldCount: Int, _ newCount: Int) -> [Step] {
        var steps: [Step] = []
        var (x, y) = (oldCount, newCount)
        for edits in stride(from: trace.count - 1, through: 0, by: -1) {
            let reached = trace[edits]
            let diagonal = x - y
            var former = (x: 0, y: 0)
            if edits > 0 {
                let isDown =
                    diagonal == -edits
                    || (diagonal != edits
                        && reached[edits + diagonal - 1] < reached[edits + diagonal + 1])
                let from = isDown ? diagonal + 1 : diagonal - 1
                former.x = reached[edits + from]
                former.y = former.x - from
            }
            while x > former.x, y > former.y {
                x -= 1
                y -= 1
                steps.append(.keep(old: x, new: y))
            }
            guard edits > 0 else { break }
            steps.append(x == former.x ? .add(new: former.y) : .remove(old: former.x))
            (x, y) = former
        }
        return steps.reversed()
    }

    /// The lines of a text; what stands behind the last line feed counts when there is something.
    static func lines(_ text: String) -> [Substring] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// The difference of two texts as a unified diff without file names; empty when there is none.
    ///
    /// Secrets are masked, and their change still shows.
    ///
    /// - Parameter hidden: what is secret beside what looks so.
    static func unified(
        _ old: String,
        _ new: String,
        hiding hidden: SensitiveValues
    ) -> String {
        let (oldLines, newLines) = (lines(old), lines(new))
        let steps = LineDiff(oldLines, newLines).steps
        let shownOld = SecretMask.masked(oldLines).map(hidden.masked)
        let shownNew = SecretMask.masked(newLines).map(hidden.masked)
        var text = ""
        for range in hunks(steps) {
            var (oldCount, newCount) = (0, 0)
            var (oldStart, newStart) = (0, 0)
            var body = ""
            for step in steps[range] {
                switch step {
                case .keep(let one, let other):
                    if oldCount == 0 { oldStart = one + 1 }
                    if newCount == 0 { newStart = other + 1 }
                    oldCount += 1
                    newCount += 1
                    body += " \(shownNew[other])\n"
                case .remove(let one):
                    if oldCount == 0 { oldStart = one + 1 }
                    oldCount += 1
                    body += "-\(shownOld[one])\n"
                case .add(let other):
                    if newCount == 0 { newStart = other + 1 }
                    newCount += 1
                    body += "+\(shownNew[other])\n"
                }
            }
            text += "@@ -\(oldStart),\(oldCount) +\(newStart),\(newCount) @@\n" + body
        }
        return text
    }

    /// The runs of steps that hold changes, with some unchanged lines around each.
    private static func hunks(_ steps: [Step]) -> [Range<Int>] {
        var hunks: [Range<Int>] = []
        for (index, step) in steps.enumerated() {
            if case .keep = step { continue }
            let start = max(0, index - contextLines)
            let end = min(steps.count, index + contextLines + 1)
            if let last = hunks.last, start <= last.upperBound {
                hunks[hunks.count - 1] = last.lowerBound..<end
            } else {
                hunks.append(start..<end)
            }
        }
        return hunks
    }
}
