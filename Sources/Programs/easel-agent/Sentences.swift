/// What the log says of an answer that is no success, and what to do about it.
enum Sentences {
    static func pairing(_ trouble: ServerLink.Trouble, uid: String, url: String) -> String {
        switch (trouble.status, trouble.code) {
        case (nil, _): return trouble.message
        case (404, _), (_, "EdgeHostDeviceNotRegistered"):
            return "\(url) knows no appliance '\(uid)': register it there, or correct device_id."
        case (401, _), (403, _):
            return "\(url) does not admit '\(uid)': download the system profile again, or give a "
                + "valid pairingKey or edgeHostToken in unattended.yaml. (\(trouble.message))"
        case (409, "IdentityConflict"):
            return "Another machine is paired as '\(uid)': correct device_id, or let an operator "
                + "replace the host. (\(trouble.message))"
        case (400, _), (409, _), (422, _):
            return "\(url) refuses '\(uid)': \(trouble.message)"
        case (429, _): return "\(url) is busy: \(trouble.message)"
        default: return "\(url) cannot pair now (\(trouble.status ?? 0)): \(trouble.message)"
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
        switch trouble.status {
        case nil: "\(trouble.message) What is applied keeps running."
        case 404:
            "The appliance is not registered any more; what is applied keeps running. "
                + "(\(trouble.message))"
        case 429, 503: "The server is busy: \(trouble.message)"
        default: "The poll failed (\(trouble.status ?? 0)): \(trouble.message)"
        }
    }
}
