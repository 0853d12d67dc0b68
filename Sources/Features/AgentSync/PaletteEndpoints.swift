import APIKit
import Appliances
import Crypto
import HTTPCore
import JSON
import Storage

private let tag = "Agents"

// Palette's routes for agents, on the same store as Easel's own.
extension AgentSync {
    var updateChecksum: Endpoint {
        Endpoint(
            .patch,
            "/v1/edgehosts/{uid}/hostCheckSum",
            id: "v1EdgeHostDeviceHostCheckSumUpdate",
            tag: tag,
            summary: "Keeps the checksum by which a machine is told from another one.",
            access: .appliance,
            failures: [
                .invalidBody, .resourceNotFound, .applianceNotRegistered, .identityConflict,
            ],
            input: ChecksumInput.self
        ) { input, context in
            let entry = try await caller(context)
            let isSame = try await database.write { tx in
                let former = try fetch(entry, tx)
                let stored = former.machine.checksum
                if stored == input.checksum { return true }
                guard stored.isEmpty else {
                    try recordConflict(former, claiming: input.checksum, tx)
                    return false
                }
                var appliance = former
                appliance.machine = former.machine.withChecksum(input.checksum)
                if appliance.fingerprint ?? "" == "" { appliance.fingerprint = input.checksum }
                try save(appliance, formerly: former, tx)
                return true
            }
            guard isSame else { throw Self.identityConflict(ApplianceID(stored: entry.uid)) }
        }
    }

    var updateTunnelStatus: Endpoint {
        Endpoint(
            .patch,
            "/v1/edgehosts/{uid}/tunnelStatus",
            id: "v1EdgeHostDevicesUidTunnelStatusUpdate",
            tag: tag,
            summary: "Tells how far the remote shell of an appliance has come.",
            access: .appliance,
            failures: [.invalidBody, .resourceNotFound],
            input: TunnelStatusInput.self
        ) { input, context in
            try await change(context) { appliance in
                appliance.tunnelStatus = input.json.jsonBytes()
            }
        }
    }

    var updateVsphere: Endpoint {
        Endpoint(
            .put,
            "/v1/edgehosts/{uid}/vsphere/properties",
            id: "v1EdgeHostDevicesUidVspherePropertiesUpdate",
            tag: tag,
            summary: "Tells what an appliance sees of the vSphere that it runs on.",
            access: .appliance,
            failures: [.invalidBody, .resourceNotFound],
            input: VsphereInput.self
        ) { input, context in
            let properties: JSONObject = ["vsphere": .object(input.json)]
            try await change(context) { appliance in
                appliance.machine.cloudProperties = properties.jsonBytes()
            }
        }
    }

    var updateLayers: Endpoint {
        Endpoint(
            .patch,
            "/v1/edgehosts/{uid}/packs/status",
            id: "v1EdgeHostDevicesUidPacksStatusPatch",
            tag: tag,
            summary: "Tells how far layers have come on an appliance.",
            access: .appliance,
            failures: [
                .invalidBody, .ruleViolated, .resourceNotFound,
            ],
            input: LayersInput.self
        ) { input, context in
            let entry = try await caller(context)
            entry.touch(at: context.now, monotonic: monotonic())
            try await database.write { tx in
                let former = try AgentStore.observation(of: entry, tx).layers
                var layers = ObservedLayers(stored: former)
                layers.merge(input.layers)
                guard layers.layers.count <= AgentLimits.layersPerApplianceMax else {
                    throw Failure.fault(
                        "/packs",
                        "TooMany",
                        "An appliance has at most \(AgentLimits.layersPerApplianceMax) layers."
                    )
                }
                let stored = layers.stored
                guard stored != former else { return }
                try AgentStore.setLayers(stored, of: entry.key, tx)
            }
        }
    }

    var getConfig: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}/config",
            id: "v1EdgeHostDevicesUidConfigGet",
            tag: tag,
            summary: "Shows what the remote shell of an appliance is to do.",
            access: .applianceOrUser(.applianceGet),
            failures: [.resourceNotFound],
            output: ConfigAnswer.self
        ) { _, context in
            let entry = try await caller(context)
            return try database.read { tx in
                let appliance = try fetch(entry, tx)
                let clusters = try ApplianceLinkStore.clusters(of: entry.key, tx)
                return ConfigAnswer(clusterUIDs: clusters.map(\.uid), tunnel: appliance.tunnel)
            }
        }
    }

    var listProfiles: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}/profiles",
            id: "v1EdgeHostDevicesUidProfilesGet",
            tag: tag,
            summary: "Lists the profiles that an appliance follows, as they are published.",
            access: .applianceOrUser(.applianceGet),
            failures: [.resourceNotFound],
            query: [
                QueryParameter(
                    "includePackMeta",
                    .string(),
                    "Whether layers come with their schema and presets."
                )
            ],
            output: ProfileListAnswer.self
        ) { _, context in
            let followed = try await caller(context).followed
            let wanted = context.query("includePackMeta") ?? ""
            let templates = try database.read { tx in
                try followed.compactMap { profile -> JSONObject? in
                    guard let template = try profiles.template(profile.uid, tx) else { return nil }
                    return try JSONParser.parse(template).members
                }
            }
            return ProfileListAnswer(
                templates: templates,
                includesMeta: !wanted.isEmpty && wanted != "false"
            )
        }
    }

    var getManifest: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}/pack/manifests/{manifestUid}",
            id: "v1EdgeHostDevicesUidPackManifestsUidGet",
            tag: tag,
            summary: "Shows a published manifest of what an appliance follows.",
            access: .applianceOrUser(.applianceGet),
            failures: [.resourceNotFound],
            query: [
                QueryParameter(
                    "resolveManifestValues",
                    .boolean,
                    "Whether macros in the manifest are resolved."
                )
            ],
            output: ManifestAnswer.self
        ) { _, context in
            let followed = try await caller(context).followed
            let uid = try context.parameter("manifestUid")
            let found = try database.read { tx -> ProfileAccess.Manifest? in
                for profile in followed {
                    if let found = try profiles.manifest(uid, profile.uid, tx) { return found }
                }
                return nil
            }
            guard let found else { throw Failure.notFound("Manifest", uid) }
            return ManifestAnswer(
                uid: uid,
                name: found.name,
                content: found.content,
                digest: "sha256:" + SHA256.digest(found.content).hex
            )
        }
    }

    var downloadArchive: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}/spc/download",
            id: "v1EdgeHostDevicesUidSpcDownload",
            tag: tag,
            summary: "Gives the archive of the system profile that an appliance follows.",
            access: .applianceOrUser(.applianceGet),
            failures: [.resourceNotFound, .ruleViolated],
            outputSchema: .binary,
            outputContentType: .octetStream
        ) { context in
            let followed = try await caller(context).followed
            return try await profiles.archive(followed.map(\.uid), context)
        }.answeringWithEntityTag().answeringRanges()
    }

    // MARK: - Changes of the row

    /// Changes the appliance that calls; one that comes out the same is not written.
    private func change(
        _ context: RequestContext,
        _ body: @escaping @Sendable (inout Appliance) -> Void
    ) async throws {
        let entry = try await caller(context)
        try await database.write { tx in
            let former = try fetch(entry, tx)
            var appliance = former
            body(&appliance)
            try save(appliance, formerly: former, tx)
        }
    }

    private func save(
        _ appliance: Appliance,
        formerly former: Appliance,
        _ tx: borrowing Transaction
    ) throws {
        guard appliance != former else { return }
        _ = try ApplianceStore.update(appliance, formerly: former, tx)
    }
}
