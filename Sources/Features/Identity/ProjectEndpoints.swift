import APIKit
import Audit
import HTTPCore
import JSON
import Primitives
import Storage

extension Identity {
    var projectEndpoints: [Endpoint] {
        [
            projectsMetadata, searchProjects, listProjects, createProject, getProject,
            updateProject, deleteProject,
        ]
    }

    private var projectsMetadata: Endpoint {
        Endpoint(
            .get,
            "/v1/dashboard/projects/metadata",
            id: "v1ProjectsMetadata",
            tag: "projects",
            summary: "Lists the names and uids of the caller's projects.",
            access: .user(.projectList),
            query: [
                QueryParameter(
                    "name",
                    .string(),
                    "Only projects whose name holds this text, in any case."
                )
            ],
            output: ProjectsMetadataAnswer.self
        ) { _, context in
            let tenant = context.tenantUID
            let all = try database.read { try ProjectStore.names(tenant: tenant, $0) }
            guard let wanted = context.query("name")?.lowercased(), !wanted.isEmpty else {
                return ProjectsMetadataAnswer(projects: all)
            }
            return ProjectsMetadataAnswer(
                projects: all.filter { $0.name.lowercased().contains(wanted) }
            )
        }
    }

    private var searchProjects: Endpoint {
        Endpoint(
            .post,
            "/v1/dashboard/projects",
            id: "v1ProjectsFilterSummary",
            tag: "projects",
            summary: "Finds projects of the caller's organisation by their names.",
            access: .user(.projectList),
            query: QueryParameter.paging,
            input: ProjectSearch.self,
            output: ProjectSummaryListAnswer.self
        ) { input, context in
            let page = try context.page()
            let tenant = context.tenantUID
            let everything = PageRequest(limit: nil, offset: 0, after: nil)
            // A tenant has so few projects that sorting them beats a statement for each order.
            let found = input.pick(
                from: try database.read { try ProjectStore.page(tenant: tenant, everything, $0) }
            )
            let shown = Array(found.dropFirst(page.offset).prefix(page.limit ?? found.count))
            return ProjectSummaryListAnswer(
                items: shown,
                meta: context.listMeta(
                    page,
                    shown: shown.count,
                    total: found.count,
                    last: shown.last?.uid
                )
            )
        }
    }

    private var listProjects: Endpoint {
        Endpoint(
            .get,
            "/v1/projects",
            id: "v1ProjectsList",
            tag: "projects",
            summary: "Lists the caller's projects.",
            access: .user(.projectList),
            failures: [.invalidRequest],
            query: QueryParameter.paging,
            output: ProjectListAnswer.self
        ) { _, context in
            let page = try context.page()
            let tenant = context.tenantUID
            let (projects, total) = try database.read { tx in
                (
                    try ProjectStore.page(tenant: tenant, page, tx),
                    try ProjectStore.count(tenant: tenant, tx)
                )
            }
            return ProjectListAnswer(
                items: projects.map(ProjectAnswer.init),
                meta: context.listMeta(
                    page,
                    shown: projects.count,
                    total: total,
                    last: projects.last?.uid
                )
            )
        }
    }

    private var createProject: Endpoint {
        Endpoint(
            .post,
            "/v1/projects",
            id: "v1ProjectsCreate",
            tag: "projects",
            summary: "Creates a project in the caller's organisation.",
            access: .user(.projectCreate),
            success: 201,
            failures: [.duplicateName, .limitExceeded],
            input: ProjectInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let tenant = context.tenantUID
            let actor = AuditActor(context)
            return try await context.write(database) { tx in
                guard try ProjectStore.count(tenant: tenant, tx) < Project.countMax else {
                    throw Failure(
                        .limitExceeded,
                        "An organisation may have \(Project.countMax) projects; delete one first."
                    )
                }
                let project = Project(
                    uid: UID.make(at: tx.now).text,
                    tenantUID: tenant,
                    name: input.metadata.name,
                    description: input.description,
                    labels: input.metadata.labels,
                    version: try tx.nextCounter(),
                    createdAt: tx.now,
                    modifiedAt: tx.now
                )
                try ProjectStore.insert(project, tx)
                try AuditStore.record(
                    .create,
                    project.auditResource,
                    "Project created.",
                    by: actor,
                    tx
                )
                return UIDAnswer(uid: project.uid)
            }
        }.takingIdempotencyKey()
    }

    private var getProject: Endpoint {
        Endpoint(
            .get,
            "/v1/projects/{uid}",
            id: "v1ProjectsUidGet",
            tag: "projects",
            summary: "Shows a project.",
            access: .user(.projectGet),
            failures: [.resourceNotFound],
            output: ProjectAnswer.self
        ) { _, context in
            let (uid, tenant) = (try context.parameter("uid"), context.tenantUID)
            return ProjectAnswer(
                project: try database.read { try ProjectStore.fetch(uid, tenant: tenant, $0) }
            )
        }
    }

    private var updateProject: Endpoint {
        Endpoint(
            .put,
            "/v1/projects/{uid}",
            id: "v1ProjectsUidUpdate",
            tag: "projects",
            summary: "Replaces the name, the description and the labels of a project.",
            access: .user(.projectUpdate),
            failures: [.resourceNotFound, .duplicateName, .preconditionFailed],
            input: ProjectInput.self
        ) { input, context in
            let (uid, tenant) = (try context.parameter("uid"), context.tenantUID)
            let (ifMatch, actor) = (context.ifMatch, AuditActor(context))
            try await database.write { tx in
                let current = try ProjectStore.fetch(uid, tenant: tenant, tx)
                try ifMatch.check(String(current.version))
                var changed = current
                changed.name = input.metadata.name
                changed.description = input.description
                changed.labels = input.metadata.labels
                guard !changed.hasSameContent(as: current) else { return }
                changed.version = try tx.nextCounter()
                changed.modifiedAt = tx.now
                try ProjectStore.update(changed, tx)
                try AuditStore.record(
                    .update,
                    changed.auditResource,
                    "Project changed.",
                    by: actor,
                    tx
                )
            }
        }
    }

    private var deleteProject: Endpoint {
        Endpoint(
            .delete,
            "/v1/projects/{uid}",
            id: "v1ProjectsUidDelete",
            tag: "projects",
            summary: "Deletes a project that holds nothing any more.",
            access: .user(.projectDelete),
            failures: [.resourceNotFound, .inUse, .preconditionFailed],
            query: [
                QueryParameter(
                    "cleanupProjectResources",
                    .boolean,
                    "Taken and ignored: what a project holds is never deleted with it."
                )
            ],
            input: ProjectCleanupInput.self
        ) { _, context in
            let (uid, tenant) = (try context.parameter("uid"), context.tenantUID)
            let (ifMatch, actor) = (context.ifMatch, AuditActor(context))
            let checks = projectReferrers
            try await database.write { tx in
                let project = try ProjectStore.fetch(uid, tenant: tenant, tx)
                try ifMatch.check(String(project.version))
                try Self.refuseIfUsed(project, checks, tx)
                try ProjectStore.delete(uid, tx)
                try AuditStore.record(
                    .delete,
                    project.auditResource,
                    "Project deleted.",
                    by: actor,
                    tx
                )
            }
        }
    }

    /// Referrers that a refusal names, of each kind.
    private static let referrersMax = 10

    private static func refuseIfUsed(
        _ project: Project,
        _ checks: [ProjectReferrers],
        _ tx: borrowing Transaction
    ) throws {
        var referrers: [Referrer] = []
        for check in checks {
            referrers += try check(project.uid, referrersMax, tx).prefix(referrersMax)
        }
        guard !referrers.isEmpty else { return }
        throw Failure(
            .inUse,
            "Project '\(project.name)' still holds appliances or profiles; delete or move them "
                + "first.",
            details: ["referrers": .array(referrers.map(\.json))]
        )
    }
}

extension Project {
    fileprivate var auditResource: AuditResource { AuditResource("project", uid: uid, name: name) }
}
