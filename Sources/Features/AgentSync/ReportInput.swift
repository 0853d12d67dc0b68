import AgentContract
import APIKit
import Primitives

/// Reads a report's body with all its faults.
package struct ReportInput: WireInput {
    /// What was read; of use when there are no faults.
    package let report: AgentReport

    package init(from fields: Fields) {
        let observed = fields.object("observed", as: NumberInput.self)
        let health = fields.object("health", as: HealthInput.self)
        report = AgentReport(
            sequence: fields.int("sequence", in: 1...Int64.max),
            observed: observed.number,
            healthState: health.state,
            healthMessage: health.message,
            agentVersion: fields.optionalText(
                "agentVersion",
                bytesMax: AgentLimits.agentVersionBytesMax
            ) ?? "",
            layers: fields.list(
                "layers",
                of: LayerInput.self,
                countMax: AgentLimits.layersPerReportMax
            )
            .map(\.layer),
            events: fields.list(
                "events",
                of: EventInput.self,
                countMax: AgentLimits.eventsPerReportMax
            )
            .map(\.event)
        )
    }

    private struct NumberInput: WireInput {
        let number: DesiredNumber

        init(from fields: Fields) {
            number = DesiredNumber(
                epoch: fields.optionalInt("epoch", in: 0...Int64.max) ?? 0,
                counter: fields.optionalInt("counter", in: 0...Int64.max) ?? 0
            )
        }
    }

    private struct HealthInput: WireInput {
        let state: String
        let message: String

        init(from fields: Fields) {
            state = fields.text("state", allowed: ["healthy", "unhealthy"])
            // Kept in memory for each appliance, so shorter than a layer's.
            message =
                fields.optionalText("message", bytesMax: AgentLimits.beatMessageBytesMax) ?? ""
        }
    }

    private struct LayerInput: WireInput {
        let layer: AgentReport.Layer

        init(from fields: Fields) {
            layer = AgentReport.Layer(
                name: fields.text("name"),
                kind: fields.optionalText("kind") ?? "",
                version: fields.optionalText("version") ?? "",
                profileUID: fields.optionalText("profileUid") ?? "",
                revision: fields.optionalInt("revision", in: 0...Int64.max) ?? 0,
                digest: fields.optionalText("digest") ?? "",
                action: fields.text(
                    "action",
                    allowed: ["applied", "removed", "failed", "pending"]
                ),
                reason: fields.optionalText("reason") ?? "",
                message: fields.optionalText("message", bytesMax: AgentLimits.reportMessageBytesMax)
                    ?? ""
            )
        }
    }

    private struct EventInput: WireInput {
        let event: AgentReport.Event

        init(from fields: Fields) {
            event = AgentReport.Event(
                at: fields.optionalTime("at") ?? .never,
                severity: fields.text("severity", allowed: ["info", "warning", "error"]),
                reason: fields.text("reason", bytesMax: 128),
                message: fields.optionalText("message", bytesMax: AgentLimits.reportMessageBytesMax)
                    ?? ""
            )
        }
    }
}
