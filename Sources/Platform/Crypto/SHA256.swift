import COpenSSL
import Primitives

/// A SHA-256 digest: 32 bytes, kept inline (FIPS 180-4).
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// How many bytes a digest has.
    package static let byteCount = 32

    // Four words, as the language's inline arrays are not Hashable.
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}

    /// Takes exactly 32 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Digest.byteCount else { return nil }
        withUnsafeMutableBytes { unsafe in
            for (target, byte) in zip(unsafe.indices, bytes) { unsafe[target] = byte }
        }
    }

    /// Takes exactly 64 hex digits of either case.
    package init?(hex: String) {
        guard hex.utf8.count == 2 * Digest.byteCount, let bytes = Hex.decode(hex) else {
            return nil
        }
        self.init(bytes: bytes)
    }

    /// The digest as 64 lower-case hex digits.
    package var hex: String { Hex.encode(bytes) }

    /// The digest as bytes.
    package var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// The digest in hex.
    package var description: String { hex }

    /// Lends the 32 bytes.
    package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Swift.withUnsafeBytes(of: words, body)
    }

    mutating func withUnsafeMutableBytes(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        Swift.withUnsafeMutableBytes(of: &words, body)
    }

    /// Whether both hold the same bytes; `ConstantTime` compares where time must not tell.
    package static func == (one: Digest, other: Digest) -> Bool { one.words == other.words }

    /// A number as random as the digest, to spread digests by.
    package var spread: UInt { UInt(truncatingIfNeeded: words.1) }

    /// Feeds a hash table.
    package func hash(into hasher: inout Hasher) {
        // A quarter of a digest tells digests apart as well as the whole.
        hasher.combine(words.0)
    }
}

/// SHA-256 in one call (FIPS 180-4).
package enum SHA256 {
    /// The digest of these bytes; allocates nothing.
    package static func digest(_ bytes: Span<UInt8>) -> Digest {
        bytes.withUnsafeBytes { digest($0) }
    }

    /// The digest of these bytes; allocates nothing.
    package static func digest(_ bytes: [UInt8]) -> Digest {
        bytes.withUnsafeBytes { digest($0) }
    }

    /// The digest of these bytes; allocates nothing.
    package static func digest(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var digest = Digest()
        digest.withUnsafeMutableBytes { target in
            easel_sha256(bytes.baseAddress, bytes.count, target.baseAddress)
        }
        return digest
    }

    /// The digest of the text's UTF-8 bytes.
    package static func digest(_ text: String) -> Digest {
        var text = text
        return text.withUTF8 { digest(UnsafeRawBufferPointer($0)) }
    }
}

/// SHA-256 of bytes that come in pieces; keeps its state inline and allocates nothing.
package struct SHA256Hasher: ~Copyable {
    private var context = SHA256_CTX()

    /// A digest of nothing yet.
    package init() { SHA256_Init(&context) }

    /// Adds bytes.
    package mutating func update(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBytes { _ = SHA256_Update(&context, $0.baseAddress, $0.count) }
    }

    /// Adds bytes.
    package mutating func update(_ bytes: [UInt8]) { update(bytes.span) }

    /// Adds bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        _ = SHA256_Update(&context, bytes.baseAddress, bytes.count)
    }

    /// Adds the text's UTF-8 bytes.
    package mutating func update(_ text: String) {
        var text = text
        text.withUTF8 { _ = SHA256_Update(&context, $0.baseAddress, $0.count) }
    }

    /// The digest of everything added.
    package consuming func finish() -> Digest {
        var digest = Digest()
        digest.withUnsafeMutableBytes { target in
            _ = SHA256_Final(target.baseAddress?.assumingMemoryBound(to: UInt8.self), &context)
        }
        return digest
    }
}
