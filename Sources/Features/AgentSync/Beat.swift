import APIKit
import Appliances
import HTTPCore
import Primitives
import Storage

/// A heartbeat: Palette's `v1EdgeHostHealth`.
struct BeatInput: WireInput {
    let health: FleetEntry.Health

    init(from fields: Fields) {
        // A beat whose state got lost must not make an appliance healthy.
        let state = fields.text("state", allowed: ["healthy", "unhealthy"])
        health = FleetEntry.Health(
            state: state == "unhealthy" ? .unhealthy : .healthy,
            message: fields.optionalText("message", bytesMax: AgentLimits.beatMessageBytesMax)
                ?? "",
            agentVersion: fields.optionalText(
                "agentVersion",
                bytesMax: AgentLimits.agentVersionBytesMax
            ) ?? ""
        )
    }
}

extension AgentSync {
    var updateHealth: Endpoint {
        Endpoint(
            .patch,
            "/v1/edgehosts/{uid}/health",
            id: "v1EdgeHostDevicesHealthUpdate",
            tag: "Agents",
            summary: "Tells that an appliance lives, and how it fares.",
            access: .appliance,
            failures: [.invalidBody, .resourceNotFound],
            input: BeatInput.self
        ) { beat, context in
            let entry = try await caller(context)
            try await take(beat.health, of: entry, at: context.now)
        }
    }

    /// Takes up a beat: one that says nothing new stays in memory, any other is durable before it
    /// is answered.
    private func take(
        _ health: FleetEntry.Health,
        of entry: FleetEntry,
        at now: Timestamp
    ) async throws {
        let saysNothingNew = entry.health == health
        entry.touch(at: now, monotonic: monotonic(), isWritten: !saysNothingNew)
        if saysNothingNew { return }
        try await database.write { tx in
            try AgentStore.setHealth(health, of: entry, at: now, tx)
            tx.afterCommit { entry.setHealth(health) }
        }
    }

    /// A sign of life other than a beat.
    ///
    /// An appliance that was silent is healthy again by it.
    func hear(_ entry: FleetEntry, at now: Timestamp) async throws {
        entry.touch(at: now, monotonic: monotonic())
        guard entry.isSilenced else { return }
        var health = entry.health
        health.state = .healthy
        health.message = ""
        try await database.write { [health] tx in
            try AgentStore.setHealth(health, of: entry, at: now, tx)
            tx.afterCommit { entry.setHealth(health) }
        }
    }
}
