import AgentContract
import JSON

/// What the agent must remember besides the layers themselves, which remember themselves.
struct AgentState: Sendable, Hashable {
    /// The ID that the credential and the numbers belong to.
    var applianceUID = ""
    /// What the machine is recognised by.
    var fingerprint = ""
    /// The number of the last report.
    var sequence: Int64 = 0
    /// The highest desired state ever seen; nothing lower is taken up.
    var seen: DesiredNumber?
    /// How often the server wants to hear from the appliance.
    var pollIntervalSeconds: Int64 = 30
    /// The archive whose parts were last copied.
    var archiveDigest = ""
    /// PEM of the key that archives must be signed with: that of the first one; empty before it.
    var archiveKey = ""
}

extension AgentState: JSONWritable {
    static let format = "easel.agentstate/v1"

    /// Reads what `write(to:)` wrote; nil for anything else.
    init?(_ value: JSONValue) {
        guard value["format"]?.text == Self.format,
            let applianceUID = value["applianceUid"]?.text,
            let fingerprint = value["fingerprint"]?.text,
            let sequence = value["sequence"]?.integer, sequence >= 0,
            let interval = value["pollIntervalSeconds"]?.integer,
            let archiveDigest = value["archiveDigest"]?.text
        else { return nil }
        self.applianceUID = applianceUID
        self.fingerprint = fingerprint
        self.sequence = sequence
        self.archiveDigest = archiveDigest
        seen = value["seen"]?.text.flatMap { DesiredNumber(text: $0.utf8) }
        pollIntervalSeconds = interval
        archiveKey = value["archiveKey"]?.text ?? ""
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("format", Self.format)
        writer.field("applianceUid", applianceUID)
        writer.field("fingerprint", fingerprint)
        writer.field("sequence", sequence)
        if let seen { writer.field("seen", seen.text) }
        writer.field("pollIntervalSeconds", pollIntervalSeconds)
        writer.field("archiveDigest", archiveDigest)
        writer.field("archiveKey", archiveKey)
        writer.endObject()
    }
}
