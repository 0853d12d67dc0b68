import HTTPCore
import Primitives

/// What a caller may do, `resource.verb` as Palette names it.
package struct Permission: Sendable, Hashable {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// Who calls: found once per request, before the body is read.
package enum Principal: Sendable {
    /// A person, by session token or by one of the person's API keys.
    case user(UserPrincipal)
    /// A paired appliance, by the credential it was given when it paired.
    case appliance(any AppliancePrincipal)
    /// Nobody; only endpoints with `Access.open` see it.
    case anonymous
}

/// A signed-in person.
package struct UserPrincipal: Sendable {
    package let uid: String
    package let tenantUID: String
    package let email: String
    /// The API key used, when one was.
    package let apiKeyUID: String?
    /// The permissions held; `nil` for a Tenant Admin, who holds all.
    package let permissions: Set<Permission>?

    package init(
        uid: String,
        tenantUID: String,
        email: String,
        apiKeyUID: String?,
        permissions: Set<Permission>?
    ) {
        self.uid = uid
        self.tenantUID = tenantUID
        self.email = email
        self.apiKeyUID = apiKeyUID
        self.permissions = permissions
    }

    /// Whether this person holds the permission.
    package func may(_ permission: Permission) -> Bool {
        permissions?.contains(permission) ?? true
    }
}

/// A paired appliance.
///
/// A class, so that whoever found it hands on what is known of it by one reference.
package protocol AppliancePrincipal: AnyObject, Sendable {
    /// The row's number in `appliance.key`.
    var key: Int64 { get }
    var uid: String { get }
    var tenantUID: String { get }
    /// Refuses a call while an operator has to look at the appliance.
    ///
    /// - Throws: `.serverBehind`, `.identityConflict`; `.invalidRequest` when the request cannot be
    ///   read.
    func checkServed(_ request: Request) throws
    /// Takes one call from the appliance's own budget.
    func take(_ limit: RateLimit, at now: MonotonicTime) -> RateLimit.Outcome
}

/// Who may call an endpoint.
package enum Access: Sendable, Hashable {
    /// Anybody, without a credential.
    case open
    /// Any signed-in person.
    case signedIn
    /// A person who holds this permission.
    case user(Permission)
    /// The appliance named by the path's `{uid}`, and no other.
    case appliance
    /// The appliance named by the path's `{uid}`, or a person who holds this permission.
    case applianceOrUser(Permission)
}

/// The part of a tenant that a call works in, chosen by the `ProjectUid` header.
package enum Scope: Sendable, Hashable {
    case tenant
    case project(String)

    /// The project's uid, when the call is in one.
    package var projectUID: String? {
        if case .project(let uid) = self { uid } else { nil }
    }
}
