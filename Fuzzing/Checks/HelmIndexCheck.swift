import Packs

extension FuzzCheck {
    /// What a stranger's repository lists can be shown and asked for, and one chart is read as it
    /// is among all.
    static let helmIndex = FuzzCheck("helm-index") { bytes in
        guard let index = try? HelmIndex(bytes) else { return }
        var keys: Set<String> = []
        for entry in index.entries {
            try promise(!entry.name.isEmpty && entry.name.utf8.count <= 128, "a name is a name")
            try promise(!entry.name.contains("/"), "a name is no path")
            try promise(
                entry.version.utf8.allSatisfy { (0x21...0x7E) ~= $0 },
                "a version can be shown"
            )
            try promise(
                keys.insert("\(entry.name) \(entry.version)").inserted,
                "a version is listed once"
            )
        }
        guard let name = index.entries.last?.name else { return }
        let alone = try HelmIndex(bytes, chart: name)
        try promise(
            alone.entries == index.entries.filter { $0.name == name },
            "a chart read alone is what it is among all"
        )
    }
}
