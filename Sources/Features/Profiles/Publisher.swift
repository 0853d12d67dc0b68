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
        let variables: JSONValue
        let layers: [LayerRevision]
        /// The macros that the layers refer to.
        let macroNames: Set<String>
        let tags: [String: String]
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
            variables: profile.variables,
            layers: content.layers,
            macroNames: content.macroNames,
            // Those of other profiles are for the clusters made of them.
            tags: profile.type == .system ? profile.labels : [:],
            cause: .publish,
            message: "Published profile '\(profile.name)' \(profile.profileVersion)",
            note: call.note
        )
        let last = try profile.publishedNumber.flatMap {
            try ProfileStore.revision($0, of: profile.uid, tx)
        }
        try ProfileRules.checkPublish(of: profile, content.resolved, since: last)
        let isSame =
            last?.digest == Self.digest(profile, draft) && last?.source == draft.source
            && last?.variables == draft.variables
        if isSame { return false }
        try revise(profile, draft, isAudited: !isNew, by: call.actor, tx)
        try TrainStore.setTrains(content.trains, of: profile.uid, tx)
        try TrainStore.keepHolds(content.held, of: profile.uid, tx)
        return true
    }

    /// What a draft comes to.
    struct Content {
        let resolved: [LayerResolver.Resolved]
        let layers: [LayerRevision]
        /// The macros that the layers refer to.
        let macroNames: Set<String>
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
        let settled = try Self.settled(resolved, of: profile, tx)
        return Content(
            resolved: settled.layers,
            layers: try LayerResolver.revisions(settled.layers, tx),
            macroNames: settled.macroNames,
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
        let held = try TrainStore.holds(of: profileUID, tx)
        let reason = "to \(packName) \(version)"
        return try revise(profileUID, .relink, "Relinked", reason, by: caller, tx) {
            layer,
            linked,
            tx in
            guard held[layer.name] == nil else { return nil }
            return try Self.newest(layer, linked, registryUID: registryUID, packName, tx)
        }
    }

    /// Resolves what a published profile refers to anew, after macros have changed.
    ///
    /// - Throws: `.ruleViolated` when the profile cannot be resolved with them.
    /// - Returns: whether there is a new revision.
    func resolve(
        profileUID: String,
        macros names: Set<String>,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        let reason = "with macros " + names.sorted().prefix(10).joined(separator: ", ")
        return try revise(profileUID, .resolve, "Resolved", reason, by: nil, tx) { _, _, _ in nil }
    }

    /// Makes a revision of what is published, with packs and references as they are now.
    ///
    /// - Parameters:
    ///   - caller: who asked for it; nil for the server itself.
    ///   - newest: the pack version that a layer moves to; `nil` for one that stays.
    private func revise(
        _ profileUID: String,
        _ cause: AuditAction,
        _ verb: String,
        _ reason: String,
        by caller: AuditActor?,
        _ tx: borrowing Transaction,
        newest: (Layer, LayerRevision, borrowing Transaction) throws -> PackVersion?
    ) throws -> Bool {
        guard let profile = try ProfileStore.find(profileUID, tx),
            let number = profile.publishedNumber,
            let last = try ProfileStore.revision(number, of: profileUID, tx)
        else { return false }
        let renewed = try Self.renewed(last, of: profile, tx, newest: newest)
        guard renewed.layers != renewed.former.layers else { return false }
        let draft = Draft(
            name: renewed.former.name,
            profileVersion: renewed.former.version,
            source: last.source,
            variables: last.variables,
            layers: renewed.layers,
            macroNames: renewed.macroNames,
            tags: renewed.former.tags,
            cause: cause,
            message: "\(verb) profile '\(profile.name)' \(profile.profileVersion) \(reason)"
        )
        let server = AuditActor(
            tenantUID: profile.tenantUID,
            projectUID: profile.projectUID.isEmpty ? nil : profile.projectUID
        )
        try revise(profile, draft, isAudited: true, by: caller ?? server, tx)
        return true
    }

    /// What a revision means today.
    struct Renewed {
        /// The revision as it was made.
        let former: ProfileRevision
        let layers: [LayerRevision]
        /// The macros that the layers refer to.
        let macroNames: Set<String>
    }

    /// What a revision held, with its references resolved anew.
    ///
    /// - Parameter newest: the pack version that a layer moves to; `nil` for one that stays.
    /// - Throws: `.ruleViolated` when a reference of it cannot be resolved.
    static func renewed(
        _ revision: ProfileStore.Revision,
        of profile: Profile,
        _ tx: borrowing Transaction,
        newest: (Layer, LayerRevision, borrowing Transaction) throws -> PackVersion? = {
            _,
            _,
            _ in nil
        }
    ) throws -> Renewed {
        let former = try ProfileRevision(JSONParser.parse(revision.content, limits: .stored))
        var linked: [LayerResolver.Resolved] = []
        var moved: Set<String> = []
        for layer in revision.source {
            guard let old = former.layers.first(where: { $0.name == layer.name }) else { continue }
            let pack = try newest(layer, old, tx)
            if pack != nil { moved.insert(layer.name) }
            linked.append(try Self.linked(layer, old, movedTo: pack, tx))
        }
        // A name, version or variable that was changed since waits for its own publish.
        var published = profile
        published.name = former.name
        published.profileVersion = former.version
        published.variables = revision.variables
        let settled = try settled(linked, of: published, tx)
        var layers: [LayerRevision] = []
        for (one, raw) in zip(settled.layers, linked) {
            let isSame = !moved.contains(raw.layer.name) && !raw.mayRefer
            if isSame, let old = raw.linked {
                layers.append(old)
            } else {
                layers.append(try LayerResolver.revision(one, tx))
            }
        }
        return Renewed(
            former: former,
            layers: LayerResolver.inOrder(layers),
            macroNames: settled.macroNames
        )
    }

    /// A published layer with its values as they were written, nothing resolved.
    private static func linked(
        _ layer: Layer,
        _ old: LayerRevision,
        movedTo newer: PackVersion?,
        _ tx: borrowing Transaction
    ) throws -> LayerResolver.Resolved {
        var pack = newer
        if pack == nil, layer.kind != .manifest {
            pack = try PackStore.version(uid: old.packUID, tx)
        }
        var values = layer.values
        if values == nil, let pack { values = try BlobStore.text(pack.valuesDigest, tx) }
        // Of a pack that is gone there is only what was published.
        if values == nil { values = try BlobStore.text(old.values.digest, tx) }
        return LayerResolver.Resolved(layer: layer, pack: pack, values: values ?? "", linked: old)
    }

    /// The layers with their references resolved.
    ///
    /// - Throws: `.ruleViolated` with a fault for each that cannot be.
    private static func settled(
        _ layers: [LayerResolver.Resolved],
        of profile: Profile,
        _ tx: borrowing Transaction
    ) throws -> ReferenceResolver.Outcome {
        let faults = FaultList()
        var resolver = try ReferenceResolver(layers, of: profile, showsSecrets: true, tx)
        let outcome = resolver.resolve(faults)
        try ProfileRules.refuse(faults)
        return outcome
    }

    /// The newest version of the train that a layer follows; `nil` when it does not follow one of
    /// this pack.
    private static func newest(
        _ layer: Layer,
        _ linked: LayerRevision,
        registryUID: String,
        _ packName: String,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        guard layer.kind != .manifest, linked.registryUID == registryUID,
            let train = VersionTrain(layer.tag)
        else { return nil }
        guard try Self.packName(of: linked, tx) == packName else { return nil }
        let newest = try PackStore.newest(
            registryUID: registryUID,
            name: packName,
            train: train,
            tx
        )
        return newest?.isFetched == true ? newest : nil
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
                variables: draft.variables,
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
        try ReferenceStore.set(draft.macroNames, of: profile.uid, .published, tx)
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
            layers: draft.layers,
            tags: draft.tags
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
