import APIKit
import Appliances
import JSON
import Packs
import Primitives
import Storage

extension Profiles {
    /// The profiles that appliances follow, as Appliances asks for them.
    ///
    /// - Throws: for `.link`, `.ruleViolated` with a fault for each profile that can be seen but
    ///   not be followed.
    package static func templates(
        _ uids: [String],
        _ use: ProfileUse,
        _ scope: ApplianceScope,
        _ tx: borrowing Transaction
    ) throws -> [String: JSONObject] {
        var templates: [String: JSONObject] = [:]
        let faults = FaultList()
        for (index, uid) in uids.enumerated() {
            guard
                let profile = try ProfileStore.find(
                    uid,
                    tenantUID: scope.tenantUID,
                    projectUID: scope.projectUID,
                    tx
                )
            else { continue }
            if use == .link {
                if let reason = reasonAgainst(following: profile) {
                    faults.add(Fault("/profiles/\(index)/uid", reason.code, reason.message))
                }
                templates[uid] = ["uid": .string(uid), "name": .string(profile.name)]
                continue
            }
            guard let number = profile.publishedNumber,
                let revision = try ProfileStore.revision(number, of: uid, tx)
            else { continue }
            var template = try TemplateOutput(published: revision, of: profile, tx)
            if use == .full(resolvesValues: true) {
                template = try template.resolved(variables: revision.variables, tx)
            }
            let bytes =
                use == .summary
                ? TemplateSummaryOutput(template).jsonBytes() : template.jsonBytes()
            templates[uid] = try JSONParser.parse(bytes, limits: .stored).members
        }
        try ProfileRules.refuse(faults)
        return templates
    }

    private static func reasonAgainst(
        following profile: Profile
    ) -> (code: String, message: String)? {
        if !profile.type.isForAppliances {
            return (
                "WrongType",
                "Profile '\(profile.name)' is of type '\(profile.type.rawValue)', which describes "
                    + "clusters; an appliance follows profiles of type 'system'."
            )
        }
        if profile.publishedNumber == nil {
            return ("NotPublished", "Profile '\(profile.name)' is not published yet.")
        }
        return nil
    }
}

/// `v1ProfileTemplateSummary`: a template without values and manifests.
struct TemplateSummaryOutput: JSONWritable, Sendable {
    private let template: TemplateOutput

    init(_ template: TemplateOutput) {
        self.template = template
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("cloudType", template.profile.cloudType)
        writer.field("name", template.name)
        writer.field("packs", template.layers.map(LayerBriefOutput.init))
        writer.field("type", template.profile.type.rawValue)
        writer.field("uid", template.profile.uid)
        writer.field("version", template.profileVersion)
        writer.endObject()
    }
}

/// `v1PackRefSummary`.
struct LayerBriefOutput: JSONWritable, Sendable {
    let output: LayerOutput

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("addonType", output.pack?.addonType ?? "")
        writer.field("annotations", output.pack?.annotations ?? [:])
        writer.field("displayName", output.pack?.displayName ?? output.layer.name)
        writer.field("layer", output.layer.layer)
        writer.field("logoUrl", "")
        writer.field("name", output.layer.name)
        writer.field("packUid", output.packUID)
        writer.field("tag", output.layer.tag.isEmpty ? output.version : output.layer.tag)
        writer.field("type", output.layer.kind.rawValue)
        writer.field("version", output.version)
        writer.endObject()
    }
}
