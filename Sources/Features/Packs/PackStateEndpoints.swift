import APIKit
import Audit
import HTTPCore
import Storage

extension Packs {
    /// Easel's own: Palette's API shows states and has no call that sets one.
    ///
    /// A version of the embedded registry serves every tenant, so that only the server's own
    /// organisation says what it is.
    var setPackState: Endpoint {
        Endpoint(
            .patch,
            "/v1/packs/{uid}/state",
            id: "setPackState",
            tag: "packs",
            summary: "Deprecates or disables a pack version, whatever its registry says of it, or "
                + "makes it active again.",
            document: .agent,
            access: .user(.registryUpdate),
            failures: [.invalidBody, .resourceNotFound, .preconditionFailed],
            input: PackStateInput.self
        ) { input, context in
            let uid = try context.parameter("uid")
            let (actor, ifMatch) = (AuditActor(context), context.ifMatch)
            guard
                let found = try database.read({ tx in
                    try PackStore.version(uid: uid, tenantUID: actor.tenantUID, tx)
                })
            else { throw Failure.notFound("Pack", uid) }
            let registry = try database.read { tx in
                try RegistryStore.find(uid: found.registryUID, tx)
            }
            if registry?.tenantUID == nil { try refuseOtherTenants(context) }
            try await database.write { tx in
                guard let pack = try PackStore.version(uid: uid, tx), pack.state != .deleted else {
                    throw Failure.notFound("Pack", uid)
                }
                try ifMatch.check(pack.entityTag)
                try setState(input.state, of: pack, by: actor, tx)
            }
        }
    }

    /// Sets a version's state; `active` hands it back to its registry, whose next run may say
    /// otherwise.
    ///
    /// What can be used again is what a registry gains: trains take it up.
    private func setState(
        _ state: PackState,
        of pack: PackVersion,
        by actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws {
        let isHeld = state != .active
        try PackStore.setState(state, isHeld: isHeld, of: pack.uid, tx)
        guard state != pack.state else { return }
        try AuditStore.record(
            .update,
            AuditResource("pack", uid: pack.uid, name: "\(pack.name) \(pack.version)"),
            "Pack \(pack.name) \(pack.version) is \(state.rawValue), was \(pack.state.rawValue).",
            by: actor,
            tx
        )
        guard !pack.state.isUsable, state.isUsable else { return }
        try importer.onImport(
            ImportNotice(
                registryUID: pack.registryUID,
                packName: pack.name,
                version: pack.version
            ),
            tx
        )
    }
}

/// The body of `PATCH /v1/packs/{uid}/state`.
struct PackStateInput: WireInput {
    let state: PackState

    init(from fields: Fields) {
        let settable: [PackState] = [.active, .deprecated, .disabled]
        let text = fields.text("state", allowed: settable.map(\.rawValue))
        state = PackState(rawValue: text) ?? .active
    }
}

extension PackVersion {
    /// What says that a version is the one that was read: it never changes but for its state.
    var entityTag: String { "\(uid).\(state.rawValue)" }
}
