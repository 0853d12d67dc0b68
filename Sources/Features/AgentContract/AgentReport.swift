import JSON
import Primitives

/// What an appliance says about itself, as `POST /v1/edgehosts/{uid}/report` takes it.
package struct AgentReport: Sendable, Hashable, JSONWritable {
    /// How far one layer has come.
    package struct Layer: Sendable, Hashable {
        package let name: String
        package let kind: String
        package let version: String
        package let profileUID: String
        package let revision: Int64
        package let digest: String
        /// `applied`, `removed`, `failed` or `pending`.
        package let action: String
        /// CamelCase, for programs.
        package let reason: String
        /// A sentence, for people.
        package let message: String

        package init(
            name: String,
            kind: String,
            version: String,
            profileUID: String,
            revision: Int64,
            digest: String,
            action: String,
            reason: String,
            message: String
        ) {
            self.name = name
            self.kind = kind
            self.version = version
            self.profileUID = profileUID
            self.revision = revision
            self.digest = digest
            self.action = action
            self.reason = reason
            self.message = message
        }
    }

    /// Something that happened at the site.
    package struct Event: Sendable, Hashable {
        package let at: Timestamp
        /// `info`, `warning` or `error`.
        package let severity: String
        package let reason: String
        package let message: String

        package init(at: Timestamp, severity: String, reason: String, message: String) {
            self.at = at
            self.severity = severity
            self.reason = reason
            self.message = message
        }
    }

    /// Grows with each new report and never falls, across restarts too.
    package let sequence: Int64
    /// The desired state that the appliance has taken up.
    package let observed: DesiredNumber
    /// `healthy` or `unhealthy`.
    package let healthState: String
    package let healthMessage: String
    package let agentVersion: String
    package let layers: [Layer]
    package let events: [Event]

    package init(
        sequence: Int64,
        observed: DesiredNumber,
        healthState: String,
        healthMessage: String,
        agentVersion: String,
        layers: [Layer],
        events: [Event]
    ) {
        self.sequence = sequence
        self.observed = observed
        self.healthState = healthState
        self.healthMessage = healthMessage
        self.agentVersion = agentVersion
        self.layers = layers
        self.events = events
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("sequence", sequence)
        writer.key("observed")
        writer.beginObject()
        writer.field("epoch", observed.epoch)
        writer.field("counter", observed.counter)
        writer.endObject()
        writer.key("health")
        writer.beginObject()
        writer.field("state", healthState)
        writer.field("message", healthMessage)
        writer.endObject()
        writer.field("agentVersion", agentVersion)
        writer.key("layers")
        writer.beginArray()
        for layer in layers { layer.write(to: &writer) }
        writer.endArray()
        writer.key("events")
        writer.beginArray()
        for event in events {
            writer.beginObject()
            writer.field("at", event.at)
            writer.field("severity", event.severity)
            writer.field("reason", event.reason)
            writer.field("message", event.message)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}

extension AgentReport.Layer: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("name", name)
        writer.field("kind", kind)
        writer.field("version", version)
        writer.field("profileUid", profileUID)
        writer.field("revision", revision)
        writer.field("digest", digest)
        writer.field("action", action)
        writer.field("reason", reason)
        writer.field("message", message)
        writer.endObject()
    }
}
