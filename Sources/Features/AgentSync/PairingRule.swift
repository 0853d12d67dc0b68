import Appliances
import Crypto

/// What a machine brings to prove that it may be an appliance.
struct PairingClaim: Sendable {
    let id: ApplianceID
    /// Tells the machine from others; empty when it has nothing to tell itself by.
    let fingerprint: String
    /// Of the one-time key; `nil` when the machine brings none.
    let pairingKeyDigest: Digest?
    /// What became of the registration token; `nil` when the machine brings none.
    let token: Result<AdmittingToken, TokenRefusal>?
    let mayBeRegistered: Bool
}

/// What follows from a claim.
enum PairingDecision: Sendable {
    /// A machine becomes the appliance; a token that admits it is counted.
    case pair(Appliance, token: AdmittingToken?)
    /// The same machine again, as its answer was lost, or as an operator gave it a new pairing key:
    /// it gets a fresh credential.
    case pairAgain(Appliance, token: AdmittingToken?)
    /// Nobody registered the ID; the token does.
    case register(AdmittingToken)
    /// A machine like the paired one, which has used its credential: it was installed anew, or
    /// another one knows its fingerprint. An operator decides.
    case pend(Appliance)
    /// Another machine is this appliance already.
    case conflict(Appliance)
    /// The ID belongs to another tenant than the token.
    case taken(AdmittingToken)
    /// Nobody registered the ID yet, and what the machine brings does not do that.
    case wait
    /// Nothing admits the machine. The reason is for the log, outsiders are told none.
    case refuse(reason: String)
}

extension PairingClaim {
    /// Decides about the claim.
    ///
    /// - Parameter appliance: the appliance of this ID, whoever holds it.
    func decide(_ appliance: Appliance?) -> PairingDecision {
        guard let appliance else { return decideUnknown() }
        if let key = pairingKeyDigest,
            let wanted = appliance.pairingKeyDigest.flatMap(Digest.init(hex:))
        {
            // A wrong key is refused whatever else comes with it.
            guard ConstantTime.equal(key, wanted) else {
                return .refuse(reason: "the pairing key does not match")
            }
            return admitted(appliance, token: nil)
        }
        // Its answer was lost, or another machine has read the key.
        if let key = pairingKeyDigest,
            let spent = appliance.spentKeyDigest.flatMap(Digest.init(hex:)),
            appliance.pairingKeyDigest == nil, ConstantTime.equal(key, spent)
        {
            return admitted(appliance, token: nil)
        }
        switch token {
        case .success(let token) where token.tenantUID == appliance.scope.tenantUID:
            return admitted(appliance, token: token)
        case .success(let token):
            return .taken(token)
        case .failure(let refusal):
            return .refuse(reason: "the registration token is \(refusal)")
        case nil:
            return .refuse(
                reason: pairingKeyDigest == nil
                    ? "neither token nor pairing key" : "the pairing key was used already"
            )
        }
    }

    private func decideUnknown() -> PairingDecision {
        switch token {
        // The archive's token goes to every appliance of a profile, and each of those is
        // registered by hand: it links, it does not register.
        case .success(let token) where token.profileUID != nil || !mayBeRegistered:
            return .wait
        case .success(let token): return .register(token)
        case .failure(let refusal):
            return .refuse(reason: "the registration token is \(refusal)")
        case nil: return .refuse(reason: "nobody registered the ID, and no token")
        }
    }

    private func admitted(_ appliance: Appliance, token: AdmittingToken?) -> PairingDecision {
        guard appliance.credentialDigest != nil else { return .pair(appliance, token: token) }
        guard !fingerprint.isEmpty, fingerprint == appliance.fingerprint else {
            return .conflict(appliance)
        }
        // The fingerprint is no secret. A pairing key on a paired appliance is an operator's word.
        guard token == nil || !appliance.isCredentialUsed else { return .pend(appliance) }
        return .pairAgain(appliance, token: token)
    }
}
