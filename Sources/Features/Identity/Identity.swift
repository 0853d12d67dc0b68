import APIKit
import Crypto
import Primitives
import Storage

/// Tenants, projects, people, and the credentials they call with.
package struct Identity: Sendable {
    let database: Database
    let sessions: Sessions
    let clock: Clock
    let projectReferrers: [ProjectReferrers]

    /// Loads the token key, and makes it on the first start; holds up the calling thread.
    ///
    /// - Parameters:
    ///   - sealingKey: the key file of the data directory.
    ///   - slowWork: where passwords are hashed; the server's worker pool.
    ///   - hasher: how they are hashed; scrypt unless a test says otherwise.
    ///   - projectReferrers: the checks that ask whether a project is empty.
    /// - Throws: `SealingError.otherKey` when the key file is not the one of this database.
    package init(
        database: Database,
        sealingKey: SealingKey,
        clock: Clock = .system,
        slowWork: any SlowWork,
        hasher: PasswordHasher? = nil,
        projectReferrers: [ProjectReferrers] = []
    ) throws {
        self.database = database
        self.clock = clock
        self.projectReferrers = projectReferrers
        let bytes = try ServerSecretStore.key(.tokenSigning, in: database, sealedUnder: sealingKey)
        guard let key = SignedTokenKey(bytes: bytes) else { throw SealingError.damaged }
        sessions = Sessions(
            database: database,
            key: key,
            hasher: try hasher ?? .scrypt(in: database, sealedUnder: sealingKey),
            slowWork: slowWork
        )
    }

    /// The user half of the server's authenticator.
    package var authenticator: IdentityAuthenticator {
        IdentityAuthenticator(database: database, sessions: sessions, clock: clock)
    }

    /// What one can do here.
    package var endpoints: [Endpoint] {
        sessionEndpoints + userEndpoints + apiKeyEndpoints + projectEndpoints
    }
}
