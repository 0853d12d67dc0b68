import Archive

extension FuzzCheck {
    /// An archive that is taken has safe paths, and its files come back when they are written.
    ///
    /// The input is read as it is and once more with its checksums put right, so that the fuzzer
    /// gets past them.
    static let tar = FuzzCheck("tar") { bytes in
        for input in [bytes, withChecksums(bytes)] {
            guard let archive = try? TarReader.read(input, limits: limits) else { continue }
            var writer = TarWriter()
            for entry in archive.entries {
                try promiseSafe(entry.path)
                if entry.kind == .file {
                    try writer.addFile(
                        entry.path,
                        archive.contents(of: entry),
                        isExecutable: entry.isExecutable
                    )
                } else {
                    try writer.addDirectory(entry.path)
                }
            }
            let written = writer.finish()
            let again = try TarReader.read(written)
            try promise(
                again.entries.map(\.path) == archive.entries.map(\.path),
                "the paths come back"
            )
            for (old, new) in zip(archive.entries, again.entries) where old.kind == .file {
                try promise(
                    new.kind == .file && new.isExecutable == old.isExecutable
                        && again.contents(of: new) == archive.contents(of: old),
                    "the file comes back"
                )
            }
        }
    }

    private static let limits = ArchiveLimits(entriesMax: 200, bytesMax: 1 << 20)

    private static func promiseSafe(_ path: String) throws {
        let parts = path.utf8.split(separator: 47, omittingEmptySubsequences: false)
        for part in parts {
            let isSafe =
                !part.isEmpty && !part.elementsEqual(".".utf8)
                && !part.elementsEqual("..".utf8) && !part.contains(0) && !part.contains(92)
            try promise(isSafe, "a path leads nowhere else")
        }
    }

    /// The bytes with the right sum in every block that claims to be a header.
    private static func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes + [UInt8](repeating: 0, count: 1024 + (512 - bytes.count % 512) % 512)
        for start in stride(from: 0, to: bytes.count, by: 512)
        where bytes[(start + 257)..<(start + 262)].elementsEqual("ustar".utf8) {
            for place in (start + 148)..<(start + 156) { bytes[place] = 32 }
            var sum = bytes[start..<(start + 512)].reduce(0) { $0 + Int($1) }
            for place in stride(from: start + 153, through: start + 148, by: -1) {
                bytes[place] = 48 + UInt8(sum & 7)
                sum >>= 3
            }
            bytes[start + 154] = 0
        }
        return bytes
    }
}
