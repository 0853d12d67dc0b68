import APIKit
import Crypto
import HTTPCore
import Appliances
import Audit
import JSON
import Packs
import Primitives
import Storage

extension Permission {
    static let profileCreate = Permission("clusterProfile.create")
    static let profileGet = Permission("clusterProfile.get")
    static let profileList = Permission("clusterProfile.list")
    static let profileUpdate = Permission("clusterProfile.update")
    static let profileDelete = Permission("clusterProfile.delete")
    static let profilePublish = Permission("clusterProfile.publish")
}

private let tag = "Cluster profiles"

extension Profiles {
    /// What one can do with a whole profile.
    var profileEndpoints: [Endpoint] {
        [
            create, validateName, get, update, updateMetadata, publish, download, signingKey,
        ]
    }

    private var create: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles",
            id: "v1ClusterProfilesCreate",
            tag: tag,
            summary: "Makes a profile; it stays a draft until it is published.",
            access: .user(.profileCreate),
            success: 201,
            failures: [.ruleViolated, .duplicateName, .limitExceeded],
            query: [QueryParameter("publish", .boolean, "Publishes the new profile at once.")],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ProfileCreateInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let call = try ProfileCall(context)
            let publishes = context.flag("publish")
            let faults = ProfileFaults(
                shape: context.bodyFaults,
                texts: try await faults(of: input.spec.template.layers, call)
                    + variableFaults(of: input.spec.variables)
            )
            try await fetchCharts(of: input.spec.template.layers, tenantUID: context.tenantUID)
            return try await context.write(database) { tx in
                let profile = try create(input, faults, publishes: publishes, call, tx)
                return UIDAnswer(uid: profile.uid)
            }
        }.takingIdempotencyKey()
    }

    /// What is wrong with a body before anything stored is asked.
    private struct ProfileFaults {
        let shape: [Fault]
        let texts: [Fault]
    }

    private func create(
        _ input: ProfileCreateInput,
        _ found: ProfileFaults,
        publishes: Bool,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws -> Profile {
        let template = input.spec.template
        let faults = FaultList(found.texts)
        let layers = try ProfileRules.layers(
            template.layers.readable(despite: found.shape),
            type: template.type,
            existing: [],
            tenantUID: call.tenantUID,
            faults: faults,
            tx
        )
        faults.add(
            try ProfileRules.composition(
                ofNew: layers,
                count: template.layers.count,
                type: template.type,
                cloudType: template.cloudType,
                tenantUID: call.tenantUID,
                at: template.pointer,
                tx
            )
        )
        var profile = try call.newProfile(
            input.metadata.name,
            input.spec.version,
            type: template.type,
            cloudType: template.cloudType,
            tx
        )
        profile.layers = layers
        profile.variables = try VariableRules.stored(input.spec.variables, faults)
        try ReferenceRules.check(template.layers, of: profile, faults, tx)
        try ProfileRules.refuse(found.shape, and: faults.faults, naming: profile, tx)
        input.metadata.texts.apply(to: &profile)
        try add(
            profile,
            publishes: publishes,
            "Created \(publishes ? "and published " : "")profile '\(profile.name)' "
                + "\(profile.profileVersion).",
            call,
            tx
        )
        return profile
    }

    private var validateName: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/validate/name",
            id: "v1ClusterProfilesValidateNameVersion",
            tag: tag,
            summary: "Says whether a name and version are free in the scope.",
            access: .user(.profileGet),
            failures: [.invalidRequest, .duplicateName],
            query: [
                QueryParameter("name", .string(), "The name to try."),
                QueryParameter("version", .string(), "The version to try; 1.0.0 when missing."),
            ]
        ) { _, context in
            let call = try ProfileCall(context)
            let name = context.query("name") ?? ""
            let given = context.query("version") ?? ""
            let version = given.isEmpty ? "1.0.0" : given
            var faults: [Fault] = []
            if name.isEmpty {
                faults.append(Fault("query/name", "Required", "'name' is required."))
            }
            if !ProfileRules.isVersion(version) {
                faults.append(
                    Fault(
                        "query/version",
                        "InvalidVersion",
                        "'version' must be a semantic version such as 1.0.0."
                    )
                )
            }
            guard faults.isEmpty else {
                throw Failure(.invalidRequest, faults[0].message, faults: faults)
            }
            try database.read { tx in try call.refuseTaken(name, version, tx) }
        }
    }

    private var get: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}",
            id: "v1ClusterProfilesGet",
            tag: tag,
            summary: "Shows a profile, its draft and what is published.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: ProfileOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            var output = try database.read { tx in try ProfileOutput(call.fetch(tx), tx) }
            output.findings = try await findings(about: output.profile)
            return output
        }
    }

    private var update: Endpoint {
        Endpoint(
            .put,
            "/v1/clusterprofiles/{uid}",
            id: "v1ClusterProfilesUpdate",
            tag: tag,
            summary: "Replaces a profile's draft; what is published stays.",
            access: .user(.profileUpdate),
            failures: [
                .resourceNotFound, .ruleViolated, .duplicateName, .limitExceeded,
                .preconditionFailed,
            ],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ProfileUpdateInput.self
        ) { input, context in
            let call = try ProfileCall(context)
            let found = ProfileFaults(
                shape: context.bodyFaults,
                texts: try await faults(of: input.spec.template?.layers ?? [], call)
            )
            try await fetchCharts(
                of: input.spec.template?.layers ?? [],
                tenantUID: context.tenantUID
            )
            try await database.write { tx in
                let former = try call.fetchForWrite(tx, "clusterProfile.update")
                var profile = former
                profile.name = input.metadata.name
                input.metadata.texts.apply(to: &profile)
                if let version = input.spec.version { profile.profileVersion = version }
                try apply(input.spec.template, to: &profile, found, tx)
                try Self.save(profile, former, call, tx)
            }
        }
    }

    /// - Throws: `.invalidBody` or `.ruleViolated` with all that is wrong with the body.
    private func apply(
        _ template: ProfileUpdateInput.Template?,
        to profile: inout Profile,
        _ found: ProfileFaults,
        _ tx: borrowing Transaction
    ) throws {
        guard let template else {
            return try ProfileRules.refuse(found.shape, and: found.texts, naming: profile, tx)
        }
        let faults = FaultList(found.texts)
        if let type = template.type, type != profile.type {
            faults.add(
                Fault(
                    template.pointer + "/type",
                    "Immutable",
                    "The type of a profile cannot change; it is '\(profile.type.rawValue)'."
                )
            )
        }
        if let cloudType = template.cloudType, cloudType != profile.cloudType {
            faults.add(
                Fault(
                    template.pointer + "/cloudType",
                    "Immutable",
                    "The environment of a profile cannot change; it is '\(profile.cloudType)'."
                )
            )
        }
        try ReferenceRules.check(template.layers ?? [], of: profile, faults, tx)
        let checked = try template.layers.map { layers in
            try ProfileRules.layers(
                layers.readable(despite: found.shape),
                type: profile.type,
                existing: profile.layers,
                tenantUID: profile.tenantUID,
                faults: faults,
                tx
            )
        }
        let layers = try checked.map {
            try ProfileRules.keepingDefaults($0, former: profile, tx)
        }
        if let layers, layers.count == template.layers?.count {
            faults.add(
                try ProfileRules.composition(
                    of: layers,
                    since: profile.layers,
                    type: profile.type,
                    cloudType: profile.cloudType,
                    tenantUID: profile.tenantUID,
                    at: template.pointer,
                    tx
                )
            )
        }
        try ProfileRules.refuse(found.shape, and: faults.faults, naming: profile, tx)
        if let layers { profile.layers = layers }
    }

    private var updateMetadata: Endpoint {
        Endpoint(
            .patch,
            "/v1/clusterprofiles/{uid}/metadata",
            id: "v1ClusterProfilesUidMetadataUpdate",
            tag: tag,
            summary: "Changes a profile's name, version, description and tags.",
            access: .user(.profileUpdate),
            failures: [.resourceNotFound, .duplicateName, .preconditionFailed],
            input: ProfileMetaInput.self
        ) { input, context in
            let call = try ProfileCall(context)
            try await database.write { tx in
                let former = try call.fetchForWrite(tx, "clusterProfile.update")
                var profile = former
                if !input.metadata.name.isEmpty { profile.name = input.metadata.name }
                input.metadata.texts.apply(to: &profile)
                if let version = input.version { profile.profileVersion = version }
                try Self.save(profile, former, call, tx)
            }
        }
    }

    /// Saves a profile unless nothing about it changed.
    private static func save(
        _ profile: Profile,
        _ former: Profile,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws {
        let isSame =
            profile.name == former.name && profile.labels == former.labels
            && profile.annotations == former.annotations && profile.layers == former.layers
            && profile.profileVersion == former.profileVersion
        if isSame { return }
        try call.save(profile, "Changed profile '\(profile.name)'.", tx)
    }

    private var publish: Endpoint {
        Endpoint(
            .patch,
            "/v1/clusterprofiles/{uid}/publish",
            id: "v1ClusterProfilesPublish",
            tag: tag,
            summary: "Makes the draft a revision, which all followers take up.",
            access: .user(.profilePublish),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed]
        ) { _, context in
            let call = try ProfileCall(context)
            let valueFaults = try await valueFaults(ofDraft: call)
            try await database.write { tx in
                let profile = try call.fetchForWrite(tx, "clusterProfile.publish")
                try ProfileRules.refuse(FaultList(valueFaults))
                let isNew = try publisher.publish(profile, call, tx)
                let madeToken = try archives.ensureToken(for: profile, tx)
                // Somebody has deleted the token that the archive carried.
                if madeToken, !isNew {
                    try AuditStore.record(
                        .update,
                        AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
                        "Made a pairing token for the archive of profile '\(profile.name)'.",
                        by: call.actor,
                        tx
                    )
                }
            }
        }
    }

    private var download: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/spc/download",
            id: "v1ClusterProfilesUidSpcDownload",
            tag: tag,
            summary: "Downloads a system profile as the archive that a site needs.",
            access: .user(.profileGet),
            failures: [.resourceNotFound, .ruleViolated],
            outputContentType: .octetStream
        ) { context in
            let call = try ProfileCall(context)
            let wanted = try database.read { tx in
                let profile = try ProfileStore.findArchived(
                    call.uid,
                    tenantUID: call.tenantUID,
                    projectUID: call.projectUID,
                    tx
                )
                guard let profile else { throw Failure.notFound("Cluster profile", call.uid) }
                return try archives.wanted(of: profile, tx)
            }
            return try await archives.response(wanted, from: database, context)
        }.answeringWithEntityTag().answeringRanges()
    }

    /// Open to everybody: it is not a secret, and who checks an archive at a site has no account.
    private var signingKey: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/spc/publickey",
            id: "getSystemProfilePublicKey",
            tag: tag,
            summary: "Gives the key that the archives of system profiles are signed with, in PEM.",
            document: .agent,
            access: .open,
            outputContentType: .plainText
        ) { context in
            let pem = archives.signingKey.publicKey.pem
            return context.answer(.plainText, entityTag: SHA256.digest(pem).hex) {
                Array(pem.utf8)
            }
        }.answeringWithEntityTag()
    }
}
