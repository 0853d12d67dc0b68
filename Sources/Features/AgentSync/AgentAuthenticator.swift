import APIKit
import Crypto
import HTTPCore
import Primitives

/// Finds the appliance behind a credential, in memory.
package struct AgentAuthenticator: Sendable {
    /// What every appliance credential begins with: it tells them from session tokens and API
    /// keys before anything is looked up.
    package static let prefix: StaticString = "easel_agent_"

    let index: FleetIndex

    package init(index: FleetIndex) {
        self.index = index
    }

    /// Whether these bytes look like an appliance's credential.
    package static func isAgentCredential(_ request: Request, _ range: Range<Int>) -> Bool {
        request.hasPrefix(range, prefix)
    }

    /// The appliance that the credential belongs to.
    ///
    /// - Throws: `.unauthenticated`, the same for unknown, replaced and deleted.
    package func principal(_ request: Request, _ range: Range<Int>) throws -> Principal {
        let head = request.head
        return try principal(credential: SHA256.digest(head.span.extracting(range)))
    }

    /// The appliance that a certificate stands for: one is made out for a credential, and dies
    /// with it.
    ///
    /// - Throws: `.unauthenticated`, as for the credential itself.
    package func principal(certified digest: [UInt8]) throws -> Principal {
        guard let digest = Digest(bytes: digest) else { throw AgentSync.invalidCredential }
        return try principal(credential: digest)
    }

    private func principal(credential digest: Digest) throws -> Principal {
        guard let entry = index.entry(credential: digest) else {
            throw AgentSync.invalidCredential
        }
        return .appliance(entry)
    }
}
