import APIKit
import Primitives
import Storage

/// Every SQL statement about projects.
enum ProjectStore {
    /// - Throws: `.duplicateName` when the tenant has a project of this name.
    static func insert(_ project: Project, _ tx: borrowing Transaction) throws {
        try refusingTakenName(project.name) {
            try tx.run(
                """
                INSERT INTO project (uid, tenant_uid, name, description, labels, version,
                    created_at, modified_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                .text(project.uid),
                .text(project.tenantUID),
                .text(project.name),
                .text(project.description),
                .text(TextMap.column(project.labels)),
                .int(project.version),
                .timestamp(project.createdAt),
                .timestamp(project.modifiedAt)
            )
        }
    }

    /// - Throws: `.duplicateName` when the tenant has another project of this name.
    static func update(_ project: Project, _ tx: borrowing Transaction) throws {
        try refusingTakenName(project.name) {
            try tx.run(
                """
                UPDATE project SET name = $2, description = $3, labels = $4, version = $5,
                    modified_at = $6
                WHERE uid = $1
                """,
                .text(project.uid),
                .text(project.name),
                .text(project.description),
                .text(TextMap.column(project.labels)),
                .int(project.version),
                .timestamp(project.modifiedAt)
            )
        }
    }

    private static func refusingTakenName(_ name: String, _ body: () throws -> Int) throws {
        do {
            _ = try body()
        } catch let error as StorageError
            where error.kind == .constraint(name: "project.tenant_uid, project.name")
        {
            throw Failure(
                .duplicateName,
                "There is a project '\(name)' already.",
                cause: error
            )
        }
    }

    static func delete(_ uid: String, _ tx: borrowing Transaction) throws {
        try tx.run("DELETE FROM project WHERE uid = $1", .text(uid))
    }

    static func find(
        _ uid: String,
        tenant: String,
        _ tx: borrowing Transaction
    ) throws -> Project? {
        try tx.first(
            columns + " WHERE uid = $1 AND tenant_uid = $2",
            .text(uid),
            .text(tenant),
            map: read
        )
    }

    /// - Throws: `.resourceNotFound`, alike for unknown projects and for those of other tenants.
    static func fetch(
        _ uid: String,
        tenant: String,
        _ tx: borrowing Transaction
    ) throws -> Project {
        guard let project = try find(uid, tenant: tenant, tx) else {
            throw Failure.notFound("Project", uid)
        }
        return project
    }

    static func exists(_ uid: String, tenant: String, _ tx: borrowing Transaction) throws -> Bool {
        try tx.first(
            "SELECT 1 FROM project WHERE uid = $1 AND tenant_uid = $2",
            .text(uid),
            .text(tenant)
        ) { _ in true } ?? false
    }

    static func count(tenant: String, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM project WHERE tenant_uid = $1", .text(tenant)) {
            Int($0.int(0))
        } ?? 0
    }

    static func page(
        tenant: String,
        _ page: PageRequest,
        _ tx: borrowing Transaction
    ) throws -> [Project] {
        try tx.all(
            columns + " WHERE tenant_uid = $1 AND uid > $2 ORDER BY uid LIMIT $3 OFFSET $4",
            .text(tenant),
            .text(page.after ?? ""),
            .int(page.limit ?? Int(Int32.max)),
            .int(page.after == nil ? page.offset : 0),
            map: read
        )
    }

    /// Uid and name of every project of the tenant, by name.
    static func names(
        tenant: String,
        _ tx: borrowing Transaction
    ) throws -> [(uid: String, name: String)] {
        try tx.all(
            "SELECT uid, name FROM project WHERE tenant_uid = $1 ORDER BY name",
            .text(tenant)
        ) { (uid: $0.text(0), name: $0.text(1)) }
    }

    private static let columns: SQL = """
        SELECT uid, tenant_uid, name, description, labels, version, created_at, modified_at
        FROM project
        """

    private static func read(_ row: borrowing Row) -> Project {
        Project(
            uid: row.text(0),
            tenantUID: row.text(1),
            name: row.text(2),
            description: row.text(3),
            labels: TextMap.read(row.text(4)),
            version: row.int(5),
            createdAt: row.timestamp(6),
            modifiedAt: row.timestamp(7)
        )
    }
}
