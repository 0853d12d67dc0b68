/// A regular expression in the syntax of RE2, which packs are written in.
///
/// It is matched in time that grows with the product of pattern and text, whatever either is: the
/// states of all ways through the pattern advance together, and nothing is tried again. Patterns
/// come from strangers, and one that is matched by trying can hold up a server for ever.
///
/// Not read: `\p{…}`, `\Q…\E`, `\C`. Letters match regardless of case only within ASCII.
package struct TextPattern: Sendable {
    /// The longest pattern in bytes.
    package static let patternBytesMax = 1024
    /// The longest text in characters that is looked at; longer ones match nothing.
    package static let textLengthMax = 8192
    /// The most steps of a compiled pattern; counted repetitions multiply.
    static let stepsMax = 2000
    /// The deepest nesting of groups.
    static let depthMax = 50

    enum Step: Sendable {
        case scalar(ScalarSet)
        case split(Int, Int)
        case jump(Int)
        case assert(Assertion)
        case found
    }

    enum Assertion: Sendable {
        case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
    }

    private let steps: [Step]

    /// Reads a pattern; nil when it is none, too long or uses what is not read.
    package init?(_ pattern: String) {
        guard pattern.utf8.count <= Self.patternBytesMax else { return nil }
        var parser = TextPatternParser(pattern)
        guard let node = parser.pattern() else { return nil }
        var steps: [Step] = []
        guard Self.compile(node, into: &steps) else { return nil }
        steps.append(.found)
        self.steps = steps
    }

    /// Whether the pattern matches anywhere in the text.
    package func isFound(in text: String) -> Bool {
        let scalars = Array(text.unicodeScalars.prefix(Self.textLengthMax + 1))
        guard scalars.count <= Self.textLengthMax else { return false }
        var threads = Threads(count: steps.count)
        for position in 0...scalars.count {
            // A match may begin anywhere.
            if follow(0, at: position, in: scalars, &threads) { return true }
            guard position < scalars.count else { return false }
            let current = threads.takeAll()
            for index in current {
                guard case .scalar(let set) = steps[index], set.contains(scalars[position]) else {
                    continue
                }
                if follow(index + 1, at: position + 1, in: scalars, &threads) { return true }
            }
        }
        return false
    }

    /// The steps that wait for the next character, each once.
    private struct Threads {
        private var waiting: [Int] = []
        private var isSeen: [Bool]

        init(count: Int) { isSeen = Array(repeating: false, count: count) }

        /// Whether the step is new at this position.
        mutating func see(_ step: Int) -> Bool {
            guard !isSeen[step] else { return false }
            isSeen[step] = true
            return true
        }

        mutating func wait(at step: Int) { waiting.append(step) }

        mutating func takeAll() -> [Int] {
            defer {
                waiting = []
                for index in isSeen.indices { isSeen[index] = false }
            }
            return waiting
        }
    }

    /// Goes on from a step without taking a character.
    ///
    /// - Returns: whether that comes to the end of the pattern.
    private func follow(
        _ start: Int,
        at position: Int,
        in text: [Unicode.Scalar],
        _ threads: inout Threads
    ) -> Bool {
        var open = [start]
        while let index = open.popLast() {
            guard threads.see(index) else { continue }
            switch steps[index] {
            case .found: return true
            case .scalar: threads.wait(at: index)
            case .jump(let target): open.append(target)
            case .split(let one, let other):
                open.append(other)
                open.append(one)
            case .assert(let assertion):
                if Self.holds(assertion, at: position, in: text) { open.append(index + 1) }
            }
        }
        return false
    }

    private static func holds(
        _ assertion: Assertion,
        at position: Int,
        in text: [Unicode.Scalar]
    ) -> Bool {
        let before = position > 0 ? text[position - 1] : nil
        let after = position < text.count ? text[position] : nil
        switch assertion {
        case .textStart: return before == nil
        case .textEnd: return after == nil
        case .lineStart: return before == nil || before == "\n"
        case .lineEnd: return after == nil || after == "\n"
        case .wordBoundary: return isWord(before) != isWord(after)
        case .noWordBoundary: return isWord(before) == isWord(after)
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        scalar.map(ScalarSet.word.contains) ?? false
    }
}

extension TextPattern {
    /// Writes the steps of a part; false when there are too many.
    private static func compile(_ node: TextPatternNode, into steps: inout [Step]) -> Bool {
        guard steps.count < stepsMax else { return false }
        switch node {
        case .scalar(let set): steps.append(.scalar(set))
        case .assertion(let assertion): steps.append(.assert(assertion))
        case .sequence(let parts):
            for part in parts where !compile(part, into: &steps) { return false }
        case .choice(let parts): return compile(choiceOf: parts[...], into: &steps)
        case .repetition(let part, let least, let most):
            return compile(part, least, most, into: &steps)
        }
        return steps.count <= stepsMax
    }

    private static func compile(
        choiceOf parts: ArraySlice<TextPatternNode>,
        into steps: inout [Step]
    ) -> Bool {
        var ends: [Int] = []
        for (offset, part) in parts.enumerated() {
            let isLast = offset == parts.count - 1
            let fork = steps.count
            if !isLast { steps.append(.split(fork + 1, 0)) }
            guard compile(part, into: &steps) else { return false }
            if isLast { break }
            ends.append(steps.count)
            steps.append(.jump(0))
            steps[fork] = .split(fork + 1, steps.count)
        }
        for end in ends { steps[end] = .jump(steps.count) }
        return true
    }

    private static func compile(
        _ part: TextPatternNode,
        _ least: Int,
        _ most: Int?,
        into steps: inout [Step]
    ) -> Bool {
        for _ in 0..<least where !compile(part, into: &steps) { return false }
        guard let most else {
            let fork = steps.count
            steps.append(.split(fork + 1, 0))
            guard compile(part, into: &steps) else { return false }
            steps.append(.jump(fork))
            steps[fork] = .split(fork + 1, steps.count)
            return true
        }
        var forks: [Int] = []
        for _ in least..<max(least, most) {
            forks.append(steps.count)
            steps.append(.split(steps.count + 1, 0))
            guard compile(part, into: &steps) else { return false }
        }
        for fork in forks { steps[fork] = .split(fork + 1, steps.count) }
        return true
    }
}

/// A set of characters: ranges, or all but those.
struct ScalarSet: Sendable {
    var ranges: [ClosedRange<UInt32>]
    var isInverted = false

    init(_ ranges: [ClosedRange<UInt32>], isInverted: Bool = false) {
        self.ranges = ranges
        self.isInverted = isInverted
    }

    init(_ scalar: Unicode.Scalar) { self.init([scalar.value...scalar.value]) }

    static let digit = ScalarSet([0x30...0x39])
    static let word = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = ScalarSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } != isInverted
    }

    /// What the set does not hold, as ranges.
    var complement: [ClosedRange<UInt32>] {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { gaps.append(next...(range.lowerBound - 1)) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return gaps
    }

    /// The set with the other case of every ASCII letter that it holds.
    var ignoringCase: ScalarSet {
        var all = ranges
        for range in ranges {
            for (first, last, shift) in [(0x41, 0x5A, 32), (0x61, 0x7A, -32)] {
                let low = max(Int(range.lowerBound), first)
                let high = min(Int(range.upperBound), last)
                if low <= high { all.append(UInt32(low + shift)...UInt32(high + shift)) }
            }
        }
        return ScalarSet(all, isInverted: isInverted)
    }
}
