import APIKit
import Archive
import Crypto
import Glibc
import Identity
import JSON
import Logging
import Storage

/// The first start of a server: makes a tenant and tells its sign-in once.
enum FirstStart {
    static let organisation = "Easel"
    static let email = "admin@easel.local"

    /// Does nothing when a tenant exists.
    ///
    /// The sign-in goes to the file named, or to the terminal; where there is neither, to
    /// `bootstrap.json` in the data directory. Never to the log.
    static func run(
        _ database: Database,
        output: String?,
        directory: DataDirectory,
        address: String,
        logger: Logger
    ) throws {
        guard try !Bootstrap.hasTenant(in: database) else { return }
        let isTerminal = output == nil && isatty(1) == 1
        let path = output ?? directory.path + "/bootstrap.json"
        // The file is made first: a sign-in that cannot be told must not come to exist.
        if !isTerminal { try Files.atomicWrite(path: path, bytes: [], mode: 0o600) }
        let result = try Bootstrap.create(
            organisation: organisation,
            email: email,
            password: nil,
            in: database,
            hasher: .scrypt(
                in: database,
                sealedUnder: try SealingKey.loadOrMake(path: directory.sealingKey)
            )
        )
        if isTerminal {
            print(
                """

                This is the first start. Keep what follows; it is not shown again.

                  Address       \(address)
                  Organisation  \(organisation)
                  E-mail        \(result.email)
                  Password      \(result.password)
                  Tenant uid    \(result.tenantUID)
                  Project uid   \(result.projectUID) (Default)
                  API key       \(result.apiKey)

                """
            )
            return
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("address", address)
        writer.field("organisation", organisation)
        writer.field("tenantUid", result.tenantUID)
        writer.field("projectUid", result.projectUID)
        writer.field("userUid", result.userUID)
        writer.field("email", result.email)
        writer.field("password", result.password)
        writer.field("apiKey", result.apiKey)
        writer.endObject()
        try Files.atomicWrite(
            path: path,
            bytes: writer.finish() + [UInt8(ascii: "\n")],
            mode: 0o600
        )
        logger.info("first start: the sign-in was written", metadata: ["file": "\(path)"])
    }
}
