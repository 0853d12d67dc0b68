import Synchronization

/// Counts what the server turned away, by reason, for `/metrics`.
package final class Rejections: Sendable {
    /// Why something was turned away; the raw value is the metric's label.
    package enum Reason: String, Sendable, CaseIterable {
        /// An appliance called more often than one may.
        case applianceRate = "appliance_rate"
        /// A person or an API key called more often than one may.
        case callerRate = "caller_rate"
        /// An address failed to authenticate too often.
        case failureRate = "failure_rate"
        /// Machines at an address registered too often.
        case registrationRate = "registration_rate"
        /// An address opened connections too fast.
        case connectionRate = "connection_rate"
        /// An address holds too many connections.
        case connectionsPerAddress = "connections_per_address"
        /// The server holds as many connections as it may.
        case connections = "connections"
        /// The process or the machine has no file descriptor left.
        case descriptors = "descriptors"
        /// A request that can be read in two ways, or that is larger than the limits.
        case malformed = "malformed"
        /// A client that sent too slowly.
        case slow = "slow"
    }

    // Atomic is not copyable, so an array needs a box.
    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    private let counters = Reason.allCases.map { _ in Counter() }

    package init() {}

    /// Counts one.
    package func count(_ reason: Reason) {
        counters[reason.index].value.wrappingAdd(1, ordering: .relaxed)
    }

    /// How many there were.
    package subscript(reason: Reason) -> Int {
        counters[reason.index].value.load(ordering: .relaxed)
    }
}

extension Rejections.Reason {
    fileprivate var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
