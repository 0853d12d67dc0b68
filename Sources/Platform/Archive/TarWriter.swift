/// Writes a ustar archive whose bytes depend on nothing but the entries and their order.
///
/// Times, users and groups are 0; modes are 0644 or 0755. Paths that do not fit the ustar fields
/// or are not ASCII get a pax header. Paths keep the rules that the reader enforces.
package struct TarWriter {
    private var bytes: [UInt8] = []
    private var collector: EntryCollector

    /// Makes a writer without entries.
    package init(limits: ArchiveLimits = ArchiveLimits(bytesMax: 1 << 32)) {
        collector = EntryCollector(limits: limits)
    }

    /// Adds a file.
    ///
    /// - Throws: `.unsafe` when the reader would refuse the path.
    package mutating func addFile(
        _ path: String,
        _ contents: [UInt8],
        isExecutable: Bool = false
    ) throws(ArchiveError) {
        try collector.add(Array(path.utf8), .file, isExecutable: isExecutable, range: 0..<0)
        appendHeaders(
            path: cleaned(path),
            size: contents.count,
            mode: isExecutable ? 0o755 : 0o644,
            type: UInt8(ascii: "0")
        )
        appendData(contents)
    }

    /// Adds a folder.
    ///
    /// Folders of files need not be added.
    ///
    /// - Throws: `.unsafe` when the reader would refuse the path.
    package mutating func addDirectory(_ path: String) throws(ArchiveError) {
        try collector.add(Array(path.utf8), .directory, isExecutable: true, range: 0..<0)
        guard let last = cleaned(path).last else { return }
        appendHeaders(
            path: last == "/" ? cleaned(path) : cleaned(path) + "/",
            size: 0,
            mode: 0o755,
            type: UInt8(ascii: "5")
        )
    }

    /// Gives the finished archive away.
    package consuming func finish() -> [UInt8] {
        bytes.append(contentsOf: repeatElement(0, count: 2 * TarFormat.blockBytes))
        return bytes
    }

    private func cleaned(_ path: String) -> String {
        path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    }

    private mutating func appendHeaders(path: String, size: Int, mode: Int, type: UInt8) {
        let path = Array(path.utf8)
        if let (prefix, name) = split(path) {
            appendHeader(name: name, prefix: prefix, size: size, mode: mode, type: type)
            return
        }
        let record = paxRecord("path", path)
        appendHeader(
            name: Array("PaxHeader".utf8)[...],
            prefix: [],
            size: record.count,
            mode: 0o644,
            type: UInt8(ascii: "x")
        )
        appendData(record)
        appendHeader(
            name: path.prefix(TarFormat.name.count),
            prefix: [],
            size: size,
            mode: mode,
            type: type
        )
    }

    /// The parts of a path for the two fields of the header, nil when it does not fit.
    private func split(_ path: [UInt8]) -> (prefix: ArraySlice<UInt8>, name: ArraySlice<UInt8>)? {
        guard path.allSatisfy({ $0 < 0x80 }) else { return nil }
        if path.count <= TarFormat.name.count { return ([], path[...]) }
        let slash = UInt8(ascii: "/")
        for at in path.indices.dropLast() where path[at] == slash && at > 0 {
            let rest = path[(at + 1)...]
            if at <= TarFormat.prefix.count, rest.count <= TarFormat.name.count {
                return (path[..<at], rest)
            }
        }
        return nil
    }

    /// One record of a pax header; its length counts its own digits.
    private func paxRecord(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = Array(" \(key)=".utf8) + value + [0x0A]
        var length = rest.count + 1
        while String(length).utf8.count + rest.count != length {
            length = rest.count + String(length).utf8.count
        }
        return Array(String(length).utf8) + rest
    }

    private mutating func appendHeader(
        name: ArraySlice<UInt8>,
        prefix: ArraySlice<UInt8>,
        size: Int,
        mode: Int,
        type: UInt8
    ) {
        var header = [UInt8](repeating: 0, count: TarFormat.blockBytes)
        put(name, TarFormat.name)
        put(octal(mode, 7), TarFormat.mode)
        put(octal(0, 7), TarFormat.userID)
        put(octal(0, 7), TarFormat.groupID)
        put(octal(size, 11), TarFormat.size)
        put(octal(0, 11), TarFormat.time)
        header[TarFormat.type] = type
        put(TarFormat.posixMagic[...], TarFormat.magic)
        put(prefix, TarFormat.prefix)
        put(octal(TarFormat.sum(of: header[...]), 6), TarFormat.checksum)
        header[TarFormat.checksum.upperBound - 1] = 0x20
        bytes.append(contentsOf: header)

        func put(_ value: ArraySlice<UInt8>, _ field: Range<Int>) {
            for (at, byte) in zip(field, value) { header[at] = byte }
        }
    }

    private func octal(_ number: Int, _ digits: Int) -> ArraySlice<UInt8> {
        let text = String(number, radix: 8)
        precondition(text.utf8.count <= digits, "a file in memory fits the size field")
        return Array((String(repeating: "0", count: digits - text.utf8.count) + text).utf8)[...]
    }

    private mutating func appendData(_ data: [UInt8]) {
        bytes.append(contentsOf: data)
        let padding = TarFormat.padded(data.count) - data.count
        bytes.append(contentsOf: repeatElement(0, count: padding))
    }
}
