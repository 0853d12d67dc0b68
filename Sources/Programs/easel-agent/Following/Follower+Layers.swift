import AgentContract
import Primitives

// Applying and reporting.
extension Follower {
    /// Brings the layers to a desired state, as far as that can be done now.
    func apply(_ desired: DesiredState, _ inputs: Inputs) async throws {
        let (link, credential, blobs) = (self.link, self.credential, keeper.blobs)
        let result = try await keeper.reconcile(
            desired.profiles,
            inputs.site,
            number: desired.number
        ) { part in
            guard let link, let credential else {
                throw LayerFailure(
                    reason: "NotFetched",
                    message: "The part \(part.digest) is fetched once the appliance is paired.",
                    isPending: true
                )
            }
            do {
                return try await link.fetch(
                    part,
                    after: blobs.begun(part),
                    credential: credential,
                    stamp: stamp
                ) { received in try blobs.keepBegun(received, of: part.digest) }
            } catch let trouble as ServerLink.Trouble {
                throw LayerFailure(
                    reason: "NotFetched",
                    message: "The part \(part.digest) could not be fetched: \(trouble.message)",
                    isPending: true
                )
            }
        }
        note(result)
        reporting.set(Reporting.content(of: result, desired: desired, removed: removed))
    }

    /// Keeps a result, and writes down what is new in it.
    func note(_ result: LayerKeeper.Result) {
        for layer in result.applied {
            tell(
                .info,
                "LayerApplied",
                "Layer '\(layer.layer.name)' \(layer.layer.version) is applied."
            )
        }
        for layer in result.removed {
            tell(.info, "LayerRemoved", "Layer '\(layer.name)' is removed.")
        }
        removed += result.removed
        let former = Dictionary(
            (self.result?.outcomes ?? []).map { ($0.wanted.folder, $0.failure) },
            uniquingKeysWith: { first, _ in first }
        )
        for outcome in result.outcomes {
            guard let failure = outcome.failure, former[outcome.wanted.folder] != failure else {
                continue
            }
            tell(
                .warning,
                failure.reason,
                "Layer '\(outcome.wanted.layer.name)' is not applied: \(failure.message)"
            )
        }
        self.result = result
    }

    private func tell(_ level: EdgeLog.Level, _ reason: String, _ message: String) {
        outside.log(level, message)
        reporting.add(
            AgentReport.Event(
                at: outside.now(),
                severity: level == .info ? "info" : "warning",
                reason: reason,
                message: message
            )
        )
    }

    /// Sends what the server has not heard; gives a pause when it could not be told.
    func sendReport(_ link: ServerLink, _ credential: String) async throws -> Duration? {
        guard reporting.isDue, let content = reporting.pending else { return nil }
        do {
            do {
                try await send(content, link, credential)
            } catch let trouble as ServerLink.Trouble where trouble.code == "StaleReport" {
                // The numbers up to some higher one are used, as after a lost state.
                let doubled = min(state.sequence, .max / 4) * 2
                state.sequence = max(doubled, outside.now().milliseconds)
                outside.log(
                    .warning,
                    "The server knows a later report; the next ones begin at \(state.sequence)."
                )
                try await send(content, link, credential)
            }
            removed.removeAll()
            reporting.onHeard(content, at: outside.now())
            backoff.reset()
            unsay("report")
            return nil
        } catch let trouble as ServerLink.Trouble {
            // The poll finds out about the credential, and says more.
            if trouble.kind == .unauthorized { return nil }
            if trouble.saysPaused {
                isPaused = true
                return nil
            }
            say("report", .warning, "The report was not taken: \(trouble.message)")
            return options.once
                ? nil : backoff.next(retryAfter: trouble.retryAfter, random: outside.random())
        }
    }

    private func send(
        _ content: Reporting.Content,
        _ link: ServerLink,
        _ credential: String
    ) async throws {
        state.sequence += 1
        // Before it is sent: a number is never used for two reports, whatever happens now.
        try store.save(state)
        let report = AgentReport(
            sequence: state.sequence,
            observed: content.observed,
            healthState: content.healthState,
            healthMessage: content.healthMessage,
            agentVersion: AgentRelease.version,
            layers: content.layers,
            events: reporting.events
        )
        try await link.report(report, credential: credential, stamp: stamp)
    }

    /// Tells the server that nothing changed, when it has not heard anything for its interval.
    func beat(_ link: ServerLink, _ credential: String) async throws {
        let now = outside.now()
        if let heardAt = reporting.heardAt, now.seconds(since: heardAt) < interval { return }
        guard let content = reporting.pending else { return }
        do {
            try await link.heartbeat(
                state: content.healthState,
                message: content.healthMessage,
                credential: credential,
                stamp: stamp
            )
            reporting.onHeartbeat(at: now)
        } catch let trouble as ServerLink.Trouble {
            say("heartbeat", .warning, "The heartbeat was not taken: \(trouble.message)")
        }
    }
}
