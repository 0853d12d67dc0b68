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
    /// All layers of a profile as they are stored.
    static let draftBytes = 16 << 20
    static let nameBytes = 128
    static let filterTerms = 8
    static let filterValues = 16
    /// The documented default of the real service is 200 a tenant.
    static let profilesPerTenant = 2000
}

/// A manifest as a request writes it.
///
/// `uid` names an existing one in an update.
struct ManifestInput: WireInput {
    let uid: String
    let name: String
    let content: String?
    let pointer: String

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        uid = fields.optionalText("uid") ?? ""
        name = fields.name()
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
    var registryUID: String
    var packUID: String
    var tag: String
    private(set) var values: String?
    private(set) var manifests: [ManifestInput]
    /// Names of presets to merge into the values; Easel's own, beside the merged values that
    /// Palette's clients send.
    let presets: [String]
    let pointer: String

    init(from fields: Fields) {
        name = fields.name()
        if name == "manifests" {
            // `…/packs/manifests` lists the manifests of all layers.
            fields.fault("name", "ReservedName", "No layer can be named 'manifests'.")
        }
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

    /// Whether a pointer is of a member by which the pack is found.
    func namesPack(at place: String) -> Bool {
        ["name", "type", "registryUid", "uid", "packUid", "tag"].contains {
            place == "\(pointer)/\($0)"
        }
    }

    /// The layer as an update of it: without manifests, of which an update does not speak, and
    /// with the values that it has when the request has none and means the same pack.
    func updating(_ former: Layer?) -> LayerInput {
        var input = self
        input.manifests = []
        let isSamePack =
            former?.kind == kind
            && ProfileRules.packName(former?.name ?? "") == ProfileRules.packName(name)
        if values == nil, isSamePack { input.values = former?.values }
        return input
    }

    /// The layer with the manifests that it has: an update of a layer does not speak of them.
    func keepingManifests(of former: Layer) -> LayerInput {
        var input = self
        input.manifests = former.manifests.map {
            ManifestInput($0, pointer: pointer + "/manifests")
        }
        return input
    }
}

extension [LayerInput] {
    /// The layers that say which pack they mean: the others are not looked up.
    func readable(despite shape: [Fault]) -> [LayerInput] {
        filter { layer in !shape.contains { layer.namesPack(at: $0.pointer) } }
    }
}

extension Fields {
    /// A name: some text of one line.
    func name() -> String {
        let name = text("name", bytesMax: ProfileLimits.nameBytes)
        checkName(name)
        return name
    }

    fileprivate func checkName(_ name: String) {
        if let flaw = NameRule.flaw(in: name) { fault("name", "InvalidName", flaw) }
    }

    /// The profile's own version; `nil` when it is left out or empty.
    func profileVersion() -> String? {
        let text = optionalText("version", bytesMax: 64) ?? ""
        if text.isEmpty { return nil }
        if !ProfileRules.isVersion(text) {
            fault(
                "version",
                "InvalidVersion",
                "'version' must be a semantic version such as 1.0.0; '\(text)' is none."
            )
        }
        return text
    }
}

/// `metadata` of a profile in a request.
struct ProfileMetadataInput: WireInput {
    let name: String
    let texts: ProfileTexts

    init(from fields: Fields) {
        name = fields.name()
        texts = ProfileTexts(from: fields)
    }
}

/// Tags and annotations; `nil` for those that a request does not speak of, which stay.
struct ProfileTexts: Sendable {
    let labels: [String: String]?
    let annotations: [String: String]?

    init(from fields: Fields) {
        let labels = fields.labels()
        let annotations = fields.annotations()
        self.labels = fields.has("labels") ? labels : nil
        self.annotations = fields.has("annotations") ? annotations : nil
    }

    func apply(to profile: inout Profile) {
        if let labels { profile.labels = labels }
        // `scope` is the server's to say.
        if let annotations {
            profile.annotations = annotations.filter { $0.key != "scope" }
        }
    }
}

/// The body of `POST /v1/clusterprofiles`.
struct ProfileCreateInput: WireInput {
    let metadata: ProfileMetadataInput
    let spec: Spec

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        spec = fields.object("spec")
    }

    struct Spec: WireInput {
        let version: String
        let template: TemplateInput
        let variables: [VariableInput]

        init(from fields: Fields) {
            version = fields.profileVersion() ?? "1.0.0"
            template = fields.object("template")
            variables = fields.list("variables", countMax: ProfileVariable.countMax)
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
        let cloudType = fields.optionalText("cloudType", bytesMax: 64) ?? ""
        self.cloudType = cloudType.isEmpty ? "all" : cloudType
        layers = fields.list("packs", of: LayerInput.self, countMax: ProfileLimits.layers)
        pointer = fields.pointer
    }
}

/// The body of `PUT /v1/clusterprofiles/{uid}`.
struct ProfileUpdateInput: WireInput {
    let metadata: ProfileMetadataInput
    let spec: Spec

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        spec = fields.object("spec")
    }

    struct Spec: WireInput {
        let version: String?
        /// `nil` when the body has no template: the layers stay as they are.
        let template: Template?

        init(from fields: Fields) {
            version = fields.profileVersion()
            // What GET gives has `draft` and `published` in the place of `template`.
            let template = fields.optionalObject("template", as: Template.self)
            let draft = fields.optionalObject("draft", as: Template.self)
            self.template = template ?? draft
        }
    }

    struct Template: WireInput {
        let type: ProfileType?
        let cloudType: String?
        /// `nil` when there is no list of layers: they stay as they are.
        let layers: [LayerInput]?
        let pointer: String

        init(from fields: Fields) {
            type = fields.optionalText("type", allowed: ProfileType.allCases.map(\.rawValue))
                .flatMap(ProfileType.init)
            let cloudType = fields.optionalText("cloudType", bytesMax: 64) ?? ""
            self.cloudType = cloudType.isEmpty ? nil : cloudType
            let layers: [LayerInput] = fields.list("packs", countMax: ProfileLimits.layers)
            self.layers = fields.has("packs") ? layers : nil
            pointer = fields.pointer
        }
    }
}

/// The body of `PATCH /v1/clusterprofiles/{uid}/metadata`.
struct ProfileMetaInput: WireInput {
    let metadata: Metadata
    let version: String?

    init(from fields: Fields) {
        metadata = fields.object("metadata")
        version = fields.optionalObject("spec", as: Spec.self)?.version
    }

    struct Metadata: WireInput {
        /// Empty when it is left out.
        let name: String
        let texts: ProfileTexts

        init(from fields: Fields) {
            let given = fields.optionalText("name", bytesMax: ProfileLimits.nameBytes)
            name = given ?? ""
            if given?.isEmpty == true {
                let message = "'name' must not be empty; leave it out to keep it."
                fields.fault("name", "Required", message)
            }
            fields.checkName(name)
            texts = ProfileTexts(from: fields)
        }
    }

    private struct Spec: WireInput {
        let version: String?

        init(from fields: Fields) { version = fields.profileVersion() }
    }
}

/// The body of the layer operations: `{"pack": {…}}`.
struct PackInput: WireInput {
    let pack: LayerInput

    static var leavesFaultsToHandler: Bool { true }

    init(from fields: Fields) {
        pack = fields.object("pack")
    }
}

/// The body of `validate/packs`.
struct ValidateInput: WireInput {
    let type: ProfileType
    let cloudType: String
    let layers: [LayerInput]
    let pointer: String

    init(from fields: Fields) {
        let template = TemplateInput(from: fields)
        type = template.type
        cloudType = template.cloudType
        layers = template.layers
        pointer = fields.pointer
    }
}
