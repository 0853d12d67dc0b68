import COpenSSL
import Primitives

/// A key that signs files with Ed25519 (RFC 8032): the same bytes get the same signature.
package final class SigningKey: @unchecked Sendable {
    // Unchecked: OpenSSL's keys are not changed once made, and may be shared.
    private let handle: OpaquePointer
    /// What the signatures are checked with.
    package let publicKey: VerifyingKey

    /// How many bytes a key is made of.
    package static let seedBytes = 32

    /// The key that these 32 secret bytes give.
    package init(seed: [UInt8]) throws(CertificateError) {
        guard seed.count == Self.seedBytes,
            let handle = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
        else { throw .openSSL(.take("making a signing key")) }
        self.handle = handle
        do throws(CertificateError) {
            publicKey = try VerifyingKey(pem: Self.publicPEM(handle))
        } catch {
            EVP_PKEY_free(handle)
            throw error
        }
    }

    deinit { EVP_PKEY_free(handle) }

    /// The 64 bytes of the signature.
    package func sign(_ bytes: [UInt8]) throws(CertificateError) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: VerifyingKey.signatureBytes)
        var count = signature.count
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        guard context != nil,
            // No digest is named: Ed25519 has its own.
            EVP_DigestSignInit(context, nil, nil, nil, handle) == 1,
            EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1,
            count == VerifyingKey.signatureBytes
        else { throw .openSSL(.take("signing")) }
        return signature
    }

    private static func publicPEM(_ handle: OpaquePointer) throws(CertificateError) -> [UInt8] {
        let memory = try MemoryBIO()
        guard PEM_write_bio_PUBKEY(memory.handle, handle) == 1 else {
            throw .openSSL(.take("writing a public key"))
        }
        return memory.content
    }
}

/// The public half of a signing key.
package final class VerifyingKey: @unchecked Sendable {
    // Unchecked: as for the other half.
    private let handle: OpaquePointer
    /// The key in PEM, always in the same form: equal texts are equal keys.
    package let pem: String

    /// How many bytes a signature has.
    package static let signatureBytes = 64

    /// Reads an Ed25519 key from PEM (`BEGIN PUBLIC KEY`).
    package init(pem: [UInt8]) throws(CertificateError) {
        let memory = try MemoryBIO(pem)
        guard let handle = PEM_read_bio_PUBKEY(memory.handle, nil, nil, nil) else {
            throw .unreadableKey(.take("reading a public key"))
        }
        let written = try? MemoryBIO()
        guard EVP_PKEY_get_base_id(handle) == EVP_PKEY_ED25519, let written,
            PEM_write_bio_PUBKEY(written.handle, handle) == 1
        else {
            EVP_PKEY_free(handle)
            throw .unreadableKey(
                OpenSSLFailure(action: "reading a public key", reasons: ["it is not of Ed25519"])
            )
        }
        self.handle = handle
        self.pem = String(decoding: written.content, as: UTF8.self)
    }

    deinit { EVP_PKEY_free(handle) }

    /// Whether the other half of this key signed these bytes.
    package func verifies(_ signature: [UInt8], of bytes: [UInt8]) -> Bool {
        let context = EVP_MD_CTX_new()
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()
        }
        return context != nil && EVP_DigestVerifyInit(context, nil, nil, nil, handle) == 1
            && EVP_DigestVerify(context, signature, signature.count, bytes, bytes.count) == 1
    }
}
