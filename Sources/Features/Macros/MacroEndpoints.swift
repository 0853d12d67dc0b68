import APIKit
import Audit
import HTTPCore
import JSON
import Primitives
import Storage

extension Permission {
    static let macroCreate = Permission("macro.create")
    static let macroList = Permission("macro.list")
    static let macroUpdate = Permission("macro.update")
    static let macroDelete = Permission("macro.delete")
}

private let tag = "Macros"

/// Who writes macros, taken out of the call: a write runs on the writer's thread.
struct MacroCall: Sendable {
    let scope: MacroScope
    let tenantUID: String
    let actor: AuditActor
    let ifMatch: IfMatch

    init(_ context: RequestContext, _ scope: MacroScope) {
        self.scope = scope
        tenantUID = context.tenantUID
        actor = AuditActor(context)
        ifMatch = context.ifMatch
    }

    /// The macros of the scope.
    ///
    /// - Throws: `.resourceNotFound`, also for what another tenant has.
    func fetch(_ tx: borrowing Transaction) throws -> MacroSet {
        switch scope {
        case .system: break
        case .tenant(let uid):
            guard uid == tenantUID else { throw Failure.notFound("Tenant", uid) }
        case .project(let uid):
            guard try MacroStore.hasProject(uid, tenantUID: tenantUID, tx) else {
                throw Failure.notFound("Project", uid)
            }
        }
        return try MacroStore.find(scope, tx)
    }

    /// The macros of the scope, to change them.
    ///
    /// - Throws: `.operationForbidden` for the system's, which only the organisation that the
    ///   server was set up with may write; `.preconditionFailed` when the caller's `If-Match` names
    ///   another version.
    func fetchForWrite(_ permission: Permission, _ tx: borrowing Transaction) throws -> MacroSet {
        let set = try fetch(tx)
        if scope == .system, let owner = try MacroStore.serverTenantUID(tx), owner != tenantUID {
            throw Dispatcher.forbidden(permission)
        }
        try ifMatch.check(set.tag)
        return set
    }
}

extension Macros {
    /// The three places that macros are kept in; each has the same five operations.
    private struct Place: Sendable {
        let path: String
        let name: String
        /// How the operations of one macro end: `…ByMacroName`.
        let listID: String
        let scope: @Sendable (RequestContext) throws -> MacroScope

        static let all = [
            Place(path: "/v1/projects/{uid}/macros", name: "v1ProjectsUid", of: "a project") {
                .project(try $0.parameter("uid"))
            },
            Place(path: "/v1/tenants/{tenantUid}/macros", name: "v1TenantsUid", of: "a tenant") {
                .tenant(try $0.parameter("tenantUid"))
            },
            Place(path: "/v1/users/system/macros", name: "v1UsersSystem", of: "the system") { _ in
                .system
            },
        ]

        let of: String

        init(
            path: String,
            name: String,
            of: String,
            scope: @escaping @Sendable (RequestContext) throws -> MacroScope
        ) {
            self.path = path
            self.name = name + "Macros"
            self.of = of
            listID = self.name + "List"
            self.scope = scope
        }

        func summary(_ verb: String, _ rest: String) -> String { "\(verb) macros of \(of)\(rest)" }
    }

    /// All operations of this feature.
    package var endpoints: [Endpoint] {
        [inEffect]
            + Place.all.flatMap { place in
                [
                    list(place), create(place), replace(place), update(place), delete(place),
                ]
            }
    }

    private var inEffect: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/macros",
            id: "v1MacrosList",
            tag: tag,
            summary: "Lists the macros that profiles of the scope can refer to, each as it holds.",
            access: .user(.macroList),
            output: MacrosInEffectAnswer.self
        ) { _, context in
            let (tenantUID, projectUID) = (context.tenantUID, context.scope.projectUID ?? "")
            return MacrosInEffectAnswer(
                values: try database.read { tx in
                    try MacroStore.inEffect(tenantUID: tenantUID, projectUID: projectUID, tx)
                }
            )
        }.answeringSecret()
    }

    private func list(_ place: Place) -> Endpoint {
        Endpoint(
            .get,
            place.path,
            id: place.listID,
            tag: tag,
            summary: place.summary("Lists the", "."),
            access: .user(.macroList),
            failures: [.resourceNotFound],
            output: MacrosAnswer.self
        ) { _, context in
            let call = MacroCall(context, try place.scope(context))
            return MacrosAnswer(set: try database.read { tx in try call.fetch(tx) })
        }.answeringSecret()
    }

    private func create(_ place: Place) -> Endpoint {
        Endpoint(
            .post,
            place.path,
            id: place.name + "Create",
            tag: tag,
            summary: place.summary("Adds", "; none of them may be there."),
            access: .user(.macroCreate),
            failures: [
                .resourceNotFound, .duplicateName, .limitExceeded, .ruleViolated,
                .preconditionFailed,
            ],
            bodyBytesMax: MacroSet.bodyBytesMax,
            input: MacrosInput.self
        ) { input, context in
            let call = MacroCall(context, try place.scope(context))
            try await context.write(database) { tx in
                let former = try call.fetchForWrite(.macroCreate, tx)
                let taken = input.macros.enumerated().filter {
                    former.values[$0.element.name] != nil
                }
                guard let first = taken.first else {
                    let values = former.values.merging(input.values) { _, new in new }
                    return try save(values, former: former, call, tx)
                }
                throw Failure(
                    .duplicateName,
                    "There is a macro '\(first.element.name)' already; PATCH changes its value.",
                    faults: taken.map {
                        Fault(
                            "/macros/\($0.offset)/name",
                            "DuplicateName",
                            "There is a macro '\($0.element.name)' already."
                        )
                    }
                )
            }
        }.takingIdempotencyKey()
    }

    private func replace(_ place: Place) -> Endpoint {
        Endpoint(
            .put,
            place.path,
            id: place.name + "Update",
            tag: tag,
            summary: place.summary("Replaces all", "; what is not named is gone."),
            access: .user(.macroUpdate),
            failures: Self.writeFailures,
            bodyBytesMax: MacroSet.bodyBytesMax,
            input: MacrosInput.self
        ) { input, context in
            let call = MacroCall(context, try place.scope(context))
            try await database.write { tx in
                let former = try call.fetchForWrite(.macroUpdate, tx)
                try save(input.values, former: former, call, tx)
            }
        }
    }

    private func update(_ place: Place) -> Endpoint {
        Endpoint(
            .patch,
            place.path,
            id: place.name + "UpdateByMacroName",
            tag: tag,
            summary: place.summary("Changes or adds", "; the others stay."),
            access: .user(.macroUpdate),
            failures: Self.writeFailures,
            bodyBytesMax: MacroSet.bodyBytesMax,
            input: MacrosInput.self
        ) { input, context in
            let call = MacroCall(context, try place.scope(context))
            try await database.write { tx in
                let former = try call.fetchForWrite(.macroUpdate, tx)
                let values = former.values.merging(input.values) { _, new in new }
                try save(values, former: former, call, tx)
            }
        }
    }

    private func delete(_ place: Place) -> Endpoint {
        Endpoint(
            .delete,
            place.path,
            id: place.name + "DeleteByMacroName",
            tag: tag,
            summary: place.summary("Deletes", " that no profile refers to."),
            access: .user(.macroDelete),
            failures: Self.writeFailures,
            bodyBytesMax: MacroSet.bodyBytesMax,
            input: MacrosInput.self
        ) { input, context in
            let call = MacroCall(context, try place.scope(context))
            try await database.write { tx in
                let former = try call.fetchForWrite(.macroDelete, tx)
                for macro in input.macros where former.values[macro.name] == nil {
                    throw Failure.notFound("Macro", macro.name)
                }
                let names = input.values
                let values = former.values.filter { names[$0.key] == nil }
                try save(values, former: former, call, tx)
            }
        }
    }

    private static let writeFailures: [Failure.Code] = [
        .resourceNotFound, .inUse, .limitExceeded, .ruleViolated, .preconditionFailed,
    ]
}
