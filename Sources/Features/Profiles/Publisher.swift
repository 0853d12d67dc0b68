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

    /// Publishes the draft. A draft that gives what is published already makes no revision.
    ///
    /// - Returns: whether there is a new revision.
    func publish(
        _ profile: Profile,
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
        return try revise(
            profile,
            source: profile.layers,
            cause: .publish,
            message: "Published profile '\(profile.name)' \(profile.profileVersion)",
            by: actor,
            tx
        )
    }

    /// Links a published profile's trains anew after a registry gained a version.
    func relink(
        profileUID: String,
        pack: String,
        _ tx: borrowing Transaction
    ) throws {
        guard let profile = try ProfileStore.find(profileUID, tx),
            let number = profile.publishedNumber,
            let newest = try ProfileStore.revision(number, of: profileUID, tx)
        else { return }
        _ = try revise(
            profile,
            source: newest.source,
            cause: .relink,
            message: "Relinked profile '\(profile.name)' \(profile.profileVersion) to \(pack)",
            by: AuditActor(
                tenantUID: profile.tenantUID,
                projectUID: profile.projectUID.isEmpty ? nil : profile.projectUID
            ),
            tx
        )
    }

    private func revise(
        _ profile: Profile,
        source: [Layer],
        cause: AuditAction,
        message: String,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        let resolved = try LayerResolver.resolve(source, tenantUID: profile.tenantUID, tx)
        let layers = try LayerResolver.revisions(resolved, tx)
        let digest = Self.digest(profile, layers)
        let last = try profile.publishedNumber.flatMap {
            try ProfileStore.revision($0, of: profile.uid, tx)
        }
        if last?.digest == digest, last?.source == source { return false }
        let number = (profile.publishedNumber ?? 0) + 1
        let revision = ProfileRevision(
            uid: profile.uid,
            name: profile.name,
            version: profile.profileVersion,
            type: profile.type.rawValue,
            cloudType: profile.cloudType,
            number: number,
            layers: layers
        )
        let counter = try tx.nextCounter()
        let content = revision.jsonBytes()
        try ProfileStore.insert(
            .init(
                number: number,
                counter: counter,
                digest: digest,
                content: content,
                source: source,
                cause: cause.rawValue,
                createdAt: tx.now,
                createdBy: actor.name
            ),
            of: profile.uid,
            note: message,
            tx
        )
        var updated = profile
        updated.publishedNumber = number
        updated.version = counter
        updated.modifiedAt = tx.now
        try ProfileStore.update(updated, tx)
        try ProfileStore.setTrains(Self.trains(resolved), of: profile.uid, tx)
        try ProfileStore.addBlobs(Self.digests(layers), of: profile.uid, tx)
        try AuditStore.record(
            cause,
            AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
            "\(message) as revision \(number).",
            by: actor,
            tx
        )
        let notice = RevisionNotice(
            profileUID: profile.uid,
            tenantUID: profile.tenantUID,
            number: number,
            counter: counter,
            content: content
        )
        tx.afterCommit { [onRevision] in onRevision(notice) }
        return true
    }

    /// Two revisions with one digest give the same to every appliance.
    private static func digest(_ profile: Profile, _ layers: [LayerRevision]) -> String {
        let revision = ProfileRevision(
            uid: profile.uid,
            name: profile.name,
            version: profile.profileVersion,
            type: profile.type.rawValue,
            cloudType: profile.cloudType,
            number: 0,
            layers: layers
        )
        return "sha256:" + SHA256.digest(revision.jsonBytes()).hex
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
