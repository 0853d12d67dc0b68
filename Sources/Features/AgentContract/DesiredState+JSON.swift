import JSON

extension Part {
    init(_ reader: ContractReader) throws(ContractError) {
        digest = try reader.text("digest")
        size = try reader.int("size")
    }

    func write(to writer: inout JSONWriter) {
        writer.field("digest", digest)
        writer.field("size", size)
    }
}

extension LayerRevision: JSONWritable {
    init(_ reader: ContractReader) throws(ContractError) {
        name = try reader.text("name")
        kind = try reader.text("kind")
        layer = try reader.text("layer")
        registryUID = try reader.text("registryUid")
        packUID = try reader.text("packUid")
        version = try reader.text("version")
        tag = try reader.text("tag")
        installOrder = try reader.int("installOrder")
        isVM = try reader.flag("vm")
        digest = try reader.text("digest")
        values = try Part(reader.inner("values"))
        manifests = try reader.list("manifests") { item throws(ContractError) in
            Manifest(
                name: try item.text("name"),
                part: try Part(item),
                isAttached: try item.flag("attached")
            )
        }
        charts = try reader.list("charts") { item throws(ContractError) in
            Chart(name: try item.text("name"), file: try item.text("file"), part: try Part(item))
        }
    }

    /// Members in a fixed order: equal layers give equal bytes.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("name", name)
        writer.field("kind", kind)
        writer.field("layer", layer)
        writer.field("registryUid", registryUID)
        writer.field("packUid", packUID)
        writer.field("version", version)
        writer.field("tag", tag)
        writer.field("installOrder", installOrder)
        writer.field("vm", isVM)
        writer.field("digest", digest)
        writer.key("values")
        writer.beginObject()
        values.write(to: &writer)
        writer.endObject()
        writer.key("manifests")
        writer.beginArray()
        for manifest in manifests {
            writer.beginObject()
            writer.field("name", manifest.name)
            manifest.part.write(to: &writer)
            writer.field("attached", manifest.isAttached)
            writer.endObject()
        }
        writer.endArray()
        writer.key("charts")
        writer.beginArray()
        for chart in charts {
            writer.beginObject()
            writer.field("name", chart.name)
            writer.field("file", chart.file)
            chart.part.write(to: &writer)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}

extension ProfileRevision: JSONWritable {
    /// Reads what `write(to:)` wrote.
    package init(_ value: JSONValue) throws(ContractError) {
        self = try ProfileRevision(ContractReader(value))
    }

    init(_ reader: ContractReader) throws(ContractError) {
        let profile = try reader.inner("profile")
        uid = try profile.text("uid")
        name = try profile.text("name")
        version = try profile.text("version")
        type = try profile.text("type")
        cloudType = try profile.text("cloudType")
        tags = try profile.textMap("labels")
        number = try reader.int("number")
        layers = try reader.list("layers") { item throws(ContractError) in
            try LayerRevision(item)
        }
    }

    /// Members in a fixed order: equal revisions give equal bytes.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("profile")
        writer.beginObject()
        writer.field("uid", uid)
        writer.field("name", name)
        writer.field("version", version)
        writer.field("type", type)
        writer.field("cloudType", cloudType)
        if !tags.isEmpty {
            writer.key("labels")
            writer.beginObject()
            for (key, value) in tags.sorted(by: { $0.key < $1.key }) {
                writer.key(key)
                writer.string(value)
            }
            writer.endObject()
        }
        writer.endObject()
        writer.field("number", number)
        writer.field("layers", layers)
        writer.endObject()
    }
}
