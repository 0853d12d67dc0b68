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
    package var name: String
    /// What it holds.
    package let kind: Kind
    /// Whether Easel made it: such a registry is neither edited nor deleted.
    package let isDefault: Bool
    /// Where it is and how it is reached.
    package var spec = RegistrySpec()
    /// Base64 of the sealed `RegistrySecret`; nil when it takes no credentials.
    package var sealedSecret: String?
    /// Raised by each change of the name or of how it is reached.
    package var version: Int64 = 0
    /// When it was made.
    package let createdAt: Timestamp
    /// When its content last changed.
    package var modifiedAt: Timestamp
    /// How far its content has been taken over; nil when it is not synchronised.
    package var sync: SyncState?

    /// The name of the registry inside the server, which clients look for.
    package static let embeddedName = "Public Repo"
    /// How many registries of its own a tenant may have, of all kinds together (BEHAVIOUR 1.4).
    package static let countMax = 50

    /// `system` for a registry of every tenant, else `tenant`.
    package var scope: String { tenantUID == nil ? "system" : "tenant" }

    /// Where its packs lie; the embedded registry has no address outside the server.
    package var endpoint: String { spec.endpoint.isEmpty ? "embedded" : spec.endpoint }

    /// Whether lists and searches show what it holds.
    var isListed: Bool { !(kind == .helm && spec.isPrivate) }

    /// Whether its content is listed here and kept up to date.
    ///
    /// Not the embedded one, which imports fill, and no Helm repository that is private: of such a
    /// one a layer names chart and version, and nothing is listed.
    package var isSynchronised: Bool { !spec.endpoint.isEmpty && isListed }
}

/// Where a registry is and how it is reached: the part of its row that nobody searches.
package struct RegistrySpec: Sendable, Hashable {
    /// How a registry lets its users in; the raw value is the wire's word.
    package enum Auth: String, Sendable, CaseIterable {
        case none = "noAuth"
        case basic, token
    }

    /// What the author noted beside the name.
    package var labels: [String: String] = [:]
    /// What the author noted beside the name.
    package var annotations: [String: String] = [:]
    /// An `https:` or `http:` URL, or `file:` and a folder on the server's machine.
    package var endpoint = ""
    /// Of a Helm repository, that it is not synchronised; of the others a note of their owner.
    package var isPrivate = false
    /// Which of the credentials count.
    package var auth = Auth.none
    /// The name that goes with the password.
    package var username = ""
    /// PEM certificates of private authorities, trusted beside the system's.
    package var ca = ""
    /// More of them: a second member of the wire that clients use for the same.
    package var certificate = ""
    /// Whether the author asked for TLS by its own member, which the URL says already.
    package var isTLSEnabled = false
    /// Whether any certificate will do.
    package var skipsVerification = false
    /// What an OCI registry holds: `helm`, `pack` or `zarf`; empty for other kinds.
    package var provider = ""
    /// The path that all content of an OCI registry lies under.
    package var baseContentPath = ""
    /// What counts in place of an empty `baseContentPath`.
    package var basePath = ""

    /// Where credentials are sent: two specs of one target may share them.
    var target: [String] { [endpoint, auth.rawValue, username] }

    /// Makes a spec that says nothing.
    package init() {}
}

/// What opens a registry; only ever stored sealed, and never shown.
package struct RegistrySecret: Sendable, Hashable {
    /// Goes with the user's name.
    package var password = ""
    /// A bearer token.
    package var token = ""

    /// Makes a secret; empty parts are not there.
    package init(password: String = "", token: String = "") {
        self.password = password
        self.token = token
    }
}

/// How far a registry's content has been taken over.
package struct SyncState: Sendable, Hashable {
    /// The raw value is the wire's word.
    package enum Status: String, Sendable, CaseIterable {
        /// Never ran.
        case pending = "Pending"
        case inProgress = "InProgress"
        case success = "Success"
        case failed = "Failed"
    }

    /// How the last run ended, or that one runs.
    package var status = Status.pending
    /// What the last run came to, for people.
    package var message = ""
    /// Counts the runs: one that was overtaken by force no longer counts.
    package var run: Int64 = 0
    /// When the last run began.
    package var startedAt: Timestamp?
    /// When the last run ended.
    package var finishedAt: Timestamp?
    /// When a run last ended well.
    package var syncedAt: Timestamp?
    /// When the next run is due.
    package var nextAt: Timestamp
    /// What the last index said of its own version; empty for nothing.
    package var validator = ""

    /// The state of a registry that was never synchronised.
    package init(nextAt: Timestamp) { self.nextAt = nextAt }
}
