import AgentContract
import Crypto

/// The parts of layers, each in a file named by its digest.
struct BlobStore: Sendable {
    let disk: any Disk
    let root: String

    /// The largest part.
    static let partBytesMax = 256 << 20

    /// The bytes of a part when they are here and whole.
    func find(_ digest: String) throws -> [UInt8]? {
        guard let path = path(of: digest) else { return nil }
        // A file that cannot be read is as good as none: the part is fetched again.
        guard let bytes = try? disk.read(path, bytesMax: Self.partBytesMax),
            Self.digest(of: bytes) == digest
        else { return nil }
        return bytes
    }

    /// Whether a file of the part is here; `find` says whether it is whole.
    func has(_ digest: String) throws -> Bool {
        guard let path = path(of: digest) else { return false }
        return try disk.kind(of: path) == .file
    }

    /// Keeps a part; false when the bytes are not those of the digest.
    func keep(_ bytes: [UInt8], as digest: String) throws -> Bool {
        guard let path = path(of: digest) else { return false }
        // A beginning has done its work now, or was wrong.
        try dropBegun(path)
        guard Self.digest(of: bytes) == digest else { return false }
        try disk.makeFolder(root, mode: 0o755)
        try disk.write(path, bytes, mode: 0o640)
        return true
    }

    /// What came of a part before its download was cut off.
    struct Begun: Equatable {
        var bytes: [UInt8] = []
        /// Whether they are the beginning of the part's gzipped form.
        var isGzipped = false
    }

    /// What is here of a part whose download was cut off; nothing when it cannot be its beginning.
    func begun(_ part: Part) -> Begun {
        guard let path = path(of: part.digest) else { return Begun() }
        for isGzipped in [true, false] {
            let file = path + Self.end(isGzipped)
            // What is gzipped for being smaller is shorter than the part, too.
            if let bytes = try? disk.read(file, bytesMax: Self.partBytesMax), !bytes.isEmpty,
                Int64(bytes.count) < part.size
            {
                return Begun(bytes: bytes, isGzipped: isGzipped)
            }
        }
        return Begun()
    }

    /// Keeps the beginning of a part until the rest is fetched; an empty one forgets what is here.
    func keepBegun(_ begun: Begun, of digest: String) throws {
        guard let path = path(of: digest) else { return }
        try dropBegun(path)
        if begun.bytes.isEmpty { return }
        try disk.makeFolder(root, mode: 0o755)
        try disk.write(path + Self.end(begun.isGzipped), begun.bytes, mode: 0o640)
    }

    private func dropBegun(_ path: String) throws {
        for isGzipped in [true, false] where try disk.kind(of: path + Self.end(isGzipped)) != nil {
            try disk.removeTree(path + Self.end(isGzipped))
        }
    }

    private static func end(_ isGzipped: Bool) -> String {
        isGzipped ? ".begun-gzip" : ".begun"
    }

    /// Removes every part but these; gives the number removed.
    func drop(allBut digests: Set<String>) throws -> Int {
        let kept = Set(digests.map { $0.dropFirst("sha256:".count) })
        var count = 0
        for name in try disk.names(in: root) where !kept.contains(Substring(name)) {
            try disk.removeTree(root + "/" + name)
            count += 1
        }
        return count
    }

    static func digest(of bytes: [UInt8]) -> String { "sha256:" + SHA256.digest(bytes).hex }

    /// Where a part stands; nil for what is no digest, so that none names a file elsewhere.
    private func path(of digest: String) -> String? {
        let hex = digest.dropFirst("sha256:".count)
        guard digest.hasPrefix("sha256:"), hex.utf8.count == 64,
            hex.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            })
        else { return nil }
        return root + "/" + hex
    }
}
