import COpenSSL
import Primitives

/// Why sealed bytes cannot be opened.
package enum SealingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes have not the form that sealing gives.
    case notSealed
    /// They were sealed under another key; restore the key file that belongs to the database.
    case otherKey
    /// They were changed, or were sealed for another context.
    case damaged
    /// OpenSSL failed.
    case openSSL(OpenSSLFailure)

    package var description: String {
        switch self {
        case .notSealed: "A stored secret has not the form that sealing gives."
        case .otherKey:
            "The file secret.key in the data directory is not the one this database was made "
                + "with; put back the one that was kept with the backup."
        case .damaged: "A stored secret was changed or belongs to another place."
        case .openSSL(let failure): "\(failure)"
        }
    }
}

/// The key under which stored secrets of others (registry and backup credentials) are sealed.
///
/// AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D), which is safe for 2^32 seals under
/// one key. A sealed value is: version 1 · 4 bytes that name the key · nonce · ciphertext · 16-byte
/// tag. The context, such as `registry:<uid>:password`, is authenticated with it, so a sealed value
/// copied into another row does not open there.
package struct SealingKey: Sendable {
    /// How many bytes a key has.
    package static let byteCount = 32
    /// How many bytes sealing adds.
    package static let overheadBytes = headBytes + nonceBytes + tagBytes

    private static let version: UInt8 = 1
    private static let headBytes = 5
    private static let nonceBytes = 12
    private static let tagBytes = 16

    private let key: [UInt8]
    private let head: [UInt8]

    /// A fresh random key.
    package init() { self.init(unchecked: RandomBytes.make(SealingKey.byteCount)) }

    /// The key with these 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == SealingKey.byteCount else { return nil }
        self.init(unchecked: bytes)
    }

    private init(unchecked key: [UInt8]) {
        self.key = key
        let name = SHA256.digest(Array("easel sealing key".utf8) + key).bytes[..<4]
        head = [SealingKey.version] + name
    }

    /// Reads the key file, or makes it (mode 0600) when there is none.
    ///
    /// - Throws: `SecretFileError` when the file's mode lets others in, or it holds no key.
    package static func loadOrMake(path: String) throws(SecretFileError) -> SealingKey {
        if let key = try load(path: path) { return key }
        let text = Hex.encode(RandomBytes.make(byteCount)) + "\n"
        try SecretFile.write(Array(text.utf8), to: path, .owner, replacing: false)
        // Read back: another process may have been first.
        guard let key = try load(path: path) else {
            throw SecretFileError(path: path, problem: "vanished after it was written")
        }
        return key
    }

    /// Reads the key file, 64 hex digits and a newline; nil when there is none.
    package static func load(path: String) throws(SecretFileError) -> SealingKey? {
        guard var text = try SecretFile.read(path, .owner) else { return nil }
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        guard let bytes = Hex.decode(text.span), let key = SealingKey(bytes: bytes) else {
            throw SecretFileError(
                path: path,
                problem: "does not hold a key of 64 hex digits; restore it from backup"
            )
        }
        return key
    }

    /// Seals bytes for one context.
    package func seal(
        _ plaintext: [UInt8],
        context: String
    ) throws(OpenSSLFailure) -> [UInt8] {
        let nonce = RandomBytes.make(SealingKey.nonceBytes)
        var sealed = head + nonce
        let cipher = try Cipher(key: key, nonce: nonce, encrypts: true)
        try cipher.authenticate(head)
        try cipher.authenticate(Array(context.utf8))
        sealed += try cipher.process(plaintext)
        guard cipher.finish() else { throw .take("sealing") }
        sealed += try cipher.tag(count: SealingKey.tagBytes)
        return sealed
    }

    /// Opens what was sealed for the same context under the same key.
    package func open(_ sealed: [UInt8], context: String) throws(SealingError) -> [UInt8] {
        guard sealed.count >= SealingKey.overheadBytes, sealed[0] == SealingKey.version else {
            throw .notSealed
        }
        guard sealed[..<SealingKey.headBytes].elementsEqual(head) else { throw .otherKey }
        let textStart = SealingKey.headBytes + SealingKey.nonceBytes
        let textEnd = sealed.count - SealingKey.tagBytes
        do throws(OpenSSLFailure) {
            let nonce = Array(sealed[SealingKey.headBytes..<textStart])
            let cipher = try Cipher(key: key, nonce: nonce, encrypts: false)
            try cipher.authenticate(head)
            try cipher.authenticate(Array(context.utf8))
            let plaintext = try cipher.process(Array(sealed[textStart..<textEnd]))
            try cipher.expect(tag: Array(sealed[textEnd...]))
            if cipher.finish() { return plaintext }
        } catch {
            throw .openSSL(error)
        }
        ERR_clear_error()
        throw .damaged
    }
}

/// One use of AES-256-GCM.
private struct Cipher: ~Copyable {
    private let context: OpaquePointer

    init(key: [UInt8], nonce: [UInt8], encrypts: Bool) throws(OpenSSLFailure) {
        guard let context = EVP_CIPHER_CTX_new() else { throw .take("preparing a cipher") }
        guard EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, encrypts ? 1 : 0) == 1
        else {
            EVP_CIPHER_CTX_free(context)
            throw .take("preparing a cipher")
        }
        self.context = context
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    func authenticate(_ bytes: [UInt8]) throws(OpenSSLFailure) {
        var count: Int32 = 0
        guard EVP_CipherUpdate(context, nil, &count, bytes, Int32(clamping: bytes.count)) == 1
        else { throw .take("authenticating the context") }
    }

    func process(_ bytes: [UInt8]) throws(OpenSSLFailure) -> [UInt8] {
        guard let count = Int32(exactly: bytes.count) else {
            throw OpenSSLFailure(action: "sealing", reasons: ["more than 2 GB"])
        }
        guard count > 0 else { return [] }
        var succeeded = false
        let output = [UInt8](unsafeUninitializedCapacity: bytes.count) { target, initialized in
            var made: Int32 = 0
            succeeded = EVP_CipherUpdate(context, target.baseAddress, &made, bytes, count) == 1
            initialized = succeeded ? Int(made) : 0
        }
        guard succeeded else { throw .take("processing sealed bytes") }
        return output
    }

    func tag(count: Int) throws(OpenSSLFailure) -> [UInt8] {
        var tag = [UInt8](repeating: 0, count: count)
        guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(count), &tag) == 1 else {
            throw .take("taking the tag")
        }
        return tag
    }

    func expect(tag: [UInt8]) throws(OpenSSLFailure) {
        var tag = tag
        guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1
        else { throw .take("setting the tag") }
    }

    /// Whether the tag is right, when decrypting.
    func finish() -> Bool {
        var rest: UInt8 = 0
        var count: Int32 = 0
        return EVP_CipherFinal_ex(context, &rest, &count) == 1
    }
}
