import Crypto
import EventLoop

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
package struct PasswordHasher: Sendable {
    /// The form of a password that is stored.
    package var hash: @Sendable (_ password: String) throws -> String
    /// Whether a password is the one behind a stored form.
    package var verify: @Sendable (_ password: String, _ stored: String) -> Bool

    /// A hasher made of these two functions.
    package init(
        hash: @escaping @Sendable (String) throws -> String,
        verify: @escaping @Sendable (String, String) -> Bool
    ) {
        self.hash = hash
        self.verify = verify
    }

    /// The real one: scrypt.
    package static let scrypt = PasswordHasher(
        hash: { try PasswordHash.hash($0) },
        verify: { PasswordHash.verify($0, $1) }
    )
}
