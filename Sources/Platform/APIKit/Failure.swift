import HTTPCore
import JSON

/// One rule that one field of a request breaks.
package struct Fault: Sendable, Hashable {
    /// Where: an RFC 6901 pointer into the body, or `query/<name>`, `header/<name>`,
    /// `path/<name>`.
    package let pointer: String
    /// Which rule, stable for programs: `Required`, `WrongType`, `TooLong` and so on.
    package let code: String
    /// What to change, for a person.
    package let message: String

    package init(_ pointer: String, _ code: String, _ message: String) {
        self.pointer = pointer
        self.code = code
        self.message = message
    }

    /// Whether this fault is of the same value, of one that holds it or of one within it.
    func covers(_ other: Fault) -> Bool {
        pointer == other.pointer || other.pointer.hasPrefix(pointer + "/")
            || pointer.hasPrefix(other.pointer + "/")
    }
}

/// Why a request was refused; the one error type that features throw.
///
/// `message` is a sentence for the caller that says what to change; `cause` is for the log and
/// never reaches the caller.
package struct Failure: Error {
    /// What kind of refusal; `rawValue` is the `code` of the error body, which clients branch on.
    package enum Code: String, Sendable, CaseIterable {
        /// No refusal for good: the request is kept for an operator to approve.
        case reapprovalPending = "ReapprovalPending"
        case invalidBody = "InvalidBody"
        case invalidRequest = "InvalidRequest"
        case ruleViolated = "ValidationFailed"
        case limitExceeded = "ResourceLimitExceeded"
        case unauthenticated = "Unauthorized"
        case operationForbidden = "OperationForbidden"
        case resourceNotFound = "ResourceNotFound"
        case methodNotAllowed = "MethodNotAllowed"
        case duplicateName = "DuplicateName"
        case applianceExists = "EdgeHostAlreadyExists"
        case applianceNotRegistered = "EdgeHostDeviceNotRegistered"
        case identityConflict = "IdentityConflict"
        case inUse = "ResourceInUse"
        case conflict = "Conflict"
        case serverBehind = "ServerBehind"
        case staleReport = "StaleReport"
        case preconditionFailed = "PreconditionFailed"
        case bodyTooLarge = "RequestBodyTooLarge"
        case rangeNotSatisfiable = "RangeNotSatisfiable"
        case unsupportedMediaType = "UnsupportedMediaType"
        case unsupportedContentCoding = "UnsupportedContentEncoding"
        case unprocessable = "Unprocessable"
        case tooManyRequests = "TooManyRequests"
        case unavailable = "ServiceUnavailable"
        case storageFull = "InsufficientStorage"
        case internalError = "InternalError"
    }

    package let code: Code
    package let message: String
    package var faults: [Fault]
    /// Further members of `details`.
    package var details: JSONObject
    package var retryAfterSeconds: Int?
    /// Header fields that go with the refusal.
    package var fields: [(name: String, value: String)]
    /// What the answer says about the limit that was met.
    var rateLimit: RateLimitFields?
    package let cause: (any Error)?

    /// The values of `RateLimit-Policy` and `RateLimit`.
    struct RateLimitFields: Sendable {
        let policy: String
        let state: String
    }

    package init(
        _ code: Code,
        _ message: String,
        faults: [Fault] = [],
        details: JSONObject = JSONObject(),
        retryAfterSeconds: Int? = nil,
        fields: [(name: String, value: String)] = [],
        cause: (any Error)? = nil
    ) {
        self.fields = fields
        self.code = code
        self.message = message
        self.faults = faults
        self.details = details
        self.retryAfterSeconds = retryAfterSeconds
        self.cause = cause
    }

    /// A refusal for one broken rule of one field.
    package static func fault(
        _ pointer: String,
        _ code: String,
        _ message: String,
        as kind: Code = .ruleViolated
    ) -> Failure {
        Failure(kind, message, faults: [Fault(pointer, code, message)])
    }

    /// Refuses a body for the faults of its shape and for the rules that it breaks, all at once.
    ///
    /// A rule is not named for a value whose shape is wrong already.
    ///
    /// - Throws: `.invalidBody` when the shape has faults, else `kind` when there are any.
    package static func refuse(
        _ shape: [Fault],
        and rules: [Fault],
        as kind: Code = .ruleViolated
    ) throws {
        let broken = rules.filter { rule in !shape.contains { $0.covers(rule) } }
        let faults = (shape + broken).prefix(FaultList.countMax)
        guard let first = faults.first else { return }
        throw Failure(
            shape.isEmpty ? kind : .invalidBody,
            faults.count == 1
                ? first.message
                : "The request body has \(faults.count) faults; see details.errors.",
            faults: Array(faults)
        )
    }

    /// The one refusal for what does not exist and for what lies in another tenant or project:
    /// the two must not be told apart.
    package static func notFound(_ what: String, _ uid: String) -> Failure {
        Failure(.resourceNotFound, "\(what) '\(uid)' was not found.")
    }
}
