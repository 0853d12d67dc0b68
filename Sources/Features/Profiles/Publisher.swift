import AgentContract
import APIKit
import Audit
import Crypto
import JSON
import Packs
import Primitives
import Storage

/// A new revision of a profile, announced after its commit.
package struct RevisionNotice: Sendable {
    package let profileUID: String
    package let tenantUID: String
    package let number: Int64
    package let counter: Int64
    /// The JSON of the `ProfileRevision`.
    package let content: [UInt8]
}

/// Makes revisions: from a draft when its author publishes, from the last one when a train moves.
struct Publisher: Sendable {
    let onRevision: @Sendable (RevisionNotice) -> Void
    /// How many revisions of a profile are kept beside the published one; nil for all.
    let revisionsKept: Int?

    /// Old revisions that one new one clears away: more than it adds.
    private static let purgedPerRevision = 8

    /// A revision that is yet to be numbered.
    struct Draft {
        let name: String
        let profileVersion: String
        let source: [Layer]
        let layers: [LayerRevision]
        let cause: AuditAction
        let message: String
        /// What its author says of it; empty for nothing.
        var note = ""
    }

    /// Publishes the draft.
    ///
    /// A draft that gives what is published already makes no revision.
    ///
    /// - Parameter isNew: whether the profile has just been made, in the same write, which then
    ///   has its audit row.
    /// - Returns: whether there is a new revision.
    func publish(
        _ profile: Profile,
        isNew: Bool = false,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        let content = try content(of: profile, tx)
        let draft = Draft(
            name: profile.name,
            profileVersion: profile.profileVersion,
            source: profile.layers,
            layers: content.layers,
            cause: .publish,
            message: "Published profile '\(profile.name)' \(profile.profileVersion)",
            note: call.note
        )
        let last = try profile.publishedNumber.flatMap {
            try ProfileStore.revision($0, of: profile.uid, tx)
        }
        try ProfileRules.checkPublish(of: profile, content.resolved, since: last)
        guard last?.digest != Self.digest(profile, draft) || last?.source != draft.source else {
            return false
        }
        try revise(profile, draft, isAudited: !isNew, by: call.actor, tx)
        try TrainStore.setTrains(content.trains, of: profile.uid, tx)
        try TrainStore.keepHolds(content.held, of: profile.uid, tx)
        return true
    }

    /// What a draft comes to.
    struct Content {
        let resolved: [LayerResolver.Resolved]
        let layers: [LayerRevision]
        let trains: [TrainStore.Train]
        /// The layers whose trains stand still.
        let held: Set<String>
    }

    /// What the draft means today; a train that is held means what it meant when it was.
    ///
    /// - Throws: `.ruleViolated` for a draft that cannot be published.
    func content(of profile: Profile, _ tx: borrowing Transaction) throws -> Content {
        guard !profile.layers.isEmpty else {
            throw Failure.fault(
                "/spec/draft/packs",
                "Required",
                "A profile without layers cannot be published."
            )
        }
        let held = try heldLinks(of: profile, tx)
        let resolved = try LayerResolver.resolve(
            profile.layers,
            linked: held,
            tenantUID: profile.tenantUID,
            tx
        )
        return Content(
            resolved: resolved,
            layers: try LayerResolver.revisions(resolved, tx),
            trains: Self.trains(resolved),
            held: Set(held.keys)
        )
    }

    /// Links the layers of a published profile that follow a train of this pack to what is now
    /// the newest version; every other layer stays what it was linked to, even when its own pack
    /// is gone.
    ///
    /// - Parameter caller: who asked for it; nil for the server itself, after an import.
    /// - Returns: whether there is a new revision.
    func relink(
        profileUID: String,
        registryUID: String,
        packName: String,
        version: String,
        by caller: AuditActor? = nil,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        guard let profile = try ProfileStore.find(profileUID, tx),
            let number = profile.publishedNumber,
            let newest = try ProfileStore.revision(number, of: profileUID, tx)
        else { return false }
        let former = try ProfileRevision(JSONParser.parse(newest.content, limits: .stored))
        var layers: [LayerRevision] = []
        let held = try TrainStore.holds(of: profileUID, tx)
        for layer in newest.source {
            guard let linked = former.layers.first(where: { $0.name == layer.name }) else {
                continue
            }
            if held[layer.name] != nil {
                layers.append(linked)
                continue
            }
            layers.append(
                try Self.relinked(layer, linked, registryUID: registryUID, packName, tx) ?? linked
            )
        }
        layers = LayerResolver.inOrder(layers)
        guard layers != former.layers else { return false }
        // A name or version that was changed since waits for its own publish.
        let draft = Draft(
            name: former.name,
            profileVersion: former.version,
            source: newest.source,
            layers: layers,
            cause: .relink,
            message: "Relinked profile '\(profile.name)' \(profile.profileVersion) to "
                + "\(packName) \(version)"
        )
        let server = AuditActor(
            tenantUID: profile.tenantUID,
            projectUID: profile.projectUID.isEmpty ? nil : profile.projectUID
        )
        try revise(profile, draft, isAudited: true, by: caller ?? server, tx)
        return true
    }

    /// The layer linked to the newest version of its train; `nil` when it does not follow one of
    /// this pack.
    private static func relinked(
        _ layer: Layer,
        _ linked: LayerRevision,
        registryUID: String,
        _ packName: String,
        _ tx: borrowing Transaction
    ) throws -> LayerRevision? {
        guard layer.kind != .manifest, linked.registryUID == registryUID,
            let train = VersionTrain(layer.tag)
        else { return nil }
        guard try Self.packName(of: linked, tx) == packName,
            let pack = try PackStore.newest(
                registryUID: registryUID,
                name: packName,
                train: train,
                tx
            ), pack.isFetched
        else { return nil }
        let values = try layer.values ?? BlobStore.text(pack.valuesDigest, tx) ?? ""
        return try LayerResolver.revision(.init(layer: layer, pack: pack, values: values), tx)
    }

    /// Makes the revision.
    ///
    /// - Returns: its number.
    @discardableResult
    func revise(
        _ profile: Profile,
        _ draft: Draft,
        isAudited: Bool,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws -> Int64 {
        let number = (profile.publishedNumber ?? 0) + 1
        let counter = try tx.nextCounter()
        let content = Self.revision(profile, draft, number: number).jsonBytes()
        try ProfileStore.insert(
            .init(
                number: number,
                counter: counter,
                digest: Self.digest(profile, draft),
                content: content,
                source: draft.source,
                cause: draft.cause.rawValue,
                createdAt: tx.now,
                createdBy: actor.name
            ),
            of: profile.uid,
            note: draft.note.isEmpty ? draft.message : draft.note,
            tx
        )
        if let revisionsKept {
            try RevisionStore.purge(
                of: profile.uid,
                keeping: revisionsKept,
                countMax: Self.purgedPerRevision,
                tx
            )
        }
        try ProfileStore.setPublished(number, of: profile.uid, version: counter, tx)
        try ProfileStore.addBlobs(Self.digests(draft.layers), of: profile.uid, tx)
        if isAudited {
            try AuditStore.record(
                draft.cause,
                AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
                "\(draft.message) as revision \(number)."
                    + (draft.note.isEmpty ? "" : " Note: \(draft.note)"),
                by: actor,
                tx
            )
        }
        let notice = RevisionNotice(
            profileUID: profile.uid,
            tenantUID: profile.tenantUID,
            number: number,
            counter: counter,
            content: content
        )
        tx.afterCommit { [onRevision] in onRevision(notice) }
        return number
    }

    private static func revision(
        _ profile: Profile,
        _ draft: Draft,
        number: Int64
    ) -> ProfileRevision {
        ProfileRevision(
            uid: profile.uid,
            name: draft.name,
            version: draft.profileVersion,
            type: profile.type.rawValue,
            cloudType: profile.cloudType,
            number: number,
            layers: draft.layers
        )
    }

    /// Two revisions with one digest give the same to every appliance.
    private static func digest(_ profile: Profile, _ draft: Draft) -> String {
        "sha256:" + SHA256.digest(revision(profile, draft, number: 0).jsonBytes()).hex
    }

    private static func trains(
        _ resolved: [LayerResolver.Resolved]
    ) -> [TrainStore.Train] {
        resolved.compactMap { one in
            guard let pack = one.pack, VersionTrain(one.layer.tag) != nil else { return nil }
            return .init(registryUID: pack.registryUID, packName: pack.name, train: one.layer.tag)
        }
    }

    private static func digests(_ layers: [LayerRevision]) -> Set<String> {
        var digests: Set<String> = []
        for layer in layers {
            digests.insert(layer.values.digest)
            digests.formUnion(layer.manifests.map(\.part.digest))
            digests.formUnion(layer.charts.map(\.part.digest))
        }
        return digests
    }
}

extension JSONLimits {
    /// For what the server stored itself.
    static let stored = JSONLimits(bytesMax: 128 << 20)
}
