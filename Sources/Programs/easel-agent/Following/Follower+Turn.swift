import AgentContract
import Primitives

// One turn: what is known is applied, then the server is asked once.
extension Follower {
    /// - Returns: how long to wait before the next turn; nil for not at all.
    func turn() async throws -> Duration? {
        guard let inputs, let link else {
            return backoff.next(retryAfter: nil, random: outside.random())
        }
        if let desired, result?.isComplete != true { try await apply(desired, inputs) }
        guard let credential else { return try await pair(link, inputs) }
        // What follows goes by the way that shows the new one.
        if !isPaused, try await renewCertificate(inputs, credential) { return try await turn() }
        // A paused appliance is not heard; the poll finds out when it is again.
        if !isPaused, let pause = try await sendReport(link, credential) { return pause }
        let asked = outside.now()
        let wait = waitSeconds(at: asked)
        stamp = stamp.next
        do {
            let poll = try await link.poll(
                credential: credential,
                stamp: stamp,
                known: desired?.number,
                seen: state.seen,
                waitSeconds: wait
            )
            backoff.reset()
            unsay("server")
            isPaused = false
            if case .later(let seconds) = poll {
                return backoff.next(retryAfter: seconds, random: outside.random())
            }
            return try await takeUp(poll, inputs, link, asked: asked, waited: wait)
        } catch let trouble as ServerLink.Trouble {
            let pause = onPollTrouble(trouble)
            // A single run has no later turn to pair in.
            guard options.once, self.credential == nil, !hasPaired else { return pause }
            return try await pair(link, inputs)
        }
    }

    private func waitSeconds(at now: Timestamp) -> Int64 {
        if options.once { return 0 }
        let longest = min(120, options.waitSeconds ?? 30 + Int64(outside.random() % 31))
        guard !isPaused, let heardAt = reporting.heardAt else { return longest }
        let due = interval - now.seconds(since: heardAt)
        return min(longest, max(1, due))
    }

    private func takeUp(
        _ poll: ServerLink.Poll,
        _ inputs: Inputs,
        _ link: ServerLink,
        asked: Timestamp,
        waited: Int64
    ) async throws -> Duration? {
        var isNew = false
        if case .changed(let next, let bytes) = poll {
            guard Reconciler.accepts(next.number, seen: state.seen) else {
                say(
                    "server",
                    .error,
                    "The server offers the state \(next.number.text), but "
                        + "\(state.seen?.text ?? "") was seen already; nothing is changed."
                )
                return pause(seconds: Self.behindSeconds)
            }
            isNew = next.number != desired?.number
            try store.save(desired: bytes)
            state.seen = next.number
            state.pollIntervalSeconds = max(1, next.pollIntervalSeconds)
            try store.save(state)
            if isNew {
                let layers = next.profiles.reduce(0) { $0 + $1.layers.count }
                outside.log(.info, "New state \(next.number.text) with \(layers) layers.")
            }
            desired = next
            try await apply(next, inputs)
        }
        guard let credential else { return nil }
        if let pause = try await sendReport(link, credential) { return pause }
        try await beat(link, credential)
        if options.once || isNew { return nil }
        // A poll that was held until its end is followed by the next at once; one that was
        // answered early, or not held at all, would make a loop without pause.
        let took = outside.now().seconds(since: asked)
        guard waited == 0 || took * 2 < waited else { return nil }
        return pause(seconds: max(1, interval - took))
    }

    /// About so many seconds: a tenth more or less, so that a site's appliances drift apart.
    func pause(seconds: Int64) -> Duration {
        let tenth = max(1, seconds * 100)
        let shift = Int64(outside.random() % UInt64(2 * tenth)) - tenth
        return .milliseconds(seconds * 1000 + shift)
    }

    // MARK: Pairing

    private func pair(_ link: ServerLink, _ inputs: Inputs) async throws -> Duration? {
        let introduction = ServerLink.Introduction(
            machine: machine,
            fingerprint: state.fingerprint,
            hostAddress: inputs.hostAddress(of: machine),
            pairingKey: inputs.site.pairingKey ?? "",
            token: inputs.site.registrationToken ?? inputs.manifest.pairingToken,
            profile: inputs.profile,
            certificateRequest: try certificateRequest(inputs)
        )
        do {
            let admitted = try await link.pair(introduction)
            // The certificate first: without the credential it is nothing, and a machine that has
            // not used its credential may pair again.
            if let chain = admitted.certificate { try store.save(certificate: chain) }
            try store.save(credential: admitted.credential)
            credential = admitted.credential
            if admitted.certificate != nil { try connect(inputs) }
            hasPaired = true
            backoff.reset()
            reporting.forget()
            unsay("server")
            outside.log(.info, "Paired with \(inputs.server.url) as '\(link.uid)'.")
            return options.once ? try await turn() : nil
        } catch let trouble as ServerLink.Trouble {
            let pause = backoff.next(
                retryAfter: trouble.retryAfter,
                random: outside.random()
            )
            let sentence = Sentences.pairing(trouble, uid: link.uid, url: inputs.server.url)
            outside.log(
                trouble.kind == .silence ? .warning : .error,
                "\(sentence) Next attempt in \(pause.wholeSeconds) s."
            )
            if trouble.kind == .silence { try await applyArchive(inputs) }
            return pause
        }
    }

    /// Lets a site begin without a way out: nothing was ever applied, and the archive holds all.
    private func applyArchive(_ inputs: Inputs) async throws {
        guard desired == nil, state.seen == nil, result?.isComplete != true else { return }
        say(
            "archive",
            .info,
            "The server cannot be reached; applying revision \(inputs.profile.number) of the "
                + "archive until it can."
        )
        let result = try await keeper.reconcile(
            [inputs.profile],
            inputs.site,
            number: nil
        ) { part in
            throw LayerFailure(
                reason: "PartMissing",
                message: "The archive lacks \(part.digest).",
                isPending: true
            )
        }
        note(result)
    }

    // MARK: Trouble with polls

    private func onPollTrouble(_ trouble: ServerLink.Trouble) -> Duration {
        if trouble.kind == .unauthorized {
            // The file stays until a new credential replaces it.
            credential = nil
            outside.log(
                .warning,
                "The server does not take the appliance's credential any more; pairing again."
            )
            return backoff.next(retryAfter: trouble.retryAfter, random: outside.random())
        }
        if trouble.kind == .conflict {
            say("server", .error, Sentences.refusedPoll(trouble))
            isPaused = true
            if trouble.code == "IdentityConflict" { beginRun() }
            let asked = trouble.retryAfter ?? Self.behindSeconds
            return pause(seconds: max(1, min(asked, Backoff.retryAfterSecondsMax)))
        }
        let pause = backoff.next(retryAfter: trouble.retryAfter, random: outside.random())
        say("server", .warning, Sentences.poll(trouble))
        return pause
    }
}

extension Inputs {
    /// The address that the site names, or the first of the machine.
    func hostAddress(of machine: Machine) -> String {
        if case .text(let address)? = site.values["lanIP"], !address.isEmpty { return address }
        return machine.mainInterface?.address ?? ""
    }
}

extension Duration {
    /// Seconds, rounded up, for the log.
    fileprivate var wholeSeconds: Int64 {
        components.seconds + (components.attoseconds > 0 ? 1 : 0)
    }
}
