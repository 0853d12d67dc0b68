import APIKit
import Crypto
import Primitives

/// A long-lived credential of a person, for programs.
///
/// The secret itself is never kept.
struct APIKey: Sendable {
    /// Tells people and secret scanners what they hold.
    static let prefix = "easel_key_"
    /// Keys of one person (BEHAVIOUR 1.4).
    static let countMax = 20

    var uid: String
    var tenantUID: String
    var accountUID: String
    var name: String
    var annotations: [String: String]
    /// `nil`: never.
    var expiresAt: Timestamp?
    var isActive: Bool
    var version: Int64
    var createdAt: Timestamp
    var modifiedAt: Timestamp

    func isExpired(at now: Timestamp) -> Bool {
        expiresAt.map { $0 <= now } ?? false
    }

    /// Whether the key opens anything now, its owner's account aside.
    func isValid(at now: Timestamp) -> Bool {
        isActive && !isExpired(at: now)
    }

    /// The key with what its owner may edit later.
    ///
    /// A body without an expiry leaves it as it is: a client that only renames a key must not
    /// make it live for ever.
    func edited(
        name: String,
        annotations: [String: String],
        expiresAt: Timestamp?
    ) -> APIKey {
        var key = self
        key.name = name
        key.annotations = annotations
        if let expiresAt { key.expiresAt = expiresAt }
        return key
    }

    /// The key, revoked or active again.
    ///
    /// - Throws: `.ruleViolated` when an expired key is to be active.
    func switched(active: Bool, at now: Timestamp) throws -> APIKey {
        if active, isExpired(at: now) {
            throw Failure.fault(
                "/isActive",
                "Expired",
                "This API key has expired and cannot be activated; give it a later expiry first, "
                    + "or create a new one."
            )
        }
        var key = self
        key.isActive = active
        return key
    }

    /// What is wrong with an expiry that does not lie in the future.
    static func expiryFault(_ expiresAt: Timestamp?, at now: Timestamp) -> Fault? {
        guard let expiresAt, expiresAt <= now else { return nil }
        return Fault("/spec/expiry", "InThePast", "The expiry must lie in the future.")
    }

    /// Whether a write would change nothing.
    func hasSameContent(as other: APIKey) -> Bool {
        name == other.name && annotations == other.annotations && expiresAt == other.expiresAt
            && isActive == other.isActive
    }

    /// A new secret and what is kept of it.
    static func makeSecret() -> (text: String, digest: String) {
        let text = Secret.make(prefix: prefix)
        return (text, SecretDigest(presented: text).hex)
    }
}
