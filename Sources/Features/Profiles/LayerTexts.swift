import APIKit
import Macros
import Packs
import Synchronization
import YAML

/// Checks the YAML texts of layers.
///
/// Nothing stored is asked, so it is done before the write: a large text would hold up the one
/// writer.
enum LayerTexts {
    /// What is wrong with the values and manifests of these layers.
    static func faults(of layers: [LayerInput]) -> [Fault] {
        let faults = FaultList()
        for layer in layers {
            if let values = layer.values {
                check(values, at: layer.pointer + "/values", "The values of", layer.name, faults)
                if let problem = PackSettings(values: values).problem {
                    faults.add(Fault(layer.pointer + "/values", "InvalidSetting", problem))
                }
            }
            for manifest in layer.manifests { check(manifest, of: layer.name, faults) }
        }
        return faults.faults
    }

    /// What is wrong with a manifest that is written alone.
    static func faults(of manifest: ManifestInput, layer: String, isNew: Bool) -> [Fault] {
        let faults = FaultList()
        if manifest.content?.allSatisfy(\.isWhitespace) ?? isNew {
            faults.add(
                Fault(manifest.pointer + "/content", "Required", "'content' is required.")
            )
        }
        check(manifest, of: layer, faults)
        return faults.faults
    }

    private static func check(_ manifest: ManifestInput, of layer: String, _ faults: FaultList) {
        guard let content = manifest.content else { return }
        let what = "Manifest '\(manifest.name)' of"
        check(content, at: manifest.pointer + "/content", what, layer, faults)
    }

    /// Notes what is wrong with the references of a text, and a fault when it is no YAML.
    ///
    /// Text with template braces of others is YAML only once it is rendered, so it is let through.
    private static func check(
        _ text: String,
        at pointer: String,
        _ what: String,
        _ layer: String,
        _ faults: FaultList
    ) {
        var text = text
        if TemplateText.mayRefer(text) {
            let template = TemplateText(text)
            for fault in template.faults {
                let message = "\(what) layer '\(layer)', \(fault.sentence)"
                faults.add(Fault(pointer, fault.code, message))
            }
            guard template.faults.isEmpty else { return }
            text = template.neutral
        }
        guard !text.hasMacro else { return }
        do {
            _ = try YAML.parse(text)
        } catch {
            faults.add(
                Fault(
                    pointer,
                    "InvalidYAML",
                    "\(what) layer '\(layer)', line \(error.line), column \(error.column): no "
                        + "valid YAML. \(error.reason)"
                )
            )
        }
    }
}

extension Profiles {
    /// More text than this is checked away from the loop.
    private static let inlineBytesMax = 64 << 10

    /// The faults of the layers' texts, found without holding up the loop.
    func textFaults(of layers: [LayerInput]) async throws -> [Fault] {
        let bytes = layers.reduce(0) { sum, layer in
            layer.manifests.reduce(sum + (layer.values?.utf8.count ?? 0)) {
                $0 + ($1.content?.utf8.count ?? 0)
            }
        }
        guard bytes > Self.inlineBytesMax else { return LayerTexts.faults(of: layers) }
        return try await awayFromLoop { LayerTexts.faults(of: layers) }
    }

    /// Runs work that would hold up the loop.
    func awayFromLoop<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let found = Found<Value>()
        _ = try await archives.runSlow {
            let value = try work()
            found.value.withLock { $0 = value }
            return []
        }
        guard let value = found.value.withLock({ $0 }) else { throw CancellationError() }
        return value
    }
}

private final class Found<Value: Sendable>: Sendable {
    let value = Mutex<Value?>(nil)
}
