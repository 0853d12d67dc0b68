import APIKit
import Primitives

/// What admits appliances that nobody registered by hand.
///
/// It only admits: an appliance that has paired no longer depends on it.
package struct RegistrationToken: Sendable, Hashable {
    package let uid: String
    package let tenantUID: String
    package var name: String
    package var annotations: [String: String]
    /// Where the appliances go that do not name a project themselves.
    package var defaultProjectUID: String?
    /// The value, sealed: Palette's clients read it again from the list.
    package let sealed: String
    /// How many appliances it may admit; `nil` for any number.
    package var usesMax: Int64?
    package let uses: Int64
    /// The profile whose archive carries the token; `nil` for those that people made.
    package let profileUID: String?
    package var expiresAt: Timestamp?
    package var isActive: Bool
    package var version: Int64
    package let createdAt: Timestamp
    package var modifiedAt: Timestamp

    /// The prefix of every token's value.
    package static let prefix = "easel_reg_"
    /// The annotation by which an operator limits how many appliances a token admits.
    package static let usesAnnotation = "maxUses"

    /// Why the token admits nobody now; `nil` when it does.
    package func refusal(at now: Timestamp) -> TokenRefusal? {
        if !isActive { return .inactive(uid) }
        if let expiresAt, now >= expiresAt { return .expired(uid) }
        if let usesMax, uses >= usesMax { return .usedUp(uid) }
        return nil
    }
}

/// Why a registration token admits nobody; for the log.
package enum TokenRefusal: Error, Sendable, Hashable {
    case unknown
    case inactive(String)
    case expired(String)
    case usedUp(String)

    /// What the caller is told: the same for every reason, as an outsider must not learn which.
    package var failure: Failure {
        Failure(
            .unauthenticated,
            "The registration token is not valid. Ask an operator for a new one.",
            cause: self
        )
    }
}

/// What a token that admits an appliance says about it.
package struct AdmittingToken: Sendable, Hashable {
    package let uid: String
    package let tenantUID: String
    package let defaultProjectUID: String?
    /// The profile whose archive carries the token: the appliance shall follow it.
    package let profileUID: String?
}

/// Reads when a token expires: a moment, or a date, which lasts to its end in UTC.
enum TokenExpiry {
    static func parse(_ text: String) -> Timestamp? {
        if text.utf8.count == 10 { return Timestamp(rfc3339: text + "T23:59:59.999Z") }
        return Timestamp(rfc3339: text)
    }
}
