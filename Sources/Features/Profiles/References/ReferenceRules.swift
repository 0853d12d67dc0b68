import APIKit
import Macros
import Storage

/// Checks that what the texts of a request refer to exists.
///
/// What is wrong with a reference itself is found by ``LayerTexts``.
enum ReferenceRules {
    /// - Parameter profile: gives the scope and the variables.
    static func check(
        _ layers: [LayerInput],
        of profile: Profile,
        _ faults: FaultList,
        _ tx: borrowing Transaction
    ) throws {
        var texts: [(pointer: String, text: String)] = []
        for layer in layers {
            texts.append((layer.pointer + "/values", layer.values ?? ""))
            for manifest in layer.manifests {
                texts.append((manifest.pointer + "/content", manifest.content ?? ""))
            }
        }
        try check(texts, of: profile, faults, tx)
    }

    /// - Throws: `.ruleViolated` with what the draft refers to and its scope does not have.
    static func check(draftOf profile: Profile, _ tx: borrowing Transaction) throws {
        let faults = FaultList()
        var texts: [(pointer: String, text: String)] = []
        for (index, layer) in profile.layers.enumerated() {
            let pointer = "/spec/draft/packs/\(index)"
            texts.append((pointer + "/values", layer.values ?? ""))
            for (place, manifest) in layer.manifests.enumerated() {
                texts.append(("\(pointer)/manifests/\(place)/content", manifest.content))
            }
        }
        try check(texts, of: profile, faults, tx)
        try ProfileRules.refuse(faults)
    }

    static func check(
        _ manifest: ManifestInput,
        of profile: Profile,
        _ faults: FaultList,
        _ tx: borrowing Transaction
    ) throws {
        try check(
            [(manifest.pointer + "/content", manifest.content ?? "")],
            of: profile,
            faults,
            tx
        )
    }

    private static func check(
        _ texts: [(pointer: String, text: String)],
        of profile: Profile,
        _ faults: FaultList,
        _ tx: borrowing Transaction
    ) throws {
        let texts = texts.filter { TemplateText.mayRefer($0.text) }
        guard !texts.isEmpty else { return }
        let known = try KnownValues(profile, tx)
        for (pointer, text) in texts {
            for reference in TemplateText(text).references {
                guard
                    case .fault(let code, let message)? = known.answer(
                        reference,
                        showsSecrets: false
                    ), code != "RequiredValue"
                else { continue }
                let place = "line \(reference.line), column \(reference.column)"
                faults.add(Fault(pointer, code, "\(place): \(message)"))
            }
        }
    }
}
