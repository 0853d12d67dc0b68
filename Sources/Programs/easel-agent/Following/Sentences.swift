/// What the log says of an answer that is no success, and what to do about it.
enum Sentences {
    static func pairing(_ trouble: ServerLink.Trouble, uid: String, url: String) -> String {
        switch (trouble.kind, trouble.code) {
        case (.silence, _): return trouble.message
        case (.pending, _):
            return "\(url) knows '\(uid)' as paired already: an operator has to approve this "
                + "machine. (\(trouble.message))"
        case (.unknown, _), (_, "EdgeHostDeviceNotRegistered"):
            return "\(url) knows no appliance '\(uid)': register it there, or correct device_id."
        case (.unauthorized, _):
            return "\(url) does not admit '\(uid)': download the system profile again, or give a "
                + "valid pairingKey or edgeHostToken in unattended.yaml. (\(trouble.message))"
        case (.conflict, "IdentityConflict"):
            return "Another machine is paired as '\(uid)': correct device_id, or let an operator "
                + "replace the host. (\(trouble.message))"
        case (.refused, _), (.conflict, _):
            return "\(url) refuses '\(uid)': \(trouble.message)"
        case (.busy, _): return "\(url) is busy: \(trouble.message)"
        case (.broken, _): return "\(url) cannot pair now: \(trouble.message)"
        }
    }

    static func refusedPoll(_ trouble: ServerLink.Trouble) -> String {
        if trouble.code == "ServerBehind" {
            return "The server knows less than this appliance has seen, as after a restored "
                + "backup. Nothing is changed here until an operator resumes the appliance."
        }
        return "The server has paused this appliance; nothing is changed here. "
            + "(\(trouble.message))"
    }

    static func poll(_ trouble: ServerLink.Trouble) -> String {
        switch trouble.kind {
        case .silence: "\(trouble.message) What is applied keeps running."
        case .unknown:
            "The appliance is not registered any more; what is applied keeps running. "
                + "(\(trouble.message))"
        case .busy: "The server is busy: \(trouble.message)"
        default: "The poll failed: \(trouble.message)"
        }
    }
}
