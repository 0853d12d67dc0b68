import Primitives

/// One thing that happened to an appliance, for its operators.
package struct ApplianceEvent: Sendable, Hashable {
    /// How much it matters.
    package enum Severity: String, Sendable, CaseIterable {
        case info = "Info"
        case warning = "Warning"
        case error = "Error"
    }

    package let severity: Severity
    /// What happened in one word, stable for programs, such as `Paired` or `Unhealthy`.
    package let reason: String
    package let message: String

    /// The longest reason, in bytes; what is longer is cut.
    package static let reasonBytesMax = 128
    /// The longest message, in bytes; what is longer is cut.
    package static let messageBytesMax = 2048
    /// Events kept of each appliance; the oldest goes first.
    package static let keptMax = 1000

    package init(_ severity: Severity, reason: String, message: String) {
        self.severity = severity
        self.reason = reason.cut(toBytes: Self.reasonBytesMax)
        self.message = message.cut(toBytes: Self.messageBytesMax)
    }

    /// An operator has entered the appliance, or a token has admitted it.
    package static func registered(by who: String) -> ApplianceEvent {
        ApplianceEvent(.info, reason: "Registered", message: "Registered by \(who).")
    }

    /// A machine has proved that it is the appliance.
    package static func paired(fingerprint: String) -> ApplianceEvent {
        ApplianceEvent(
            .info,
            reason: "Paired",
            message: "The machine with the fingerprint '\(fingerprint)' has paired."
        )
    }

    /// A second machine claims the ID.
    package static func identityConflict(
        paired: String,
        claiming: String
    ) -> ApplianceEvent {
        ApplianceEvent(
            .warning,
            reason: "IdentityConflict",
            message: "A machine with the fingerprint '\(claiming)' tried to pair under this ID, "
                + "which belongs to the machine with the fingerprint '\(paired)'. If the "
                + "hardware was replaced, use 'replace host'."
        )
    }

    /// A machine like the paired one asks for a credential although the paired one has used its.
    package static func reapprovalPending(
        fingerprint: String,
        address: String
    ) -> ApplianceEvent {
        ApplianceEvent(
            .warning,
            reason: "ReapprovalPending",
            message: "A machine at \(address) with the fingerprint '\(fingerprint)' of the paired "
                + "machine asks for a new credential. The present one stays valid. If the machine "
                + "was installed anew, use 'replace host', or give it a new pairing key; "
                + "otherwise 'resume' dismisses it."
        )
    }

    /// Several machines poll with one credential.
    package static func cloned(address: String, isOneKept: Bool) -> ApplianceEvent {
        ApplianceEvent(
            .error,
            reason: "CloneDetected",
            message: "Several machines use the credential of this appliance, as after a disk was "
                + "copied; one of them polls from \(address). "
                + (isOneKept
                    ? "Those that came later are paused. "
                    : "They cannot be told apart, so all are paused. ")
                + "Take the copy off the network and use 'resume', or use 'replace host'."
        )
    }

    /// An operator expects another machine, or the same one installed anew.
    package static let replaced = ApplianceEvent(
        .warning,
        reason: "HostReplaced",
        message: "The former credential is void; the appliance waits for a machine to pair."
    )

    /// A person asked the machine to reset its cluster.
    package static let resetRequested = ApplianceEvent(
        .warning,
        reason: "ResetRequested",
        message: "A reset of the appliance was asked for."
    )

    /// The state follows from what operators do with clusters.
    package static func associated(_ cluster: HoldingCluster) -> ApplianceEvent {
        ApplianceEvent(
            .info,
            reason: "InUse",
            message: "The cluster '\(cluster.name)' uses the appliance."
        )
    }

    /// No cluster uses the appliance any more.
    package static let released = ApplianceEvent(
        .info,
        reason: "Released",
        message: "No cluster uses the appliance any more."
    )

    /// The health has changed; `nil` for the empty health, which is the absence of news.
    package static func health(_ health: ApplianceHealth) -> ApplianceEvent? {
        switch health.state {
        case .unknown: nil
        case .healthy:
            ApplianceEvent(
                .info,
                reason: "Healthy",
                message: health.message.isEmpty ? "The appliance is healthy." : health.message
            )
        case .unhealthy:
            ApplianceEvent(
                .warning,
                reason: "Unhealthy",
                message: health.message.isEmpty
                    ? "The appliance reports that it is not healthy." : health.message
            )
        }
    }
}

/// An event as it is kept.
package struct RecordedEvent: Sendable, Hashable {
    package let uid: String
    package let at: Timestamp
    package let event: ApplianceEvent
}

extension String {
    /// The text, or as much of its beginning as fits whole into these bytes.
    func cut(toBytes max: Int) -> String {
        guard utf8.count > max else { return self }
        var end = utf8.index(startIndex, offsetBy: max)
        while end > startIndex, end.samePosition(in: self) == nil {
            end = utf8.index(before: end)
        }
        return String(self[..<end])
    }
}
