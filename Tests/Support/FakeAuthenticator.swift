import APIKit
import HTTPCore

/// Knows callers by the text of their credential, so that a feature is tested without Identity.
package struct FakeAuthenticator: Authenticator {
    /// Who stands behind a credential, however it is presented.
    package var principals: [String: Principal]
    /// The tenant of each project.
    package var projects: [String: String]

    /// - Parameters:
    ///   - principals: by default `admin` of tenant `t1` and `other-admin` of tenant `t2`.
    ///   - projects: by default `p1` and `p2` of tenant `t1`, `q1` of tenant `t2`.
    package init(
        principals: [String: Principal] = [
            "admin": .tenantAdmin("u1", of: "t1"), "other-admin": .tenantAdmin("u2", of: "t2"),
        ],
        projects: [String: String] = ["p1": "t1", "p2": "t1", "q1": "t2"]
    ) {
        self.principals = principals
        self.projects = projects
    }

    /// The principal of this text, whichever header holds it.
    package func principal(
        of request: Request,
        presenting credential: PresentedCredential
    ) throws -> Principal {
        let text =
            switch credential {
            case .apiKey(let range), .bearer(let range): request.text(range)
            case .apiKeyText(let text): text
            case .certificate(let digest): String(decoding: digest, as: UTF8.self)
            }
        guard let principal = principals[text] else {
            throw Failure(.unauthenticated, "The credential is not valid.")
        }
        return principal
    }

    /// The project, when it is one of the tenant's.
    package func scope(projectUID: String, for principal: Principal) throws -> Scope {
        guard case .user(let user) = principal, projects[projectUID] == user.tenantUID else {
            throw Failure(.operationForbidden, "The project is not one of yours.")
        }
        return .project(projectUID)
    }
}

extension Principal {
    /// A Tenant Admin.
    package static func tenantAdmin(_ uid: String, of tenantUID: String) -> Principal {
        .user(
            UserPrincipal(
                uid: uid,
                tenantUID: tenantUID,
                email: "\(uid)@example.com",
                apiKeyUID: nil,
                permissions: nil
            )
        )
    }

    /// A person with these permissions and no others.
    package static func person(
        _ uid: String,
        of tenantUID: String,
        may permissions: [String]
    ) -> Principal {
        .user(
            UserPrincipal(
                uid: uid,
                tenantUID: tenantUID,
                email: "\(uid)@example.com",
                apiKeyUID: nil,
                permissions: Set(permissions.map(Permission.init))
            )
        )
    }
}
