import APIKit
import JSON
import Primitives

/// The body of the writes: `v1Variables`.
struct VariablesInput: WireInput {
    let variables: [VariableInput]

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        variables = fields.list("variables", countMax: ProfileVariable.countMax)
        // `null` is how Go clients write an empty list; a body without it is a mistake.
        if !fields.mentions("variables") {
            fields.fault("variables", "Required", "'variables' is required.")
        }
    }
}

/// `v1Variable`.
struct VariableInput: WireInput {
    let variable: ProfileVariable
    let pointer: String

    init(from fields: Fields) {
        let name = fields.text("name", bytesMax: ProfileVariable.nameBytesMax)
        if let flaw = Self.flaw(inName: name) { fields.fault("name", "InvalidName", flaw) }
        let displayName =
            fields.optionalText("displayName", bytesMax: ProfileVariable.nameBytesMax) ?? ""
        if let flaw = NameRule.flaw(in: displayName) {
            fields.fault("displayName", "InvalidName", flaw)
        }
        let options: [OptionInput] = fields.list("options", countMax: ProfileVariable.optionsMax)
        variable = ProfileVariable(
            name: name,
            displayName: displayName,
            description: fields.optionalText(
                "description",
                bytesMax: ProfileVariable.textBytesMax
            ) ?? "",
            format: fields.choice("format", default: .string),
            inputType: fields.choice("inputType", default: .text),
            pattern: fields.optionalText("regex", bytesMax: TextPattern.patternBytesMax) ?? "",
            defaultValue: fields.optionalText(
                "defaultValue",
                bytesMax: ProfileVariable.valueBytesMax
            ) ?? "",
            options: options.map(\.option),
            isRequired: fields.optionalFlag("required") ?? false,
            isImmutable: fields.optionalFlag("immutable") ?? false,
            isHidden: fields.optionalFlag("hidden") ?? false,
            isSensitive: fields.optionalFlag("isSensitive") ?? false
        )
        pointer = fields.pointer
    }

    /// What makes a text unfit to be a name; `nil` when it is fit, or empty.
    private static func flaw(inName name: String) -> String? {
        let isPlain = name.unicodeScalars.allSatisfy {
            $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil)
                || $0 == "-" || $0 == "_"
        }
        return isPlain ? nil : "A variable's name consists of letters, digits, '-' and '_'."
    }

    /// `v1VariableOption`.
    private struct OptionInput: WireInput {
        let option: ProfileVariable.Option

        init(from fields: Fields) {
            option = ProfileVariable.Option(
                value: fields.text("value", bytesMax: ProfileVariable.textBytesMax),
                label: fields.optionalText("label", bytesMax: ProfileVariable.textBytesMax) ?? "",
                description: fields.optionalText(
                    "description",
                    bytesMax: ProfileVariable.textBytesMax
                ) ?? "",
                isDefault: fields.optionalFlag("default") ?? false
            )
        }
    }
}

/// `v1Variables`, in the order that their author gave them.
struct VariablesAnswer: WireOutput {
    let profileVersion: Int64
    let variables: [ProfileVariable]

    static var examples: [VariablesAnswer] {
        [VariablesAnswer(profileVersion: 7, variables: [.example])]
    }

    var entityTag: String? { String(profileVersion) }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("variables", variables.map(\.shown))
        writer.endObject()
    }
}
