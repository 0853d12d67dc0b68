import JSON
import Primitives
import Storage

/// A part of a tenant with appliances and profiles of its own.
struct Project: Sendable {
    /// The project that every tenant begins with; clients ask for it by this name.
    static let defaultName = "Default"
    /// Projects of one tenant (BEHAVIOUR 1.4).
    static let countMax = 50

    var uid: String
    var tenantUID: String
    var name: String
    var description: String
    var labels: [String: String]
    var version: Int64
    var createdAt: Timestamp
    var modifiedAt: Timestamp

    /// Whether a write would change nothing.
    func hasSameContent(as other: Project) -> Bool {
        name == other.name && description == other.description && labels == other.labels
    }
}

/// Something that lives in a project and keeps it from being deleted.
package struct Referrer: Sendable, Hashable {
    /// The wire's word for what it is.
    package let kind: String
    /// Its uid.
    package let uid: String
    /// What people call it.
    package let name: String

    /// - Parameter kind: the wire's word: `edgehost`, `clusterprofile`, …
    package init(_ kind: String, uid: String, name: String) {
        self.kind = kind
        self.uid = uid
        self.name = name
    }

    /// The referrer as a refusal shows it, in `details.referrers`.
    package var json: JSONValue {
        ["kind": .string(kind), "uid": .string(uid), "name": .string(name)]
    }
}

/// Says what of one kind lives in a project: the features above register such a check, as this one
/// does not know them.
///
/// At most `countMax` need be named.
package typealias ProjectReferrers =
    @Sendable (_ projectUID: String, _ countMax: Int, _ tx: borrowing Transaction) throws ->
    [Referrer]
