import APIKit
import HTTPCore
import JSON
import Packs
import Storage

private let tag = "Cluster profiles"

extension Profiles {
    /// What finds profiles.
    var listEndpoints: [Endpoint] { [list, metadataList, search, summary] }

    private var list: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles",
            id: "v1ClusterProfilesList",
            tag: tag,
            summary: "Lists the profiles of the scope.",
            access: .user(.profileList),
            failures: [.invalidRequest, .unprocessable],
            query: QueryParameter.paging + [
                QueryParameter(
                    "filters",
                    .string(),
                    "Terms `field=value` or `field_in_a,b`, joined by `AND` without blanks."
                ),
                QueryParameter("orderBy", .string(), "Such as `metadata.name=1,spec.version=-1`."),
            ],
            output: ProfileListOutput.self
        ) { _, context in
            let page = try context.page()
            let query = try ProfileQuery(
                filters: context.query("filters") ?? "",
                orderBy: context.query("orderBy") ?? ""
            )
            let call = try ProfileCall(context)
            return try database.read { tx in
                let (profiles, total) = try ProfileListStore.page(
                    query,
                    page,
                    tenantUID: call.tenantUID,
                    projectUID: call.projectUID,
                    tx
                )
                return ProfileListOutput(
                    items: try profiles.map { try ProfileOutput($0, tx) },
                    meta: context.listMeta(
                        page,
                        shown: profiles.count,
                        total: total,
                        last: profiles.last?.uid
                    )
                )
            }
        }
    }

    private var metadataList: Endpoint {
        Endpoint(
            .get,
            "/v1/dashboard/clusterprofiles/metadata",
            id: "v1ClusterProfilesMetadata",
            tag: tag,
            summary: "Lists names and versions of the profiles of the scope.",
            access: .user(.profileList),
            output: ProfileMetadataListOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            return try database.read { tx in
                ProfileMetadataListOutput(
                    items: try ProfileListStore.briefs(
                        tenantUID: call.tenantUID,
                        projectUID: call.projectUID,
                        tx
                    )
                )
            }
        }
    }

    private var search: Endpoint {
        Endpoint(
            .post,
            "/v1/dashboard/clusterprofiles",
            id: "v1ClusterProfilesFilterSummary",
            tag: tag,
            summary: "Finds profiles by name, type, environment, version, scope and tags.",
            access: .user(.profileList),
            failures: [.invalidRequest, .unprocessable],
            query: QueryParameter.paging,
            input: ProfileSearch.self,
            output: ProfileSummaryListOutput.self
        ) { search, context in
            try search.check()
            let page = try context.page(refusesMore: true)
            let call = try ProfileCall(context)
            return try database.read { tx in
                let found = try ProfileListStore.briefs(
                    tenantUID: call.tenantUID,
                    projectUID: call.projectUID,
                    tx
                ).filter(search.matches).sorted(by: search.precedes)
                let rest = found.dropFirst(page.offset)
                let shown = page.limit.map { rest.prefix($0) } ?? rest
                return ProfileSummaryListOutput(
                    items: try shown.compactMap { brief in
                        try ProfileStore.find(brief.uid, tx)
                            .map { try ProfileSummaryOutput(ProfileOutput($0, tx)) }
                    },
                    meta: context.listMeta(
                        page,
                        shown: shown.count,
                        total: found.count,
                        last: shown.last?.uid
                    )
                )
            }
        }
    }

    private var summary: Endpoint {
        Endpoint(
            .get,
            "/v1/dashboard/clusterprofiles/{uid}",
            id: "v1ClusterProfilesUidSummary",
            tag: tag,
            summary: "Shows a profile without values and manifests.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: ProfileSummaryOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            return try database.read { tx in
                try ProfileSummaryOutput(ProfileOutput(call.fetch(tx), tx))
            }
        }
    }
}

/// `v1ClusterProfilesMetadata`: names and versions for pickers.
struct ProfileMetadataListOutput: WireOutput {
    let items: [ProfileBrief]

    static var examples: [ProfileMetadataListOutput] {
        let profile = Profile.example(isPublished: true)
        return [
            ProfileMetadataListOutput(items: [
                ProfileBrief(
                    uid: profile.uid,
                    projectUID: profile.projectUID,
                    name: profile.name,
                    profileVersion: profile.profileVersion,
                    type: profile.type,
                    cloudType: profile.cloudType,
                    labels: profile.labels,
                    createdAt: profile.createdAt,
                    modifiedAt: profile.modifiedAt
                )
            ])
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("items")
        writer.beginArray()
        for profile in items {
            writer.beginObject()
            writer.key("metadata")
            writer.beginObject()
            writer.field("name", profile.name)
            writer.field("uid", profile.uid)
            writer.endObject()
            writer.key("spec")
            writer.beginObject()
            writer.field("cloudType", profile.cloudType)
            writer.field("version", profile.profileVersion)
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}

/// `v1ClusterProfileSummary`.
struct ProfileSummaryOutput: WireOutput {
    private let output: ProfileOutput

    init(_ output: ProfileOutput) {
        self.output = output
    }

    static var examples: [ProfileSummaryOutput] {
        ProfileOutput.examples.map(ProfileSummaryOutput.init)
    }

    var entityTag: String? { output.entityTag }
    var showsMoreThanVersion: Bool { true }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("metadata", MetadataOutput(output.profile))
        writer.key("specSummary")
        writer.beginObject()
        writer.field("draft", Template(template: output.draft))
        writer.optionalField("published", output.published.map(Template.init))
        writer.field("version", output.profile.profileVersion)
        writer.key("versions")
        output.writeVersions(to: &writer)
        writer.endObject()
        writer.key("status")
        writer.beginObject()
        writer.field("inUseClusterUids", [String]())
        writer.field("inUseClusters", [String]())
        writer.field("isPublished", output.profile.publishedNumber != nil)
        writer.key("pack")
        writer.beginObject()
        let states = output.draft.layers.compactMap(\.pack?.state)
        writer.field("deleted", states.count { $0 == .deleted })
        writer.field("deprecated", states.count { $0 == .deprecated })
        writer.field("disabled", states.count { $0 == .disabled })
        writer.endObject()
        writer.endObject()
        writer.endObject()
    }

    /// `v1ClusterProfileTemplateSummary`.
    private struct Template: JSONWritable {
        let template: TemplateOutput

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.field("cloudType", template.profile.cloudType)
            writer.field("packs", template.layers.map(LayerBriefOutput.init))
            writer.field("type", template.profile.type.rawValue)
            writer.endObject()
        }
    }
}

/// `v1ClusterProfilesSummary`.
struct ProfileSummaryListOutput: WireOutput {
    let items: [ProfileSummaryOutput]
    let meta: ListMeta

    static var examples: [ProfileSummaryListOutput] {
        [ProfileSummaryListOutput(items: ProfileSummaryOutput.examples, meta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("items", items)
        writer.key("listmeta")
        meta.write(to: &writer)
        writer.endObject()
    }
}
