import COpenSSL

/// HMAC with SHA-256 under one key (RFC 2104); the key's two blocks are hashed once, here.
package struct HMACSHA256: Sendable {
    private static let blockBytes = 64
    private var inner = SHA256_CTX()
    private var outer = SHA256_CTX()

    /// Prepares a key of any length.
    package init(key: [UInt8]) {
        var block = key.count > HMACSHA256.blockBytes ? SHA256.digest(key).bytes : key
        block += repeatElement(0, count: HMACSHA256.blockBytes - block.count)
        SHA256_Init(&inner)
        SHA256_Update(&inner, block.map { $0 ^ 0x36 }, HMACSHA256.blockBytes)
        SHA256_Init(&outer)
        SHA256_Update(&outer, block.map { $0 ^ 0x5C }, HMACSHA256.blockBytes)
    }

    /// The authentication code of these bytes.
    package func code(_ bytes: Span<UInt8>) -> Digest {
        var hash = inner
        bytes.withUnsafeBytes { _ = SHA256_Update(&hash, $0.baseAddress, $0.count) }
        return finish(&hash)
    }

    /// The authentication code of these bytes.
    package func code(_ bytes: [UInt8]) -> Digest { code(bytes.span) }

    private func finish(_ hash: inout SHA256_CTX) -> Digest {
        var digest = Digest()
        var outerHash = outer
        digest.withUnsafeMutableBytes { bytes in
            let target = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            SHA256_Final(target, &hash)
            SHA256_Update(&outerHash, bytes.baseAddress, bytes.count)
            SHA256_Final(target, &outerHash)
        }
        return digest
    }
}

/// Comparisons whose duration tells nothing about where two secrets differ; for plain bytes see
/// `constantTimeEqual`.
package enum ConstantTime {
    /// Whether both are the same digest.
    package static func equal(_ one: Digest, _ other: Digest) -> Bool {
        one.withUnsafeBytes { first in
            other.withUnsafeBytes { second in
                CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
            }
        }
    }
}
