import APIKit
import Appliances
import JSON
import Storage

extension Profiles {
    /// The profiles that appliances of a scope follow, or may begin to: what Appliances is given
    /// to look them up.
    ///
    /// - Throws: `.ruleViolated` when a profile to follow has nothing to follow yet.
    package static let templates: ProfileTemplates = { uids, use, scope, tx in
        var found: [String: JSONObject] = [:]
        for uid in uids {
            guard
                let profile = try ProfileStore.find(
                    uid,
                    tenantUID: scope.tenantUID,
                    projectUID: scope.projectUID,
                    tx
                )
            else { continue }
            switch use {
            case .link: found[uid] = try followable(profile)
            case .summary: found[uid] = try summary(profile, tx)
            case .full: found[uid] = try published(profile, tx)
            }
        }
        return found
    }

    private static func followable(_ profile: Profile) throws -> JSONObject {
        guard profile.publishedNumber != nil else {
            throw Failure.fault(
                "/profiles",
                "NotPublished",
                "The profile '\(profile.name)' is a draft; publish it before appliances follow it."
            )
        }
        return ["uid": .string(profile.uid), "name": .string(profile.name)]
    }

    private static func published(
        _ profile: Profile,
        _ tx: borrowing Transaction
    ) throws -> JSONObject? {
        guard let template = try ProfileOutput(profile, tx).published else { return nil }
        return try JSONParser.parse(template.jsonBytes()).members
    }

    /// `v1ProfileTemplateSummary`.
    private static func summary(
        _ profile: Profile,
        _ tx: borrowing Transaction
    ) throws -> JSONObject? {
        guard let number = profile.publishedNumber,
            let revision = try ProfileStore.revision(number, of: profile.uid, tx)
        else { return nil }
        return [
            "uid": .string(profile.uid), "name": .string(profile.name),
            "type": .string(profile.type.rawValue), "cloudType": .string(profile.cloudType),
            "version": .string(profile.profileVersion),
            "packs": .array(
                revision.source.map { layer in
                    [
                        "name": .string(layer.name), "layer": .string(layer.layer),
                        "type": .string(layer.kind.rawValue), "tag": .string(layer.tag),
                        "packUid": .string(layer.packUID),
                    ]
                }
            ),
        ]
    }
}
