import Macros
import Primitives
import Storage

/// Every SQL statement about who refers to which macro, and about what references stand for.
enum ReferenceStore {
    /// Where a profile refers to a macro.
    enum Part: String {
        case draft, published
    }

    /// Notes the macros that a part of a profile refers to, in the place of those noted before.
    static func set(
        _ names: Set<String>,
        of profileUID: String,
        _ part: Part,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run(
            "DELETE FROM profile_macro WHERE profile_uid = $1 AND part = $2",
            .text(profileUID),
            .text(part.rawValue)
        )
        for name in names.sorted() {
            _ = try tx.run(
                "INSERT INTO profile_macro (profile_uid, part, name) VALUES ($1, $2, $3)",
                .text(profileUID),
                .text(part.rawValue),
                .text(name)
            )
        }
    }

    /// A profile that refers to a macro.
    struct User {
        let uid: String
        let name: String
        let tenantUID: String
        let projectUID: String
        let macro: String
    }

    /// The profiles that refer to a macro where a change of this scope can reach them.
    ///
    /// - Parameter part: only those that do so there; `nil` for both.
    static func users(
        of macro: String,
        in scope: MacroScope,
        _ part: Part?,
        _ tx: borrowing Transaction
    ) throws -> [User] {
        var (tenantUID, projectUID) = ("", "")
        switch scope {
        case .system: break
        case .tenant(let uid): tenantUID = uid
        case .project(let uid): projectUID = uid
        }
        return try tx.all(
            """
            SELECT DISTINCT profile.uid, profile.name, profile.tenant_uid, profile.project_uid
            FROM profile_macro JOIN profile ON profile.uid = profile_macro.profile_uid
            WHERE profile_macro.name = $1 AND $2 IN ('', profile.tenant_uid)
                AND $3 IN ('', profile.project_uid) AND $4 IN ('', profile_macro.part)
            ORDER BY profile.uid
            """,
            .text(macro),
            .text(tenantUID),
            .text(projectUID),
            .text(part?.rawValue ?? "")
        ) {
            User(
                uid: $0.text(0),
                name: $0.text(1),
                tenantUID: $0.text(2),
                projectUID: $0.text(3),
                macro: macro
            )
        }
    }

    /// The name of a project; `nil` when it is gone.
    static func projectName(_ uid: String, _ tx: borrowing Transaction) throws -> String? {
        try tx.first("SELECT name FROM project WHERE uid = $1", .text(uid)) { $0.text(0) }
    }
}

extension Layer {
    /// The texts of the layer's author.
    private var texts: [String] { (values.map { [$0] } ?? []) + manifests.map(\.content) }

    /// What the author's texts refer to.
    var references: [TemplateReference] {
        texts.filter(TemplateText.mayRefer).flatMap { TemplateText($0).references }
    }
}

extension [Layer] {
    /// The macros that the authors' texts refer to.
    var macroNames: Set<String> { Set(flatMap(\.references).compactMap(\.macroName)) }
}

extension TemplateReference {
    /// The name of the macro that it refers to, if it refers to one.
    var macroName: String? {
        if case .macro(let name) = target { name } else { nil }
    }
}
