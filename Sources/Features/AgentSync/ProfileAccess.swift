import APIKit
import Appliances
import HTTPCore
import Storage

/// What this folder asks of profiles, as values: a test brings its own without packs and layers.
package struct ProfileAccess: Sendable {
    /// The newest revision of a profile.
    package struct Revision: Sendable {
        package let profileUID: String
        package let number: Int64
        package let counter: Int64
        /// The JSON of the `ProfileRevision`.
        package let content: [UInt8]

        package init(profileUID: String, number: Int64, counter: Int64, content: [UInt8]) {
            self.profileUID = profileUID
            self.number = number
            self.counter = counter
            self.content = content
        }
    }

    /// A published manifest of a layer.
    package struct Manifest: Sendable {
        package let name: String
        package let content: String

        package init(name: String, content: String) {
            self.name = name
            self.content = content
        }
    }

    /// Calls the body with the newest revision of every profile.
    package var eachPublished: @Sendable (_ body: (Revision) -> Void) throws -> Void
    /// Whether an appliance of this scope may follow the profile.
    package var canBeFollowed:
        @Sendable (_ uid: String, _ scope: ApplianceScope, _ tx: borrowing Transaction) throws
            -> Bool
    /// Whether a digest belongs to a profile.
    package var holds:
        @Sendable (_ digest: String, _ profileUID: String, _ tx: borrowing Transaction) throws
            -> Bool
    /// The bytes of a digest.
    package var blob: @Sendable (_ digest: String, _ tx: borrowing Transaction) throws -> [UInt8]?
    /// The JSON of a profile's published `v1ClusterProfileTemplate`.
    package var template: @Sendable (_ uid: String, _ tx: borrowing Transaction) throws -> [UInt8]?
    /// A manifest of what a profile has published.
    package var manifest:
        @Sendable (_ uid: String, _ profileUID: String, _ tx: borrowing Transaction) throws
            -> Manifest?
    /// The archive of the first system profile among these.
    package var archive:
        @Sendable (_ profileUIDs: [String], _ context: RequestContext) async throws -> Response

    package init(
        eachPublished: @escaping @Sendable ((Revision) -> Void) throws -> Void,
        canBeFollowed:
            @escaping @Sendable (String, ApplianceScope, borrowing Transaction) throws -> Bool,
        holds: @escaping @Sendable (String, String, borrowing Transaction) throws -> Bool,
        blob: @escaping @Sendable (String, borrowing Transaction) throws -> [UInt8]?,
        template: @escaping @Sendable (String, borrowing Transaction) throws -> [UInt8]?,
        manifest: @escaping @Sendable (String, String, borrowing Transaction) throws -> Manifest?,
        archive: @escaping @Sendable ([String], RequestContext) async throws -> Response
    ) {
        self.eachPublished = eachPublished
        self.canBeFollowed = canBeFollowed
        self.holds = holds
        self.blob = blob
        self.template = template
        self.manifest = manifest
        self.archive = archive
    }
}
