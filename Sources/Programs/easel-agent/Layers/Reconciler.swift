import AgentContract

/// Decides what to do so that an appliance has what it should have: a pure function of what is
/// wanted and what is there.
enum Reconciler {
    /// One thing to do.
    enum Action: Sendable, Hashable {
        /// Write the layer's folder anew. The folders named afterwards held the same layer at
        /// another place; they go when the new one stands, and not before.
        case apply(WantedLayer, replacing: [String])
        /// Take the folder away.
        case remove(folder: String)
    }

    /// The actions in order: what changed or is new in the order of installation, then what is
    /// gone in the reverse one.
    ///
    /// - Parameters:
    ///   - applied: every folder that is there; nil for one that nobody can read.
    ///   - siteDigest: the digest of the site properties that hold now.
    static func plan(
        wanted: [WantedLayer],
        applied: [String: AppliedLayer?],
        siteDigest: String
    ) -> [Action] {
        let folders = Set(wanted.map(\.folder))
        var orphans: [LayerIdentity: [String]] = [:]
        for (folder, layer) in applied where !folders.contains(folder) {
            if let layer { orphans[layer.identity, default: []].append(folder) }
        }
        var actions: [Action] = []
        for layer in wanted {
            let there = applied[layer.folder].flatMap { $0 }
            let former = orphans[layer.identity, default: []].sorted()
            if there?.satisfies(layer, siteDigest: siteDigest) ?? false { continue }
            actions.append(.apply(layer, replacing: former))
        }
        let identities = Set(
            actions.compactMap { action -> LayerIdentity? in
                guard case .apply(let layer, _) = action else { return nil }
                return layer.identity
            }
        )
        let gone = applied.filter { folder, layer in
            guard !folders.contains(folder) else { return false }
            guard let layer else { return true }
            return !identities.contains(layer.identity)
        }
        let reversed = gone.sorted { left, right in
            let order = (left.value?.position ?? .max, right.value?.position ?? .max)
            return order.0 == order.1 ? left.key > right.key : order.0 > order.1
        }
        return actions + reversed.map { .remove(folder: $0.key) }
    }

    /// Whether a desired state may be taken up by an appliance that has seen another: never a
    /// lower one.
    static func accepts(_ number: DesiredNumber, seen: DesiredNumber?) -> Bool {
        seen.map { number >= $0 } ?? true
    }
}
