import AgentContract
import Crypto
import JSON

/// What the agent writes down about a layer, in the layer's own folder, so that both change at one
/// stroke and the folder tells its own story when everything else is lost.
struct AppliedLayer: Sendable, Hashable {
    /// One file of the folder.
    struct File: Sendable, Hashable {
        let path: String
        /// 64 hex digits.
        let sha256: String
    }

    let name: String
    let kind: String
    let version: String
    let profileUID: String
    let revision: Int64
    /// The digest of the layer that was applied.
    let digest: String
    /// The digest of the site properties that stand in it; empty when none do.
    let siteDigest: String
    /// Its place in the order of installation when it was applied.
    let position: Int64
    /// The desired state that brought it; nil when the archive did, before the first pairing.
    let number: DesiredNumber?
    let files: [File]

    var identity: LayerIdentity { LayerIdentity(profileUID: profileUID, name: name) }

    /// Whether a wanted layer is there already.
    func satisfies(_ wanted: WantedLayer, siteDigest current: String) -> Bool {
        digest == wanted.layer.digest && (siteDigest.isEmpty || siteDigest == current)
    }
}

extension AppliedLayer: JSONWritable {
    init(
        _ wanted: WantedLayer,
        siteDigest: String,
        number: DesiredNumber?,
        files: [File]
    ) {
        name = wanted.layer.name
        kind = wanted.layer.kind
        version = wanted.layer.version
        profileUID = wanted.profileUID
        revision = wanted.revision
        digest = wanted.layer.digest
        self.siteDigest = siteDigest
        position = Int64(wanted.position)
        self.number = number
        self.files = files
    }

    /// Reads what `write(to:)` wrote; nil for anything else.
    init?(_ value: JSONValue) {
        guard let name = value["name"]?.text, let kind = value["kind"]?.text,
            let version = value["version"]?.text, let profileUID = value["profileUid"]?.text,
            let revision = value["revision"]?.integer, let digest = value["digest"]?.text,
            let siteDigest = value["siteDigest"]?.text,
            let position = value["position"]?.integer, let files = value["files"]?.elements
        else { return nil }
        self.name = name
        self.kind = kind
        self.version = version
        self.profileUID = profileUID
        self.revision = revision
        self.digest = digest
        self.siteDigest = siteDigest
        self.position = position
        number = value["number"]?.text.flatMap { DesiredNumber(text: $0.utf8) }
        var read: [File] = []
        for file in files {
            guard let path = file["path"]?.text, let sha256 = file["sha256"]?.text else {
                return nil
            }
            read.append(File(path: path, sha256: sha256))
        }
        self.files = read
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("name", name)
        writer.field("kind", kind)
        writer.field("version", version)
        writer.field("profileUid", profileUID)
        writer.field("revision", revision)
        writer.field("digest", digest)
        writer.field("siteDigest", siteDigest)
        writer.field("position", position)
        if let number { writer.field("number", number.text) }
        writer.key("files")
        writer.beginArray()
        for file in files {
            writer.beginObject()
            writer.field("path", file.path)
            writer.field("sha256", file.sha256)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
