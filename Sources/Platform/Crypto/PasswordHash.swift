import COpenSSL
import Primitives

/// Password hashing with scrypt (RFC 7914), its parameters in the stored text.
///
/// scrypt is salted by the account's name under a key of the server's, so that one run of it serves
/// all accounts of a name, however many organisations have one: how long a sign-in takes tells
/// nobody how many do. The key is not in the database, or only sealed, so a copy of the hashes is
/// nothing to guess at. What is stored is `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, in base64url: a
/// digest of what scrypt gave under a salt of the account's own, so that equal passwords are not
/// seen to be equal.
///
/// A run takes about 80 ms and 32 MB, so callers run it away from the event loops and bound how
/// many run at once.
package struct PasswordHash: Sendable {
    /// The longest password, in UTF-8 bytes, that is hashed; longer ones never match.
    package static let passwordBytesMax = 1024

    /// A stored hash that no password matches.
    package static let decoy = encode(
        .current,
        salt: RandomBytes.make(saltBytes),
        hash: RandomBytes.make(hashBytes)
    )

    /// What scrypt gave; under older parameters too where a stored hash has those.
    private var derived: [Parameters: [UInt8]] = [:]
    /// How often scrypt ran.
    var runs: Int { derived.count }

    /// Derives what a password is compared by; it costs the same for none, one or several stored
    /// hashes.
    ///
    /// - Parameters:
    ///   - account: whose password it is; the same text for each account it is compared with.
    ///   - key: the server's own.
    ///   - stored: the hashes that it will be compared with.
    /// - Throws: `OpenSSLFailure` when the password is longer than `passwordBytesMax` or memory
    ///   is short.
    package init(
        _ password: String,
        account: String,
        key: [UInt8],
        comparedWith stored: [String] = []
    ) throws(OpenSSLFailure) {
        try self.init(password, account: account, key: key, .current, stored)
    }

    init(
        _ password: String,
        account: String,
        key: [UInt8],
        _ parameters: Parameters,
        _ stored: [String] = []
    ) throws(OpenSSLFailure) {
        let salt = HMACSHA256(key: key).code(Array(account.utf8)).bytes
        for wanted in [parameters] + stored.compactMap({ Self.decode($0)?.parameters })
        where derived[wanted] == nil {
            derived[wanted] = try Self.derive(password, salt: salt, wanted)
        }
        today = parameters
    }

    /// The parameters that ``stored()`` takes.
    private let today: Parameters

    /// The form to store, with a fresh salt.
    package func stored() -> String {
        let salt = RandomBytes.make(Self.saltBytes)
        let hash = HMACSHA256(key: derived[today] ?? []).code(salt).bytes
        return Self.encode(today, salt: salt, hash: hash)
    }

    /// Whether this is the password behind a stored hash.
    ///
    /// Answers false for a stored text that is malformed or asks for more work than
    /// `Parameters.isReasonable` allows.
    package func matches(_ encoded: String) -> Bool {
        guard let stored = Self.decode(encoded), let key = derived[stored.parameters] else {
            return false
        }
        return constantTimeEqual(HMACSHA256(key: key).code(stored.salt).bytes, stored.hash)
    }

    /// Whether a stored hash was made with other parameters than today's, and should be made again
    /// after the next successful sign-in.
    package static func needsRehash(_ encoded: String) -> Bool {
        decode(encoded)?.parameters != .current
    }

    struct Parameters: Hashable {
        var logN: Int
        var r: Int
        var p: Int

        static let current = Parameters(logN: 15, r: 8, p: 1)

        /// Bounds one check to 128 MB and about a second.
        var isReasonable: Bool {
            (10...17).contains(logN) && (1...16).contains(r) && (1...4).contains(p)
                && 128 * r << logN <= 128 << 20
        }
    }

    private static let saltBytes = 16
    private static let hashBytes = 32

    private static func derive(
        _ password: String,
        salt: [UInt8],
        _ parameters: Parameters
    ) throws(OpenSSLFailure) -> [UInt8] {
        let text = Array(password.utf8)
        guard text.count <= passwordBytesMax, parameters.isReasonable else {
            throw OpenSSLFailure(action: "hashing a password", reasons: ["input out of bounds"])
        }
        var made: Int32 = 0
        let key = [UInt8](unsafeUninitializedCapacity: hashBytes) { target, initialized in
            made = text.withUnsafeBytes { bytes in
                EVP_PBE_scrypt(
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    bytes.count,
                    salt,
                    salt.count,
                    1 << UInt64(parameters.logN),
                    UInt64(parameters.r),
                    UInt64(parameters.p),
                    // The table of N blocks and some working space beside it.
                    256 << 20,
                    target.baseAddress,
                    hashBytes
                )
            }
            target.baseAddress?.update(repeating: 0, count: made == 1 ? 0 : hashBytes)
            initialized = hashBytes
        }
        guard made == 1 else { throw .take("hashing a password") }
        return key
    }

    private static func encode(_ parameters: Parameters, salt: [UInt8], hash: [UInt8]) -> String {
        let salt = Base64.encode(salt, .url)
        let hash = Base64.encode(hash, .url)
        return "$scrypt$ln=\(parameters.logN),r=\(parameters.r),p=\(parameters.p)$\(salt)$\(hash)"
    }

    private static func decode(
        _ encoded: String
    ) -> (parameters: Parameters, salt: [UInt8], hash: [UInt8])? {
        guard encoded.utf8.count <= 256 else { return nil }
        let parts = encoded.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let parameters = parameters(parts[2]), parameters.isReasonable,
            let salt = Base64.decode(String(parts[3]), .url), salt.count == saltBytes,
            let hash = Base64.decode(String(parts[4]), .url), hash.count == hashBytes
        else { return nil }
        return (parameters, salt, hash)
    }

    private static func parameters(_ text: Substring) -> Parameters? {
        let names = ["ln=", "r=", "p="]
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == names.count else { return nil }
        var values: [Int] = []
        for (part, name) in zip(parts, names) {
            guard part.hasPrefix(name), let value = Int(part.dropFirst(name.count)) else {
                return nil
            }
            values.append(value)
        }
        return Parameters(logN: values[0], r: values[1], p: values[2])
    }
}
