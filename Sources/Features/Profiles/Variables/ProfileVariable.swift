import JSON

/// Something that a profile leaves open: whoever follows it gives a value, or takes the default.
struct ProfileVariable: Sendable, Hashable {
    /// What a value may look like.
    enum Format: String, Sendable, CaseIterable {
        case string, number, boolean, ipv4, ipv4cidr, ipv6, version, base64
    }

    /// How a value is asked for.
    enum InputType: String, Sendable, CaseIterable {
        case text, dropdown, multiline
    }

    /// One choice of a dropdown.
    struct Option: Sendable, Hashable {
        let value: String
        let label: String
        let description: String
        let isDefault: Bool
    }

    static let countMax = 100
    static let nameBytesMax = 128
    static let textBytesMax = 4096
    static let valueBytesMax = 16 << 10
    static let optionsMax = 100
    /// What a reader sees instead of the default of a sensitive variable.
    static let mask = MaskedSecrets.mask

    let name: String
    let displayName: String
    let description: String
    let format: Format
    let inputType: InputType
    let pattern: String
    var defaultValue: String
    let options: [Option]
    let isRequired: Bool
    let isImmutable: Bool
    let isHidden: Bool
    let isSensitive: Bool

    /// The value of whoever gives none; empty when there is none.
    var fallback: String {
        defaultValue.isEmpty ? options.first(where: \.isDefault)?.value ?? "" : defaultValue
    }

    /// Whether its default is the mask that readers see.
    var isMasked: Bool { isSensitive && defaultValue == Self.mask }

    static let example = ProfileVariable(
        name: "ntp-server",
        displayName: "Time server",
        description: "Where the site gets its time from",
        format: .ipv4,
        inputType: .dropdown,
        pattern: "",
        defaultValue: "10.10.0.1",
        options: [.init(value: "10.10.0.1", label: "own", description: "", isDefault: true)],
        isRequired: true,
        isImmutable: false,
        isHidden: false,
        isSensitive: false
    )

    /// What a reader may see of it.
    var shown: ProfileVariable {
        guard isSensitive, !defaultValue.isEmpty else { return self }
        var masked = self
        masked.defaultValue = Self.mask
        return masked
    }
}

extension ProfileVariable: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("defaultValue", defaultValue)
        writer.field("description", description)
        writer.field("displayName", displayName)
        writer.field("format", format.rawValue)
        writer.field("hidden", isHidden)
        writer.field("immutable", isImmutable)
        writer.field("inputType", inputType.rawValue)
        writer.field("isSensitive", isSensitive)
        writer.field("name", name)
        writer.key("options")
        writer.beginArray()
        for option in options {
            writer.beginObject()
            writer.field("default", option.isDefault)
            writer.field("description", option.description)
            writer.field("label", option.label)
            writer.field("value", option.value)
            writer.endObject()
        }
        writer.endArray()
        writer.field("regex", pattern)
        writer.field("required", isRequired)
        writer.endObject()
    }
}

/// Variables as JSON in the database, in the form of the wire.
enum VariableCoding {
    /// What is no variable is passed over: the column once took any list.
    static func variables(_ json: JSONValue) -> [ProfileVariable] {
        (json.elements ?? []).compactMap { item in
            guard let name = item["name"]?.text, !name.isEmpty else { return nil }
            return ProfileVariable(
                name: name,
                displayName: item["displayName"]?.text ?? "",
                description: item["description"]?.text ?? "",
                format: item["format"]?.text.flatMap(ProfileVariable.Format.init) ?? .string,
                inputType: item["inputType"]?.text.flatMap(ProfileVariable.InputType.init) ?? .text,
                pattern: item["regex"]?.text ?? "",
                defaultValue: item["defaultValue"]?.text ?? "",
                options: (item["options"]?.elements ?? []).map { option in
                    ProfileVariable.Option(
                        value: option["value"]?.text ?? "",
                        label: option["label"]?.text ?? "",
                        description: option["description"]?.text ?? "",
                        isDefault: option["default"]?.flag ?? false
                    )
                },
                isRequired: item["required"]?.flag ?? false,
                isImmutable: item["immutable"]?.flag ?? false,
                isHidden: item["hidden"]?.flag ?? false,
                isSensitive: item["isSensitive"]?.flag ?? false
            )
        }
    }

    static func json(_ variables: [ProfileVariable]) throws -> JSONValue {
        var writer = JSONWriter()
        writer.beginArray()
        for variable in variables { variable.write(to: &writer) }
        writer.endArray()
        return try JSONParser.parse(writer.finish(), limits: .stored)
    }
}

extension Profile {
    /// The profile's variables, in their order.
    var variableList: [ProfileVariable] { VariableCoding.variables(variables) }
}
