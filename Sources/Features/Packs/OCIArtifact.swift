import JSON

/// What a registry's manifest names by its digest (OCI image specification, descriptors).
struct OCIDescriptor: Sendable, Hashable {
    let mediaType: String
    /// `sha256:` and 64 hexadecimal digits; other algorithms are not taken.
    let digest: String
    let size: Int

    init(mediaType: String, digest: String, size: Int) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
    }

    init?(_ value: JSONValue) {
        guard let mediaType = value["mediaType"]?.text, let digest = value["digest"]?.text,
            OCIDigest.isValid(digest), let size = value["size"]?.integer, size >= 0
        else { return nil }
        self.mediaType = mediaType
        self.digest = digest
        self.size = Int(clamping: size)
    }
}

/// Digests as registries write them.
enum OCIDigest {
    static func isValid(_ text: String) -> Bool {
        text.hasPrefix("sha256:") && text.utf8.count == 71
            && text.utf8.dropFirst(7).allSatisfy {
                (0x30...0x39) ~= $0 || (0x61...0x66) ~= $0
            }
    }
}

/// A manifest: of one artifact, or an index of such for several platforms.
enum OCIManifest: Sendable, Equatable {
    case artifact(config: OCIDescriptor, layers: [OCIDescriptor])
    case index([OCIDescriptor])

    /// The media types that are asked for: those of OCI and of Docker's second schema.
    static let accepted = [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
    /// The media type of manifests that are written.
    static let mediaType = "application/vnd.oci.image.manifest.v1+json"

    /// Nil for a text that is none of them.
    init?(_ bytes: [UInt8]) {
        guard let value = try? JSONParser.parse(bytes) else { return nil }
        if let manifests = value["manifests"]?.elements {
            guard manifests.count <= OCILimits.descriptorsMax else { return nil }
            self = .index(manifests.compactMap(OCIDescriptor.init))
            return
        }
        guard let config = value["config"].flatMap(OCIDescriptor.init),
            let layers = value["layers"]?.elements, layers.count <= OCILimits.descriptorsMax
        else { return nil }
        let read = layers.compactMap(OCIDescriptor.init)
        guard read.count == layers.count else { return nil }
        self = .artifact(config: config, layers: read)
    }
}

/// The kinds of artifacts that hold what layers are made of.
enum OCIArtifact: Sendable {
    /// A pack: its folder as one archive (docs/oci-packs.md).
    case pack
    /// A Helm chart, as Helm itself pushes it.
    case chart

    var configType: String {
        switch self {
        case .pack: "application/vnd.easel.pack.config.v1+json"
        case .chart: "application/vnd.cncf.helm.config.v1+json"
        }
    }

    var layerType: String {
        switch self {
        case .pack: "application/vnd.easel.pack.content.v1.tar+gzip"
        case .chart: "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
        }
    }

    /// The one layer that is the archive; nil for an artifact of another kind.
    ///
    /// The type of the configuration is left to whoever pushed: `oras push` writes none of ours.
    func archive(of layers: [OCIDescriptor]) -> OCIDescriptor? {
        let fitting = layers.filter { $0.mediaType == layerType }
        return fitting.count == 1 ? fitting.first : nil
    }
}

/// Names of repositories and tags (distribution specification, "Pulling manifests").
enum OCIName {
    static func isRepository(_ text: String) -> Bool {
        guard (1...255).contains(text.utf8.count) else { return false }
        return text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            guard let first = part.utf8.first, let last = part.utf8.last,
                isAlphanumeric(first), isAlphanumeric(last)
            else { return false }
            return part.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
        }
    }

    static func isTag(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count), let first = text.utf8.first,
            first != UInt8(ascii: "."), first != UInt8(ascii: "-")
        else { return false }
        return text.utf8.allSatisfy {
            isAlphanumeric($0) || (0x41...0x5A) ~= $0 || "._-".utf8.contains($0)
        }
    }

    /// The tag of a version: a plus sign cannot stand in one, and becomes `_` as with Helm.
    static func tag(of version: String) -> String { version.replacing("+", with: "_") }

    /// The version that a tag stands for.
    static func version(of tag: String) -> String { tag.replacing("_", with: "+") }

    /// A path without slashes at its ends.
    static func path(_ text: String) -> String {
        text.split(separator: "/").joined(separator: "/")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39) ~= byte || (0x61...0x7A) ~= byte
    }
}

/// How much of a registry is read.
enum OCILimits {
    static let manifestBytesMax = 4 << 20
    static let listBytesMax = 4 << 20
    static let tokenBytesMax = 256 << 10
    static let descriptorsMax = 1_000
    /// Names or tags of one list, over all its pages.
    static let listedMax = 10_000
    static let pagesMax = 200
    static let pageCount = 1_000
    /// Tokens kept for one registry.
    static let tokensMax = 1_000
}
