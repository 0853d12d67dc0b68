import Crypto
import Primitives
import Storage

/// The server's own keys, kept in the database sealed under the key file, so that tokens and list
/// cursors outlive a restart and a copy of the database alone is worth nothing.
package enum ServerSecretStore {
    /// The key of this name; made the first time it is asked for.
    ///
    /// Holds up the calling thread; for the server's start.
    ///
    /// - Throws: `SealingError.otherKey` when the key file is not the one of this database.
    package static func key(
        _ name: Name,
        in database: Database,
        sealedUnder sealing: SealingKey
    ) throws -> [UInt8] {
        let context = "server_secret:\(name.rawValue)"
        let fresh = RandomBytes.make(32)
        let offered = Base64.encode(try sealing.seal(fresh, context: context))
        let stored = try database.writeBlocking { tx in
            _ = try tx.run(
                "INSERT INTO server_secret (name, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                .text(name.rawValue),
                .text(offered)
            )
            return try tx.first(
                "SELECT sealed FROM server_secret WHERE name = $1",
                .text(name.rawValue)
            ) { $0.text(0) }
        }
        guard let sealed = Base64.decode(stored ?? "") else { throw SealingError.notSealed }
        return try sealing.open(sealed, context: context)
    }

    /// Which keys there are.
    package enum Name: String, Sendable {
        /// Signs session tokens.
        case tokenSigning = "token-signing"
        /// Salts the hashes of passwords.
        case passwords
        /// Seals the `continue` tokens of lists.
        case listCursors = "list-cursors"
        /// Seals TLS session tickets.
        case tlsTickets = "tls-tickets"
        /// Signs the archives of system profiles.
        case archiveSigning = "archive-signing"
    }
}
