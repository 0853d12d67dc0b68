import Primitives

/// How an appliance fares, as its agent last said or its silence tells.
package struct ApplianceHealth: Sendable, Hashable {
    /// The word on the wire; empty before the first report.
    package enum State: String, Sendable, CaseIterable {
        case unknown = ""
        case healthy
        case unhealthy
    }

    package var state: State
    package var message: String
    package var agentVersion: String
    /// `nil` before the first sign of life.
    package var lastSeenAt: Timestamp?

    package init(
        state: State = .unknown,
        message: String = "",
        agentVersion: String = "",
        lastSeenAt: Timestamp? = nil
    ) {
        self.state = state
        self.message = message
        self.agentVersion = agentVersion
        self.lastSeenAt = lastSeenAt
    }

    /// How long an appliance may be silent: ten minutes, ten times the interval of beats.
    package static let silenceSecondsMax: Int64 = 600

    /// What a reader is told about an appliance that went silent.
    package static let silenceMessage = "The appliance has not been heard of for ten minutes."

    /// Whether an appliance last heard of at this moment counts as silent now.
    ///
    /// One that was never heard of is not silent: its state stays empty.
    package static func isSilent(lastSeenAt: Timestamp?, at now: Timestamp) -> Bool {
        guard let lastSeenAt else { return false }
        return now.seconds(since: lastSeenAt) >= silenceSecondsMax
    }

    /// The health after a look at the clock: only `healthy` turns into something else by silence.
    package func lookedAt(at now: Timestamp) -> ApplianceHealth {
        guard state == .healthy, Self.isSilent(lastSeenAt: lastSeenAt, at: now) else {
            return self
        }
        var silent = self
        silent.state = .unhealthy
        silent.message = Self.silenceMessage
        return silent
    }
}
