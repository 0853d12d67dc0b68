import JSON
import Primitives
import Storage

/// Every SQL statement about macros.
package enum MacroStore {
    static func find(_ scope: MacroScope, _ tx: borrowing Transaction) throws -> MacroSet {
        let found = try tx.first(
            "SELECT macros, version FROM macro_set WHERE scope = $1",
            .text(scope.key)
        ) { row in
            var values: [String: String] = [:]
            if case .object(let object) = try JSONParser.parse(row.bytes(0), limits: .macros) {
                for member in object { values[member.key] = member.value.text }
            }
            return MacroSet(values: values, version: row.int(1))
        }
        return found ?? MacroSet(values: [:], version: 0)
    }

    static func put(
        _ set: MacroSet,
        of scope: MacroScope,
        _ tx: borrowing Transaction
    ) throws {
        var projectUID = Parameter.null
        if case .project(let uid) = scope { projectUID = .text(uid) }
        _ = try tx.run(
            """
            INSERT INTO macro_set (scope, project_uid, macros, version) VALUES ($1, $2, $3, $4)
            ON CONFLICT (scope) DO UPDATE SET macros = excluded.macros, version = excluded.version
            """,
            .text(scope.key),
            projectUID,
            .text(String(decoding: set.values.jsonBytes(), as: UTF8.self)),
            .int(set.version)
        )
    }

    /// The macros that hold in a project, or in a tenant when the project's uid is empty.
    ///
    /// - Parameter without: a scope that is left out, to see what holds without it.
    package static func inEffect(
        tenantUID: String,
        projectUID: String,
        without: MacroScope? = nil,
        _ tx: borrowing Transaction
    ) throws -> [String: String] {
        var scopes: [MacroScope] = [.system, .tenant(tenantUID)]
        if !projectUID.isEmpty { scopes.append(.project(projectUID)) }
        var values: [String: String] = [:]
        for scope in scopes where scope != without {
            values.merge(try find(scope, tx).values) { _, narrower in narrower }
        }
        return values
    }

    static func hasProject(
        _ uid: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> Bool {
        try tx.first(
            "SELECT 1 FROM project WHERE uid = $1 AND tenant_uid = $2",
            .text(uid),
            .text(tenantUID)
        ) { _ in true } ?? false
    }

    /// The organisation that the server was set up with: the oldest one.
    static func serverTenantUID(_ tx: borrowing Transaction) throws -> String? {
        try tx.first("SELECT uid FROM tenant ORDER BY created_at, uid LIMIT 1") { $0.text(0) }
    }
}

extension JSONLimits {
    /// For a set that the server stored itself.
    fileprivate static let macros = JSONLimits(bytesMax: 32 << 20)
}
