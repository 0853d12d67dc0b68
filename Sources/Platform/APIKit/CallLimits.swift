import HTTPCore
import Primitives

/// How often the API may be called, and by whom what was called too often was turned away.
///
/// Whoever is known is limited by identity: an appliance by a word in its own entry, people and API
/// keys in a table. Addresses are limited only where nobody is known yet, as a whole fleet may sit
/// behind one; a valid credential is served from every address.
package struct CallLimits: Sendable {
    /// What one appliance may do; nil for no limit, as for the others.
    let appliance: RateLimit?
    private let callers: RateTable?
    private let failures: RateTable?
    private let registrations: RateTable?
    let proxies: TrustedProxies
    /// What was turned away.
    package let rejections: Rejections
    private let policies: [Policy: String]

    /// What a limit is called in the `RateLimit` fields.
    enum Policy: String, CaseIterable {
        case appliance, caller, failures, registrations

        var reason: Rejections.Reason {
            switch self {
            case .appliance: .applianceRate
            case .caller: .callerRate
            case .failures: .failureRate
            case .registrations: .registrationRate
            }
        }
    }

    /// - Parameters:
    ///   - appliance: calls of one appliance.
    ///   - caller: calls with one API key, or of one signed-in person.
    ///   - failures: wrong credentials from one address.
    ///   - registrations: machines at one address that ask to be paired.
    package init(
        appliance: RateLimit? = nil,
        caller: RateLimit? = nil,
        failures: RateLimit? = nil,
        registrations: RateLimit? = nil,
        proxies: TrustedProxies = TrustedProxies(),
        rejections: Rejections = Rejections()
    ) {
        self.appliance = appliance
        callers = caller.map { RateTable($0) }
        self.failures = failures.map { RateTable($0) }
        self.registrations = registrations.map { RateTable($0) }
        self.proxies = proxies
        self.rejections = rejections
        let limits: [(Policy, RateLimit?)] = [
            (.appliance, appliance), (.caller, caller), (.failures, failures),
            (.registrations, registrations),
        ]
        policies = Dictionary(
            uniqueKeysWithValues: limits.compactMap { policy, limit in
                limit.map { (policy, "\"\(policy.rawValue)\";q=\($0.burst);w=\($0.windowSeconds)") }
            }
        )
    }

    // MARK: Who is known

    /// Counts a call of an appliance.
    ///
    /// - Throws: `.tooManyRequests`.
    func count(_ appliance: any AppliancePrincipal, at now: MonotonicTime) throws {
        guard let limit = self.appliance else { return }
        let outcome = appliance.take(limit, at: now)
        guard outcome.isAllowed else { throw refusal(.appliance, outcome) }
    }

    /// Counts a call of a person or an API key.
    ///
    /// - Returns: what the answer says about the limit.
    /// - Throws: `.tooManyRequests`.
    func count(_ user: UserPrincipal, at now: MonotonicTime) throws -> RateLimit.Outcome? {
        guard let callers else { return nil }
        let outcome = callers.take(user.apiKeyUID ?? user.uid, at: now)
        guard outcome.isAllowed else { throw refusal(.caller, outcome) }
        return outcome
    }

    // MARK: Addresses

    /// Refuses an address that failed too often, before its secret is looked at.
    ///
    /// - Throws: `.tooManyRequests`.
    func checkFailures(of request: Request) throws {
        guard let failures, let address = IPAddress(request.peerAddress.utf8) else { return }
        let outcome = failures.look(address.client, at: request.arrivedAt)
        guard outcome.isAllowed else { throw refusal(.failures, outcome) }
    }

    /// Counts a machine that asks to be paired.
    ///
    /// - Throws: `.tooManyRequests`.
    func countRegistration(_ request: Request) throws {
        guard let registrations, let address = IPAddress(request.peerAddress.utf8) else { return }
        let outcome = registrations.take(address.client, at: request.arrivedAt)
        guard outcome.isAllowed else { throw refusal(.registrations, outcome) }
    }

    /// Counts a wrong credential.
    ///
    /// - Returns: the refusal to send in the place of the failure when there were too many.
    func countFailure(_ request: Request) -> Failure? {
        guard let failures, let address = IPAddress(request.peerAddress.utf8) else { return nil }
        let outcome = failures.take(address.client, at: request.arrivedAt)
        return outcome.isAllowed ? nil : refusal(.failures, outcome)
    }

    // MARK: What is said about it

    /// Adds the fields that tell a person's client how much it may still do.
    func describe(_ outcome: RateLimit.Outcome, in response: inout Response) {
        guard let policy = policies[.caller] else { return }
        response.fields.append(("RateLimit-Policy", policy))
        let seconds = (outcome.untilFull + 999_999_999) / 1_000_000_000
        response.fields.append(
            ("RateLimit", "\"caller\";r=\(outcome.remaining);t=\(seconds)")
        )
    }

    private func refusal(_ policy: Policy, _ outcome: RateLimit.Outcome) -> Failure {
        rejections.count(policy.reason)
        // Spread: clients that were turned away at one moment must not come back at one.
        let seconds =
            Int(clamping: (outcome.wait + 999_999_999) / 1_000_000_000)
            + Int.random(in: 0...Self.spreadSeconds)
        var failure = Failure(
            .tooManyRequests,
            policy.message,
            retryAfterSeconds: seconds
        )
        failure.rateLimit = Failure.RateLimitFields(
            policy: policies[policy] ?? "",
            state: "\"\(policy.rawValue)\";r=0;t=\(seconds)"
        )
        return failure
    }

    /// Over how many seconds those come back who were turned away together.
    static let spreadSeconds = 15
}

extension CallLimits.Policy {
    fileprivate var message: String {
        switch self {
        case .appliance: "The appliance calls more often than one may; wait, then go on slower."
        case .caller: "You call more often than one may; wait, then go on slower."
        case .failures:
            "Too many wrong credentials came from your address; wait before you try again."
        case .registrations:
            "Too many machines at your address ask to be paired at once; wait and try again."
        }
    }
}

extension RateLimit {
    /// The seconds in which an empty bucket fills, rounded up.
    fileprivate var windowSeconds: Int64 { max(1, (window + 999_999_999) / 1_000_000_000) }
}
