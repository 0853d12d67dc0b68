import AgentContract
import Primitives

/// What the agent has to say to the server, and whether it has been heard.
struct Reporting: Sendable {
    /// All of a report but its number.
    struct Content: Sendable, Hashable {
        let observed: DesiredNumber
        let healthState: String
        let healthMessage: String
        let layers: [AgentReport.Layer]
    }

    /// Events kept while nobody hears them; the oldest go first.
    static let eventsMax = 100
    /// The longest message in bytes; below what the server takes anywhere.
    static let messageBytesMax = 1000

    private(set) var pending: Content?
    private var heard: Content?
    private(set) var events: [AgentReport.Event] = []
    /// When the server last heard a report or a heartbeat.
    private(set) var heardAt: Timestamp?

    /// Whether there is something that the server has not heard.
    var isDue: Bool { pending != nil && (pending != heard || !events.isEmpty) }

    mutating func set(_ content: Content) { pending = content }

    mutating func add(_ event: AgentReport.Event) {
        events.append(event)
        if events.count > Self.eventsMax { events.removeFirst(events.count - Self.eventsMax) }
    }

    /// The server has taken a report with this content.
    mutating func onHeard(_ content: Content, at moment: Timestamp) {
        heard = content
        heardAt = moment
        events.removeAll()
    }

    /// The server has taken a heartbeat.
    mutating func onHeartbeat(at moment: Timestamp) { heardAt = moment }

    /// The credential is another: the new one has been told nothing.
    mutating func forget() {
        heard = nil
        heardAt = nil
    }

    /// The beginning of a text that is too long.
    static func cut(_ text: String) -> String {
        guard text.utf8.count > messageBytesMax else { return text }
        var kept = ""
        var left = messageBytesMax - 3
        for scalar in text.unicodeScalars {
            left -= UTF8.width(scalar)
            if left < 0 { break }
            kept.unicodeScalars.append(scalar)
        }
        return kept + "…"
    }

    /// The content that follows from what became of the layers.
    static func content(
        of result: LayerKeeper.Result,
        desired: DesiredState,
        removed: [AppliedLayer]
    ) -> Content {
        var layers = result.outcomes.map { outcome in
            let layer = outcome.wanted.layer
            let failure = outcome.failure
            return AgentReport.Layer(
                name: layer.name,
                kind: layer.kind,
                version: layer.version,
                profileUID: outcome.wanted.profileUID,
                revision: outcome.wanted.revision,
                digest: layer.digest,
                action: failure.map { $0.isPending ? "pending" : "failed" } ?? "applied",
                reason: failure?.reason ?? "Applied",
                message: failure?.message ?? ""
            )
        }
        var told = Set(
            result.outcomes.map(\.wanted.identity)
        )
        for layer in removed where told.insert(layer.identity).inserted {
            layers.append(
                AgentReport.Layer(
                    name: layer.name,
                    kind: layer.kind,
                    version: layer.version,
                    profileUID: layer.profileUID,
                    revision: layer.revision,
                    digest: layer.digest,
                    action: "removed",
                    reason: "Removed",
                    message: ""
                )
            )
        }
        // Also those that a former run removed and could not tell.
        for layer in desired.removed {
            let identity = LayerIdentity(profileUID: layer.profileUID, name: layer.name)
            guard told.insert(identity).inserted else { continue }
            layers.append(
                AgentReport.Layer(
                    name: layer.name,
                    kind: "",
                    version: "",
                    profileUID: layer.profileUID,
                    revision: 0,
                    digest: "",
                    action: "removed",
                    reason: "Removed",
                    message: ""
                )
            )
        }
        let missing = result.outcomes.filter { $0.failure != nil }
        let names = missing.map(\.wanted.layer.name).joined(separator: ", ")
        return Content(
            observed: desired.number,
            healthState: missing.isEmpty ? "healthy" : "unhealthy",
            healthMessage: missing.isEmpty
                ? ""
                : cut(
                    "\(missing.count) of \(result.outcomes.count) layers are not applied: \(names)"
                ),
            layers: layers
        )
    }
}
