/// The rules about paths, kept for every source of entries: tar, folder, and our own writer.
struct EntryCollector {
    private(set) var entries: [ArchiveEntry] = []

    private let limits: ArchiveLimits
    private var files: Set<String> = []
    private var explicitFolders: Set<String> = []
    private var folders: Set<String> = []

    init(limits: ArchiveLimits) {
        self.limits = limits
    }

    /// Checks an entry against all before it and keeps it.
    ///
    /// The folder of the archive itself (`.` or `./`) is taken and left out.
    mutating func add(
        _ rawPath: [UInt8],
        _ kind: ArchiveEntry.Kind,
        isExecutable: Bool,
        range: Range<Int>
    ) throws(ArchiveError) {
        guard let parts = try parts(of: rawPath, kind) else { return }
        let path = parts.joined(separator: "/")
        guard !files.contains(path), !explicitFolders.contains(path) else {
            throw ArchiveError(.unsafe, "This path is in the archive twice.", entry: path)
        }
        var parent = ""
        for part in parts.dropLast() {
            parent += parent.isEmpty ? part : "/" + part
            guard !files.contains(parent) else {
                throw ArchiveError(
                    .unsafe,
                    "A part of this path is a file in the same archive.",
                    entry: path
                )
            }
            folders.insert(parent)
        }
        switch kind {
        case .file:
            guard !folders.contains(path) else {
                throw ArchiveError(
                    .unsafe,
                    "This path is a file and a folder in the same archive.",
                    entry: path
                )
            }
            files.insert(path)
        case .directory:
            folders.insert(path)
            explicitFolders.insert(path)
        }
        entries.append(
            ArchiveEntry(path: path, kind: kind, isExecutable: isExecutable, range: range)
        )
    }

    /// The parts of a path after `./` in front and `/` behind a folder; nil for the root itself.
    private func parts(
        of rawPath: [UInt8],
        _ kind: ArchiveEntry.Kind
    ) throws(ArchiveError) -> [String]? {
        let shown = String(decoding: rawPath.prefix(800), as: UTF8.self)
        func refusal(_ reason: String) -> ArchiveError {
            ArchiveError(.unsafe, reason, entry: shown)
        }
        guard rawPath.count <= limits.pathBytesMax else {
            throw refusal("The path is longer than \(limits.pathBytesMax) bytes.")
        }
        guard let whole = String(validating: rawPath, as: UTF8.self) else {
            throw refusal("The path is not valid UTF-8.")
        }
        guard whole.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw refusal("The path holds a control character.")
        }
        guard !rawPath.contains(UInt8(ascii: "\\")) else {
            throw refusal("The path holds a backslash.")
        }
        guard !rawPath.isEmpty else { throw refusal("The path is empty.") }
        guard rawPath.first != UInt8(ascii: "/") else { throw refusal("The path is absolute.") }
        var parts = whole.utf8.split(
            separator: UInt8(ascii: "/"),
            omittingEmptySubsequences: false
        ).map { String(Substring($0)) }
        if parts.first == "." { parts.removeFirst() }
        if kind == .directory, parts.last == "" { parts.removeLast() }
        if parts.isEmpty {
            guard kind == .directory else { throw refusal("A file needs a name.") }
            return nil
        }
        guard !parts.contains("..") else { throw refusal("The path leads upwards with \"..\".") }
        guard !parts.contains(""), !parts.contains(".") else {
            throw refusal("The path has an empty part or a \".\" inside.")
        }
        guard parts.allSatisfy({ $0.utf8.count <= 255 }) else {
            throw refusal("A part of the path is longer than 255 bytes.")
        }
        guard parts.count <= limits.pathPartsMax else {
            throw refusal("The path has more than \(limits.pathPartsMax) parts.")
        }
        return parts
    }
}
