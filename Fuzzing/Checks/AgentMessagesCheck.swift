import APIKit
import AgentContract
import AgentSync
import JSON

extension FuzzCheck {
    /// What an agent sends, and what it is sent, comes back when it is written and read again.
    static let agentMessages = FuzzCheck("agent-messages") { bytes in
        guard let value = try? JSONParser.parse(bytes), case .object(let object) = value else {
            return
        }
        _ = PairingInput(from: Fields(object, faults: FaultList()))
        _ = LayersInput(from: Fields(object, faults: FaultList()))
        if let report = report(value) {
            let again = Self.report(try JSONParser.parse(report.jsonBytes()))
            try promise(again == report, "a report comes back")
        }
        _ = try? DesiredState(value)
        if let revision = try? ProfileRevision(value) {
            let again = try ProfileRevision(JSONParser.parse(revision.jsonBytes()))
            try promise(again == revision, "a revision comes back")
        }
        if let manifest = try? ArchiveManifest(value) {
            let again = try ArchiveManifest(JSONParser.parse(manifest.jsonBytes()))
            try promise(again == manifest, "an archive's manifest comes back")
        }
    }

    private static func report(_ value: JSONValue) -> AgentReport? {
        guard case .object(let object) = value else { return nil }
        let faults = FaultList()
        let input = ReportInput(from: Fields(object, faults: faults))
        return faults.faults.isEmpty ? input.report : nil
    }
}
