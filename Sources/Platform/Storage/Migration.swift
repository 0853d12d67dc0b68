import CAssets
import COpenSSL
import Primitives

/// One step of the schema: a file of `migrations/`.
package struct Migration: Sendable, Hashable {
    /// Its place in the order, from 1.
    package let number: Int64
    /// The file's name without number and extension.
    package let name: String
    /// The file's bytes.
    package let bytes: [UInt8]

    /// A migration; nil unless the file is named `NNNN_name.sql`.
    package init?(file: String, bytes: [UInt8]) {
        let parts = file.split(separator: "_", maxSplits: 1)
        guard parts.count == 2, parts[0].utf8.count == 4,
            parts[0].utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int64(parts[0]),
            parts[1].hasSuffix(".sql")
        else { return nil }
        self.number = number
        self.name = String(parts[1].dropLast(4))
        self.bytes = bytes
    }

    /// The SHA-256 of the bytes in hexadecimal, by which an edited file is found out.
    package var checksum: String {
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        SHA256(bytes, bytes.count, &digest)
        return Hex.encode(digest)
    }

    /// The text as SQLite is to run it.
    ///
    /// A line that starts with `--sqlite ` counts without that mark; one that starts with
    /// `--postgres ` does not count.
    package var sqliteText: String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if line.starts(with: "--postgres ".utf8) { continue }
            text += line.starts(with: "--sqlite ".utf8) ? line.dropFirst(9) : line
            text.append(0x0A)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The migrations that are part of the binary, in order.
    package static let embedded: [Migration] = Asset.all.compactMap { asset in
        guard asset.name.hasPrefix("migrations/") else { return nil }
        return Migration(file: String(asset.name.dropFirst(11)), bytes: asset.bytes)
    }.sorted { $0.number < $1.number }
}

/// A file of the repository that is part of the binary.
package struct Asset: Sendable, Hashable {
    /// Its path from the repository's root.
    package let name: String
    /// A copy of its bytes.
    package let bytes: [UInt8]

    /// The file of this name; nil when it is not part of the binary.
    package static func named(_ name: String) -> Asset? {
        easel_asset_named(name).map { Asset($0.pointee) }
    }

    /// All files that are part of the binary.
    package static var all: [Asset] {
        (0..<easel_asset_count).compactMap { position in
            easel_asset_at(position).map { Asset($0.pointee) }
        }
    }

    private init(_ asset: easel_asset) {
        name = String(cString: asset.name)
        bytes = Array(UnsafeBufferPointer(start: asset.bytes, count: asset.length))
    }
}
