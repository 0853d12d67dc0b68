import Primitives

/// Secrets that the server makes, shows once, and keeps only as a digest.
package enum Secret {
    /// Makes a secret of this many random bytes, base64url after the prefix.
    ///
    /// The prefix (such as `easel_key_`) tells people and secret scanners what they hold; it is no
    /// part of the secret. 32 bytes give 43 characters.
    package static func make(prefix: String, bytes: Int = 32) -> String {
        prefix + Base64.encode(RandomBytes.make(bytes), .url)
    }
}

/// What is stored of a secret: SHA-256 of its whole text, prefix included.
///
/// No salt and no stretching, as the secret holds 256 random bits. For passwords, which do not,
/// see `PasswordHash`.
package struct SecretDigest: Hashable, Sendable, CustomStringConvertible {
    /// The digest itself.
    package let digest: Digest

    /// The digest of a secret that somebody presents.
    package init(presented text: String) { digest = SHA256.digest(text) }

    /// The digest of a secret that somebody presents.
    package init(presented bytes: Span<UInt8>) { digest = SHA256.digest(bytes) }

    /// A digest read back from storage: 64 hex digits.
    package init?(hex: String) {
        guard let digest = Digest(hex: hex) else { return nil }
        self.digest = digest
    }

    /// The form that is stored: 64 lower-case hex digits.
    package var hex: String { digest.hex }

    /// The digest in hex, which is safe to show.
    package var description: String { hex }
}
