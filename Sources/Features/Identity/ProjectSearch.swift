import APIKit
import JSON

/// `v1ProjectsFilterSpec`: which projects, and in which order; nothing given is everything by name.
struct ProjectSearch: WireInput {
    /// No body asks for everything.
    static var isOptional: Bool { true }

    private struct Filter: WireInput {
        let name: TextFilter?

        init(from fields: Fields) {
            name = fields.optionalObject("name")
        }
    }

    private struct Sort: WireInput {
        static let names = ["name", "creationTimestamp", "lastModifiedTimestamp"]
        let field: String
        let isDescending: Bool

        init(from fields: Fields) {
            let order = fields.optionalText("order") ?? ""
            field = fields.optionalText("field") ?? ""
            isDescending = order == "desc"
            if !["", "asc", "desc"].contains(order) {
                fields.fault("order", "NotAllowed", "'order' must be asc or desc.")
            }
            if !field.isEmpty, !Self.names.contains(field) {
                let names = Self.names.joined(separator: ", ")
                fields.fault("field", "NotAllowed", "'field' must be one of \(names).")
            }
        }
    }

    private let filter: Filter?
    private let sort: [Sort]

    init(from fields: Fields) {
        filter = fields.optionalObject("filter")
        sort = fields.list("sort", countMax: 8)
    }

    /// The projects that are asked for, in the order asked for.
    func pick(from projects: [Project]) -> [Project] {
        projects.filter { filter?.name?.matches($0.name) ?? true }.sorted(by: precedes)
    }

    private func precedes(_ one: Project, _ other: Project) -> Bool {
        for key in sort {
            let (first, second) = key.isDescending ? (other, one) : (one, other)
            switch key.field {
            case "creationTimestamp" where one.createdAt != other.createdAt:
                return first.createdAt < second.createdAt
            case "lastModifiedTimestamp" where one.modifiedAt != other.modifiedAt:
                return first.modifiedAt < second.modifiedAt
            case "", "name": return first.name < second.name
            default: continue
            }
        }
        return one.name < other.name
    }
}

/// `v1ProjectsSummary`: projects as the dashboard lists them.
struct ProjectSummaryListAnswer: WireOutput {
    let items: [Project]
    let meta: ListMeta

    static var examples: [ProjectSummaryListAnswer] {
        let projects = ProjectAnswer.examples.map(\.project)
        return [ProjectSummaryListAnswer(items: projects, meta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field(
                "items",
                array: { writer in for project in items { write(project, &writer) } }
            )
            writer.key("listmeta")
            meta.write(to: &writer)
        }
    }

    private func write(_ project: Project, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("metadata", ObjectMeta(project))
            writer.field(
                "specSummary",
                object: { writer in
                    writer.field("logoUrl", "")
                    writer.field("teams", [String]())
                    writer.field("users", [String]())
                }
            )
            writer.field(
                "status",
                object: { writer in
                    writer.field("status", object: { $0.field("isDisabled", false) })
                }
            )
        }
    }
}
