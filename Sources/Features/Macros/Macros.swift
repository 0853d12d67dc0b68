import APIKit
import Audit
import JSON
import Primitives
import Storage

/// Somebody who refers to a macro and would be left without it.
package struct MacroUser: Sendable, Hashable {
    /// The name of the macro.
    package let macro: String
    /// The uid of the profile; empty when the caller may not see it.
    package let profileUID: String
    /// The name of the profile; empty when the caller may not see it.
    package let profileName: String

    package init(macro: String, profileUID: String, profileName: String) {
        self.macro = macro
        self.profileUID = profileUID
        self.profileName = profileName
    }
}

/// A change of macros, announced inside its transaction.
package struct MacroNotice: Sendable {
    /// Whose macros they are.
    package let scope: MacroScope
    /// The names whose values are other than before; gone ones included.
    package let names: Set<String>
    /// The organisation of whoever changed them.
    package let tenantUID: String
}

/// Macros: names with values that profiles refer to.
package struct Macros: Sendable {
    /// Says who refers to one of these names in such a scope and finds it in no other; asked after
    /// the change is stored, inside its transaction.
    package typealias Users =
        @Sendable (_ notice: MacroNotice, _ gone: Set<String>, _ tx: borrowing Transaction) throws
        -> [MacroUser]
    /// What follows a change, inside its transaction; what it throws refuses the change.
    package typealias Hook =
        @Sendable (_ notice: MacroNotice, _ tx: borrowing Transaction) throws -> Void

    let database: Database
    private let users: Users
    private let onChange: Hook

    package init(
        database: Database,
        users: @escaping Users = { _, _, _ in [] },
        onChange: @escaping Hook = { _, _ in }
    ) {
        self.database = database
        self.users = users
        self.onChange = onChange
    }

    /// Stores changed macros, unless nothing changed.
    ///
    /// - Throws: `.limitExceeded`; `.inUse` when a profile refers to one that is gone.
    func save(
        _ values: [String: String],
        former: MacroSet,
        _ call: MacroCall,
        _ tx: borrowing Transaction
    ) throws {
        guard values != former.values else { return }
        guard values.count <= MacroSet.countMax else {
            throw Failure(
                .limitExceeded,
                "A scope has at most \(MacroSet.countMax) macros; \(call.scope.words) would have "
                    + "\(values.count)."
            )
        }
        let gone = Set(former.values.keys).subtracting(values.keys)
        let changed = values.filter { former.values[$0.key] != $0.value }
        let notice = MacroNotice(
            scope: call.scope,
            names: gone.union(changed.keys),
            tenantUID: call.tenantUID
        )
        let set = MacroSet(values: values, version: try tx.nextCounter())
        try MacroStore.put(set, of: call.scope, tx)
        if !gone.isEmpty { try Self.refuse(users(notice, gone, tx)) }
        // Names only: a value may be a secret.
        let named = notice.names.sorted()
        let more = named.count > 10 ? " and \(named.count - 10) more" : ""
        try AuditStore.record(
            former.version == 0 ? .create : .update,
            AuditResource("macro", uid: call.scope.key, name: named.first ?? ""),
            "Changed macros of \(call.scope.words): "
                + named.prefix(10).joined(separator: ", ") + "\(more).",
            by: call.actor,
            tx
        )
        try onChange(notice, tx)
    }

    private static func refuse(_ users: [MacroUser]) throws {
        guard !users.isEmpty else { return }
        let names = Set(users.map(\.macro)).sorted().joined(separator: ", ")
        throw Failure(
            .inUse,
            "Profiles refer to what would be gone (\(names)); change them first.",
            details: [
                "profiles": .array(
                    users.filter { !$0.profileUID.isEmpty }.prefix(20).map { user in
                        [
                            "uid": .string(user.profileUID), "name": .string(user.profileName),
                            "macro": .string(user.macro),
                        ]
                    }
                )
            ]
        )
    }
}
