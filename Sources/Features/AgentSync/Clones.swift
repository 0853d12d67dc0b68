import AgentContract
import APIKit
import Appliances
import HTTPCore
import Logging
import Primitives
import Storage

// Several machines that use one credential, as after a disk was copied.
extension AgentSync {
    static let cloned = "identity-conflict"

    /// Takes up the stamp of a poll, and pauses the newer machines when there are several.
    func watch(_ entry: FleetEntry, _ stamp: PollStamp, from address: String) async throws {
        guard case .cloned(let older) = entry.watch(stamp, at: monotonic()),
            entry.pausedReason == nil
        else { return }
        logger.warning(
            "several machines use one credential",
            metadata: ["appliance": "\(entry.uid)", "address": "\(address)"]
        )
        try await database.write { tx in
            guard try fetch(entry, tx).pausedReason == nil else { return }
            _ = try ApplianceStore.setPaused(
                entry.key,
                reason: Self.cloned,
                keptRun: older.map { Int64(bitPattern: $0) },
                tx
            )
            try ApplianceEventStore.insert(
                .cloned(address: address, isOneKept: older != nil),
                of: entry.key,
                tx
            )
            try appliances.announce(.updated, fetch(entry, tx), tx)
        }
    }
}

extension FleetEntry {
    /// As ``AppliancePrincipal`` says; the run that was kept is served.
    package func checkServed(_ request: Request) throws {
        guard pausedReason != nil,
            let reason = try pausedReason(for: PollStamp(request).run)
        else { return }
        throw AgentSync.paused(reason)
    }
}

extension PollStamp {
    /// The stamp of a request.
    ///
    /// - Throws: `.invalidRequest` when it cannot be read.
    init(_ request: Request) throws {
        guard let range = request.field("easel-poll") else {
            self = .none
            return
        }
        guard let stamp = PollStamp(text: request.head[range]) else {
            throw Failure.fault(
                "header/Easel-Poll",
                "Malformed",
                "'Easel-Poll' must be the agent's run in hex and the number of the poll, "
                    + "<run>.<number>.",
                as: .invalidRequest
            )
        }
        self = stamp
    }
}
