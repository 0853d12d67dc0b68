/// Builds a page of metrics in Prometheus's text format, version 0.0.4.
package struct MetricsText {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// What a family of samples is.
    package enum Kind: String {
        case counter, gauge, histogram
    }

    /// Begins a family; its samples must follow before the next family begins.
    package mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        line("# HELP \(name) \(help)")
        line("# TYPE \(name) \(kind.rawValue)")
    }

    /// One sample without labels.
    package mutating func sample(_ name: String, _ value: Int) {
        sample(name, [:], value)
    }

    /// One sample with its labels.
    package mutating func sample(
        _ name: String,
        _ labels: KeyValuePairs<String, String>,
        _ value: Int
    ) {
        line(name + Self.text(of: labels) + " \(value)")
    }

    /// One sample whose value has a fraction, such as seconds.
    package mutating func sample(
        _ name: String,
        _ labels: KeyValuePairs<String, String> = [:],
        seconds value: Double
    ) {
        line(name + Self.text(of: labels) + " \(value)")
    }

    /// The samples of one histogram.
    ///
    /// - Parameters:
    ///   - bounds: upper bounds of the buckets.
    ///   - counts: entries of each bucket, one more than bounds: the last is of those above all.
    ///   - sum: of all that was measured.
    ///   - perUnit: how many of what was measured make one on the page: microseconds a second.
    package mutating func histogram(
        _ name: String,
        _ labels: KeyValuePairs<String, String> = [:],
        bounds: [Int],
        counts: [Int],
        sum: Int,
        perUnit: Double = 1e6
    ) {
        var total = 0
        let plain = labels.map { ($0.key, $0.value) }
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < bounds.count ? "\(Double(bounds[index]) / perUnit)" : "+Inf"
            line(name + "_bucket" + Self.text(plain + [("le", bound)]) + " \(total)")
        }
        line(name + "_sum" + Self.text(plain) + " \(Double(sum) / perUnit)")
        line(name + "_count" + Self.text(plain) + " \(total)")
    }

    private mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    private static func text(of labels: KeyValuePairs<String, String>) -> String {
        text(labels.map { ($0.key, $0.value) })
    }

    private static func text(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        let pairs = labels.map { "\($0.0)=\"\(escape($0.1))\"" }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escape(_ value: String) -> String {
        var safe = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": safe += "\\\\"
            case "\"": safe += "\\\""
            case "\n": safe += "\\n"
            default: safe.unicodeScalars.append(character)
            }
        }
        return safe
    }
}
