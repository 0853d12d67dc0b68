import APIKit
import JSON
import Packs
import Primitives
import Storage

/// The rules that make a profile's layers usable, each fault with its place.
enum ProfileRules {
    /// Whether a text is a strict semantic version.
    static func isVersion(_ text: String) -> Bool {
        guard let version = SemanticVersion(text) else { return false }
        return version.description == text
    }

    /// Turns what a request wrote into layers, checking each and all together.
    ///
    /// - Parameters:
    ///   - existing: the layers so far; a manifest that is named again keeps its uid, and its
    ///     content when the request has none.
    ///   - faults: takes every fault of every layer; what is returned is used only when there is
    ///     none.
    static func layers(
        _ inputs: [LayerInput],
        type: ProfileType,
        existing: [Layer],
        tenantUID: String,
        faults: FaultList,
        _ tx: borrowing Transaction
    ) throws -> [Layer] {
        var layers: [Layer] = []
        var names: Set<String> = []
        let former = FormerManifests(existing)
        for input in inputs {
            // A layer without a name has been refused with the body's shape.
            if !names.insert(input.name).inserted {
                faults.add(
                    Fault(
                        input.pointer + "/name",
                        "DuplicateName",
                        "The profile has more than one layer named '\(input.name)'."
                    )
                )
            }
            let layer = try layer(input, former, tenantUID: tenantUID, faults: faults, tx)
            if !type.takesCoreLayers, layer.layer != "addon" {
                faults.add(
                    Fault(
                        input.pointer + "/layer",
                        "CoreLayerNotAllowed",
                        "Layer '\(input.name)' is a core layer (\(layer.layer)); "
                            + "profiles of type '\(type.rawValue)' take add-ons only."
                    )
                )
            }
            layers.append(layer)
        }
        return layers
    }

    /// A profile that is read and put back says the pack's own values and the resolved uid where
    /// its author left them out: what shows the same is kept as it was written.
    static func keepingDefaults(
        _ layers: [Layer],
        former: Profile,
        _ tx: borrowing Transaction
    ) throws -> [Layer] {
        try layers.map { layer in
            guard let known = former.layers.first(where: { $0.name == layer.name }),
                layer.kind == known.kind
            else { return layer }
            let shown = try LayerOutput(known, tenantUID: former.tenantUID, tx)
            let shownTag = known.tag.isEmpty ? shown.version : known.tag
            guard layer.tag == shownTag || layer.tag == known.tag else { return layer }
            var kept = layer
            kept.tag = known.tag
            // The uid of the version that the layer was linked to when the caller read it, which
            // may be older than what it is linked to now.
            let read = try PackStore.version(
                uid: layer.packUID,
                tenantUID: former.tenantUID,
                tx
            )
            let isSamePack =
                layer.packUID.isEmpty || layer.packUID == shown.packUID
                || (!known.tag.isEmpty && read?.name == shown.pack?.name
                    && read?.registryUID == shown.pack?.registryUID)
            if isSamePack { kept.packUID = known.packUID }
            if layer.registryUID == shown.registryUID { kept.registryUID = known.registryUID }
            if known.values == nil, let values = layer.values {
                let isDefault =
                    try values == shown.values
                    || read.map {
                        try values == BlobStore.text($0.valuesDigest, tx)
                    } ?? false
                if isDefault { kept.values = nil }
            }
            return kept
        }
    }

    /// - Throws: `.limitExceeded` when the layers together are larger than a profile may be.
    static func checkSize(_ layers: [Layer]) throws {
        guard layers.count <= ProfileLimits.layers else {
            throw Failure(
                .limitExceeded,
                "A profile has at most \(ProfileLimits.layers) layers."
            )
        }
        let bytes = layers.reduce(0) { sum, layer in
            layer.manifests.reduce(sum + (layer.values?.utf8.count ?? 0)) {
                $0 + $1.content.utf8.count
            }
        }
        guard bytes <= ProfileLimits.draftBytes else {
            throw Failure(
                .limitExceeded,
                "The values and manifests of a profile have at most \(ProfileLimits.draftBytes) "
                    + "bytes together; these have \(bytes)."
            )
        }
    }

    /// Throws when there are faults.
    static func refuse(_ faults: FaultList) throws {
        guard !faults.faults.isEmpty else { return }
        throw Failure(
            .ruleViolated,
            faults.faults.count == 1
                ? faults.faults[0].message
                : "The profile has \(faults.faults.count) faults; see details.errors.",
            faults: faults.faults
        )
    }

    /// Refuses a body for all that is wrong with it.
    ///
    /// That the name is taken is told beside other faults; alone it is a conflict, which the
    /// write itself tells.
    static func refuse(
        _ shape: [Fault],
        and rules: [Fault],
        naming profile: Profile,
        _ tx: borrowing Transaction
    ) throws {
        guard !shape.isEmpty || !rules.isEmpty else { return }
        let former = try ProfileStore.find(profile.uid, tx)
        let isNamedAnew =
            former?.name != profile.name || former?.profileVersion != profile.profileVersion
        let isTaken = try ProfileStore.exists(
            name: profile.name,
            version: profile.profileVersion,
            tenantUID: profile.tenantUID,
            projectUID: profile.projectUID,
            tx
        )
        let taken = takenName(profile.name, profile.profileVersion)
        try Failure.refuse(shape, and: rules + (isNamedAnew && isTaken ? [taken] : []))
    }

    /// The fault of a name that another profile of the scope has.
    static func takenName(_ name: String, _ version: String) -> Fault {
        Fault(
            "/metadata/name",
            "DuplicateName",
            "A profile named '\(name)' with version \(version) exists."
        )
    }

    private static func layer(
        _ input: LayerInput,
        _ former: FormerManifests,
        tenantUID: String,
        faults: FaultList,
        _ tx: borrowing Transaction
    ) throws -> Layer {
        // An empty text gives the pack's own values back.
        var values = input.values?.isEmpty == true ? nil : input.values
        var registryUID = input.registryUID
        var layer = input.layer.isEmpty ? "addon" : input.layer
        var packUID = input.packUID
        switch input.kind {
        case .manifest:
            packUID = manifestPackUID
            registryUID = try RegistryStore.embedded(tx)?.uid ?? ""
            if input.manifests.isEmpty {
                faults.add(
                    Fault(
                        input.pointer + "/manifests",
                        "Required",
                        "Layer '\(input.name)' is of type manifest and has none."
                    )
                )
            }
        case .spectro, .helm, .oci:
            if let pack = try pack(for: input, tenantUID: tenantUID, faults: faults, tx) {
                // Whatever the caller calls it: a core pack must not slip in as an add-on.
                layer = pack.layer.rawValue
                registryUID = pack.registryUID
                values = try merged(values, input, pack, faults, tx)
            }
        }
        return Layer(
            name: input.name,
            kind: input.kind,
            layer: layer,
            registryUID: registryUID,
            packUID: packUID,
            tag: input.tag,
            values: values,
            manifests: manifests(input, former, at: tx.now, faults)
        )
    }

    private static func pack(
        for input: LayerInput,
        tenantUID: String,
        faults: FaultList,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        do {
            if let pack = try LayerResolver.pack(
                kind: input.kind,
                name: input.name,
                registryUID: input.registryUID,
                packUID: input.packUID,
                tag: input.tag,
                tenantUID: tenantUID,
                pointer: input.pointer,
                tx
            ) {
                if let fault = misfit(pack, input) { faults.add(fault) }
                return pack
            }
        } catch let failure as Failure where failure.code == .ruleViolated {
            for fault in failure.faults { faults.add(fault) }
            return nil
        }
        faults.add(try MissingPack.fault(of: input, tenantUID: tenantUID, tx))
        return nil
    }

    /// What keeps a version from being the content of a layer.
    private static func misfit(_ pack: PackVersion, _ input: LayerInput) -> Fault? {
        if pack.type == .helm, input.kind == .spectro {
            return Fault(
                input.pointer + "/type",
                "WrongType",
                "'\(pack.name)' is a Helm chart: the type of layer '\(input.name)' must be helm."
            )
        }
        return pack.isFetched ? nil : LayerResolver.notFetched(pack, input.pointer + "/tag")
    }

    /// The values with the chosen presets merged in.
    private static func merged(
        _ values: String?,
        _ input: LayerInput,
        _ pack: PackVersion,
        _ faults: FaultList,
        _ tx: borrowing Transaction
    ) throws -> String? {
        guard !input.presets.isEmpty else { return values }
        let base = try values ?? BlobStore.text(pack.valuesDigest, tx) ?? ""
        do {
            let merged = try PresetMerger.apply(
                input.presets,
                of: pack.presets,
                to: Array(base.utf8),
                pointer: input.pointer + "/presets"
            )
            let chosen = pack.presets.filter {
                input.presets.contains($0.name) || input.presets.contains("\($0.group):\($0.name)")
            }
            return EnabledPresets.note(
                chosen,
                in: String(decoding: merged, as: UTF8.self),
                formerly: base
            )
        } catch let failure as Failure {
            for fault in failure.faults { faults.add(fault) }
            return values
        }
    }

    private static func manifests(
        _ input: LayerInput,
        _ former: FormerManifests,
        at now: Timestamp,
        _ faults: FaultList
    ) -> [LayerManifest] {
        var names: Set<String> = []
        var uids: Set<String> = []
        return input.manifests.map { manifest in
            if !names.insert(manifest.name).inserted {
                faults.add(
                    Fault(
                        manifest.pointer + "/name",
                        "DuplicateName",
                        "Layer '\(input.name)' has more than one manifest named "
                            + "'\(manifest.name)'."
                    )
                )
            }
            let known = former.find(manifest, layer: input.name)
            if let known, !uids.insert(known.uid).inserted {
                faults.add(
                    Fault(
                        manifest.pointer + "/uid",
                        "DuplicateUID",
                        "Layer '\(input.name)' names manifest '\(known.uid)' more than once."
                    )
                )
            }
            let content = manifest.content ?? known?.content ?? ""
            // One that was stored so before stays as it is.
            if content.allSatisfy(\.isWhitespace), content != known?.content {
                faults.add(
                    Fault(
                        manifest.pointer + "/content",
                        "Required",
                        "Manifest '\(manifest.name)' has no content."
                    )
                )
            }
            return LayerManifest(
                uid: known?.uid ?? UID.make(at: now).text,
                name: manifest.name,
                content: content
            )
        }
    }

    /// The name of the pack behind a layer: Palette's clients write `a--b` for pack `b`.
    static func packName(_ layerName: String) -> String {
        guard let range = layerName.ranges(of: "--").last else { return layerName }
        return String(layerName[range.upperBound...])
    }
}

/// The manifests that a profile has, to be found again by what a request says of them.
private struct FormerManifests {
    private var byUID: [String: LayerManifest] = [:]
    private var byName: [String: [String: LayerManifest]] = [:]

    init(_ layers: [Layer]) {
        for layer in layers {
            for manifest in layer.manifests {
                byUID[manifest.uid] = manifest
                byName[layer.name, default: [:]][manifest.name] = manifest
            }
        }
    }

    /// By the uid, which stays when the manifest or its layer gets another name; a request without
    /// one means the manifest of this name in the layer of this name.
    func find(_ input: ManifestInput, layer: String) -> LayerManifest? {
        if !input.uid.isEmpty, let known = byUID[input.uid] { return known }
        return byName[layer]?[input.name]
    }
}
