import AgentContract
import APIKit
import JSON
import Macros
import Packs
import Primitives
import Storage

/// `metadata` of a profile and of the parts of one.
struct MetadataOutput: JSONWritable, Sendable {
    let uid: String
    let name: String
    var labels: [String: String] = [:]
    var annotations: [String: String] = [:]
    let createdAt: Timestamp
    let modifiedAt: Timestamp

    init(_ profile: Profile) {
        uid = profile.uid
        name = profile.name
        labels = profile.labels
        annotations = profile.annotations
        annotations["scope"] = profile.scopeText
        createdAt = profile.createdAt
        modifiedAt = profile.modifiedAt
    }

    init(uid: String, name: String, of profile: Profile) {
        self.uid = uid
        self.name = name
        createdAt = profile.createdAt
        modifiedAt = profile.modifiedAt
    }

    init(example name: String, uid: String = "65f1c0a4d2b7e81f3c9a4b6d") {
        self.uid = uid
        self.name = name
        labels = ["site-type": "hospital"]
        annotations = ["scope": "project"]
        createdAt = Timestamp(milliseconds: 1_709_238_702_204)
        modifiedAt = Timestamp(milliseconds: 1_709_238_702_204)
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("annotations", annotations)
        writer.field("creationTimestamp", createdAt)
        writer.field("deletionTimestamp", Timestamp.never)
        writer.field("labels", labels)
        writer.field("lastModifiedTimestamp", modifiedAt)
        writer.field("name", name)
        writer.field("uid", uid)
        writer.endObject()
    }
}

/// A layer of a profile as `v1PackRef` shows it.
struct LayerOutput: JSONWritable, Sendable {
    let layer: Layer
    /// What the layer is linked to; `nil` when its pack is gone.
    let pack: PackVersion?
    var values: String
    let version: String
    let packUID: String
    let registryUID: String
    let problem: String?

    /// A drafted layer, linked to what it means now.
    init(_ layer: Layer, tenantUID: String, _ tx: borrowing Transaction) throws {
        var pack: PackVersion?
        var problem: String?
        if layer.kind != .manifest {
            do {
                pack = try LayerResolver.pack(
                    kind: layer.kind,
                    name: layer.name,
                    registryUID: layer.registryUID,
                    packUID: layer.packUID,
                    tag: layer.tag,
                    tenantUID: tenantUID,
                    pointer: "",
                    tx
                )
                if pack == nil { problem = "The pack is in no registry any more." }
            } catch let failure as Failure {
                problem = failure.message
            }
        }
        let values = try layer.values ?? pack.flatMap { try BlobStore.text($0.valuesDigest, tx) }
        self.init(layer, pack: pack, values: values ?? "", problem: problem)
    }

    /// A published layer, linked to what its revision says, with its values as they were written.
    ///
    /// - Parameter hidden: what is secret in what was published; of a pack that is gone there is
    ///   nothing else.
    init(
        _ layer: Layer,
        linked: LayerRevision,
        hiding hidden: SensitiveValues,
        _ tx: borrowing Transaction
    ) throws {
        self.layer = layer
        pack = layer.kind == .manifest ? nil : try PackStore.version(uid: linked.packUID, tx)
        let defaults = try pack.flatMap { try BlobStore.text($0.valuesDigest, tx) }
        values =
            try layer.values ?? defaults
            ?? hidden.masked(BlobStore.text(linked.values.digest, tx) ?? "")
        version = linked.version
        packUID = linked.packUID
        registryUID = linked.registryUID
        problem = nil
    }

    private init(_ layer: Layer, pack: PackVersion?, values: String, problem: String?) {
        self.layer = layer
        self.pack = pack
        self.values = values
        self.problem = problem
        version = pack?.version ?? (layer.tag.isEmpty ? "1.0.0" : layer.tag)
        packUID = pack?.uid ?? layer.packUID
        registryUID = pack?.registryUID ?? layer.registryUID
    }

    func with(values: String) -> LayerOutput {
        var copy = self
        copy.values = values
        return copy
    }

    init(example layer: Layer, pack: PackVersion?) {
        let problem = pack == nil ? "The pack is in no registry any more." : nil
        self.init(layer, pack: pack, values: layer.values ?? "", problem: problem)
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("annotations", pack?.annotations ?? [:])
        writer.field("digest", pack?.digest ?? "")
        if let problem { writer.field("inValidReason", problem) }
        writer.field("isInvalid", problem != nil)
        writer.field("layer", layer.layer)
        writer.key("manifests")
        writer.beginArray()
        for manifest in layer.manifests {
            writer.beginObject()
            writer.field("kind", "manifest")
            writer.field("name", manifest.name)
            writer.field("uid", manifest.uid)
            writer.endObject()
        }
        writer.endArray()
        writer.field("name", layer.name)
        writer.field("packUid", packUID)
        writer.key("presets")
        writer.beginArray()
        for preset in pack?.presets ?? [] { preset.writeWire(to: &writer) }
        writer.endArray()
        writer.field("registryUid", registryUID)
        writer.field("tag", layer.tag.isEmpty ? version : layer.tag)
        writer.field("type", layer.kind.rawValue)
        writer.field("values", values)
        writer.field("version", version)
        writer.endObject()
    }
}

extension Preset {
    fileprivate func writeWire(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("add", add)
        writer.field("displayName", displayName)
        writer.field("group", group)
        writer.field("name", name)
        writer.field("remove", remove)
        writer.endObject()
    }
}

/// A draft or a published state as `v1ClusterProfileTemplate` shows it.
struct TemplateOutput: JSONWritable, Sendable {
    let profile: Profile
    let layers: [LayerOutput]
    let number: Int64
    let name: String
    let profileVersion: String

    /// What is drafted.
    init(profile: Profile, layers: [LayerOutput], number: Int64) {
        self.profile = profile
        self.layers = layers
        self.number = number
        name = profile.name
        profileVersion = profile.profileVersion
    }

    /// Another template with these layers in the place of its own.
    init(resolved layers: [LayerOutput], _ other: TemplateOutput) {
        profile = other.profile
        self.layers = layers
        number = other.number
        name = other.name
        profileVersion = other.profileVersion
    }

    /// What a revision holds, whatever has become of the draft and the registries since.
    init(
        published revision: ProfileStore.Revision,
        of profile: Profile,
        _ tx: borrowing Transaction
    ) throws {
        let content = try ProfileRevision(JSONParser.parse(revision.content, limits: .stored))
        let hidden = SensitiveValues(revision.variables)
        self.profile = profile
        layers = try revision.source.compactMap { layer in
            try content.layers.first { $0.name == layer.name }
                .map { try LayerOutput(layer, linked: $0, hiding: hidden, tx) }
        }
        number = content.number
        name = content.name
        profileVersion = content.version
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("cloudType", profile.cloudType)
        writer.field("name", name)
        writer.field("packServerRefs", [String]())
        writer.field("packs", layers)
        writer.field("profileVersion", profileVersion)
        writer.field("type", profile.type.rawValue)
        writer.field("uid", profile.uid)
        writer.field("version", number)
        writer.endObject()
    }
}

/// `v1ClusterProfile`.
struct ProfileOutput: WireOutput {
    let profile: Profile
    let draft: TemplateOutput
    let published: TemplateOutput?
    /// All versions of the profile's name.
    let versions: [(uid: String, version: String)]
    /// What the checks say about the draft; nil where they were not asked.
    var findings: [Finding]?

    init(_ profile: Profile, _ tx: borrowing Transaction) throws {
        self.profile = profile
        let tenantUID = profile.tenantUID
        draft = TemplateOutput(
            profile: profile,
            layers: try profile.layers.map { try LayerOutput($0, tenantUID: tenantUID, tx) },
            number: profile.publishedNumber ?? 0
        )
        published = try profile.publishedNumber.flatMap { number in
            try ProfileStore.revision(number, of: profile.uid, tx).map { revision in
                try TemplateOutput(published: revision, of: profile, tx)
            }
        }
        versions = try ProfileStore.versions(of: profile, tx)
    }

    private init(example layers: [LayerOutput], isPublished: Bool) {
        profile = Profile.example(isPublished: isPublished)
        draft = TemplateOutput(profile: profile, layers: layers, number: 1)
        published = isPublished ? draft : nil
        versions = [(profile.uid, profile.profileVersion)]
        findings = isPublished ? [.example] : nil
    }

    static var examples: [ProfileOutput] {
        [
            ProfileOutput(
                example: [
                    LayerOutput(example: Layer.example, pack: nil),
                    LayerOutput(example: Layer.example, pack: .example),
                ],
                isPublished: true
            ),
            ProfileOutput(example: [], isPublished: false),
        ]
    }

    var entityTag: String? { profile.entityTag }
    /// Trains, states of packs and other versions of the profile change without it.
    var showsMoreThanVersion: Bool { true }

    /// Whether some layer of the draft refers to a macro of the user's.
    private var hasUserMacros: Bool {
        draft.layers.contains { layer in
            let texts = [layer.values] + layer.layer.manifests.map(\.content)
            return texts.contains { text in
                TemplateText.mayRefer(text)
                    && TemplateText(text).references.contains { $0.macroName != nil }
            }
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("apiVersion", "v1")
        writer.field("kind", "clusterprofile")
        writer.field("metadata", MetadataOutput(profile))
        writer.key("spec")
        writer.beginObject()
        writer.field("draft", draft)
        // A client takes everything from here without a look: it is there only when published.
        writer.optionalField("published", published)
        writer.field("version", profile.profileVersion)
        writer.key("versions")
        writeVersions(to: &writer)
        writer.endObject()
        writer.key("status")
        writer.beginObject()
        writer.field("hasUserMacros", hasUserMacros)
        writer.field("inUseClusterUids", [String]())
        writer.field("inUseClusters", [String]())
        writer.field("isPublished", profile.publishedNumber != nil)
        // Easel's own: what stops the next publish, and advice.
        writer.optionalField("warnings", findings)
        writer.endObject()
        writer.endObject()
    }

    func writeVersions(to writer: inout JSONWriter) {
        writer.beginArray()
        for one in versions {
            writer.beginObject()
            writer.field("uid", one.uid)
            writer.field("version", one.version)
            writer.endObject()
        }
        writer.endArray()
    }
}

extension Profile {
    var entityTag: String { String(version) }

    static func example(isPublished: Bool) -> Profile {
        Profile(
            uid: "65f1c0a4d2b7e81f3c9a4b6d",
            tenantUID: "",
            projectUID: "65f1c0a4d2b7e81f3c9a4b60",
            name: "hospital-site",
            profileVersion: "1.0.0",
            type: .system,
            cloudType: "libvirt",
            labels: ["site-type": "hospital"],
            annotations: [:],
            layers: [],
            variables: .array([]),
            publishedNumber: isPublished ? 1 : nil,
            version: 7,
            createdAt: Timestamp(milliseconds: 1_709_238_702_204),
            modifiedAt: Timestamp(milliseconds: 1_709_238_702_204),
            createdBy: ""
        )
    }
}

extension Layer {
    static let example = Layer(
        name: "log-shipper",
        kind: .spectro,
        layer: "addon",
        registryUID: "",
        packUID: "",
        tag: "4.x",
        values: "pack:\n  namespace: logs\n",
        manifests: [
            LayerManifest(uid: "65f1c0a4d2b7e81f3c9a4b6e", name: "rules", content: "kind: List\n")
        ]
    )
}

/// `v1ClusterProfiles`.
struct ProfileListOutput: WireOutput {
    let items: [ProfileOutput]
    let meta: ListMeta

    static var examples: [ProfileListOutput] {
        [ProfileListOutput(items: ProfileOutput.examples, meta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("items", items)
        writer.key("listmeta")
        meta.write(to: &writer)
        writer.endObject()
    }
}
