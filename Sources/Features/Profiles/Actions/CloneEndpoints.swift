import APIKit
import Appliances
import HTTPCore
import Primitives
import Storage

private let tag = "Cluster profiles"

extension Profiles {
    /// What makes a profile out of another one.
    var cloneEndpoints: [Endpoint] { [clone, validateClone] }

    private var clone: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/{uid}/clone",
            id: "v1ClusterProfilesUidClone",
            tag: tag,
            summary: "Makes a profile, or a new version of one, with what another has as its "
                + "draft; also in another project or for the whole organisation.",
            access: .user(.profileCreate),
            success: 201,
            failures: [.resourceNotFound, .ruleViolated, .duplicateName, .limitExceeded],
            input: CloneInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let call = try ProfileCall(context)
            return try await context.write(database) { tx in
                UIDAnswer(uid: try clone(input.metadata, call, tx))
            }
        }.takingIdempotencyKey()
    }

    private func clone(
        _ wanted: CloneInput.Metadata,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws -> String {
        let source = try call.fetch(tx)
        let target = try call.reaching(wanted.target, tx)
        var profile = try target.newProfile(
            wanted.name,
            wanted.version,
            type: source.type,
            cloudType: source.cloudType,
            tx
        )
        profile.labels = source.labels
        profile.annotations = source.annotations
        profile.variables = source.variables
        // A manifest's uid names it in one profile alone.
        profile.layers = source.layers.map { layer in
            layer.with(
                manifests: layer.manifests.map {
                    LayerManifest(
                        uid: UID.make(at: tx.now).text,
                        name: $0.name,
                        content: $0.content
                    )
                }
            )
        }
        // Where it is to be there may be other macros.
        try ReferenceRules.check(draftOf: profile, tx)
        try add(
            profile,
            "Cloned profile '\(source.name)' \(source.profileVersion) as '\(profile.name)' "
                + "\(profile.profileVersion).",
            target,
            tx
        )
        return profile.uid
    }

    private var validateClone: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/{uid}/clone/validate",
            id: "v1ClusterProfilesUidCloneValidate",
            tag: tag,
            summary: "Says whether a clone could have this name and version where it is to be.",
            access: .user(.profileCreate),
            failures: [.resourceNotFound, .duplicateName],
            input: CloneInput.Metadata.self
        ) { input, context in
            let call = try ProfileCall(context)
            try database.read { tx in
                _ = try call.fetch(tx)
                try call.reaching(input.target, tx).refuseTaken(input.name, input.version, tx)
            }
        }
    }
}

extension ProfileCall {
    /// The call as if it were made in the scope that a clone is to be in.
    ///
    /// - Throws: `.operationForbidden` for a project that is none of the organisation's.
    fileprivate func reaching(
        _ target: CloneInput.Target?,
        _ tx: borrowing Transaction
    ) throws -> ProfileCall {
        guard let target else { return self }
        var call = self
        call.projectUID = target.projectUID
        let name = try ApplianceStore.projectName(target.projectUID, tenantUID: tenantUID, tx)
        guard target.projectUID.isEmpty || name != nil else {
            throw Failure(
                .operationForbidden,
                "'metadata.target.projectUid' names no project of yours; see "
                    + "/v1/dashboard/projects/metadata."
            )
        }
        return call
    }

    /// Whether the scope has a profile of this name and version.
    func isTaken(_ name: String, _ version: String, _ tx: borrowing Transaction) throws -> Bool {
        try ProfileStore.exists(
            name: name,
            version: version,
            tenantUID: tenantUID,
            projectUID: projectUID,
            tx
        )
    }

    /// - Throws: `.duplicateName` when the scope has a profile of this name and version.
    func refuseTaken(_ name: String, _ version: String, _ tx: borrowing Transaction) throws {
        guard try isTaken(name, version, tx) else { return }
        throw Failure(.duplicateName, ProfileRules.takenName(name, version).message)
    }
}

/// `v1ClusterProfileCloneEntity`.
struct CloneInput: WireInput {
    let metadata: Metadata

    init(from fields: Fields) {
        metadata = fields.object("metadata")
    }

    /// `v1ClusterProfileCloneMetaInputEntity`.
    struct Metadata: WireInput {
        let name: String
        let version: String
        /// `nil`: the scope of the call.
        let target: Target?

        init(from fields: Fields) {
            name = fields.name()
            version = fields.profileVersion() ?? "1.0.0"
            target = fields.optionalObject("target")
        }
    }

    /// `v1ClusterProfileCloneTarget`.
    struct Target: WireInput {
        /// Empty for the whole organisation.
        let projectUID: String

        init(from fields: Fields) {
            let scope = fields.text("scope", allowed: ["tenant", "project"])
            let project = fields.optionalText("projectUid", bytesMax: 64) ?? ""
            if scope == "project", project.isEmpty {
                fields.fault("projectUid", "Required", "'projectUid' is required.")
            }
            if scope == "tenant", !project.isEmpty {
                let message = "A profile of the whole organisation is in no project."
                fields.fault("projectUid", "Contradiction", message)
            }
            projectUID = project
        }
    }
}
