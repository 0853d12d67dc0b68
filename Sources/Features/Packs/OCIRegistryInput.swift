import APIKit

/// The body of a create or an update of an OCI registry: v1BasicOciRegistry.
struct OCIRegistryInput: WireInput {
    let registry: RegistryInput

    init(from fields: Fields) {
        registry = RegistryInput(
            fields.object("metadata"),
            fields.object("spec", as: Spec.self).common
        )
    }

    /// v1BasicOciRegistrySpec.
    struct Spec: WireInput {
        let common: RegistrySpecInput

        init(from fields: Fields) {
            var common = RegistrySpecInput(fields, private: nil, schemes: ["https", "http"])
            common.spec.provider = fields.choice("providerType", default: Provider.helm).rawValue
            common.spec.baseContentPath = Self.path("baseContentPath", fields)
            common.spec.basePath = Self.path("basePath", fields)
            if common.spec.auth == .token {
                fields.fault(
                    "auth",
                    "NotAllowed",
                    "An OCI registry is opened with auth of type basic or noAuth."
                )
            }
            if common.spec.provider == Provider.zarf.rawValue {
                fields.fault("providerType", "NotAllowed", "Zarf packages are not taken.")
            }
            self.common = common
        }

        private enum Provider: String, CaseIterable {
            case helm, pack, zarf
        }

        private static func path(_ key: String, _ fields: Fields) -> String {
            let text = fields.optionalText(key, bytesMax: 255) ?? ""
            let path = OCIName.path(text)
            if !path.isEmpty, !OCIName.isRepository(path) {
                fields.fault(
                    key,
                    "InvalidPath",
                    "'\(key)' must be a path of lower-case letters, digits, '.', '_', '-' and '/'."
                )
            }
            return text
        }
    }
}
