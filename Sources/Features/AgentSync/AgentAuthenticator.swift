import APIKit
import Appliances
import Crypto
import HTTPCore
import Primitives
import Storage

/// Finds the appliance behind a credential, in memory.
package struct AgentAuthenticator: Sendable {
    /// What every appliance credential begins with: it tells them from session tokens and API
    /// keys before anything is looked up.
    package static let prefix: StaticString = "easel_agent_"

    let index: FleetIndex
    let database: Database

    /// Whether these bytes look like an appliance's credential.
    package static func isAgentCredential(_ request: Request, _ range: Range<Int>) -> Bool {
        request.hasPrefix(range, prefix)
    }

    /// The appliance that the credential belongs to.
    ///
    /// - Throws: `.resourceNotFound` when it was deleted; `.unauthenticated`, the same for unknown
    ///   and replaced.
    package func principal(_ request: Request, _ range: Range<Int>) throws -> Principal {
        let head = request.head
        return try principal(credential: SHA256.digest(head.span.extracting(range)))
    }

    /// The appliance that a certificate stands for: one is made out for a credential, and dies
    /// with it.
    ///
    /// - Throws: as for the credential itself.
    package func principal(certified digest: [UInt8]) throws -> Principal {
        guard let digest = Digest(bytes: digest) else { throw AgentSync.invalidCredential }
        return try principal(credential: digest)
    }

    private func principal(credential digest: Digest) throws -> Principal {
        .appliance(try entry(credential: digest))
    }

    func entry(credential digest: Digest) throws -> FleetEntry {
        if let entry = index.entry(credential: digest) { return entry }
        let deleted = try database.read { tx in
            try DeletedCredentialStore.uid(digest: digest.hex, tx)
        }
        throw deleted.map(ApplianceStore.notFound) ?? AgentSync.invalidCredential
    }
}
