import Primitives

/// A place that packs come from.
package struct Registry: Sendable, Hashable {
    /// What a registry holds; the raw value is the wire's word.
    package enum Kind: String, Sendable, CaseIterable {
        case pack, helm, oci
    }

    /// The registry's uid.
    package let uid: String
    /// The tenant whose registry this is; nil when it serves every tenant.
    package let tenantUID: String?
    /// The name, unique in its tenant.
    package let name: String
    /// What it holds.
    package let kind: Kind
    /// Whether Easel made it: such a registry is neither edited nor deleted.
    package let isDefault: Bool
    /// When it was made.
    package let createdAt: Timestamp
    /// When its content last changed.
    package let modifiedAt: Timestamp

    /// The name of the registry inside the server, which clients look for.
    package static let embeddedName = "Public Repo"

    /// `system` for a registry of every tenant, else `tenant`.
    package var scope: String { tenantUID == nil ? "system" : "tenant" }

    /// Where its packs lie; the embedded registry has no address outside the server.
    package var endpoint: String { "embedded" }
}
