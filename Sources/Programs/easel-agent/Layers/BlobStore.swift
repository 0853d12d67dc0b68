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
        if try disk.kind(of: path + Self.begunEnd) != nil {
            try disk.removeTree(path + Self.begunEnd)
        }
        guard Self.digest(of: bytes) == digest else { return false }
        try disk.makeFolder(root, mode: 0o755)
        try disk.write(path, bytes, mode: 0o640)
        return true
    }

    /// What is here of a part whose download was cut off; nothing when it cannot be its beginning.
    func begun(_ part: Part) -> [UInt8] {
        guard let path = path(of: part.digest),
            let bytes = try? disk.read(path + Self.begunEnd, bytesMax: Self.partBytesMax),
            Int64(bytes.count) < part.size
        else { return [] }
        return bytes
    }

    /// Keeps the beginning of a part until the rest is fetched.
    func keepBegun(_ bytes: [UInt8], of digest: String) throws {
        guard let path = path(of: digest) else { return }
        try disk.makeFolder(root, mode: 0o755)
        try disk.write(path + Self.begunEnd, bytes, mode: 0o640)
    }

    private static let begunEnd = ".begun"

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
