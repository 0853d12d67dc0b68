import HTTPClient

/// What a run has met so far.
struct SyncTally: Sendable {
    /// Why a version was not taken over.
    enum Refusal: String, Sendable {
        case malformed = "malformed"
        case changed = "other content under a version that is here"
        case notOfIndex = "not the archive of the index"
        case cannotBeHad = "cannot be had"
        case tooBig = "larger than this server takes"
        case refusedByPolicy = "its address is not one that this server may read"
        case untrusted = "the certificate of its server is not trusted"
        case isPack = "is a pack, not a chart"
        case isChart = "is a chart, not a pack"

        /// What went wrong with one file, so that a run goes on with the next; nil when it is
        /// likely to go wrong with each.
        init?(ofOneFile error: any Error) {
            switch error as? OutboundError {
            case .badAnswer: self = .cannotBeHad
            case .tooBig: self = .tooBig
            // The index was read: another server is meant that the file lies on.
            case .refusedByPolicy: self = .refusedByPolicy
            case .untrusted: self = .untrusted
            default: return nil
            }
        }
    }

    /// Refused versions that a message names.
    private static let namedMax = 5

    var added = 0
    var unchanged = 0
    var lost = 0
    private var named: [String] = []
    private(set) var refusedCount = 0

    /// Whether there was something to take over, and nothing of it was.
    var tookNothing: Bool { refusedCount > 0 && added == 0 && unchanged == 0 }

    mutating func refuse(_ what: String, _ why: Refusal) {
        refusedCount += 1
        if named.count < Self.namedMax { named.append("\(what) (\(why.rawValue))") }
    }

    /// A sentence or two for people; `noun` is what is counted.
    func message(_ noun: String) -> String {
        var text =
            "\(added) \(noun) \(added == 1 ? "version is" : "versions are") new, "
            + "\(unchanged) unchanged"
        if lost > 0 { text += ", \(lost) no longer listed" }
        text += "."
        if refusedCount > 0 {
            text += " \(refusedCount) \(refusedCount == 1 ? "was" : "were") refused: "
            text += named.joined(separator: ", ")
            text += refusedCount > named.count ? " and more." : "."
        }
        return text
    }
}

extension RegistryContent.Outcome {
    /// How a run ended that met this.
    ///
    /// - Parameter validator: not kept when something was refused: the index is then read again
    ///   next time, changed or not.
    init(_ tally: SyncTally, _ noun: String, validator: String) {
        message = tally.message(noun)
        self.validator = tally.refusedCount == 0 ? validator : ""
        isFailed = tally.tookNothing
    }
}
