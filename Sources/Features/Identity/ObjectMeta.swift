import APIKit
import JSON
import Primitives

/// The `metadata` of a create or an update, as far as the caller may set it.
struct MetaInput: WireInput {
    /// Long enough for a sentence, short enough for a table.
    static let nameBytesMax = 128

    let name: String
    let labels: [String: String]
    let annotations: [String: String]

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: Self.nameBytesMax)
        labels = fields.labels(countMax: 64, bytesMax: 1024)
        annotations = fields.annotations(countMax: 64, bytesMax: 4096)
        if let message = NameRule.flaw(in: name) { fields.fault("name", "NotAllowed", message) }
    }
}

/// The `metadata` of an answer.
struct ObjectMeta: Sendable, JSONWritable {
    var name: String
    var uid: String
    var labels: [String: String] = [:]
    var annotations: [String: String] = [:]
    var createdAt: Timestamp
    var modifiedAt: Timestamp

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", name)
            writer.field("uid", uid)
            writer.field("labels", labels)
            writer.field("annotations", annotations)
            writer.field("creationTimestamp", createdAt)
            writer.field("lastModifiedTimestamp", modifiedAt)
            writer.field("deletionTimestamp", Timestamp.never)
        }
    }

    static let example = ObjectMeta(
        name: "Default",
        uid: "65f1c0a4d2b7e81f3c9a4b6d",
        labels: ["team": "north"],
        annotations: ["description": "The shops in the north."],
        createdAt: Timestamp(seconds: 1_772_366_400),
        modifiedAt: Timestamp(seconds: 1_772_366_400)
    )
}
