import APIKit
import Crypto
import HTTPCore
import Primitives
import Storage

/// Finds the person behind an API key or a session token: the user half of `Authenticator`.
///
/// Credentials of appliances are told by their prefix and never come here.
package struct IdentityAuthenticator: Authenticator {
    /// Longer credentials are not ours and are not hashed.
    static let bytesMax = 4096

    let database: Database
    let sessions: Sessions
    let clock: Clock

    /// The person behind a key or a token, by one look-up.
    package func principal(
        of request: Request,
        presenting credential: PresentedCredential
    ) throws -> Principal {
        switch credential {
        case .apiKey(let range): return try owner(of: Array(request.head[range]))
        case .apiKeyText(let text): return try owner(of: Array(text.utf8))
        case .certificate: throw Sessions.invalidCredential
        case .bearer(let range):
            let bytes = request.head[range]
            // Some tools know one header only and put a key there.
            if bytes.starts(with: APIKey.prefix.utf8) { return try owner(of: Array(bytes)) }
            return try sessions.verify(Array(bytes), at: clock.now()).account
                .principal(apiKeyUID: nil)
        }
    }

    /// The project, when it is one of the person's tenant.
    package func scope(projectUID: String, for principal: Principal) throws -> Scope {
        guard case .user(let user) = principal else { return .tenant }
        let isOwn = try database.read {
            try ProjectStore.exists(projectUID, tenant: user.tenantUID, $0)
        }
        guard isOwn else {
            throw Failure(
                .operationForbidden,
                "The ProjectUid header names no project of yours; see "
                    + "/v1/dashboard/projects/metadata."
            )
        }
        return .project(projectUID)
    }

    private func owner(of secret: [UInt8]) throws -> Principal {
        guard secret.count <= Self.bytesMax else { throw Sessions.invalidCredential }
        let digest = SecretDigest(presented: secret.span).hex
        let now = clock.now()
        let owned = try database.read { try APIKeyStore.find(digest: digest, $0) }
        guard let owned, owned.key.isValid(at: now), owned.owner.isActive else {
            throw Sessions.invalidCredential
        }
        return owned.owner.principal(apiKeyUID: owned.key.uid)
    }
}
