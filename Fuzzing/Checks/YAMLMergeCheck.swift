import YAML

extension FuzzCheck {
    /// A preset changes a values text to what the merge of both means, and the second time to the
    /// same.
    ///
    /// The input is the values, what is added and the paths to remove, each behind a line `%%%`.
    static let yamlMerge = FuzzCheck("yaml-merge") { bytes in
        let parts = split(bytes)
        guard let add = try? YAML.parseSingle(parts[1], limits: limits), add.pairs != nil,
            let base = try? YAML.parseSingle(parts[0], limits: limits), base.pairs != nil,
            let wanted = try? YAMLMerge.merged(base, add).json()
        else { return }
        let removed = parts[2].split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
        _ = try? YAMLMerge.apply(to: parts[0], remove: removed, add: add, limits: limits)
        let text: [UInt8]
        do throws(YAMLError) {
            text = try YAMLMerge.apply(to: parts[0], remove: [], add: add, limits: limits)
        } catch {
            throw BrokenPromise(description: "two mappings can be merged: \(error)")
        }
        let merged = try YAML.parseSingle(text, limits: limits)
        try promise(try merged?.json() == wanted, "the text means what the mappings merge to")
        let again = try YAMLMerge.apply(to: text, remove: [], add: add, limits: limits)
        try promise(again == text, "what was added once is not added twice")
    }

    private static let limits = YAMLLimits(bytesMax: 1 << 20)

    private static func split(_ bytes: [UInt8]) -> [[UInt8]] {
        var parts: [[UInt8]] = [[]]
        for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
            if line.elementsEqual([37, 37, 37]) {
                parts.append([])
            } else {
                parts[parts.count - 1] += line + [10]
            }
        }
        return parts + [[], []]
    }
}
