import APIKit
import JSON
import Primitives

/// Limits of what a profile may hold.
enum ProfileLimits {
    static let layers = 100
    static let manifests = 200
    static let valuesBytes = 1 << 20
    static let manifestBytes = 1 << 20
    static let bodyBytes = 8 << 20
    static let nameBytes = 128
    /// The documented default of the real service is 200 a tenant.
    static let profilesPerTenant = 2000
}

/// A manifest as a request writes it. `uid` names an existing one in an update.
struct ManifestInput: WireInput {
    let uid: String
    let name: String
    let content: String?
    let pointer: String

    init(from fields: Fields) {
        uid = fields.optionalText("uid") ?? ""
        name = fields.text("name", bytesMax: ProfileLimits.nameBytes)
        content = fields.optionalText("content", bytesMax: ProfileLimits.manifestBytes)
        pointer = fields.pointer
    }

    init(_ manifest: LayerManifest, pointer: String) {
        uid = manifest.uid
        name = manifest.name
        content = manifest.content
        self.pointer = pointer
    }
}

/// A layer as a request writes it: `v1PackManifestEntity` and its siblings.
struct LayerInput: WireInput {
    let name: String
    let kind: LayerKind
    let layer: String
    let registryUID: String
    let packUID: String
    let tag: String
    let values: String?
    let manifests: [ManifestInput]
    /// Names of presets to merge into the values; Easel's own, beside the merged values that
    /// Palette's clients send.
    let presets: [String]
    let pointer: String

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: ProfileLimits.nameBytes)
        kind = fields.choice("type", default: .spectro)
        layer =
            fields.optionalText("layer", allowed: ["kernel", "os", "k8s", "cni", "csi", "addon"])
            ?? ""
        registryUID = fields.optionalText("registryUid") ?? ""
        packUID = fields.optionalText("uid") ?? fields.optionalText("packUid") ?? ""
        tag = fields.optionalText("tag") ?? ""
        values = fields.optionalText("values", bytesMax: ProfileLimits.valuesBytes)
        manifests = fields.list(
            "manifests",
            of: ManifestInput.self,
            countMax: ProfileLimits.manifests
        )
        // A layer that was read and is put back holds the pack's presets as objects: those
        // describe and choose nothing.
        if case .array(let items)? = fields.any("presets") {
            presets = items.compactMap(\.text)
        } else {
            presets = []
        }
        pointer = fields.pointer
    }

    private init(_ other: LayerInput, manifests: [ManifestInput]) {
        name = other.name
        kind = other.kind
        layer = other.layer
        registryUID = other.registryUID
        packUID = other.packUID
        tag = other.tag
        values = other.values
        self.manifests = manifests
        presets = other.presets
        pointer = other.pointer
    }

    /// The layer with the manifests that it has: an update of a layer does not speak of them.
    func keepingManifests(of former: Layer) -> LayerInput {
        LayerInput(
            self,
            manifests: former.manifests.map { ManifestInput($0, pointer: pointer + "/manifests") }
        )
    }
}

/// `metadata` of a profile in a request.
struct ProfileMetadataInput: WireInput {
    let name: String
    let labels: [String: String]
    let annotations: [String: String]

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: ProfileLimits.nameBytes)
        if name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) {
            fields.fault("name", "InvalidName", "'name' must not hold control characters.")
        }
        labels = fields.textMap("labels")
        annotations = fields.textMap("annotations")
    }
}

/// The body of `POST /v1/clusterprofiles`.
struct ProfileCreateInput: WireInput {
    let metadata: ProfileMetadataInput
    let spec: Spec

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        spec = fields.object("spec")
    }

    struct Spec: WireInput {
        let version: String
        let template: TemplateInput
        let variables: JSONValue

        init(from fields: Fields) {
            version = Self.version(fields)
            template = fields.object("template")
            variables = fields.any("variables") ?? .array([])
        }

        /// The profile's own version; `1.0.0` when it is left out.
        static func version(_ fields: Fields) -> String {
            let text = fields.optionalText("version", bytesMax: 64) ?? ""
            if text.isEmpty { return "1.0.0" }
            if !ProfileRules.isVersion(text) {
                fields.fault(
                    "version",
                    "InvalidVersion",
                    "'version' must be a semantic version such as 1.0.0; '\(text)' is none."
                )
            }
            return text
        }
    }
}

/// The template of a profile: its type, environment and layers.
struct TemplateInput: WireInput {
    let type: ProfileType
    let cloudType: String
    let layers: [LayerInput]
    let pointer: String

    init(from fields: Fields) {
        type = fields.choice("type", default: .full)
        cloudType = fields.optionalText("cloudType", bytesMax: 64) ?? "all"
        layers = fields.list("packs", of: LayerInput.self, countMax: ProfileLimits.layers)
        pointer = fields.pointer
    }
}

/// The body of `PUT /v1/clusterprofiles/{uid}`.
struct ProfileUpdateInput: WireInput {
    let metadata: ProfileMetadataInput
    let spec: Spec

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        spec = fields.object("spec")
    }

    struct Spec: WireInput {
        let version: String?
        let type: ProfileType?
        let cloudType: String?
        /// `nil` when the body has no template: the layers stay as they are.
        let layers: [LayerInput]?

        init(from fields: Fields) {
            version = fields.has("version") ? ProfileCreateInput.Spec.version(fields) : nil
            // What GET gives has `draft` and `published` in the place of `template`.
            let template =
                fields.optionalObject("template", as: Template.self)
                ?? fields.optionalObject("draft", as: Template.self)
                ?? fields.optionalObject("published", as: Template.self)
            type = template?.type
            cloudType = template?.cloudType
            layers = template?.layers
        }
    }

    struct Template: WireInput {
        let type: ProfileType?
        let cloudType: String?
        let layers: [LayerInput]

        init(from fields: Fields) {
            type = fields.optionalText("type", allowed: ProfileType.allCases.map(\.rawValue))
                .flatMap(ProfileType.init)
            cloudType = fields.optionalText("cloudType", bytesMax: 64)
            layers = fields.list("packs", of: LayerInput.self, countMax: ProfileLimits.layers)
        }
    }
}

/// The body of `PATCH /v1/clusterprofiles/{uid}/metadata`.
struct ProfileMetaInput: WireInput {
    let metadata: ProfileMetadataInput
    let version: String?

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        version = fields.optionalObject("spec", as: Spec.self)?.version
    }

    private struct Spec: WireInput {
        let version: String?

        init(from fields: Fields) {
            version = fields.has("version") ? ProfileCreateInput.Spec.version(fields) : nil
        }
    }
}

/// The body of the layer operations: `{"pack": {…}}`.
struct PackInput: WireInput {
    let pack: LayerInput

    init(from fields: Fields) {
        pack = fields.object("pack")
    }
}

/// The body of `validate/packs`.
struct ValidateInput: WireInput {
    let type: ProfileType
    let layers: [LayerInput]

    init(from fields: Fields) {
        let template = TemplateInput(from: fields)
        type = template.type
        layers = template.layers
    }
}
