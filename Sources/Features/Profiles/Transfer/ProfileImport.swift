import APIKit
import JSON
import Packs
import Storage

/// The body that brings a profile from elsewhere: `v1ClusterProfileImportEntity`.
struct ProfileImport: WireInput {
    let metadata: Metadata
    let spec: Spec

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        spec = fields.object("spec")
    }

    struct Metadata: WireInput {
        let name: String
        let description: String
        let labels: [String: String]

        init(from fields: Fields) {
            name = fields.name()
            description = fields.optionalText("description", bytesMax: 4096) ?? ""
            labels = fields.labels()
        }
    }

    struct Spec: WireInput {
        let version: String
        let template: Template
        let variables: [VariableInput]

        init(from fields: Fields) {
            version = fields.profileVersion() ?? "1.0.0"
            template = fields.object("template")
            variables = fields.list("variables", countMax: ProfileVariable.countMax)
        }
    }

    struct Template: WireInput {
        let type: ProfileType
        let cloudType: String
        let layers: [ImportedLayer]

        init(from fields: Fields) {
            type = fields.choice("type", default: .full)
            let cloudType = fields.optionalText("cloudType", bytesMax: 64) ?? ""
            self.cloudType = cloudType.isEmpty ? "all" : cloudType
            layers = fields.list("packs", countMax: ProfileLimits.layers)
        }
    }

    /// A layer with the registry that it had elsewhere or that somebody chose here.
    struct ImportedLayer: WireInput {
        let input: LayerInput
        private let registry: RegistryInput?

        init(from fields: Fields) {
            var input = LayerInput(from: fields)
            registry = fields.optionalObject("registry")
            let version = fields.optionalText("version") ?? ""
            if input.tag.isEmpty { input.tag = version }
            // A pack's uid means nothing on another server.
            input.packUID = ""
            self.input = input
        }

        /// The registries that hold the pack in this version.
        func matching(
            _ tenantUID: String,
            _ tx: borrowing Transaction
        ) throws -> [Registry] {
            guard input.kind != .manifest else { return [] }
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

        /// Of the registries that hold the pack the one that is named, by its uid or else by its
        /// name; `nil` when none is.
        func named(of matching: [Registry]) -> Registry? {
            let wanted = registry?.metadata
            return matching.first { $0.uid == wanted?.uid }
                ?? matching.first { $0.name == wanted?.name }
        }
    }

    private struct RegistryInput: WireInput {
        let metadata: RegistryMetadata?

        init(from fields: Fields) { metadata = fields.optionalObject("metadata") }
    }

    private struct RegistryMetadata: WireInput {
        let uid: String
        let name: String

        init(from fields: Fields) {
            uid = fields.optionalText("uid") ?? ""
            name = fields.optionalText("name") ?? ""
        }
    }
}

extension ProfileImport {
    /// The layers of the new profile, each linked to a registry of this server.
    ///
    /// - Parameters:
    ///   - faults: takes what is wrong with them, a pack that is missing here and a secret that is
    ///     still masked among it.
    ///   - shape: what is wrong with the shape of the body.
    func layers(
        _ call: ProfileCall,
        _ shape: [Fault],
        _ faults: FaultList,
        _ tx: borrowing Transaction
    ) throws -> [Layer] {
        let inputs = try spec.template.layers.map { layer in
            var input = layer.input
            let matching = try layer.matching(call.tenantUID, tx)
            input.registryUID = layer.named(of: matching)?.uid ?? ""
            return input
        }.readable(despite: shape)
        let layers = try ProfileRules.layers(
            inputs,
            type: spec.template.type,
            existing: [],
            tenantUID: call.tenantUID,
            faults: faults,
            tx
        )
        for (input, layer) in zip(inputs, layers) {
            let shown = try LayerOutput(layer, tenantUID: call.tenantUID, tx)
            for manifest in input.manifests
            where MaskedSecrets.isMasked(manifest: manifest.content ?? "") {
                faults.add(MaskedSecrets.fault(manifest, of: layer.name))
            }
            guard let pack = shown.pack else { continue }
            let found = MaskedSecrets.faults(
                in: layer.values ?? "",
                of: pack,
                layer.name,
                input.pointer
            )
            for fault in found { faults.add(fault) }
        }
        return layers
    }

    /// The profile as it would be imported, with the registries to choose from.
    func document(_ call: ProfileCall, _ tx: borrowing Transaction) throws -> ProfileDocument {
        ProfileDocument(
            name: metadata.name,
            description: metadata.description,
            labels: metadata.labels,
            version: spec.version,
            type: spec.template.type,
            cloudType: spec.template.cloudType,
            layers: try spec.template.layers.map { layer in
                let input = layer.input
                let matching = try layer.matching(call.tenantUID, tx)
                return ProfileDocument.CarriedLayer(
                    name: input.name,
                    kind: input.kind,
                    layer: input.layer,
                    tag: input.tag,
                    version: input.tag,
                    values: input.values,
                    manifests: input.manifests.map { ($0.name, $0.content ?? "") },
                    registry: layer.named(of: matching),
                    matching: input.kind == .manifest ? nil : matching
                )
            },
            variables: spec.variables.map(\.variable)
        )
    }
}
