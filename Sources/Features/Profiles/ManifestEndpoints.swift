import APIKit
import HTTPCore
import Primitives
import Storage

private let tag = "Cluster profiles"

extension Profiles {
    /// What one can do with the manifests of a layer.
    var manifestEndpoints: [Endpoint] {
        [listManifests, addManifest, getManifest, updateManifest, deleteManifest]
    }

    private static func output(
        _ manifest: LayerManifest,
        _ layer: Layer,
        _ profile: Profile,
        _ tx: borrowing Transaction
    ) throws -> ManifestOutput {
        let published = try profile.publishedNumber.flatMap {
            try ProfileStore.revision($0, of: profile.uid, tx)
        }
        let known = published?.source.first { $0.name == layer.name }?.manifests
            .first { $0.uid == manifest.uid }
        return ManifestOutput(profile: profile, draft: manifest, published: known)
    }

    private var listManifests: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/packs/{packName}/manifests",
            id: "v1ClusterProfilesUidPacksUidManifests",
            tag: tag,
            summary: "Lists a layer's manifests.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: ManifestListOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            return try database.read { tx in
                let profile = try call.fetch(tx)
                let layer = try call.layer(named: name, of: profile)
                return ManifestListOutput(
                    items: try layer.manifests.map { try Self.output($0, layer, profile, tx) }
                )
            }
        }
    }

    private var getManifest: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/packs/{packName}/manifests/{manifestUid}",
            id: "v1ClusterProfilesUidPacksNameManifestsUidGet",
            tag: tag,
            summary: "Shows one manifest of a layer.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: ManifestOutput.self
        ) { _, context in
            let call = try ManifestCall(context)
            return try database.read { tx in
                let profile = try call.profile.fetch(tx)
                let (layer, manifest) = try call.find(in: profile)
                return try Self.output(manifest, layer, profile, tx)
            }
        }
    }

    private var addManifest: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/{uid}/packs/{packName}/manifests",
            id: "v1ClusterProfilesUidPacksNameManifestsAdd",
            tag: tag,
            summary: "Attaches a manifest to a layer of the draft.",
            access: .user(.profileUpdate),
            success: 201,
            failures: [
                .resourceNotFound, .ruleViolated, .duplicateName, .limitExceeded,
                .preconditionFailed,
            ],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ManifestInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            let shape = context.bodyFaults
            let faults = LayerTexts.faults(of: input, layer: name, isNew: true)
            return try await context.write(database) { tx in
                var profile = try call.fetchForWrite(tx, "clusterProfile.update")
                let layer = try call.layer(named: name, of: profile)
                let faults = FaultList(faults)
                try ReferenceRules.check(input, of: profile, faults, tx)
                try Failure.refuse(shape, and: faults.faults)
                if layer.manifests.contains(where: { $0.name == input.name }) {
                    throw Failure(
                        .duplicateName,
                        "Layer '\(name)' has a manifest named '\(input.name)'."
                    )
                }
                guard layer.manifests.count < ProfileLimits.manifests else {
                    throw Failure(
                        .limitExceeded,
                        "A layer has at most \(ProfileLimits.manifests) manifests."
                    )
                }
                let added = LayerManifest(
                    uid: UID.make(at: tx.now).text,
                    name: input.name,
                    content: input.content ?? ""
                )
                profile.layers = profile.layers.map {
                    $0.name == name ? $0.with(manifests: $0.manifests + [added]) : $0
                }
                try call.save(
                    profile,
                    "Attached manifest '\(input.name)' to layer '\(name)'.",
                    tx
                )
                return UIDAnswer(uid: added.uid)
            }
        }.takingIdempotencyKey()
    }

    private var updateManifest: Endpoint {
        Endpoint(
            .put,
            "/v1/clusterprofiles/{uid}/packs/{packName}/manifests/{manifestUid}",
            id: "v1ClusterProfilesUidPacksNameManifestsUidUpdate",
            tag: tag,
            summary: "Replaces a manifest of a layer of the draft.",
            access: .user(.profileUpdate),
            failures: [
                .resourceNotFound, .ruleViolated, .duplicateName, .limitExceeded,
                .preconditionFailed,
            ],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ManifestInput.self
        ) { input, context in
            let call = try ManifestCall(context)
            let shape = context.bodyFaults
            let faults = LayerTexts.faults(of: input, layer: call.packName, isNew: false)
            try await database.write { tx in
                var profile = try call.profile.fetchForWrite(tx, "clusterProfile.update")
                let (layer, former) = try call.find(in: profile)
                let faults = FaultList(faults)
                try ReferenceRules.check(input, of: profile, faults, tx)
                try Failure.refuse(shape, and: faults.faults)
                if layer.manifests.contains(where: {
                    $0.name == input.name && $0.uid != former.uid
                }) {
                    throw Failure(
                        .duplicateName,
                        "Layer '\(layer.name)' has a manifest named '\(input.name)'."
                    )
                }
                let changed = LayerManifest(
                    uid: former.uid,
                    name: input.name,
                    content: input.content ?? former.content
                )
                if changed == former { return }
                profile.layers = profile.layers.map {
                    $0.name == layer.name
                        ? $0.with(
                            manifests: $0.manifests.map { $0.uid == former.uid ? changed : $0 }
                        )
                        : $0
                }
                try call.profile.save(profile, "Changed manifest '\(input.name)'.", tx)
            }
        }
    }

    private var deleteManifest: Endpoint {
        Endpoint(
            .delete,
            "/v1/clusterprofiles/{uid}/packs/{packName}/manifests/{manifestUid}",
            id: "v1ClusterProfilesUidPacksNameManifestsUidDelete",
            tag: tag,
            summary: "Takes a manifest from a layer of the draft.",
            access: .user(.profileUpdate),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed]
        ) { _, context in
            let call = try ManifestCall(context)
            try await database.write { tx in
                var profile = try call.profile.fetchForWrite(tx, "clusterProfile.update")
                let (layer, former) = try call.find(in: profile)
                guard layer.kind != .manifest || layer.manifests.count > 1 else {
                    throw Failure(
                        .ruleViolated,
                        "Layer '\(layer.name)' consists of this manifest; delete the layer."
                    )
                }
                profile.layers = profile.layers.map {
                    $0.name == layer.name
                        ? $0.with(manifests: $0.manifests.filter { $0.uid != former.uid }) : $0
                }
                try call.profile.save(profile, "Removed manifest '\(former.name)'.", tx)
            }
        }
    }
}

/// A call that names one manifest of one layer.
private struct ManifestCall: Sendable {
    let profile: ProfileCall
    let packName: String
    let manifestUID: String

    init(_ context: RequestContext) throws {
        profile = try ProfileCall(context)
        packName = try context.parameter("packName")
        manifestUID = try context.parameter("manifestUid")
    }

    func find(in profile: Profile) throws -> (Layer, LayerManifest) {
        let layer = try self.profile.layer(named: packName, of: profile)
        guard let manifest = layer.manifests.first(where: { $0.uid == manifestUID }) else {
            throw Failure.notFound("Manifest", manifestUID)
        }
        return (layer, manifest)
    }
}

extension Layer {
    func with(manifests: [LayerManifest]) -> Layer {
        var copy = self
        copy.manifests = manifests
        return copy
    }
}
