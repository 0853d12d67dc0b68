import APIKit
import JSON
import Packs
import Primitives
import Storage
import YAML

/// The rules that make a profile's layers usable, each fault with its place.
enum ProfileRules {
    /// Whether a text is a strict semantic version.
    static func isVersion(_ text: String) -> Bool {
        guard let version = SemanticVersion(text) else { return false }
        return version.description == text
    }

    /// Turns what a request wrote into layers, checking each and all together.
    ///
    /// - Parameter existing: the layers so far; a manifest named again keeps its uid.
    /// - Throws: `.ruleViolated` with every fault of every layer.
    static func layers(
        _ inputs: [LayerInput],
        type: ProfileType,
        existing: [Layer],
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> [Layer] {
        let faults = FaultList()
        var layers: [Layer] = []
        var names: Set<String> = []
        for input in inputs {
            if !names.insert(input.name).inserted {
                faults.add(
                    Fault(
                        input.pointer + "/name",
                        "DuplicateName",
                        "The profile has more than one layer named '\(input.name)'."
                    )
                )
                continue
            }
            let former = existing.first { $0.name == input.name }
            let layer = try layer(
                input,
                former: former,
                tenantUID: tenantUID,
                faults: faults,
                tx
            )
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
        try refuse(faults)
        return layers
    }

    /// The annotations that a client may set; `scope` is the server's to say.
    static func annotations(_ given: [String: String]) -> [String: String] {
        given.filter { $0.key != "scope" }
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
                layer.kind == known.kind, layer.layer == known.layer,
                layer.manifests == known.manifests
            else { return layer }
            let shown = try LayerOutput(known, tenantUID: former.tenantUID, tx)
            let shownTag = known.tag.isEmpty ? shown.version : known.tag
            let isSame = layer.tag == shownTag || layer.tag == known.tag
            let isSamePack =
                layer.packUID == known.packUID || layer.packUID == shown.packUID
                || layer.packUID.isEmpty
            let isSameRegistry =
                layer.registryUID == known.registryUID
                || layer.registryUID == shown.pack?.registryUID
            let isSameValues =
                layer.values == known.values
                || layer.values ?? shown.values == shown.values
            return isSame && isSamePack && isSameRegistry && isSameValues ? known : layer
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

    private static func layer(
        _ input: LayerInput,
        former: Layer?,
        tenantUID: String,
        faults: FaultList,
        _ tx: borrowing Transaction
    ) throws -> Layer {
        var values = input.values
        var registryUID = input.registryUID
        var kind = "addon"
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
                kind = pack.layer.rawValue
                registryUID = pack.registryUID
                values = try merged(values, input, pack, faults, tx)
            }
        }
        if let values {
            check(
                yaml: values,
                at: input.pointer + "/values",
                "The values of",
                input.name,
                faults
            )
        }
        return Layer(
            name: input.name,
            kind: input.kind,
            layer: input.layer.isEmpty ? kind : input.layer,
            registryUID: registryUID,
            packUID: packUID,
            tag: input.tag,
            values: values,
            manifests: manifests(input, former: former, faults)
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
                name: input.name,
                registryUID: input.registryUID,
                packUID: input.packUID,
                tag: input.tag,
                tenantUID: tenantUID,
                pointer: input.pointer,
                tx
            ) {
                return pack
            }
        } catch let failure as Failure where failure.code == .ruleViolated {
            for fault in failure.faults { faults.add(fault) }
            return nil
        }
        let wanted = input.tag.isEmpty ? input.packUID : input.tag
        faults.add(
            Fault(
                input.pointer + (input.tag.isEmpty ? "/uid" : "/tag"),
                "UnknownPack",
                wanted.isEmpty
                    ? "Layer '\(input.name)' names neither a version (tag) nor a pack (uid)."
                    : "No registry holds pack '\(packName(input.name))' in version '\(wanted)'."
            )
        )
        return nil
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
            return String(decoding: merged, as: UTF8.self)
        } catch let failure as Failure {
            for fault in failure.faults { faults.add(fault) }
            return values
        }
    }

    private static func manifests(
        _ input: LayerInput,
        former: Layer?,
        _ faults: FaultList
    ) -> [LayerManifest] {
        var names: Set<String> = []
        return input.manifests.compactMap { manifest in
            guard names.insert(manifest.name).inserted else {
                faults.add(
                    Fault(
                        manifest.pointer + "/name",
                        "DuplicateName",
                        "Layer '\(input.name)' has more than one manifest named "
                            + "'\(manifest.name)'."
                    )
                )
                return nil
            }
            let known = former?.manifests.first {
                $0.uid == manifest.uid || $0.name == manifest.name
            }
            guard let content = manifest.content ?? known?.content else {
                faults.add(
                    Fault(
                        manifest.pointer + "/content",
                        "Required",
                        "Manifest '\(manifest.name)' has no content."
                    )
                )
                return nil
            }
            check(
                yaml: content,
                at: manifest.pointer + "/content",
                "Manifest '\(manifest.name)' of",
                input.name,
                faults
            )
            return LayerManifest(
                uid: known?.uid ?? UID.make(at: Timestamp.now()).text,
                name: manifest.name,
                content: content
            )
        }
    }

    /// The content of a manifest that is written alone.
    ///
    /// - Throws: `.ruleViolated` when it is missing or no YAML.
    static func content(of manifest: ManifestInput, layer: String) throws -> String {
        let faults = FaultList()
        if let content = manifest.content {
            check(
                yaml: content,
                at: manifest.pointer + "/content",
                "Manifest '\(manifest.name)' of",
                layer,
                faults
            )
        } else {
            faults.add(
                Fault(manifest.pointer + "/content", "Required", "'content' is required.")
            )
        }
        try refuse(faults)
        return manifest.content ?? ""
    }

    /// Notes a fault when the text is no YAML. Text with template braces is YAML only once it is
    /// rendered, so it is let through.
    private static func check(
        yaml text: String,
        at pointer: String,
        _ what: String,
        _ layer: String,
        _ faults: FaultList
    ) {
        guard !text.contains("{{") else { return }
        do {
            _ = try YAML.parse(text)
        } catch {
            faults.add(
                Fault(
                    pointer,
                    "InvalidYAML",
                    "\(what) layer '\(layer)' is not valid YAML: line \(error.line), column "
                        + "\(error.column): \(error.reason)"
                )
            )
        }
    }

    /// The name of the pack behind a layer: Palette's clients write `a--b` for pack `b`.
    static func packName(_ layerName: String) -> String {
        guard let range = layerName.ranges(of: "--").last else { return layerName }
        return String(layerName[range.upperBound...])
    }
}
