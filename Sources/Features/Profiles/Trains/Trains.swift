import AgentContract
import APIKit
import Audit
import JSON
import Packs
import Primitives
import Storage

/// A published layer that follows a version train.
struct FollowedTrain: Sendable {
    let layer: String
    let registryUID: String
    let packName: String
    let train: VersionTrain
    /// What the layer is linked to.
    let version: String
    let hold: TrainStore.Hold?

    /// The trains that a profile's published layers follow, in the order of its list.
    static func all(of profile: Profile, _ tx: borrowing Transaction) throws -> [FollowedTrain] {
        guard let number = profile.publishedNumber,
            let revision = try ProfileStore.revision(number, of: profile.uid, tx)
        else { return [] }
        let content = try ProfileRevision(JSONParser.parse(revision.content, limits: .stored))
        let holds = try TrainStore.holds(of: profile.uid, tx)
        return try revision.source.compactMap { layer in
            guard layer.kind != .manifest, let train = VersionTrain(layer.tag),
                let linked = content.layers.first(where: { $0.name == layer.name })
            else { return nil }
            return FollowedTrain(
                layer: layer.name,
                registryUID: linked.registryUID,
                packName: try Publisher.packName(of: linked, tx),
                train: train,
                version: linked.version,
                hold: holds[layer.name]
            )
        }
    }

    /// The newest version of the train that the registry has.
    func newest(_ tx: borrowing Transaction) throws -> PackVersion? {
        try PackStore.newest(registryUID: registryUID, name: packName, train: train, tx)
    }

    /// What the layer would be linked to if it were linked anew now, and the registry had this
    /// version too; nil when that is what it is linked to.
    func next(with released: SemanticVersion?, _ tx: borrowing Transaction) throws -> String? {
        let newest = try newest(tx)?.version
        var next = newest
        if let released {
            guard train.matches(released) else { return nil }
            if let known = newest.flatMap({ SemanticVersion($0) }), released < known { return nil }
            next = released.description
        }
        return next == version ? nil : next
    }
}

extension Profiles {
    /// Replaces a layer's train by the version that it stands for.
    ///
    /// In the draft the version takes the train's place. What is published stays as it is and is
    /// held, so that no site changes; the next publish makes the pin part of a revision.
    ///
    /// - Throws: `.ruleViolated` when the layer follows no train or its train has no version.
    func pin(_ name: String, _ call: ProfileCall, _ tx: borrowing Transaction) throws {
        var profile = try call.fetchForWrite(tx, "clusterProfile.update")
        let former = profile.layers
        let published = try FollowedTrain.all(of: profile, tx).first { $0.layer == name }
        let drafted = profile.layers.first { $0.name == name }
        guard drafted != nil || published != nil else { throw Failure.notFound("Pack", name) }
        var version = published?.version
        if let drafted, let train = VersionTrain(drafted.tag) {
            if published?.train != train {
                version = try LayerOutput(drafted, tenantUID: profile.tenantUID, tx).pack?.version
            }
            guard let version else {
                throw Failure(.ruleViolated, "No registry has a version of train '\(train)'.")
            }
            profile.layers = profile.layers.map { layer in
                guard layer.name == name else { return layer }
                var pinned = layer
                pinned.tag = version
                return pinned
            }
            try call.save(profile, "Pinned layer '\(name)' to \(version).", tx)
        } else if published == nil {
            throw Self.followsNoTrain(name)
        }
        guard let published,
            try TrainStore.hold(name, of: profile.uid, by: call.actor.name, tx),
            profile.layers == former
        else { return }
        try record("Held layer '\(name)' at \(published.version).", profile, call, tx)
    }

    /// Keeps a layer's published version until it is released, whatever its train gains.
    func hold(_ name: String, _ call: ProfileCall, _ tx: borrowing Transaction) throws {
        let profile = try call.fetchForWrite(tx, "clusterProfile.update")
        let followed = try followed(name, of: profile, call, tx)
        guard try TrainStore.hold(name, of: profile.uid, by: call.actor.name, tx) else { return }
        try record("Held layer '\(name)' at \(followed.version).", profile, call, tx)
    }

    /// Lets a held layer follow its train again, from now on and with what it has missed.
    ///
    /// - Throws: `.ruleViolated` when the layer follows no train, in the draft or as published.
    func release(_ name: String, _ call: ProfileCall, _ tx: borrowing Transaction) throws {
        let profile = try call.fetchForWrite(tx, "clusterProfile.publish")
        let followed = try followed(name, of: profile, call, tx)
        // Else the next publish would take sites back to the version that is pinned.
        if let drafted = profile.layers.first(where: { $0.name == name }),
            VersionTrain(drafted.tag) == nil
        {
            throw Failure(
                .ruleViolated,
                "The draft pins layer '\(name)' to '\(drafted.tag)': publish it, or write "
                    + "'\(followed.train)' into the draft before the release."
            )
        }
        guard try TrainStore.release(name, of: profile.uid, tx) else { return }
        try record("Released layer '\(name)' from \(followed.version).", profile, call, tx)
        guard let newest = try followed.newest(tx) else { return }
        _ = try publisher.relink(
            profileUID: profile.uid,
            registryUID: followed.registryUID,
            packName: followed.packName,
            version: newest.version,
            by: call.actor,
            tx
        )
    }

    private func followed(
        _ name: String,
        of profile: Profile,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws -> FollowedTrain {
        let followed = try FollowedTrain.all(of: profile, tx).first { $0.layer == name }
        if let followed { return followed }
        _ = try call.layer(named: name, of: profile)
        throw Self.followsNoTrain(name)
    }

    private static func followsNoTrain(_ name: String) -> Failure {
        Failure(
            .ruleViolated,
            "What is published of layer '\(name)' follows no train such as 1.x or 1.1.x."
        )
    }

    private func record(
        _ message: String,
        _ profile: Profile,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws {
        try AuditStore.record(
            .update,
            AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
            message + call.noteText,
            by: call.actor,
            tx
        )
    }
}
