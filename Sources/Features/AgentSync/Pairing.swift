import APIKit
import Appliances
import Audit
import Crypto
import HTTPCore
import JSON
import Logging
import Primitives
import Storage

extension AgentSync {
    var pair: Endpoint {
        Endpoint(
            .post,
            "/v1/edgehosts/register",
            id: "v1EdgeHostDevicesRegister",
            tag: "Agents",
            summary: "Pairs a machine with its appliance and gives it a credential of its own.",
            access: .open,
            failures: [
                .invalidBody, .ruleViolated, .limitExceeded, .unauthenticated, .resourceNotFound,
                .identityConflict, .applianceExists, .tooManyRequests, .reapprovalPending,
            ],
            bodyBytesMax: AgentLimits.pairingBodyBytesMax,
            input: PairingInput.self,
            output: DeviceAnswer.self
        ) { input, context in
            let attempt = PairingAttempt(input, context)
            try refusals.check(input.id.text, at: monotonic())
            // What nothing admits never reaches the writer: outsiders cannot keep it busy.
            switch try database.read({ try decide(input, $0) }) {
            case .refuse(let reason): throw refusal(of: attempt, reason)
            case .wait: throw ApplianceStore.notFound(input.id.text)
            case .pend(let appliance) where appliance.reapprovalSince != nil:
                throw Self.reapprovalPending(input.id)
            default: break
            }
            let outcome = try await database.write { tx in try carryOut(attempt, tx) }
            switch outcome {
            case .paired(let answer): return answer
            case .conflict: throw Self.identityConflict(input.id)
            case .pending: throw Self.reapprovalPending(input.id)
            case .refused(let reason): throw refusal(of: attempt, reason)
            }
        }
        .answeringSecret()
        .checkingSecrets(isRegistration: true)
    }

    /// Looks up what a claim is about.
    ///
    /// Both look-ups are made always, so that the time tells nothing about either.
    private func decide(
        _ input: PairingInput,
        _ tx: borrowing Transaction
    ) throws -> PairingDecision {
        let appliance = try ApplianceStore.findAnywhere(input.id.text, tx)
        var token: Result<AdmittingToken, TokenRefusal>?
        if let digest = input.tokenDigest {
            do {
                token = .success(try RegistrationTokenStore.check(digest: digest, at: tx.now, tx))
            } catch let refusal as TokenRefusal {
                token = .failure(refusal)
            }
        }
        return input.claim(token: token).decide(appliance)
    }

    // MARK: - In one transaction

    /// What became of a pairing.
    ///
    /// A conflict is no error here: the event it leaves is committed. So is what stays pending.
    private enum Outcome: Sendable {
        case paired(DeviceAnswer)
        case conflict
        case pending
        case refused(reason: String)
    }

    private func carryOut(
        _ attempt: PairingAttempt,
        _ tx: borrowing Transaction
    ) throws -> Outcome {
        let input = attempt.input
        switch try decide(input, tx) {
        case .pair(let appliance, let token):
            try count(token, input, tx)
            return .paired(try pair(appliance, token, attempt, tx))
        case .pairAgain(let appliance, let token):
            return .paired(try pair(appliance, token, attempt, tx))
        case .register(let token):
            try count(token, input, tx)
            let appliance = try register(token, attempt, tx)
            return .paired(try pair(appliance, token, attempt, tx))
        case .conflict(let appliance):
            try recordConflict(appliance, claiming: input.fingerprint, tx)
            return .conflict
        case .pend(let appliance):
            try pend(appliance, attempt, tx)
            return .pending
        case .taken(let token):
            try appliances.budget.check(token.tenantUID, at: tx.now)
            try appliances.budget.spend(token.tenantUID, at: tx.now)
            throw Self.taken(input.id)
        case .wait: throw ApplianceStore.notFound(input.id.text)
        case .refuse(let reason): return .refused(reason: reason)
        }
    }

    /// Counts one appliance as admitted by the token.
    private func count(
        _ token: AdmittingToken?,
        _ input: PairingInput,
        _ tx: borrowing Transaction
    ) throws {
        guard token != nil, let digest = input.tokenDigest else { return }
        _ = try RegistrationTokenStore.admit(digest: digest, at: tx.now, tx)
    }

    /// Registers an appliance that its token admits.
    private func register(
        _ token: AdmittingToken,
        _ attempt: PairingAttempt,
        _ tx: borrowing Transaction
    ) throws -> Appliance {
        let input = attempt.input
        let asked = input.document.spec?.host?.projectUID ?? ""
        let projectUID = asked.isEmpty ? token.defaultProjectUID ?? "" : asked
        guard !projectUID.isEmpty else {
            throw Failure.fault(
                "/spec/host/project",
                "Required",
                "The registration token has no default project; name the project in "
                    + "'spec.host.project'."
            )
        }
        guard try ApplianceStore.projectName(projectUID, tenantUID: token.tenantUID, tx) != nil
        else {
            throw Failure.fault(
                "/spec/host/project/uid",
                "UnknownProject",
                "The organisation has no project with the uid '\(projectUID)'."
            )
        }
        let metadata = input.document.metadata
        let name = metadata?.name ?? ""
        let registration = ApplianceStore.Registration(
            id: input.id,
            scope: ApplianceScope(tenantUID: token.tenantUID, projectUID: projectUID),
            ownerUID: "",
            name: name.isEmpty ? input.id.text : name,
            tags: metadata?.tags ?? Tags(),
            annotations: metadata?.annotations ?? [:],
            spec: .unspecified,
            pairingKeyDigest: nil
        )
        return try appliances.insert(
            registration,
            as: .registered(by: "the registration token \(token.uid)"),
            attempt.actor(registration.scope),
            tx
        )
    }

    /// Makes a machine the appliance: credential, description, link, event, audit row, notice.
    private func pair(
        _ former: Appliance,
        _ token: AdmittingToken?,
        _ attempt: PairingAttempt,
        _ tx: borrowing Transaction
    ) throws -> DeviceAnswer {
        let credential = Secret.make(prefix: "\(AgentAuthenticator.prefix)")
        let clusters = try ApplianceLinkStore.clusters(of: former.key, tx)
        var appliance = former
        appliance.pair(
            credentialDigest: SecretDigest(presented: credential).hex,
            keyDigest: token == nil ? attempt.input.pairingKeyDigest?.hex : nil,
            fingerprint: attempt.input.fingerprint,
            spec: attempt.input.document.spec,
            isHeld: !clusters.isEmpty,
            at: tx.now
        )
        appliance.desiredCounter = try tx.nextCounter()
        appliance = try ApplianceStore.update(appliance, formerly: former, tx)
        try link(appliance, token, tx)
        // The machine may have lost its state with the count of its reports.
        try ApplianceObservationStore.delete(appliance.key, tx)
        try ApplianceEventStore.insert(
            .paired(fingerprint: attempt.input.fingerprint),
            of: appliance.key,
            tx
        )
        try AuditStore.record(
            .pair,
            appliance.auditResource,
            former.credentialDigest == nil ? "Appliance paired" : "Appliance paired again",
            by: attempt.actor(appliance.scope),
            tx
        )
        try appliances.announce(.credentialChanged, appliance, tx)
        var detail = try appliances.detail(appliance, use: .full(resolvesValues: false), tx)
        detail.serviceAuthToken = credential
        detail.clientCertificate = try attempt.input.certificateRequest.map { request in
            try certificate(
                on: request,
                for: former.id.text,
                credential: SecretDigest(presented: credential).digest,
                at: tx.now
            )
        }
        return DeviceAnswer(detail)
    }

    /// Has an appliance follow the profile whose archive brought the token.
    private func link(
        _ appliance: Appliance,
        _ token: AdmittingToken?,
        _ tx: borrowing Transaction
    ) throws {
        guard let profileUID = token?.profileUID else { return }
        let followed = try ApplianceLinkStore.profileUIDs(of: appliance.key, tx)
        guard !followed.contains(profileUID),
            try profiles.canBeFollowed(profileUID, appliance.scope, tx)
        else { return }
        try ApplianceLinkStore.setProfiles(followed + [profileUID], of: appliance.key, tx)
    }

    /// Shows operators that a machine waits for them; the paired one is not touched.
    private func pend(
        _ former: Appliance,
        _ attempt: PairingAttempt,
        _ tx: borrowing Transaction
    ) throws {
        guard former.reapprovalSince == nil else { return }
        var appliance = former
        appliance.reapprovalSince = tx.now
        appliance = try ApplianceStore.update(appliance, formerly: former, tx)
        try ApplianceEventStore.insert(
            .reapprovalPending(fingerprint: attempt.input.fingerprint, address: attempt.address),
            of: appliance.key,
            tx
        )
        try AuditStore.record(
            .update,
            appliance.auditResource,
            "Appliance waits for re-approval",
            by: attempt.actor(appliance.scope),
            tx
        )
    }

    /// Leaves an event that names both machines; the paired one is not touched.
    func recordConflict(
        _ appliance: Appliance,
        claiming fingerprint: String,
        _ tx: borrowing Transaction
    ) throws {
        let event = ApplianceEvent.identityConflict(
            paired: appliance.fingerprint ?? "",
            claiming: fingerprint
        )
        // A machine that asks again and again must not push out everything else.
        let newest = try ApplianceEventStore.list(
            of: appliance.key,
            after: nil,
            offset: 0,
            limit: 1,
            tx
        )
        guard newest.first?.event != event else { return }
        try ApplianceEventStore.insert(event, of: appliance.key, tx)
    }

    // MARK: - Refusals

    private func refusal(of attempt: PairingAttempt, _ reason: String) -> Failure {
        refusals.record(attempt.input.id.text, at: monotonic())
        logger.notice(
            "pairing refused",
            metadata: [
                "appliance": "\(attempt.input.id.text)", "reason": "\(reason)",
                "request": "\(attempt.requestID)",
            ]
        )
        // One body for every reason: an outsider learns neither whether the ID is known nor what
        // is wrong with the token.
        return Failure(
            .unauthenticated,
            "Nothing admits this machine: its pairing key or registration token is not valid."
        )
    }

    private static func taken(_ id: ApplianceID) -> Failure {
        Failure(
            .applianceExists,
            "The appliance ID '\(id.text)' is taken. IDs are unique across all organisations: "
                + "choose another ID."
        )
    }

    /// Spread, so that a site's machines that were installed anew do not come as one.
    private static func reapprovalPending(_ id: ApplianceID) -> Failure {
        Failure(
            .reapprovalPending,
            "The appliance '\(id.text)' has paired before. An operator has to approve this "
                + "machine with 'replace host' or a new pairing key; ask again later.",
            retryAfterSeconds: Int.random(in: 20...60)
        )
    }

    static func identityConflict(_ id: ApplianceID) -> Failure {
        Failure(
            .identityConflict,
            "Another machine is paired under the ID '\(id.text)'. If this machine replaces it, an "
                + "operator has to allow that with 'replace host'."
        )
    }
}

/// One call of a machine that wants to pair, taken out of the request for the writer's thread.
private struct PairingAttempt: Sendable {
    let input: PairingInput
    let requestID: String
    let address: String

    init(_ input: PairingInput, _ context: RequestContext) {
        self.input = input
        requestID = context.requestID
        address = context.request.peerAddress
    }

    /// The appliance, which has just proved who it is, or claims to be.
    func actor(_ scope: ApplianceScope) -> AuditActor {
        AuditActor(
            kind: "appliance",
            uid: input.id.text,
            name: input.id.text,
            tenantUID: scope.tenantUID,
            projectUID: scope.projectUID.isEmpty ? nil : scope.projectUID,
            requestID: requestID
        )
    }
}

extension DraftSpec {
    /// What nobody has said anything about.
    fileprivate static var unspecified: DraftSpec {
        DraftSpec(from: Fields([:], faults: FaultList()))
    }
}
