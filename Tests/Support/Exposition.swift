/// A page of metrics, read as strictly as the text format 0.0.4 and Prometheus's conventions allow.
package struct Exposition {
    /// Why a page is refused.
    package struct Fault: Error, CustomStringConvertible {
        /// The line and what is wrong with it.
        package let description: String
    }

    /// The samples under one name.
    package struct Family {
        /// `counter`, `gauge` or `histogram`.
        package let type: String
        /// What the page says about it.
        package let help: String
        /// The samples in the page's order.
        package fileprivate(set) var samples: [Sample] = []
    }

    /// One number.
    package struct Sample {
        /// The family's name, with `_bucket`, `_sum` or `_count` in a histogram.
        package let name: String
        /// The labels by name.
        package let labels: [String: String]
        /// The number.
        package let value: Double
    }

    /// The families by name.
    package private(set) var families: [String: Family] = [:]
    private var current = ""
    private var pendingHelp: (name: String, text: String)?
    private var seen: Set<String> = []

    /// Reads a page.
    ///
    /// - Throws: `Fault` for anything a strict reader refuses.
    package init(_ page: String) throws {
        guard page.hasSuffix("\n") else { throw Fault(description: "no line feed at the end") }
        for line in page.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            do {
                try take(String(line))
            } catch let fault as Fault {
                throw Fault(description: "\(fault.description) in: \(line)")
            }
        }
        if let pendingHelp { throw Fault(description: "no TYPE of \(pendingHelp.name)") }
        for (name, family) in families where family.type == "histogram" {
            try Self.checkHistogram(name, family)
        }
    }

    /// The value of the only sample of this name that has these labels.
    package subscript(name: String, labels: [String: String]) -> Double? {
        let found = families.values.lazy.flatMap(\.samples).filter {
            $0.name == name && $0.labels == labels
        }
        return found.first?.value
    }

    private static func require(_ isRight: Bool, _ fault: String) throws {
        if !isRight { throw Fault(description: fault) }
    }

    private mutating func take(_ line: String) throws {
        try Self.require(!line.isEmpty, "an empty line")
        try Self.require(line.unicodeScalars.allSatisfy { $0.value >= 0x20 }, "a control character")
        guard line.hasPrefix("#") else { return try takeSample(line) }
        let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            .map(String.init)
        try Self.require(words.count == 4 && words[0] == "#", "a comment that says nothing")
        try Self.require(Self.isName(words[2], mayHoldColon: true), "no name")
        if words[1] == "HELP" {
            try Self.require(pendingHelp == nil, "HELP before the TYPE of the last")
            try Self.require(families[words[2]] == nil, "a second HELP")
            try Self.require(!words[3].isEmpty, "no help")
            pendingHelp = (words[2], words[3])
            return
        }
        try Self.require(words[1] == "TYPE", "neither HELP nor TYPE")
        guard let help = pendingHelp, help.name == words[2] else {
            throw Fault(description: "TYPE without its HELP")
        }
        try Self.require(["counter", "gauge", "histogram"].contains(words[3]), "no known type")
        try Self.require(
            words[2].hasSuffix("_total") == (words[3] == "counter"),
            "counters, and no others, end with _total"
        )
        families[words[2]] = Family(type: words[3], help: help.text)
        current = words[2]
        pendingHelp = nil
    }

    private mutating func takeSample(_ line: String) throws {
        try Self.require(pendingHelp == nil, "a sample between HELP and TYPE")
        guard let space = line.lastIndex(of: " ") else { throw Fault(description: "no value") }
        let series = String(line[..<space])
        try Self.require(seen.insert(series).inserted, "a second sample")
        let (name, labels) = try Self.series(series)
        guard let family = families[current] else { throw Fault(description: "no TYPE") }
        let isPart = ["_bucket", "_sum", "_count"].contains { current + $0 == name }
        try Self.require(
            family.type == "histogram" ? isPart : name == current,
            "a sample outside its family"
        )
        let value = try Self.number(line[line.index(after: space)...])
        try Self.require(family.type == "gauge" || value >= 0, "a count below zero")
        families[current]?.samples.append(Sample(name: name, labels: labels, value: value))
    }

    private static func number(_ text: Substring) throws -> Double {
        let isPlain = text.utf8.allSatisfy { "0123456789+-.e".utf8.contains($0) }
        guard isPlain, let value = Double(text), value.isFinite else {
            throw Fault(description: "no number")
        }
        return value
    }

    private static func isName(_ text: String, mayHoldColon: Bool) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: ":"): mayHoldColon
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
            default: false
            }
        }
    }

    /// `name` or `name{label="value",…}`.
    private static func series(_ text: String) throws -> (String, [String: String]) {
        guard let brace = text.firstIndex(of: "{") else {
            try require(isName(text, mayHoldColon: true), "no name")
            return (text, [:])
        }
        let name = String(text[..<brace])
        try require(isName(name, mayHoldColon: true), "no name")
        var labels: [String: String] = [:]
        var rest = text[text.index(after: brace)...]
        while true {
            guard let equals = rest.firstIndex(of: "=") else {
                throw Fault(description: "no label")
            }
            let label = String(rest[..<equals])
            try require(isName(label, mayHoldColon: false), "no label name")
            rest = rest[rest.index(after: equals)...]
            try require(rest.popFirst() == "\"", "no quote")
            let value = try value(&rest)
            try require(labels.updateValue(value, forKey: label) == nil, "a label twice")
            let next = rest.popFirst()
            if next == "}" { break }
            try require(next == ",", "neither comma nor brace")
        }
        try require(rest.isEmpty, "more behind the labels")
        return (name, labels)
    }

    /// A label's value up to and with its closing quote.
    private static func value(_ rest: inout Substring) throws -> String {
        var value = ""
        while let character = rest.popFirst() {
            switch character {
            case "\"": return value
            case "\\":
                switch rest.popFirst() {
                case "\\": value += "\\"
                case "\"": value += "\""
                case "n": value += "\n"
                default: throw Fault(description: "an unknown escape")
                }
            default: value.append(character)
            }
        }
        throw Fault(description: "a value without an end")
    }

    private static func checkHistogram(_ name: String, _ family: Family) throws {
        var buckets: [[String: String]: [(bound: Double, count: Double)]] = [:]
        var counts: [[String: String]: Double] = [:]
        var sums: Set<[String: String]> = []
        for sample in family.samples {
            var labels = sample.labels
            let bound = labels.removeValue(forKey: "le")
            try require((bound != nil) == (sample.name == name + "_bucket"), "\(name): 'le'")
            switch (sample.name, bound) {
            case (name + "_count", _): counts[labels] = sample.value
            case (name + "_sum", _): sums.insert(labels)
            case (_, "+Inf"): buckets[labels, default: []].append((.infinity, sample.value))
            case (_, let bound):
                let number = try number(Substring(bound ?? ""))
                buckets[labels, default: []].append((number, sample.value))
            }
        }
        try require(Set(buckets.keys) == sums && sums == Set(counts.keys), "\(name): parts")
        for (labels, buckets) in buckets {
            for (one, next) in zip(buckets, buckets.dropFirst()) {
                try require(one.bound < next.bound, "\(name): bounds out of order")
                try require(one.count <= next.count, "\(name): buckets that shrink")
            }
            try require(buckets.last?.bound == .infinity, "\(name): no +Inf")
            try require(buckets.last?.count == counts[labels], "\(name): _count is not +Inf's")
        }
    }
}
