import APIKit
import HTTPCore
import JSON
import Packs
import Primitives
import Storage

private let tag = "Cluster profiles"

extension ProfileCall {
    /// The layer of a profile by its name.
    ///
    /// - Throws: `.resourceNotFound`.
    func layer(named name: String, of profile: Profile) throws -> Layer {
        guard let layer = profile.layers.first(where: { $0.name == name }) else {
            throw Failure.notFound("Pack", name)
        }
        return layer
    }
}

extension Profiles {
    /// What one can do with the layers of a profile.
    var layerEndpoints: [Endpoint] {
        [listLayers, addLayer, layerManifests, getLayer, updateLayer, deleteLayer]
    }

    private var listLayers: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/packs",
            id: "v1ClusterProfilesUidPacksGet",
            tag: tag,
            summary: "Lists a profile's layers with their packs.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: LayerListOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            return try database.read { tx in
                let profile = try call.fetch(tx)
                return LayerListOutput(
                    profile: profile,
                    layers: try profile.layers.map {
                        try LayerOutput($0, tenantUID: profile.tenantUID, tx)
                    }
                )
            }
        }
    }

    private var layerManifests: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/packs/manifests",
            id: "v1ClusterProfilesUidPacksManifestsGet",
            tag: tag,
            summary: "Shows a profile's layers with the content of their manifests.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: LayerManifestsOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            return try database.read { tx in
                let profile = try call.fetch(tx)
                return LayerManifestsOutput(
                    profile: profile,
                    layers: try profile.layers.map {
                        try LayerOutput($0, tenantUID: profile.tenantUID, tx)
                    }
                )
            }
        }
    }

    private var getLayer: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/packs/{packName}",
            id: "V1ClusterProfilesUidPacksNameGet",
            tag: tag,
            summary: "Shows one layer with its pack and registry.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: LayerSummaryOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            return try database.read { tx in
                let profile = try call.fetch(tx)
                let layer = try LayerOutput(
                    call.layer(named: name, of: profile),
                    tenantUID: profile.tenantUID,
                    tx
                )
                return LayerSummaryOutput(
                    profile: profile,
                    layer: layer,
                    registry: try RegistryStore.find(
                        uid: layer.registryUID,
                        tenantUID: profile.tenantUID,
                        tx
                    )
                )
            }
        }
    }

    private var addLayer: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/{uid}/packs",
            id: "v1ClusterProfilesUidPacksAdd",
            tag: tag,
            summary: "Adds a layer to a profile's draft.",
            access: .user(.profileUpdate),
            success: 201,
            failures: [
                .resourceNotFound, .ruleViolated, .duplicateName, .limitExceeded,
                .preconditionFailed,
            ],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: PackInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let (call, shape) = (try ProfileCall(context), context.bodyFaults)
            let textFaults = try await faults(of: [input.pack], call)
            try await fetchCharts(of: [input.pack], tenantUID: context.tenantUID)
            return try await context.write(database) { tx in
                var profile = try call.fetchForWrite(tx, "clusterProfile.update")
                let faults = FaultList(textFaults)
                let added = try ProfileRules.layers(
                    [input.pack].readable(despite: shape),
                    type: profile.type,
                    existing: [],
                    tenantUID: call.tenantUID,
                    faults: faults,
                    tx
                )
                try ReferenceRules.check([input.pack], of: profile, faults, tx)
                try Failure.refuse(shape, and: faults.faults)
                if profile.layers.contains(where: { $0.name == input.pack.name }) {
                    throw Failure(
                        .duplicateName,
                        "The profile has a layer named '\(input.pack.name)'."
                    )
                }
                let former = profile
                profile.layers += added
                try ProfileRules.checkChange(of: profile, since: former, tx)
                try call.save(profile, "Added layer '\(input.pack.name)'.", tx)
                let output = try added.first.map {
                    try LayerOutput($0, tenantUID: call.tenantUID, tx)
                }
                return UIDAnswer(uid: output?.packUID ?? "")
            }
        }.takingIdempotencyKey()
    }

    private var updateLayer: Endpoint {
        Endpoint(
            .put,
            "/v1/clusterprofiles/{uid}/packs/{packName}",
            id: "v1ClusterProfilesUidPacksNameUpdate",
            tag: tag,
            summary: "Changes a layer's version and values; its manifests stay, and its values "
                + "when the request has none.",
            access: .user(.profileUpdate),
            failures: [
                .resourceNotFound, .ruleViolated, .duplicateName, .limitExceeded,
                .preconditionFailed,
            ],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: PackInput.self
        ) { input, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            let shape = context.bodyFaults
            let known = try database.read { tx in
                try call.find(tx)?.layers.first { $0.name == name }
            }
            let textFaults = try await faults(of: [input.pack.updating(known)], call)
            try await fetchCharts(of: [input.pack], tenantUID: context.tenantUID)
            try await database.write { tx in
                var profile = try call.fetchForWrite(tx, "clusterProfile.update")
                let former = try call.layer(named: name, of: profile)
                let faults = FaultList(textFaults)
                let pack = input.pack.updating(former)
                let checked = try ProfileRules.layers(
                    [pack.keepingManifests(of: former)].readable(despite: shape),
                    type: profile.type,
                    existing: profile.layers,
                    tenantUID: call.tenantUID,
                    faults: faults,
                    tx
                )
                try ReferenceRules.check([pack], of: profile, faults, tx)
                try Failure.refuse(shape, and: faults.faults)
                guard let changed = checked.first else { return }
                if changed.name != name,
                    profile.layers.contains(where: { $0.name == changed.name })
                {
                    throw Failure(
                        .duplicateName,
                        "The profile has a layer named '\(changed.name)'."
                    )
                }
                let kept = try ProfileRules.keepingDefaults([changed], former: profile, tx)
                guard let layer = kept.first, layer != former else { return }
                let before = profile
                profile.layers = profile.layers.map { $0.name == name ? layer : $0 }
                try ProfileRules.checkChange(of: profile, since: before, tx)
                try call.save(profile, "Changed layer '\(name)'.", tx)
            }
        }
    }

    private var deleteLayer: Endpoint {
        Endpoint(
            .delete,
            "/v1/clusterprofiles/{uid}/packs/{packName}",
            id: "v1ClusterProfilesUidPacksNameDelete",
            tag: tag,
            summary: "Takes a layer out of a profile's draft; core layers stay.",
            access: .user(.profileUpdate),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed]
        ) { _, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            try await database.write { tx in
                var profile = try call.fetchForWrite(tx, "clusterProfile.update")
                let layer = try call.layer(named: name, of: profile)
                if profile.type.takesCoreLayers, LayerComposition.core.contains(layer.layer) {
                    throw Failure(
                        .ruleViolated,
                        "Layer '\(name)' is a core layer (\(layer.layer)); it can be changed and "
                            + "not be removed."
                    )
                }
                let former = profile
                profile.layers.removeAll { $0.name == name }
                try ProfileRules.checkChange(of: profile, since: former, tx)
                try call.save(profile, "Removed layer '\(name)'.", tx)
            }
        }
    }
}
