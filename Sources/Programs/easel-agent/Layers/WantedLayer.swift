import AgentContract
import Primitives

/// One layer that the appliance should have, and where it stands.
struct WantedLayer: Sendable, Hashable {
    let layer: LayerRevision
    let profileUID: String
    let revision: Int64
    /// The place among all layers, from 0, in the order of installation.
    let position: Int
    /// The name of the layer's folder: no two layers have the same.
    let folder: String

    /// Whose layer it is, whatever its version, place or content.
    var identity: LayerIdentity { LayerIdentity(profileUID: profileUID, name: layer.name) }

    /// The layers of all profiles in the order of installation.
    static func list(_ profiles: [ProfileRevision]) -> [WantedLayer] {
        var taken: Set<String> = []
        var layers: [WantedLayer] = []
        for profile in profiles {
            for layer in profile.layers {
                let order = String(max(0, layer.installOrder))
                let padding = String(repeating: "0", count: max(0, 3 - order.utf8.count))
                var folder = "\(padding)\(order)-\(SafeName.make(layer.name))"
                // Two profiles may have a layer of the same name at the same place.
                if !taken.insert(folder).inserted {
                    folder += "-" + SafeName.mark("\(profile.uid)/\(layer.name)/\(layers.count)")
                    taken.insert(folder)
                }
                layers.append(
                    WantedLayer(
                        layer: layer,
                        profileUID: profile.uid,
                        revision: profile.number,
                        position: layers.count,
                        folder: folder
                    )
                )
            }
        }
        return layers
    }
}

/// What a layer keeps through all its changes.
struct LayerIdentity: Sendable, Hashable {
    let profileUID: String
    let name: String
}
