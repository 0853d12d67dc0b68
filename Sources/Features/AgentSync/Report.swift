import AgentContract
import APIKit
import Appliances
import HTTPCore
import Primitives
import Storage

extension AgentSync {
    var report: Endpoint {
        Endpoint(
            .post,
            "/v1/edgehosts/{uid}/report",
            id: "reportObservation",
            tag: "Agents",
            summary: "Tells what an appliance has applied, how it fares and what happened.",
            document: .agent,
            access: .appliance,
            failures: [.invalidBody, .resourceNotFound, .staleReport],
            input: ReportInput.self
        ) { input, context in
            let entry = try await caller(context)
            let now = context.now
            let report = input.report
            if isAhead(report.observed, of: entry.desired().number, entry) {
                try await pause(entry, report.observed)
                throw Self.paused(Self.serverBehind)
            }
            entry.touch(at: now, monotonic: monotonic())
            try await database.write { tx in try take(report, of: entry, at: now, tx) }
        }
    }

    /// Takes a report in one transaction: what was observed, health, and events.
    private func take(
        _ report: AgentReport,
        of entry: FleetEntry,
        at now: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        let former = try AgentStore.observation(of: entry, tx).sequence
        // The same report again: its answer was lost.
        if report.sequence == former { return }
        guard report.sequence > former else {
            throw Failure(
                .staleReport,
                "The report \(report.sequence) comes after \(former); it is dropped."
            )
        }
        let health = FleetEntry.Health(
            state: report.healthState == "unhealthy" ? .unhealthy : .healthy,
            message: report.healthMessage,
            agentVersion: report.agentVersion
        )
        if entry.health != health {
            try AgentStore.setHealth(health, of: entry, at: now, tx)
            tx.afterCommit { entry.setHealth(health) }
        }
        try AgentStore.setObservation(
            of: entry.key,
            sequence: report.sequence,
            observed: (report.observed.epoch, report.observed.counter),
            layers: ObservedLayers(report.layers).stored,
            tx
        )
        for event in report.events {
            try ApplianceEventStore.insert(
                ApplianceEvent(
                    Self.severity(event.severity),
                    reason: event.reason,
                    message: event.message
                ),
                of: entry.key,
                at: event.at == .never ? nil : event.at,
                tx
            )
        }
    }

    private static func severity(_ word: String) -> ApplianceEvent.Severity {
        switch word {
        case "error": .error
        case "warning": .warning
        default: .info
        }
    }
}
