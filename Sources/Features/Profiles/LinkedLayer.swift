import APIKit
import Packs
import Primitives
import Storage

/// A layer with the pack that it means now, as the checks want it.
struct LinkedLayer: Sendable {
    let name: String
    let kind: LayerKind
    /// The pack's own where there is one, whatever the author calls it.
    let layer: String
    /// Nil for a layer of manifests, and where no registry has the pack.
    let pack: PackVersion?
    let values: String
    /// The pack's own values.
    let defaults: String
    /// Where the layer stands, for faults.
    let pointer: String

    /// A layer as a request writes it, its presets merged in.
    init(_ input: LayerInput, tenantUID: String, _ tx: borrowing Transaction) throws {
        let layer = Layer(
            name: input.name,
            kind: input.kind,
            layer: input.layer.isEmpty ? "addon" : input.layer,
            registryUID: input.registryUID,
            packUID: input.packUID,
            tag: input.tag,
            values: input.values,
            manifests: []
        )
        try self.init(
            layer,
            presets: input.presets,
            tenantUID: tenantUID,
            pointer: input.pointer,
            tx
        )
    }

    /// A stored layer.
    init(
        _ layer: Layer,
        presets: [String] = [],
        tenantUID: String,
        pointer: String,
        _ tx: borrowing Transaction
    ) throws {
        let pack = try Self.pack(of: layer, tenantUID: tenantUID, tx)
        let defaults = try pack.flatMap { try BlobStore.text($0.valuesDigest, tx) } ?? ""
        var values = layer.values ?? defaults
        if !presets.isEmpty, let pack,
            // A wrong choice is a fault of its own.
            let merged = try? PresetMerger.apply(presets, of: pack.presets, to: Array(values.utf8))
        {
            values = String(decoding: merged, as: UTF8.self)
        }
        self.init(layer, pack: pack, values: values, defaults: defaults, pointer: pointer)
    }

    init(_ layer: Layer, pack: PackVersion?, values: String, defaults: String, pointer: String) {
        name = layer.name
        kind = layer.kind
        self.layer = pack?.layer.rawValue ?? layer.layer
        self.pack = pack
        self.values = values
        self.defaults = defaults
        self.pointer = pointer
    }

    /// All layers of a draft.
    static func all(of profile: Profile, _ tx: borrowing Transaction) throws -> [LinkedLayer] {
        try all(profile.layers, tenantUID: profile.tenantUID, at: "/spec/draft", tx)
    }

    /// - Parameter pointer: where the template that holds them stands.
    static func all(
        _ layers: [Layer],
        tenantUID: String,
        at pointer: String,
        _ tx: borrowing Transaction
    ) throws -> [LinkedLayer] {
        var linked: [LinkedLayer] = []
        for (index, layer) in layers.enumerated() {
            let place = "\(pointer)/packs/\(index)"
            linked.append(try LinkedLayer(layer, tenantUID: tenantUID, pointer: place, tx))
        }
        return linked
    }

    private static func pack(
        of layer: Layer,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> PackVersion? {
        guard layer.kind != .manifest else { return nil }
        do {
            return try LayerResolver.pack(
                name: layer.name,
                registryUID: layer.registryUID,
                packUID: layer.packUID,
                tag: layer.tag,
                tenantUID: tenantUID,
                pointer: "",
                tx
            )
        } catch is Failure {
            // Several registries have it: that is a fault of its own.
            return nil
        }
    }
}

/// What a check has to say about a profile.
struct Finding: Sendable {
    /// What follows from it.
    enum Weight: String, Sendable {
        /// It cannot be published, and a write that brings it is refused.
        case error
        /// It is allowed, and likely not what was meant.
        case warning
    }

    let weight: Weight
    let fault: Fault

    /// What makes it the same finding before and after a change, wherever it stands.
    var identity: String { fault.code + " " + fault.message }
}

extension [Finding] {
    /// The errors that a change brings.
    ///
    /// What was wrong before does not stop a change: a draft is made better in steps, packs are
    /// withdrawn under profiles that use them, and a profile that is read can be put back.
    ///
    /// - Parameter former: what was found before; asked only when there are errors.
    func errors(since former: () throws -> [Finding]) rethrows -> [Fault] {
        let errors = filter { $0.weight == .error }
        guard !errors.isEmpty else { return [] }
        let known = Set(try former().map(\.identity))
        return errors.filter { !known.contains($0.identity) }.map(\.fault)
    }
}
