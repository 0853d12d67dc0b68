import JSON

// What people note about a thing: shown in tables and logs, so held to the rule of names.
extension Fields {
    /// The longest key; Kubernetes' own have a prefix of 253 bytes, a slash and 63 more.
    private static let noteKeyBytesMax = 317

    /// Reads labels or other tags, whose values are words.
    package func labels(countMax: Int = 256, bytesMax: Int = 4096) -> [String: String] {
        let labels = textMap("labels", countMax: countMax, bytesMax: bytesMax)
        for (key, value) in labels { checkNote("labels", key, hidden: [value[...]]) }
        return labels
    }

    /// Reads annotations, whose values are texts of several lines.
    package func annotations(countMax: Int = 256, bytesMax: Int = 4096) -> [String: String] {
        let annotations = textMap("annotations", countMax: countMax, bytesMax: bytesMax)
        for (key, value) in annotations {
            let lines = value.split { $0.isNewline || $0 == "\t" }
            checkNote("annotations", key, hidden: lines)
        }
        return annotations
    }

    private func checkNote(_ map: String, _ key: String, hidden values: [Substring]) {
        let at = pointer(to: map) + JSONPointer(key).text
        if key.isEmpty {
            faults.add(Fault(at, "Required", "'\(map)' has an entry without a name."))
        } else if key.utf8.count > Self.noteKeyBytesMax {
            let limit = "at most \(Self.noteKeyBytesMax) bytes."
            faults.add(Fault(at, "TooLong", "A name in '\(map)' has \(limit)"))
        } else if let flaw = NameRule.flaw(in: key) {
            faults.add(Fault(at, "InvalidName", "In '\(map)': \(flaw)"))
        } else if let flaw = values.lazy.compactMap({ NameRule.hidden(in: $0) }).first {
            let message = "'\(key)' of '\(map)' must not hold \(flaw)."
            faults.add(Fault(at, "InvalidCharacter", message))
        }
    }
}
