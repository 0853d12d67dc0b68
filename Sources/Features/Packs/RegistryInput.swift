import APIKit
import Crypto
import HTTPClient

/// `metadata` of a registry in a request.
struct RegistryMetaInput: WireInput {
    let name: String
    let labels: [String: String]
    let annotations: [String: String]

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: PackLimits.nameBytesMax)
        labels = fields.labels(countMax: 64, bytesMax: 1024)
        annotations = fields.annotations(countMax: 64, bytesMax: 4096)
        if let flaw = NameRule.flaw(in: name) { fields.fault("name", "InvalidName", flaw) }
    }
}

/// `spec.auth` of a registry in a request: v1RegistryAuth.
struct RegistryAuthInput: WireInput {
    let type: RegistrySpec.Auth
    let username: String
    let secret: RegistrySecret
    let tls: TLSInput?

    init(from fields: Fields) {
        type = fields.choice("type", default: .none)
        username = fields.optionalText("username") ?? ""
        secret = RegistrySecret(
            password: fields.optionalText("password", bytesMax: 4096) ?? "",
            token: fields.optionalText("token", bytesMax: 16_384) ?? ""
        )
        tls = fields.optionalObject("tls")
        if username.contains(":") {
            fields.fault("username", "NotAllowed", "A user's name must not hold a colon.")
        }
        let isControlled = [username, secret.password, secret.token].contains { text in
            text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        }
        if isControlled {
            fields.fault("type", "NotAllowed", "Credentials must not hold control characters.")
        }
        if type == .basic, username.isEmpty {
            fields.fault("username", "Required", "Credentials of type basic need a user's name.")
        }
    }

    /// v1TlsConfiguration.
    struct TLSInput: WireInput {
        let isEnabled: Bool
        let ca: String
        let certificate: String
        let skipsVerification: Bool

        init(from fields: Fields) {
            isEnabled = fields.optionalFlag("enabled") ?? false
            ca = Self.certificates("ca", fields)
            certificate = Self.certificates("certificate", fields)
            skipsVerification = fields.optionalFlag("insecureSkipVerify") ?? false
            if fields.optionalText("key", bytesMax: PackLimits.certificateBytesMax)?.isEmpty
                == false
            {
                fields.fault(
                    "key",
                    "NotAllowed",
                    "Registries are not opened with client certificates; leave 'key' out."
                )
            }
        }

        private static func certificates(_ key: String, _ fields: Fields) -> String {
            let text = fields.optionalText(key, bytesMax: PackLimits.certificateBytesMax) ?? ""
            guard !text.isEmpty else { return "" }
            guard !text.contains("PRIVATE KEY") else {
                fields.fault(key, "NotAllowed", "'\(key)' holds a private key; send none.")
                return ""
            }
            do throws(CertificateError) {
                _ = try Certificate.readAll(pem: Array(text.utf8))
            } catch {
                fields.fault(key, "InvalidCertificate", "'\(key)' must hold PEM certificates.")
            }
            return text
        }
    }
}

/// `spec` of a registry in a request, as far as it is the same for every kind.
struct RegistrySpecInput: Sendable {
    var spec: RegistrySpec
    /// Empty parts are those that the request does not say again.
    let secret: RegistrySecret

    /// - Parameters:
    ///   - flag: the member that says whether the registry is private; nil where none does.
    ///   - schemes: those that the endpoint may have.
    init(_ fields: Fields, private flag: String?, schemes: [String]) {
        let auth = fields.object("auth", as: RegistryAuthInput.self)
        var spec = RegistrySpec()
        spec.endpoint = Self.endpoint(fields, schemes)
        spec.isPrivate = flag.flatMap { fields.optionalFlag($0) } ?? false
        spec.auth = auth.type
        spec.username = auth.username
        spec.ca = auth.tls?.ca ?? ""
        spec.certificate = auth.tls?.certificate ?? ""
        spec.isTLSEnabled = auth.tls?.isEnabled ?? false
        spec.skipsVerification = auth.tls?.skipsVerification ?? false
        self.spec = spec
        secret = auth.secret
    }

    private static func endpoint(_ fields: Fields, _ schemes: [String]) -> String {
        let text = fields.text("endpoint", bytesMax: 2048)
        let scheme = text.prefix { $0 != ":" }.lowercased()
        let isURL = scheme == "file" ? text.hasPrefix("file:///") : HTTPURL(text) != nil
        if !text.isEmpty, !schemes.contains(scheme) || !isURL || text.contains("?") {
            fields.fault(
                "endpoint",
                "InvalidEndpoint",
                "'endpoint' must be a URL of scheme \(schemes.joined(separator: " or ")), without "
                    + "user, query and fragment."
            )
        }
        return text
    }
}

/// What a request says of a registry, whatever its kind.
struct RegistryInput: Sendable {
    let name: String
    let spec: RegistrySpec
    let secret: RegistrySecret

    init(_ metadata: RegistryMetaInput, _ input: RegistrySpecInput) {
        name = metadata.name
        var spec = input.spec
        spec.labels = metadata.labels
        spec.annotations = metadata.annotations
        self.spec = spec
        secret = input.secret
    }
}

/// The body of a create or an update of a pack registry: v1PackRegistry.
struct PackRegistryInput: WireInput {
    let registry: RegistryInput

    init(from fields: Fields) {
        registry = RegistryInput(
            fields.object("metadata"),
            fields.object("spec", as: Spec.self).common
        )
    }

    /// v1PackRegistrySpec.
    struct Spec: WireInput {
        let common: RegistrySpecInput

        init(from fields: Fields) {
            common = RegistrySpecInput(
                fields,
                private: "private",
                schemes: ["https", "http", "file"]
            )
        }
    }
}

/// The body of a create or an update of a Helm repository: v1HelmRegistryEntity, v1HelmRegistry.
struct HelmRegistryInput: WireInput {
    let registry: RegistryInput
    let createOption: CreateOption?

    init(from fields: Fields) {
        let spec = fields.object("spec", as: Spec.self)
        registry = RegistryInput(fields.object("metadata"), spec.common)
        createOption = spec.createOption
    }

    /// v1HelmRegistrySpecEntity.
    struct Spec: WireInput {
        let common: RegistrySpecInput
        let createOption: CreateOption?

        init(from fields: Fields) {
            common = RegistrySpecInput(fields, private: "isPrivate", schemes: ["https", "http"])
            createOption = fields.optionalObject("createOption")
        }
    }

    /// v1HelmRegistryCreateOption.
    struct CreateOption: WireInput {
        let skipsSync: Bool
        let charts: [Chart]

        init(from fields: Fields) {
            skipsSync = fields.optionalFlag("skipSync") ?? false
            charts = fields.list("charts", countMax: PackLimits.chartsAtCreationMax)
        }
    }

    /// v1HelmChartOption.
    struct Chart: WireInput {
        let name: String
        let version: String

        init(from fields: Fields) {
            name = fields.text("name", bytesMax: PackLimits.nameBytesMax)
            version = fields.text("version", bytesMax: PackLimits.versionBytesMax)
        }
    }
}
