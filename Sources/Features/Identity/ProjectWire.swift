import APIKit
import JSON
import Primitives

/// The body that creates or replaces a project.
///
/// Teams and users of it are not kept yet.
struct ProjectInput: WireInput {
    let metadata: MetaInput

    init(from fields: Fields) {
        metadata = fields.object("metadata")
    }

    var description: String { metadata.annotations["description"] ?? "" }
}

/// What a delete may carry; it holds nothing that matters here, but has to be JSON.
struct ProjectCleanupInput: WireInput {
    /// Both thresholds are optional.
    static var isOptional: Bool { true }

    init(from fields: Fields) {
        let minutes: ClosedRange<Int64> = 0...Int64(Int32.max)
        _ = fields.optionalInt("deletingClusterDurationThresholdInMin", in: minutes)
        _ = fields.optionalInt("provisioningClusterDurationThresholdInMin", in: minutes)
    }
}

/// A project.
struct ProjectAnswer: WireOutput {
    let project: Project

    var entityTag: String? { String(project.version) }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("metadata", ObjectMeta(project))
            writer.field(
                "spec",
                object: { writer in
                    writer.field("alerts", [String]())
                    writer.field("logoUrl", "")
                    writer.field("teams", [String]())
                    writer.field("users", [String]())
                }
            )
            writer.field("status", object: { $0.field("isDisabled", false) })
        }
    }

    static var examples: [ProjectAnswer] {
        let meta = ObjectMeta.example
        return [
            ProjectAnswer(
                project: Project(
                    uid: meta.uid,
                    tenantUID: meta.uid,
                    name: meta.name,
                    description: meta.annotations["description"] ?? "",
                    labels: meta.labels,
                    version: 1,
                    createdAt: meta.createdAt,
                    modifiedAt: meta.modifiedAt
                )
            )
        ]
    }
}

extension ObjectMeta {
    init(_ project: Project) {
        self.init(
            name: project.name,
            uid: project.uid,
            labels: project.labels,
            annotations: project.description.isEmpty
                ? [:] : ["description": project.description],
            createdAt: project.createdAt,
            modifiedAt: project.modifiedAt
        )
    }
}

/// A page of projects.
struct ProjectListAnswer: WireOutput {
    let items: [ProjectAnswer]
    let meta: ListMeta

    static var examples: [ProjectListAnswer] {
        [ProjectListAnswer(items: ProjectAnswer.examples, meta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("items", items)
            writer.key("listmeta")
            meta.write(to: &writer)
        }
    }
}

/// Names and uids of projects, the way clients learn which project to work in.
struct ProjectsMetadataAnswer: WireOutput {
    let projects: [(uid: String, name: String)]

    static var examples: [ProjectsMetadataAnswer] {
        [ProjectsMetadataAnswer(projects: [(uid: ObjectMeta.example.uid, name: "Default")])]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field(
                "items",
                array: { writer in
                    for project in projects {
                        writer.object { writer in
                            writer.field(
                                "metadata",
                                object: { writer in
                                    writer.field("name", project.name)
                                    writer.field("uid", project.uid)
                                }
                            )
                        }
                    }
                }
            )
        }
    }
}
