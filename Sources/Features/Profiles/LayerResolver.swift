import AgentContract
import APIKit
import Crypto
import JSON
import Packs
import Primitives
import Storage

/// Finds out what a layer means today: which version of which pack, with which parts.
enum LayerResolver {
    /// The pack version that a layer means; `nil` when no registry holds it.
    ///
    /// The tag decides when there is one; a uid without a tag pins that very version.
    ///
    /// - Throws: `.ruleViolated` when several registries hold the pack and none is named.
    static func pack(
        kind: LayerKind = .spectro,
        name: String,
        registryUID: String,
        packUID: String,
        tag: String,
        tenantUID: String,
        pointer: String,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        var registryUID = registryUID
        var name = ProfileRules.packName(name)
        if !packUID.isEmpty {
            guard let chosen = try PackStore.version(uid: packUID, tenantUID: tenantUID, tx) else {
                return nil
            }
            if tag.isEmpty || tag == chosen.version { return chosen }
            registryUID = chosen.registryUID
            name = chosen.name
        }
        guard !tag.isEmpty else { return nil }
        if registryUID.isEmpty {
            return try PackStore.find(
                name: name,
                version: tag,
                tenantUID: tenantUID,
                kinds: kind.registryKinds,
                pointer: pointer + "/registryUid",
                tx
            )
        }
        guard try RegistryStore.find(uid: registryUID, tenantUID: tenantUID, tx) != nil else {
            return nil
        }
        return try PackStore.resolve(registryUID: registryUID, name: name, version: tag, tx)
    }

    /// A layer with everything it needs to be applied.
    struct Resolved {
        let layer: Layer
        let pack: PackVersion?
        let values: String
        /// The layer as it was published; it gives the parts of a pack that is gone since.
        var linked: LayerRevision?
    }

    /// Resolves every layer; values that the author left out are the pack's.
    ///
    /// - Parameter linked: the uids of the pack versions that layers are to stay linked to, by the
    ///   layer's name.
    /// - Throws: `.ruleViolated` naming each layer whose pack is gone.
    static func resolve(
        _ layers: [Layer],
        linked: [String: String] = [:],
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> [Resolved] {
        let faults = FaultList()
        var resolved: [Resolved] = []
        for (index, layer) in layers.enumerated() {
            if layer.kind == .manifest {
                resolved.append(Resolved(layer: layer, pack: nil, values: layer.values ?? ""))
                continue
            }
            let link = linked[layer.name]
            let pack = try pack(
                kind: layer.kind,
                name: layer.name,
                registryUID: layer.registryUID,
                packUID: link ?? layer.packUID,
                tag: link == nil ? layer.tag : "",
                tenantUID: tenantUID,
                pointer: "/spec/draft/packs/\(index)",
                tx
            )
            guard let pack else {
                faults.add(
                    Fault(
                        "/spec/draft/packs/\(index)",
                        "UnknownPack",
                        "The pack of layer '\(layer.name)' is in no registry any more."
                    )
                )
                continue
            }
            // A newer version may have been listed since the layer was written.
            guard pack.isFetched else {
                faults.add(Self.notFetched(pack, "/spec/draft/packs/\(index)"))
                continue
            }
            let values = try layer.values ?? BlobStore.text(pack.valuesDigest, tx) ?? ""
            resolved.append(Resolved(layer: layer, pack: pack, values: values))
        }
        try ProfileRules.refuse(faults)
        return resolved
    }

    /// The fault of a layer whose chart is listed and whose bytes are not here.
    static func notFetched(_ pack: PackVersion, _ pointer: String) -> Fault {
        Fault(
            pointer,
            "ChartNotFetched",
            "Chart '\(pack.name)' \(pack.version) has come to its registry just now and is not "
                + "fetched yet; write the layer again."
        )
    }

    /// The layers as agents take them, in the order of installation; every part is in the blob
    /// store afterwards.
    static func revisions(
        _ resolved: [Resolved],
        _ tx: borrowing Transaction
    ) throws -> [LayerRevision] {
        var revisions: [LayerRevision] = []
        for one in resolved { revisions.append(try revision(one, tx)) }
        return inOrder(revisions)
    }

    /// The layers, which stand as the author listed them, in the order of installation.
    static func inOrder(_ layers: [LayerRevision]) -> [LayerRevision] {
        // Equal install orders keep the order of the list.
        layers.enumerated().sorted {
            (rank($0.element), $0.element.installOrder, $0.offset)
                < (rank($1.element), $1.element.installOrder, $1.offset)
        }.map(\.element)
    }

    /// Core layers come first, in the order that each needs the one before.
    private static func rank(_ layer: LayerRevision) -> Int {
        if layer.kind == LayerKind.manifest.rawValue, layer.name == agentConfigLayer { return -1 }
        return ["kernel", "os", "k8s", "cni", "csi"].firstIndex(of: layer.layer) ?? 5
    }

    /// One layer as agents take it.
    static func revision(
        _ one: Resolved,
        _ tx: borrowing Transaction
    ) throws -> LayerRevision {
        let gone = one.pack == nil && one.layer.kind != .manifest ? one.linked : nil
        let settings = PackSettings(values: one.values)
        let valuesBytes = Array(one.values.utf8)
        let values = Part(
            digest: try BlobStore.put(valuesBytes, tx),
            size: Int64(valuesBytes.count)
        )
        var manifests = (one.pack?.manifests ?? []).map {
            LayerRevision.Manifest(
                name: $0.name,
                part: Part(digest: $0.digest, size: Int64($0.size)),
                isAttached: false
            )
        }
        manifests += (gone?.manifests ?? []).filter { !$0.isAttached }
        for manifest in one.layer.manifests {
            let bytes = Array(manifest.content.utf8)
            manifests.append(
                .init(
                    name: manifest.name,
                    part: Part(digest: try BlobStore.put(bytes, tx), size: Int64(bytes.count)),
                    isAttached: one.pack != nil || gone != nil
                )
            )
        }
        var charts = (one.pack?.charts ?? []).map {
            LayerRevision.Chart(
                name: $0.name,
                file: $0.file,
                part: Part(digest: $0.digest, size: Int64($0.size))
            )
        }
        charts += gone?.charts ?? []
        let version =
            one.pack?.version ?? gone?.version
            ?? (one.layer.tag.isEmpty ? "1.0.0" : one.layer.tag)
        var text = "\(one.layer.name)\n\(one.layer.kind.rawValue)\n\(version)\n"
        text += "\(settings.installOrder)\n\(settings.isVM)\n\(values.digest)\n"
        for manifest in manifests {
            text += "m \(manifest.name) \(manifest.part.digest) \(manifest.isAttached)\n"
        }
        for chart in charts { text += "c \(chart.file) \(chart.part.digest)\n" }
        return LayerRevision(
            name: one.layer.name,
            kind: one.layer.kind.rawValue,
            layer: one.layer.layer,
            registryUID: one.pack?.registryUID ?? gone?.registryUID ?? one.layer.registryUID,
            packUID: one.pack?.uid ?? gone?.packUID ?? manifestPackUID,
            version: version,
            tag: one.layer.tag.isEmpty ? version : one.layer.tag,
            installOrder: settings.installOrder,
            isVM: settings.isVM,
            digest: "sha256:" + SHA256.digest(text).hex,
            values: values,
            manifests: manifests,
            charts: charts
        )
    }
}
