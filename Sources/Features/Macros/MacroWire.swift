import APIKit
import JSON

/// The body of the writes: `v1Macros`.
struct MacrosInput: WireInput {
    let macros: [MacroInput]

    init(from fields: Fields) {
        macros = fields.list("macros", countMax: MacroSet.countMax)
        // `null` is how Go clients write an empty list; a body without it is a mistake.
        if !fields.mentions("macros") {
            fields.fault("macros", "Required", "'macros' is required.")
        }
        var names: Set<String> = []
        for (index, macro) in macros.enumerated() where !macro.name.isEmpty {
            guard !names.insert(macro.name).inserted else { continue }
            let at = fields.pointer(to: "macros") + "/\(index)/name"
            let what = "'\(macro.name)' is named more than once."
            fields.faults.add(Fault(at, "DuplicateName", what))
        }
    }

    /// Name → value.
    var values: [String: String] {
        Dictionary(macros.map { ($0.name, $0.value) }) { first, _ in first }
    }
}

/// `v1Macro`.
struct MacroInput: WireInput {
    let name: String
    let value: String

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: MacroSet.nameBytesMax)
        value = fields.optionalText("value", bytesMax: MacroSet.valueBytesMax) ?? ""
        if let flaw = MacroSet.flaw(inName: name) { fields.fault("name", "InvalidName", flaw) }
        if let flaw = MacroSet.flaw(inValue: value) { fields.fault("value", "InvalidValue", flaw) }
    }
}

/// `v1Macros`, by name.
struct MacrosAnswer: WireOutput {
    let set: MacroSet

    static var examples: [MacrosAnswer] {
        [MacrosAnswer(set: MacroSet(values: ["ntp-server": "10.10.0.1"], version: 7))]
    }

    var entityTag: String? { self.set.tag }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("macros")
        writer.beginArray()
        for (name, value) in set.values.sorted(by: { $0.key < $1.key }) {
            writer.beginObject()
            writer.field("name", name)
            writer.field("value", value)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}

/// `v1Macros` as they hold somewhere: those of all scopes together.
struct MacrosInEffectAnswer: WireOutput {
    let values: [String: String]

    static var examples: [MacrosInEffectAnswer] {
        [MacrosInEffectAnswer(values: ["ntp-server": "10.10.0.1"])]
    }

    func write(to writer: inout JSONWriter) {
        MacrosAnswer(set: MacroSet(values: values, version: 0)).write(to: &writer)
    }
}
