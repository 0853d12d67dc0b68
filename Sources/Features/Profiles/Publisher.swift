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

    /// A revision that is yet to be numbered.
    private struct Draft {
        let name: String
        let profileVersion: String
        let source: [Layer]
        let layers: [LayerRevision]
        let cause: AuditAction
        let message: String
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
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        guard !profile.layers.isEmpty else {
            throw Failure.fault(
                "/spec/draft/packs",
                "Required",
                "A profile without layers cannot be published."
            )
        }
        let resolved = try LayerResolver.resolve(profile.layers, tenantUID: profile.tenantUID, tx)
        let draft = Draft(
            name: profile.name,
            profileVersion: profile.profileVersion,
            source: profile.layers,
            layers: try LayerResolver.revisions(resolved, tx),
            cause: .publish,
            message: "Published profile '\(profile.name)' \(profile.profileVersion)"
        )
        let last = try profile.publishedNumber.flatMap {
            try ProfileStore.revision($0, of: profile.uid, tx)
        }
        try ProfileRules.checkPublish(of: profile, resolved, since: last)
        guard last?.digest != Self.digest(profile, draft) || last?.source != draft.source else {
            return false
        }
        try revise(profile, draft, isAudited: !isNew, by: actor, tx)
        try ProfileStore.setTrains(Self.trains(resolved), of: profile.uid, tx)
        return true
    }

    /// Links the layers of a published profile that follow a train of this pack to what is now
    /// the newest version; every other layer stays what it was linked to, even when its own pack
    /// is gone.
    ///
    /// - Returns: whether there is a new revision.
    func relink(
        profileUID: String,
        registryUID: String,
        packName: String,
        version: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        guard let profile = try ProfileStore.find(profileUID, tx),
            let number = profile.publishedNumber,
            let newest = try ProfileStore.revision(number, of: profileUID, tx)
        else { return false }
        let former = try ProfileRevision(JSONParser.parse(newest.content, limits: .stored))
        var layers: [LayerRevision] = []
        for layer in newest.source {
            guard let linked = former.layers.first(where: { $0.name == layer.name }) else {
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
        let actor = AuditActor(
            tenantUID: profile.tenantUID,
            projectUID: profile.projectUID.isEmpty ? nil : profile.projectUID
        )
        try revise(profile, draft, isAudited: true, by: actor, tx)
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
        let name =
            try PackStore.version(uid: linked.packUID, tx)?.name
            ?? ProfileRules.packName(layer.name)
        guard name == packName,
            let pack = try PackStore.newest(registryUID: registryUID, name: name, train: train, tx)
        else { return nil }
        let values = try layer.values ?? BlobStore.text(pack.valuesDigest, tx) ?? ""
        return try LayerResolver.revision(.init(layer: layer, pack: pack, values: values), tx)
    }

    private func revise(
        _ profile: Profile,
        _ draft: Draft,
        isAudited: Bool,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws {
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
            note: draft.message,
            tx
        )
        try ProfileStore.setPublished(number, of: profile.uid, version: counter, tx)
        try ProfileStore.addBlobs(Self.digests(draft.layers), of: profile.uid, tx)
        if isAudited {
            try AuditStore.record(
                draft.cause,
                AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
                "\(draft.message) as revision \(number).",
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
    ) -> [(registryUID: String, packName: String, train: String)] {
        resolved.compactMap { one in
            guard let pack = one.pack, VersionTrain(one.layer.tag) != nil else { return nil }
            return (pack.registryUID, pack.name, one.layer.tag)
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
