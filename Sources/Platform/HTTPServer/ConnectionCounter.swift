import HTTPCore
import Primitives
import Synchronization

/// Counts the connections of all loops, in all and per address, and how fast an address opens them.
///
/// Behind a lock: it is taken twice in the life of a connection, not per request.
final class ConnectionCounter: Sendable {
    private struct State {
        var total = 0
        var perAddress: [IPAddress: Int] = [:]
    }

    private let state = Mutex(State())
    private let limits: HTTPLimits
    private let rates: RateTable?
    /// Proxies, behind which many clients stand.
    private let shared: [IPNetwork]

    init(limits: HTTPLimits, shared: [IPNetwork]) {
        self.limits = limits
        self.shared = shared
        rates = limits.connectionRate.map { RateTable($0) }
    }

    /// Counts a new connection.
    ///
    /// - Parameter address: the `client` part of the peer's address.
    /// - Returns: the limit that is reached, when it must not be taken.
    func admit(_ address: IPAddress, at now: MonotonicTime) -> Rejections.Reason? {
        let isShared = shared.contains { $0.contains(address) }
        if !isShared, let rates, !rates.take(address, at: now).isAllowed {
            return .connectionRate
        }
        // The machine's own checks and its operator come in when everybody else is kept out.
        let connectionsMax =
            limits.connectionsMax
            + (address.isLoopback ? limits.connectionsReservedForLoopback : 0)
        return state.withLock { state in
            let ofAddress = state.perAddress[address] ?? 0
            guard state.total < connectionsMax else { return .connections }
            guard isShared || ofAddress < limits.connectionsPerAddressMax else {
                return .connectionsPerAddress
            }
            state.total += 1
            state.perAddress[address] = ofAddress + 1
            return nil
        }
    }

    /// Counts a connection that `admit` took as gone.
    func release(_ address: IPAddress) {
        state.withLock { state in
            state.total -= 1
            let ofAddress = (state.perAddress[address] ?? 1) - 1
            state.perAddress[address] = ofAddress > 0 ? ofAddress : nil
        }
    }
}
