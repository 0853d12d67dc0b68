import APIKit
import Audit
import JSON
import Primitives
import Storage

/// Makes a tenant with all that its first hour needs: the `Default` project, a Tenant Admin and an
/// API key.
///
/// Used by the server's first start and by `easel bootstrap`.
package struct Bootstrap: Sendable {
    /// What the operator has to write down; password and key are not shown again.
    package struct Result: Sendable, JSONWritable {
        /// The organisation.
        package let tenantUID: String
        /// Its `Default` project.
        package let projectUID: String
        /// Its Tenant Admin.
        package let userUID: String
        /// The address to sign in with, canonical.
        package let email: String
        /// The password to sign in with.
        package let password: String
        /// The admin's first API key.
        package let apiKey: String

        /// Writes what `easel bootstrap` prints, in its order.
        package func write(to writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("tenantUid", tenantUID)
                writer.field("projectUid", projectUID)
                writer.field("userUid", userUID)
                writer.field("email", email)
                writer.field("password", password)
                writer.field("apiKey", apiKey)
            }
        }
    }

    private let organisation: String
    private let email: String
    private let password: String
    private let passwordHash: String

    /// Checks what the operator gave, and hashes the password (about 80 ms).
    ///
    /// - Parameter password: `nil` to have one made.
    /// - Throws: `.ruleViolated` with every fault of `/org`, `/email` and `/password`.
    package init(
        organisation: String,
        email: String,
        password: String?,
        hasher: PasswordHasher
    ) throws {
        var faults: [Fault] = []
        if organisation.isEmpty {
            faults.append(Fault("/org", "Required", "The organisation needs a name."))
        } else if organisation.utf8.count > MetaInput.nameBytesMax {
            faults.append(
                Fault(
                    "/org",
                    "TooLong",
                    "The organisation's name may have at most \(MetaInput.nameBytesMax) bytes."
                )
            )
        }
        if let flaw = NameRule.flaw(in: organisation) {
            faults.append(Fault("/org", "NotAllowed", flaw))
        }
        let address = EmailAddress(email)
        if address == nil {
            faults.append(
                Fault("/email", "InvalidEmail", "'\(email)' is not an e-mail address.")
            )
        }
        if let password { faults += PasswordPolicy.faults(of: password, at: "/password") }
        guard faults.isEmpty, let address else {
            throw Failure(
                .ruleViolated,
                faults.map(\.message).joined(separator: " "),
                faults: faults
            )
        }
        self.organisation = organisation
        self.email = address.text
        self.password = password ?? PasswordPolicy.generate()
        passwordHash = try hasher.hash(self.password, address.text)
    }

    /// Whether any tenant exists; a server without one makes the first itself.
    package static func hasTenant(in database: Database) throws -> Bool {
        try database.read { try AccountStore.hasTenant($0) }
    }

    /// Makes everything in one transaction; holds up the calling thread.
    ///
    /// - Throws: `.ruleViolated`, or `.duplicateName` when the organisation exists.
    package static func create(
        organisation: String,
        email: String,
        password: String?,
        in database: Database,
        hasher: PasswordHasher
    ) throws -> Result {
        let bootstrap = try Bootstrap(
            organisation: organisation,
            email: email,
            password: password,
            hasher: hasher
        )
        return try database.writeBlocking { try bootstrap.insert($0) }
    }

    /// Makes everything in this transaction.
    ///
    /// - Throws: `.duplicateName` when the organisation exists.
    package func insert(_ tx: borrowing Transaction) throws -> Result {
        let now = tx.now
        let tenantUID = UID.make(at: now).text
        let actor = AuditActor(tenantUID: tenantUID)
        try AccountStore.insertTenant(uid: tenantUID, name: organisation, tx)
        try AuditStore.record(
            .create,
            AuditResource("tenant", uid: tenantUID, name: organisation),
            "Organisation created.",
            by: actor,
            tx
        )

        let project = Project(
            uid: UID.make(at: now).text,
            tenantUID: tenantUID,
            name: Project.defaultName,
            description: "",
            labels: [:],
            version: try tx.nextCounter(),
            createdAt: now,
            modifiedAt: now
        )
        try ProjectStore.insert(project, tx)
        try AuditStore.record(
            .create,
            AuditResource("project", uid: project.uid, name: project.name),
            "Project created with its organisation.",
            by: actor,
            tx
        )

        let account = Account(
            uid: UID.make(at: now).text,
            tenantUID: tenantUID,
            email: email,
            firstName: "",
            lastName: "",
            role: Account.tenantAdminRole,
            isActive: true,
            createdAt: now,
            modifiedAt: now
        )
        try AccountStore.insert(account, passwordHash: passwordHash, tx)
        try AuditStore.record(
            .create,
            AuditResource("user", uid: account.uid, name: account.email),
            "Tenant Admin created with the organisation.",
            by: actor,
            tx
        )

        let secret = try insertKey(of: account, by: actor, tx)
        return Result(
            tenantUID: tenantUID,
            projectUID: project.uid,
            userUID: account.uid,
            email: email,
            password: password,
            apiKey: secret
        )
    }

    /// Makes the account's first API key and returns its secret.
    private func insertKey(
        of account: Account,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws -> String {
        let (secret, digest) = APIKey.makeSecret()
        let key = APIKey(
            uid: UID.make(at: tx.now).text,
            tenantUID: account.tenantUID,
            accountUID: account.uid,
            name: "bootstrap",
            annotations: [:],
            expiresAt: nil,
            isActive: true,
            version: try tx.nextCounter(),
            createdAt: tx.now,
            modifiedAt: tx.now
        )
        try APIKeyStore.insert(key, digest: digest, tx)
        try AuditStore.record(
            .create,
            AuditResource("apikey", uid: key.uid, name: key.name),
            "API key created with the organisation.",
            by: actor,
            tx
        )
        return secret
    }
}
