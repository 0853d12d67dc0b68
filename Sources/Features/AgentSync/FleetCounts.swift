import Appliances
import Synchronization

/// How many appliances there are of each kind and how many polls wait, kept as they change so that
/// the metrics page need not walk the fleet.
package final class FleetCounts: Sendable {
    /// What an appliance counts as.
    package enum Kind: String, Sendable, CaseIterable {
        case healthy, unhealthy
        /// Unhealthy because nothing was heard of it.
        case silent
        /// Nothing is sent to it until an operator has looked.
        case paused
        /// It has not reported yet.
        case unknown

        init(_ health: FleetEntry.Health, isPaused: Bool) {
            if isPaused {
                self = .paused
            } else if health.saysSilence {
                self = .silent
            } else {
                switch health.state {
                case .healthy: self = .healthy
                case .unhealthy: self = .unhealthy
                case .unknown: self = .unknown
                }
            }
        }
    }

    private let kinds = Mutex([Int](repeating: 0, count: Kind.allCases.count))
    private let parked = Atomic<Int>(0)

    /// How many appliances count as this.
    package subscript(kind: Kind) -> Int {
        kinds.withLock { $0[Self.place(kind)] }
    }

    /// Polls that are held until something changes.
    package var parkedPolls: Int { parked.load(ordering: .relaxed) }

    /// Takes up a change; nil stands for an appliance that is not there.
    func move(from former: Kind?, to kind: Kind?) {
        guard former != kind else { return }
        kinds.withLock { kinds in
            if let former { kinds[Self.place(former)] -= 1 }
            if let kind { kinds[Self.place(kind)] += 1 }
        }
    }

    func countParked(_ change: Int) {
        parked.wrappingAdd(change, ordering: .relaxed)
    }

    private static func place(_ kind: Kind) -> Int {
        switch kind {
        case .healthy: 0
        case .unhealthy: 1
        case .silent: 2
        case .paused: 3
        case .unknown: 4
        }
    }
}
