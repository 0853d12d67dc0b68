import APIKit
import AgentContract
import Macros
import Packs
import Primitives
import Storage
import YAML

/// Puts what references stand for into the texts of a profile's layers.
struct ReferenceResolver {
    private let layers: [LayerResolver.Resolved]
    private let known: KnownValues
    private let showsSecrets: Bool
    /// The values of layers that were referred to, by their place; the outer `nil` is not read yet.
    private var roots: [Int: Root] = [:]

    private enum Root {
        case values(YAMLNode?)
        case invalid
    }

    /// What a looked up value holds in the place of a reference that it must not or cannot resolve.
    private static let nested = "__nested-reference__"
    private static let open = "__open-reference__"

    /// - Parameter showsSecrets: false for readers, who get a mask.
    init(
        _ layers: [LayerResolver.Resolved],
        of profile: Profile,
        showsSecrets: Bool,
        _ tx: borrowing Transaction
    ) throws {
        self.layers = layers
        self.showsSecrets = showsSecrets
        let kubernetes = layers.first { $0.layer.layer == "k8s" }
        known = try KnownValues(
            profile,
            kubernetesVersion: kubernetes?.pack?.version ?? kubernetes?.linked?.version,
            tx
        )
    }

    /// Layers with their references resolved.
    struct Outcome {
        let layers: [LayerResolver.Resolved]
        /// The macros that were referred to.
        let macroNames: Set<String>
    }

    /// All layers, their references resolved.
    ///
    /// - Parameter faults: takes what cannot be resolved, each with its layer and place.
    mutating func resolve(_ faults: FaultList) -> Outcome {
        var names: Set<String> = []
        var resolved: [LayerResolver.Resolved] = []
        for (index, one) in layers.enumerated() {
            let pointer = "/spec/draft/packs/\(index)"
            var layer = one.layer
            let values = text(
                one.values,
                "The values of layer '\(layer.name)'",
                pointer + "/values",
                &names,
                faults
            )
            layer.manifests = layer.manifests.enumerated().map { place, manifest in
                LayerManifest(
                    uid: manifest.uid,
                    name: manifest.name,
                    content: text(
                        manifest.content,
                        "Manifest '\(manifest.name)' of layer '\(layer.name)'",
                        "\(pointer)/manifests/\(place)/content",
                        &names,
                        faults
                    )
                )
            }
            resolved.append(
                LayerResolver.Resolved(
                    layer: layer,
                    pack: one.pack,
                    values: values,
                    linked: one.linked
                )
            )
        }
        return Outcome(layers: resolved, macroNames: names)
    }

    private mutating func text(
        _ text: String,
        _ what: String,
        _ pointer: String,
        _ names: inout Set<String>,
        _ faults: FaultList
    ) -> String {
        guard TemplateText.mayRefer(text) else { return text }
        let template = TemplateText(text)
        guard !template.parts.allSatisfy(\.isText) || !template.faults.isEmpty else { return text }
        names.formUnion(template.references.compactMap(\.macroName))
        var found = template.faults
        var resolver = self
        let rendered = template.rendered(faults: &found) { resolver.answer($0) }
        self = resolver
        for fault in found {
            faults.add(Fault(pointer, fault.code, "\(what), \(fault.sentence)"))
        }
        guard found.isEmpty else { return text }
        // What still has braces is YAML only once those are resolved, too.
        if !rendered.contains("{{") {
            do throws(YAMLError) {
                _ = try YAML.parse(rendered)
            } catch {
                // The reason may quote the text, and with it a secret.
                let message =
                    "\(what), with its references resolved, is not valid YAML at line "
                    + "\(error.line)."
                faults.add(Fault(pointer, "InvalidYAML", message))
            }
        }
        return rendered
    }

    private mutating func answer(_ reference: TemplateReference) -> TemplateAnswer {
        if let answer = known.answer(reference, showsSecrets: showsSecrets) { return answer }
        guard case .pack(let path) = reference.target else { return .unknown }
        return value(at: path)
    }

    /// The value behind `<layer>.<path>`; empty when there is no such layer or value.
    private mutating func value(at path: String) -> TemplateAnswer {
        // A layer's name may have dots, too: the longest that fits is meant.
        var best: (index: Int, length: Int)?
        for (index, one) in layers.enumerated() {
            for name in [one.layer.name, ProfileRules.packName(one.layer.name)]
            where path.hasPrefix(name + ".") && name.count > best?.length ?? 0 {
                best = (index, name.count)
            }
        }
        guard let best else { return .value("") }
        guard case .values(var node) = root(best.index) else {
            return .fault(
                code: "InvalidYAML",
                message: "The values of layer '\(layers[best.index].layer.name)' cannot be read."
            )
        }
        for key in path.dropFirst(best.length + 1).split(separator: ".") {
            node = node?[String(key)] ?? Int(key).flatMap { node?[$0] }
        }
        guard let node, !node.isNull else { return .value("") }
        guard let text = node.text else {
            return .fault(
                code: "NoText",
                message: "'\(path)' is a mapping or a list; only a single value can be inserted."
            )
        }
        if text.contains(Self.nested) {
            return .fault(
                code: "NestedReference",
                message: "'\(path)' refers to another layer itself."
            )
        }
        return text.contains(Self.open) ? .unknown : .value(text)
    }

    private mutating func root(_ index: Int) -> Root {
        if let root = roots[index] { return root }
        let template = TemplateText(layers[index].values)
        var faults = template.faults
        let text = template.rendered(faults: &faults) { reference in
            guard let answer = known.answer(reference, showsSecrets: showsSecrets) else {
                return .masked(Self.nested)
            }
            if case .unknown = answer { return .masked(Self.open) }
            return answer
        }
        var root = Root.invalid
        do throws(YAMLError) {
            if faults.isEmpty { root = .values(try YAML.parseSingle(Array(text.utf8))) }
        } catch {
            // What is wrong with the layer itself is told with the layer.
        }
        roots[index] = root
        return root
    }
}

extension LayerResolver.Resolved {
    /// Whether its values or manifests can hold references.
    var mayRefer: Bool {
        TemplateText.mayRefer(values)
            || layer.manifests.contains { TemplateText.mayRefer($0.content) }
    }
}

extension TemplateText.Part {
    fileprivate var isText: Bool {
        if case .text = self { true } else { false }
    }
}
