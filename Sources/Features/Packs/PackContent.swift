import JSON

/// The parts of a pack version that nobody searches: the JSON text of `pack_version.content`.
struct PackContent: Sendable, Hashable {
    var presets: [Preset]
    var schema: String
    var constraints: JSONValue?
    var manifests: [PackManifest]
    var charts: [PackChart]
    var valuesSize: Int
}

extension PackContent: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("presets", presets)
            writer.field("schema", schema)
            writer.optionalField("constraints", constraints)
            writer.field("manifests", manifests)
            writer.field("charts", charts)
            writer.field("valuesSize", valuesSize)
        }
    }

    /// Reads a stored text; members that are missing count as empty.
    init(stored text: String) throws {
        let limits = JSONLimits(bytesMax: PackLimits.packBytesMax)
        let value = try JSONParser.parse(text, limits: limits)
        presets = (value["presets"]?.elements ?? []).map {
            Preset(
                name: $0["name"]?.text ?? "",
                displayName: $0["displayName"]?.text ?? "",
                group: $0["group"]?.text ?? "",
                remove: ($0["remove"]?.elements ?? []).compactMap(\.text),
                add: $0["add"]?.text ?? ""
            )
        }
        schema = value["schema"]?.text ?? ""
        constraints = value["constraints"]
        manifests = (value["manifests"]?.elements ?? []).map {
            PackManifest(
                name: $0["name"]?.text ?? "",
                digest: $0["digest"]?.text ?? "",
                size: Int($0["size"]?.integer ?? 0)
            )
        }
        charts = (value["charts"]?.elements ?? []).map {
            PackChart(
                name: $0["name"]?.text ?? "",
                file: $0["file"]?.text ?? "",
                digest: $0["digest"]?.text ?? "",
                size: Int($0["size"]?.integer ?? 0)
            )
        }
        valuesSize = Int(value["valuesSize"]?.integer ?? 0)
    }
}

extension Preset: JSONWritable {
    /// Writes the stored form, which for presets is the wire's too.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("add", add)
            writer.field("displayName", displayName)
            writer.field("group", group)
            writer.field("name", name)
            writer.field("remove", remove)
        }
    }
}

extension PackManifest: JSONWritable {
    /// Writes the stored form, which for presets is the wire's too.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", name)
            writer.field("digest", digest)
            writer.field("size", size)
        }
    }
}

extension PackChart: JSONWritable {
    /// Writes the stored form, which for presets is the wire's too.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", name)
            writer.field("file", file)
            writer.field("digest", digest)
            writer.field("size", size)
        }
    }
}
