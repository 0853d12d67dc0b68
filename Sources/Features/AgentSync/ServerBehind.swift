import AgentContract
import APIKit
import Appliances
import Audit
import HTTPCore
import Primitives
import Storage

// An appliance that has seen a later state than this server knows: a database was restored. It is
// not driven backwards before an operator has looked at it.
extension AgentSync {
    static let serverBehind = "server-behind"

    /// - Parameter seconds: for how long the poll was held: who waits here may ask again soon.
    static func paused(_ reason: String, after seconds: Int64 = 0) -> Failure {
        let pause = seconds >= 10 ? Int.random(in: 1...5) : Int.random(in: 60...120)
        guard reason == serverBehind else {
            return Failure(
                .identityConflict,
                "Another machine uses this appliance's credential; this one is paused until an "
                    + "operator resumes the appliance or replaces its host.",
                retryAfterSeconds: pause
            )
        }
        return Failure(
            .serverBehind,
            "This appliance has seen a later state than the server knows; it is paused until an "
                + "operator resumes it.",
            retryAfterSeconds: pause
        )
    }

    /// Whether an observed number lies beyond what this server ever handed out.
    ///
    /// - Parameters:
    ///   - current: the appliance's desired-state number.
    ///   - epoch: the database's epoch.
    ///   - epochStartCounter: the counter as that epoch began.
    ///   - resumedEpoch: an epoch whose numbers an operator has accepted.
    static func isAhead(
        _ observed: DesiredNumber,
        of current: DesiredNumber,
        epoch: Int64,
        epochStartCounter: Int64,
        resumedEpoch: Int64?
    ) -> Bool {
        if observed.epoch == current.epoch || observed.epoch == epoch {
            return observed.counter > current.counter
        }
        if observed.epoch > current.epoch { return true }
        if observed.epoch == resumedEpoch { return false }
        // An earlier epoch's numbers are known up to where the restored copy was taken.
        return observed.counter > epochStartCounter
    }

    func isAhead(
        _ observed: DesiredNumber,
        of current: DesiredNumber,
        _ entry: FleetEntry
    ) -> Bool {
        Self.isAhead(
            observed,
            of: current,
            epoch: index.epoch,
            epochStartCounter: database.epochStartCounter,
            resumedEpoch: entry.resumedEpoch
        )
    }

    /// Pauses an appliance that claims a later state, unless it is paused already.
    func pause(_ entry: FleetEntry, _ observed: DesiredNumber) async throws {
        guard entry.pausedReason == nil else { return }
        try await database.write { tx in try pause(entry, observed, tx) }
    }

    private func pause(
        _ entry: FleetEntry,
        _ observed: DesiredNumber,
        _ tx: borrowing Transaction
    ) throws {
        guard try ApplianceStore.setPaused(entry.key, reason: Self.serverBehind, tx) else { return }
        try AgentStore.noteAhead(
            entry.key,
            epoch: observed.epoch,
            counter: observed.counter,
            tx
        )
        try ApplianceEventStore.insert(
            ApplianceEvent(
                .warning,
                reason: "ServerBehind",
                message: "The appliance has seen the state \(observed.text), which this server "
                    + "does not know: its database is older. Nothing is sent to the appliance "
                    + "until it is resumed."
            ),
            of: entry.key,
            tx
        )
        try appliances.announce(.updated, fetch(entry, tx), tx)
    }

    /// Easel's own operation for operators.
    var resume: Endpoint {
        Endpoint(
            .post,
            "/v1/edgehosts/{uid}/resume",
            id: "resumeAppliance",
            tag: "Appliances",
            summary: "Has a paused appliance follow this server, with the machine that it has.",
            document: .agent,
            access: .user(.applianceUpdate),
            failures: [.resourceNotFound, .conflict]
        ) { _, context in
            let entry = try entry(context)
            let actor = AuditActor(context)
            try await context.write(database) { tx in try resume(entry, actor, tx) }
        }.takingIdempotencyKey()
    }

    private func resume(
        _ entry: FleetEntry,
        _ actor: AuditActor,
        _ tx: borrowing Transaction
    ) throws {
        let former = try fetch(entry, tx)
        guard former.pausedReason != nil || former.reapprovalSince != nil else {
            throw Failure(.conflict, "The appliance is not paused; there is nothing to resume.")
        }
        var appliance = former
        appliance.pausedReason = nil
        appliance.keptRun = nil
        // The machine that has the credential is the right one.
        appliance.reapprovalSince = nil
        if former.pausedReason == Self.serverBehind, let seen = try AgentStore.ahead(entry.key, tx)
        {
            if seen.epoch >= index.epoch { try raiseCounter(beyond: seen.counter, tx) }
            try AgentStore.resume(entry.key, epoch: seen.epoch, tx)
            tx.afterCommit { entry.setResumedEpoch(seen.epoch) }
        }
        appliance.desiredCounter = try tx.nextCounter()
        appliance = try ApplianceStore.update(appliance, formerly: former, tx)
        try ApplianceEventStore.insert(
            ApplianceEvent(
                .info,
                reason: "Resumed",
                message: "The appliance follows this server again."
            ),
            of: entry.key,
            tx
        )
        try AuditStore.record(.update, appliance.auditResource, "Appliance resumed", by: actor, tx)
        try appliances.announce(.updated, appliance, tx)
    }

    /// An agent takes up a number only when it is greater than the one it saw.
    private func raiseCounter(beyond seen: Int64, _ tx: borrowing Transaction) throws {
        guard seen - (try AgentStore.counter(tx)) <= AgentLimits.counterJumpMax else {
            throw Failure(
                .conflict,
                "The appliance claims a state number that no server can have given; replace its "
                    + "host instead."
            )
        }
        try AgentStore.raiseCounter(to: seen, tx)
    }
}
