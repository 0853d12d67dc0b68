import Packs

/// The line of a layer's values that says which presets are in them:
/// `# spectrocloud.com/enabled-presets: Backend:disable-api,Size:big`.
///
/// It is a comment to YAML; clients show the switches of the presets by it.
enum EnabledPresets {
    static let key = "# spectrocloud.com/enabled-presets:"

    /// The line of a text without its line break; `nil` when it has none.
    static func line(in values: String) -> Substring? {
        values.split(separator: "\n").first { $0.hasPrefix(key) }
    }

    /// Writes the chosen presets into the line: each takes the place of the one of its group.
    ///
    /// - Parameters:
    ///   - values: the text after the merge, which may have lost its comments.
    ///   - former: the text before it.
    static func note(_ chosen: [Preset], in values: String, formerly former: String) -> String {
        var entries = entries(of: line(in: former) ?? "")
        for preset in chosen {
            let entry = (group: preset.group, text: "\(preset.group):\(preset.name)")
            if let place = entries.firstIndex(where: { $0.group == preset.group }) {
                entries[place] = entry
            } else {
                entries.append(entry)
            }
        }
        guard !entries.isEmpty else { return values }
        let wanted = "\(key) " + entries.map(\.text).joined(separator: ",")
        guard let known = line(in: values) else { return wanted + "\n" + values }
        if known == wanted { return values }
        return values[..<known.startIndex] + wanted + values[known.endIndex...]
    }

    private static func entries(of line: Substring) -> [(group: String, text: String)] {
        line.dropFirst(key.count).split(separator: ",").compactMap { part in
            let text = String(part.drop { $0 == " " }.filter { $0 != "\r" })
            guard !text.isEmpty else { return nil }
            return (String(text.prefix { $0 != ":" }), text)
        }
    }
}
