import JSON
import Packs

extension FuzzCheck {
    /// What a stranger's registry lists can be shown and asked for, and is read again as it was
    /// when it is written.
    static let packIndex = FuzzCheck("pack-index") { bytes in
        guard let index = try? PackIndex(bytes) else { return }
        for entry in index.entries {
            try promise(!entry.name.isEmpty && entry.name.utf8.count <= 128, "a name is a name")
            try promise(!entry.name.contains("/"), "a name is no path")
            try promise(
                !entry.version.isEmpty && entry.version.utf8.count <= 128
                    && entry.version.utf8.allSatisfy { (0x21...0x7E) ~= $0 },
                "a version can be shown"
            )
            try promise(entry.size >= 0, "a size is no less than nothing")
        }
        let again = try PackIndex(index.jsonBytes())
        try promise(again.entries == index.entries, "an index is read as it was written")
    }
}
