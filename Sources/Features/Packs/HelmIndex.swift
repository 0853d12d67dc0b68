import YAML

/// One version of one chart, as a Helm repository's `index.yaml` lists it.
package struct HelmChartEntry: Sendable, Hashable {
    /// The chart's name.
    package let name: String
    /// The version's text.
    package let version: String
    /// `sha256:<hex>` of the archive; empty when the index does not say.
    package let digest: String
    /// Where the archive is: relative to the repository, or a URL.
    package let location: String
    let description: String
    let appVersion: String
    let isDeprecated: Bool
}

/// What a Helm repository's `index.yaml` lists, read chart by chart.
///
/// Popular indexes are 20 MB and more, and the tree of such a document is many times that. Helm
/// writes one block under `entries` for each chart, so that each is parsed alone; what is written
/// in another way is parsed as a whole, up to a smaller size.
package struct HelmIndex: Sendable {
    /// Why a text is no index.
    package struct Invalid: Error {}

    /// The versions in the order of the index; those of one chart stand together.
    package private(set) var entries: [HelmChartEntry] = []
    /// Versions and charts that were passed over for their form or their number.
    private(set) var skippedCount = 0
    /// The first few of those whose version is none.
    private(set) var unversioned: [String] = []
    private var names: Set<String> = []

    /// Reads an index.
    ///
    /// - Parameter wanted: the only chart that is looked at; nil for all.
    /// - Throws: `Invalid`.
    package init(_ bytes: [UInt8], chart wanted: String? = nil) throws(Invalid) {
        guard let blocks = Self.blocks(bytes) else {
            guard bytes.count <= PackLimits.helmIndexWholeBytesMax,
                let root = try? YAML.parseSingle(bytes, limits: Self.limits),
                let entries = root["entries"]
            else { throw Invalid() }
            try take(entries, wanted)
            return
        }
        for block in blocks {
            if let wanted, Self.isOther(than: wanted, bytes[block]) { continue }
            guard let chart = try? YAML.parseSingle(Array(bytes[block]), limits: Self.limits) else {
                throw Invalid()
            }
            try take(chart, wanted)
        }
    }

    /// Whether a block is plainly that of another chart, so that it need not be parsed.
    private static func isOther(than wanted: String, _ block: ArraySlice<UInt8>) -> Bool {
        let line = block.drop { $0 == UInt8(ascii: " ") }.prefix { !"\r\n".utf8.contains($0) }
        guard line.last == UInt8(ascii: ":") else { return false }
        let key = String(decoding: line.dropLast(), as: UTF8.self)
        return PackName.isValid(key) && key != wanted
    }

    private static let limits = YAMLLimits(
        bytesMax: PackLimits.helmIndexWholeBytesMax,
        nodesMax: 2_000_000
    )

    private mutating func take(_ charts: YAMLNode, _ wanted: String?) throws(Invalid) {
        if charts.isNull { return }
        guard let pairs = charts.pairs else { throw Invalid() }
        for pair in pairs {
            guard let name = pair.key.text else { throw Invalid() }
            if let wanted, wanted != name { continue }
            // Of a chart that stands there twice the first counts.
            guard PackName.isValid(name), name.utf8.count <= PackLimits.nameBytesMax,
                names.insert(name).inserted
            else {
                skippedCount += 1
                continue
            }
            take(pair.value.elements ?? [], of: name)
        }
    }

    private mutating func take(_ versions: [YAMLNode], of name: String) {
        var found: [HelmChartEntry] = []
        var texts: Set<String> = []
        for version in versions.prefix(PackLimits.helmVersionsReadMax) {
            if let text = version["version"]?.text, !Self.isVersion(text) {
                skippedCount += 1
                if unversioned.count < Self.unversionedMax {
                    // It is the upstream's word, and is shown to people.
                    let shown = String(text.unicodeScalars.prefix(32).filter(\.isASCII))
                    unversioned.append("\(name) \(shown.filter { !$0.isWhitespace })")
                }
                continue
            }
            guard let entry = Self.entry(version, name), texts.insert(entry.version).inserted else {
                skippedCount += 1
                continue
            }
            found.append(entry)
        }
        found.sort { PackStore.newer($0.version, than: $1.version) }
        skippedCount += max(0, versions.count - PackLimits.helmVersionsReadMax)
        entries += found
    }

    private static let unversionedMax = 5

    /// Whether Helm takes a text as a version: semantic, where a `v` may stand before and zeros be
    /// left out.
    private static func isVersion(_ text: String) -> Bool {
        let bare = text.hasPrefix("v") ? text.dropFirst() : text[...]
        let core = bare.prefix { $0 != "-" && $0 != "+" }
        let missing = 3 - core.split(separator: ".", omittingEmptySubsequences: false).count
        guard (0...2).contains(missing) else { return false }
        let whole = core + String(repeating: ".0", count: missing) + bare.dropFirst(core.count)
        return SemanticVersion(String(whole)) != nil
    }

    private static func entry(_ node: YAMLNode, _ name: String) -> HelmChartEntry? {
        guard let version = node["version"]?.text, !version.isEmpty,
            version.utf8.count <= PackLimits.versionBytesMax,
            version.utf8.allSatisfy({ (0x21...0x7E) ~= $0 && $0 != UInt8(ascii: "/") }),
            let location = node["urls"]?[0]?.text, location.utf8.count <= PackLimits.pathBytesMax
        else { return nil }
        return HelmChartEntry(
            name: name,
            version: version,
            digest: digest(node["digest"]?.text ?? ""),
            location: location,
            description: String((node["description"]?.text ?? "").prefix(200)),
            appVersion: String((node["appVersion"]?.text ?? "").prefix(64)),
            isDeprecated: node["deprecated"]?.bool ?? false
        )
    }

    private static func digest(_ text: String) -> String {
        let hex = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        let isDigest = hex.utf8.count == 64 && hex.allSatisfy(\.isHexDigit)
        return isDigest ? "sha256:" + hex.lowercased() : ""
    }

    /// The places of the charts' blocks under `entries`; nil when the text is laid out otherwise.
    private static func blocks(_ bytes: [UInt8]) -> [Range<Int>]? {
        var lines = LineReader(bytes)
        while let line = lines.next() {
            if bytes[line].elementsEqual("entries:".utf8) { break }
            // In a text without this line, and in one within quotes or brackets, none is found.
            if bytes[line].starts(with: "entries:".utf8) { return nil }
        }
        var blocks: [Range<Int>] = []
        var indent = 0
        while let line = lines.next() {
            let blanks = bytes[line].prefix { $0 == UInt8(ascii: " ") }.count
            guard blanks < line.count, bytes[line.lowerBound + blanks] != UInt8(ascii: "#") else {
                continue
            }
            if blanks == 0 { break }
            if indent == 0 { indent = blanks }
            if blanks < indent { return nil }
            let isKey = blanks == indent && bytes[line.lowerBound + blanks] != UInt8(ascii: "-")
            if isKey { blocks.append(line.lowerBound..<line.upperBound) }
            guard let last = blocks.indices.last else { return nil }
            blocks[last] = blocks[last].lowerBound..<line.upperBound
        }
        return blocks.isEmpty ? nil : blocks
    }
}

/// The lines of a text, without their ends.
private struct LineReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
        let line =
            position..<(end > position && bytes[end - 1] == UInt8(ascii: "\r") ? end - 1 : end)
        position = end + 1
        return line
    }
}
