import AgentContract
import JSON

/// What differs in a layer between two published states.
struct LayerChange: Sendable {
    /// What a site does about it.
    enum Effect: String, Sendable {
        case installed
        case removed
        /// Another version or chart takes the place of what runs.
        case replaced
        /// What runs gets other values or manifests.
        case restarted
        /// The site applies nothing: only how the profile asks for the layer has changed.
        case none
    }

    let old: LayerRevision?
    let new: LayerRevision?

    var name: String { new?.name ?? old?.name ?? "" }

    var effect: Effect {
        guard let old else { return .installed }
        guard let new else { return .removed }
        if old.digest == new.digest { return .none }
        return old.version != new.version || old.charts != new.charts || old.kind != new.kind
            ? .replaced : .restarted
    }

    /// What of the layer differs, by name; empty when it is added or removed as a whole.
    var parts: [String] {
        guard let old, let new else { return [] }
        var parts: [String] = []
        if old.version != new.version { parts.append("version") }
        if old.tag != new.tag { parts.append("tag") }
        if old.values != new.values { parts.append("values") }
        if old.manifests != new.manifests { parts.append("manifests") }
        if old.charts != new.charts { parts.append("charts") }
        if old.installOrder != new.installOrder { parts.append("installOrder") }
        return parts
    }

    /// The layers that differ, in the order of installation; removed ones come last.
    static func changes(from old: [LayerRevision], to new: [LayerRevision]) -> [LayerChange] {
        let former = Dictionary(old.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let names = Set(new.map(\.name))
        return new.filter { former[$0.name] != $0 }
            .map { LayerChange(old: former[$0.name], new: $0) }
            + old.filter { !names.contains($0.name) }.map { LayerChange(old: $0, new: nil) }
    }

    /// The bytes that a site which has the old state must fetch for the new one.
    static func bytes(from old: [LayerRevision], to new: [LayerRevision]) -> Int64 {
        let known = Set(old.flatMap(\.parts).map(\.digest))
        var counted: Set<String> = []
        return new.flatMap(\.parts).reduce(0) { sum, part in
            known.contains(part.digest) || !counted.insert(part.digest).inserted
                ? sum : sum + part.size
        }
    }

    /// The members that plans and comparisons show alike.
    func writeHead(to writer: inout JSONWriter) {
        writer.field("name", name)
        writer.field("effect", effect.rawValue)
        writer.field("changes", parts)
        if let old { Self.write("from", old, to: &writer) }
        if let new { Self.write("to", new, to: &writer) }
    }

    private static func write(
        _ key: StaticString,
        _ layer: LayerRevision,
        to writer: inout JSONWriter
    ) {
        writer.key(key)
        writer.beginObject()
        writer.field("version", layer.version)
        writer.field("tag", layer.tag)
        writer.field("installOrder", layer.installOrder)
        writer.endObject()
    }
}

extension LayerRevision {
    /// All that a site fetches for the layer.
    var parts: [Part] { [values] + manifests.map(\.part) + charts.map(\.part) }

    static func example(_ version: String) -> LayerRevision {
        LayerRevision(
            name: "log-shipper",
            kind: "spectro",
            layer: "addon",
            registryUID: "65f1c0a4d2b7e81f3c9a4b60",
            packUID: "65f1c0a4d2b7e81f3c9a4b61",
            version: version,
            tag: "4.x",
            installOrder: 0,
            isVM: false,
            digest: "sha256:\(version)",
            values: Part(digest: "sha256:\(version)", size: 120),
            manifests: [
                Manifest(
                    name: "rules",
                    part: Part(digest: "sha256:\(version)", size: 80),
                    isAttached: true
                )
            ],
            charts: [
                Chart(
                    name: "shipper",
                    file: "shipper.tgz",
                    part: Part(digest: "sha256:c", size: 900)
                )
            ]
        )
    }
}
