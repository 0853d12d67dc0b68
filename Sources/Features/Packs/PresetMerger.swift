import APIKit
import YAML

/// Applies presets to a pack's values (BEHAVIOUR 4.3): the paths under `remove` go, then `add` is
/// merged in.
package enum PresetMerger {
    /// The values with the chosen presets applied, in the order of the pack's own list, whatever
    /// the order of the choice: equal choices give equal bytes.
    ///
    /// - Parameters:
    ///   - chosen: names of presets, each alone (`enable-api`) or with its group
    ///     (`Backend:enable-api`).
    ///   - pointer: where the choice stands in the request, for faults.
    /// - Throws: `.ruleViolated` with one fault for each name that the pack does not have and for
    ///   each second choice in one group; `.ruleViolated` too when the values are no YAML mapping.
    package static func apply(
        _ chosen: [String],
        of presets: [Preset],
        to values: [UInt8],
        pointer: String = "/presets"
    ) throws -> [UInt8] {
        let selected = try select(chosen, of: presets, pointer)
        var text = values
        for preset in presets where selected.contains(preset.name) {
            do throws(YAMLError) {
                text = try YAMLMerge.apply(
                    to: text,
                    remove: preset.remove,
                    add: try PackYAML.node(Array(preset.add.utf8))
                )
            } catch {
                throw Failure.fault(
                    pointer,
                    "InvalidYAML",
                    "Preset '\(preset.name)' cannot be applied to the values: \(error)."
                )
            }
        }
        return text
    }

    /// The names that a choice comes to, every rule about choices checked.
    private static func select(
        _ chosen: [String],
        of presets: [Preset],
        _ pointer: String
    ) throws -> Set<String> {
        var faults: [Fault] = []
        var selected: Set<String> = []
        var byGroup: [String: String] = [:]
        for (index, choice) in chosen.enumerated() {
            let place = "\(pointer)/\(index)"
            guard let preset = find(choice, in: presets) else {
                let names = presets.map { "\($0.group):\($0.name)" }.joined(separator: ", ")
                faults.append(
                    Fault(
                        place,
                        "UnknownPreset",
                        "The pack has no preset '\(choice)'; it has "
                            + (names.isEmpty ? "none at all." : "\(names).")
                    )
                )
                continue
            }
            if let other = byGroup[preset.group], other != preset.name {
                faults.append(
                    Fault(
                        place,
                        "PresetConflict",
                        "Presets '\(other)' and '\(preset.name)' are both of group "
                            + "'\(preset.group)'; choose one of them."
                    )
                )
                continue
            }
            byGroup[preset.group] = preset.name
            selected.insert(preset.name)
        }
        guard let first = faults.first else { return selected }
        throw Failure(.ruleViolated, first.message, faults: faults)
    }

    private static func find(_ choice: String, in presets: [Preset]) -> Preset? {
        presets.first { $0.name == choice } ?? presets.first { "\($0.group):\($0.name)" == choice }
    }
}
