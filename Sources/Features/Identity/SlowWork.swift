import Crypto
import EventLoop
import Storage

/// Runs work that would hold up an event loop.
package protocol SlowWork: Sendable {
    /// Runs the body elsewhere and resumes where the caller was.
    ///
    /// - Throws: its own error when too much waits already, or what the body throws.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value
}

extension WorkerPool: SlowWork {}

/// How passwords are hashed and checked; a test counts the calls.
///
/// Both take the e-mail address beside the password, in its canonical form.
package struct PasswordHasher: Sendable {
    /// The form of a password that is stored.
    package var hash: @Sendable (_ password: String, _ email: String) throws -> String
    /// Of several stored forms those behind which the password is; the time it takes does not
    /// depend on how many there are.
    package var matching:
        @Sendable (_ password: String, _ email: String, _ stored: [String]) -> Set<String>

    /// A hasher made of these two functions.
    package init(
        hash: @escaping @Sendable (String, String) throws -> String,
        matching: @escaping @Sendable (String, String, [String]) -> Set<String>
    ) {
        self.hash = hash
        self.matching = matching
    }

    /// The real one: scrypt under a key of the server's, which is made when it is first asked for.
    ///
    /// Holds up the calling thread.
    ///
    /// - Throws: `SealingError.otherKey` when the key file is not the one of this database.
    package static func scrypt(
        in database: Database,
        sealedUnder sealing: SealingKey
    ) throws -> PasswordHasher {
        let key = try ServerSecretStore.key(.passwords, in: database, sealedUnder: sealing)
        return PasswordHasher(
            hash: { try PasswordHash($0, account: $1, key: key).stored() },
            matching: { password, email, stored in
                let presented = try? PasswordHash(
                    password,
                    account: email,
                    key: key,
                    comparedWith: stored
                )
                return Set(stored.filter { presented?.matches($0) ?? false })
            }
        )
    }
}
