import AgentContract
import APIKit
import Audit
import JSON
import Packs
import Primitives
import Storage

extension Publisher {
    /// Publishes what an earlier revision held, as a new revision.
    ///
    /// Its variables come back with it. What a macro stands for is not the profile's: references
    /// are resolved with the macros of today.
    ///
    /// The draft follows when it holds nothing unpublished: the next publish would else bring back
    /// what was rolled back. Edits that were not published yet are kept.
    ///
    /// - Returns: the new number.
    /// - Throws: `.resourceNotFound`; `.conflict` when the revision is what is published;
    ///   `.ruleViolated` when it refers to something that is gone.
    func rollBack(
        _ profile: Profile,
        to number: Int64,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws -> Int64 {
        guard let wanted = try ProfileStore.revision(number, of: profile.uid, tx),
            let newestNumber = profile.publishedNumber,
            let newest = try ProfileStore.revision(newestNumber, of: profile.uid, tx)
        else { throw Failure.notFound("Revision", String(number)) }
        let renewed = try Self.renewed(wanted, of: profile, tx)
        let content = renewed.former
        let published = try ProfileRevision(JSONParser.parse(newest.content, limits: .stored))
        let isSame =
            renewed.layers == published.layers && content.name == published.name
            && content.version == published.version && wanted.source == newest.source
            && wanted.variables == newest.variables
        if isSame {
            throw Failure(
                .conflict,
                "Revision \(number) is what is published already, as revision \(newestNumber)."
            )
        }
        let draft = Draft(
            name: content.name,
            profileVersion: content.version,
            source: wanted.source,
            variables: wanted.variables,
            layers: renewed.layers,
            macroNames: renewed.macroNames,
            tags: content.tags,
            cause: .rollback,
            message: "Rolled profile '\(profile.name)' \(profile.profileVersion) back to revision "
                + "\(number)",
            note: call.note
        )
        if profile.layers == newest.source, profile.variables == newest.variables {
            var followed = profile
            followed.layers = wanted.source
            followed.variables = wanted.variables
            followed.modifiedAt = tx.now
            try ProfileStore.update(followed, tx)
        }
        let made = try revise(profile, draft, isAudited: true, by: call.actor, tx)
        try TrainStore.setTrains(
            try Self.trains(of: wanted.source, content, tx),
            of: profile.uid,
            tx
        )
        return made
    }

    /// The trains that a revision follows.
    private static func trains(
        of source: [Layer],
        _ content: ProfileRevision,
        _ tx: borrowing Transaction
    ) throws -> [TrainStore.Train] {
        try source.compactMap { layer in
            guard layer.kind != .manifest, VersionTrain(layer.tag) != nil,
                let linked = content.layers.first(where: { $0.name == layer.name })
            else { return nil }
            return TrainStore.Train(
                registryUID: linked.registryUID,
                packName: try packName(of: linked, tx),
                train: layer.tag
            )
        }
    }

    /// The name of the pack that a layer is linked to, also when it is gone.
    static func packName(of linked: LayerRevision, _ tx: borrowing Transaction) throws -> String {
        try PackStore.version(uid: linked.packUID, tx)?.name ?? ProfileRules.packName(linked.name)
    }

    /// The pack versions that held layers stay linked to, by the layer's name.
    ///
    /// A layer is held as long as its draft asks for the train that is published.
    func heldLinks(of profile: Profile, _ tx: borrowing Transaction) throws -> [String: String] {
        let holds = try TrainStore.holds(of: profile.uid, tx)
        guard !holds.isEmpty, let number = profile.publishedNumber,
            let newest = try ProfileStore.revision(number, of: profile.uid, tx)
        else { return [:] }
        let content = try ProfileRevision(JSONParser.parse(newest.content, limits: .stored))
        var links: [String: String] = [:]
        for layer in profile.layers where holds[layer.name] != nil {
            let published = newest.source.first { $0.name == layer.name }
            guard published?.tag == layer.tag, published?.registryUID == layer.registryUID,
                VersionTrain(layer.tag) != nil
            else { continue }
            links[layer.name] = content.layers.first { $0.name == layer.name }?.packUID
        }
        return links
    }
}
