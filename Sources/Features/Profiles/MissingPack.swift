import APIKit
import Packs
import Storage

/// Why a layer means no pack: what is so, and which member of the request to change.
enum MissingPack {
    /// The fault of a layer that ``LayerResolver`` finds no pack for.
    static func fault(
        of input: LayerInput,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> Fault {
        if !input.packUID.isEmpty {
            return try faultOfUID(input, tenantUID: tenantUID, tx)
        }
        guard !input.tag.isEmpty else {
            return Fault(
                input.pointer + "/tag",
                "UnknownPack",
                "Layer '\(input.name)' names neither a version (tag) nor a pack (uid)."
            )
        }
        let what = "pack '\(ProfileRules.packName(input.name))' in version '\(input.tag)'"
        let holders = try holders(of: input, tenantUID: tenantUID, tx)
        let names = holders.map { "'\($0.name)' (\($0.kind.rawValue))" }.joined(separator: ", ")
        if !input.registryUID.isEmpty {
            let named = try RegistryStore.find(uid: input.registryUID, tenantUID: tenantUID, tx)
            guard let named else {
                let message = "No registry has the uid '\(input.registryUID)'."
                return Fault(input.pointer + "/registryUid", "UnknownRegistry", message)
            }
            if !holders.isEmpty {
                return Fault(
                    input.pointer + "/registryUid",
                    "UnknownPack",
                    "Registry '\(named.name)' (\(named.kind.rawValue)) does not hold \(what); "
                        + "\(names) \(holders.count == 1 ? "does" : "do")."
                )
            }
        } else if !holders.isEmpty {
            return Fault(
                input.pointer + "/type",
                "UnknownPack",
                "No registry for layers of type '\(input.kind.rawValue)' holds \(what); "
                    + "\(names) \(holders.count == 1 ? "does" : "do"): set the layer's type."
            )
        }
        return Fault(input.pointer + "/tag", "UnknownPack", "No registry holds \(what).")
    }

    private static func faultOfUID(
        _ input: LayerInput,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> Fault {
        let place = input.pointer + "/uid"
        let chosen = try PackStore.version(uid: input.packUID, tenantUID: tenantUID, tx)
        guard let chosen else {
            let way = input.tag.isEmpty ? "" : "; leave 'uid' out to let the tag decide"
            let message = "No registry holds a pack with the uid '\(input.packUID)'\(way)."
            return Fault(place, "UnknownPack", message)
        }
        let registry = try RegistryStore.find(uid: chosen.registryUID, tenantUID: tenantUID, tx)
        return Fault(
            place,
            "UnknownPack",
            "'uid' is pack '\(chosen.name)' \(chosen.version) of registry "
                + "'\(registry?.name ?? chosen.registryUID)', which holds no version "
                + "'\(input.tag)' of it; leave 'uid' out or name a version that it holds."
        )
    }

    /// The registries of any kind that hold what the layer names.
    private static func holders(
        of input: LayerInput,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> [Registry] {
        let name = ProfileRules.packName(input.name)
        return try RegistryStore.visible(tenantUID, tx).filter { registry in
            try PackStore.resolve(
                registryUID: registry.uid,
                name: name,
                version: input.tag,
                tx
            ) != nil
        }
    }
}
