import APIKit
import Audit
import HTTPCore
import JSON
import Packs
import Primitives
import Storage

/// Profiles: what operators write, publish and download.
package struct Profiles: Sendable {
    let database: Database
    let publisher: Publisher
    let archives: ProfileArchives
    let onDelete: @Sendable (_ profileUID: String) -> Void
    let prepareChart: @Sendable (WantedChart, _ tenantUID: String) async throws -> Void
    let onBroken: @Sendable (_ profileUID: String, any Error) -> Void

    /// - Parameters:
    ///   - archives: what archives say about the server and how their tokens are sealed.
    ///   - revisionsKept: how many revisions of a profile are kept beside the published one, at
    ///     least 1; nil for all.
    ///   - onRevision: told each new revision after its commit, on the writer's thread.
    ///   - onDelete: told the uid of each deleted profile, in the same way.
    ///   - prepareChart: fetches a chart that a layer names.
    ///   - onBroken: told why a profile could not follow a train, in the same way.
    package init(
        database: Database,
        archives: ProfileArchives,
        revisionsKept: Int? = nil,
        onRevision: @escaping @Sendable (RevisionNotice) -> Void,
        onDelete: @escaping @Sendable (_ profileUID: String) -> Void = { _ in },
        prepareChart:
            @escaping @Sendable (WantedChart, _ tenantUID: String) async throws -> Void = { _, _ in
            },
        onBroken: @escaping @Sendable (_ profileUID: String, any Error) -> Void = { _, _ in }
    ) {
        self.database = database
        self.archives = archives
        self.onDelete = onDelete
        self.prepareChart = prepareChart
        self.onBroken = onBroken
        publisher = Publisher(onRevision: onRevision, revisionsKept: revisionsKept)
    }

    /// All operations of this feature.
    package var endpoints: [Endpoint] {
        (profileEndpoints + validationEndpoints + listEndpoints + layerEndpoints + manifestEndpoints
            + variableEndpoints + deleteEndpoints + cloneEndpoints + transferEndpoints
            + revisionEndpoints + trainEndpoints)
            .map { $0.changesProfiles ? takingDryRunAndNote($0) : $0 }
    }

    /// What holds for every write of a profile, whoever declares it.
    private func takingDryRunAndNote(_ endpoint: Endpoint) -> Endpoint {
        endpoint.taking(ProfileCall.noteParameter).takingDryRun(
            ChangePlan.self,
            refusing: { ChangePlan(refusing: $0) }
        ) { context in
            let call = try ProfileCall(context)
            return { tx in
                try plan(tenantUID: call.tenantUID, projectUID: call.projectUID, tx)
            }
        }
    }

    /// Links the profiles that follow a train of this pack anew; called inside the transaction
    /// that imports the version.
    ///
    /// A profile that cannot be relinked keeps its revision and does not hold up the import.
    ///
    /// - Throws: what the database throws.
    package func relink(
        registryUID: String,
        packName: String,
        version: String,
        _ tx: borrowing Transaction
    ) throws {
        guard let released = SemanticVersion(version) else { return }
        let followers = try TrainStore.followers(
            registryUID: registryUID,
            packName: packName,
            tx
        )
        var done: Set<String> = []
        for follower in followers where VersionTrain(follower.train)?.matches(released) == true {
            let uid = follower.profileUID
            // A profile may follow several trains of one pack.
            guard done.insert(uid).inserted else { continue }
            do {
                _ = try publisher.relink(
                    profileUID: uid,
                    registryUID: registryUID,
                    packName: packName,
                    version: version,
                    tx
                )
            } catch let error as StorageError {
                throw error
            } catch {
                // All that can fail besides the database comes before the first write.
                tx.afterCommit { [onBroken] in onBroken(uid, error) }
            }
        }
    }

    /// Calls the body with the newest revision of every profile, for the fleet index at start.
    package func eachPublished(_ body: (RevisionNotice) -> Void) throws {
        try database.read { tx in try ProfileStore.eachNewest(tx, body) }
    }

    /// Whether a part belongs to a profile: what an appliance that follows it may fetch.
    package func holds(
        digest: String,
        profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try ProfileStore.holds(digest, profileUID: profileUID, tx)
    }

    /// The published template of a profile as JSON (`v1ClusterProfileTemplate`), for the
    /// appliances that follow it; `nil` when it is gone or never published.
    package func publishedTemplate(
        _ uid: String,
        _ tx: borrowing Transaction
    ) throws -> [UInt8]? {
        guard let profile = try ProfileStore.find(uid, tx) else { return nil }
        return try ProfileOutput(profile, tx).published?.jsonBytes()
    }

    /// A manifest of what a profile has published; `nil` when it holds none of this uid.
    package func publishedManifest(
        _ uid: String,
        profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> (name: String, content: String)? {
        guard let number = try ProfileStore.find(profileUID, tx)?.publishedNumber,
            let revision = try ProfileStore.revision(number, of: profileUID, tx)
        else { return nil }
        return revision.source.lazy.flatMap(\.manifests).first { $0.uid == uid }
            .map { ($0.name, $0.content) }
    }

    /// The archive of the first system profile among these.
    ///
    /// - Throws: `.resourceNotFound` when there is none.
    package func archive(
        ofFirst uids: [String],
        _ context: RequestContext
    ) async throws -> Response {
        let wanted = try database.read { tx in
            for uid in uids {
                guard let profile = try ProfileStore.findArchived(uid, tx), profile.type == .system
                else { continue }
                return try archives.wanted(of: profile, tx)
            }
            throw Failure(.resourceNotFound, "The edge host follows no system profile.")
        }
        return try await archives.response(wanted, from: database, context)
    }

    /// Whether the profile exists where an appliance of this scope can follow it.
    package func canBeFollowed(
        _ uid: String,
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        let found = try ProfileStore.find(uid, tenantUID: tenantUID, projectUID: projectUID, tx)
        return found.map { $0.publishedNumber != nil && $0.type.isForAppliances } ?? false
    }
}

/// Who writes a profile, taken out of the call: a write runs on the writer's thread.
struct ProfileCall: Sendable {
    let uid: String
    let tenantUID: String
    var projectUID: String
    let actor: AuditActor
    let ifMatch: IfMatch
    /// What the caller says of the change; empty for nothing.
    let note: String

    /// The lengths of a note in characters.
    private static let noteLength = 3...255

    static let noteParameter = QueryParameter(
        "note",
        .string(),
        "Why, in 3 to 255 characters: for the audit trail, and for the revision if one is made."
    )

    /// The note as it ends a message of the audit trail.
    var noteText: String { note.isEmpty ? "" : " Note: \(note)" }

    init(_ context: RequestContext) throws {
        note = context.query("note") ?? ""
        guard note.isEmpty || Self.noteLength.contains(note.count),
            note.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else {
            throw Failure.fault(
                "query/note",
                "InvalidNote",
                "'note' must be one line of 3 to 255 characters.",
                as: .invalidRequest
            )
        }
        uid = context.endpoint.pathParameters.contains("uid") ? try context.parameter("uid") : ""
        tenantUID = context.tenantUID
        projectUID = context.scope.projectUID ?? ""
        actor = AuditActor(context)
        ifMatch = context.ifMatch
    }

    /// The profile to read.
    ///
    /// - Throws: `.resourceNotFound`, also for what lies in another tenant or project.
    func fetch(_ tx: borrowing Transaction) throws -> Profile {
        let found = try ProfileStore.find(uid, tenantUID: tenantUID, projectUID: projectUID, tx)
        guard let found else { throw Failure.notFound("Cluster profile", uid) }
        return found
    }

    /// The profile to change.
    ///
    /// - Throws: `.operationForbidden` for a tenant's profile in a project, which is read-only
    ///   there; `.preconditionFailed` when the caller's `If-Match` names another version.
    func fetchForWrite(_ tx: borrowing Transaction, _ permission: String) throws -> Profile {
        let profile = try fetch(tx)
        guard profile.projectUID == projectUID else {
            throw Self.belongsToTenant(permission)
        }
        try ifMatch.check(String(profile.version))
        return profile
    }

    /// The refusal of a write to an organisation's profile in a project.
    ///
    /// It begins with the words that clients of the real service know.
    static func belongsToTenant(_ permission: String) -> Failure {
        Failure(
            .operationForbidden,
            Dispatcher.forbidden(Permission(permission)).message
                + ". The profile belongs to the organisation and is read-only in a project: leave "
                + "out the header 'ProjectUid' to change it."
        )
    }

    /// Stores a changed profile and its audit row.
    func save(
        _ profile: Profile,
        _ message: String,
        _ tx: borrowing Transaction
    ) throws {
        try ProfileRules.checkSize(profile.layers)
        var changed = profile
        changed.version = try tx.nextCounter()
        changed.modifiedAt = tx.now
        try ProfileStore.update(changed, tx)
        try AuditStore.record(
            .update,
            AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
            message + noteText,
            by: actor,
            tx
        )
    }
}

extension Endpoint {
    /// Whether it is a write of profiles, and no check of one.
    fileprivate var changesProfiles: Bool {
        let writes: [Permission] = [
            .profileCreate, .profileUpdate, .profileDelete, .profilePublish,
        ]
        guard case .user(let permission) = access else { return false }
        return method != .get && !path.hasSuffix("/validate") && writes.contains(permission)
    }
}
