import APIKit
import Primitives

/// A person in one tenant.
struct Account: Sendable {
    var uid: String
    var tenantUID: String
    var email: String
    var firstName: String
    var lastName: String
    var role: String
    var isActive: Bool
    var createdAt: Timestamp
    var modifiedAt: Timestamp

    /// The only role there is until the role table comes.
    static let tenantAdminRole = "tenant-admin"
    /// What stands for no role at all.
    static let noRole = ""
    /// People of one tenant (BEHAVIOUR 1.4).
    static let countMax = 300

    /// The caller that this person is.
    func principal(apiKeyUID: String?) -> Principal {
        .user(
            UserPrincipal(
                uid: uid,
                tenantUID: tenantUID,
                email: email,
                apiKeyUID: apiKeyUID,
                permissions: role == Self.tenantAdminRole ? nil : []
            )
        )
    }
}

extension UserPrincipal {
    /// Whether this person may do to others' keys and accounts what everybody may to their own.
    var isTenantAdmin: Bool { permissions == nil }
}

extension Permission {
    static let apiKeyCreate = Permission("apiKey.create")
    static let apiKeyGet = Permission("apiKey.get")
    static let apiKeyList = Permission("apiKey.list")
    static let apiKeyUpdate = Permission("apiKey.update")
    static let apiKeyDelete = Permission("apiKey.delete")
    static let projectCreate = Permission("project.create")
    static let projectGet = Permission("project.get")
    static let projectList = Permission("project.list")
    static let projectUpdate = Permission("project.update")
    static let projectDelete = Permission("project.delete")
    static let userCreate = Permission("user.create")
    static let userList = Permission("user.list")
}
