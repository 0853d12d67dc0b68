import EventLoop
import HTTPCore
import Synchronization

/// Counts the connections of all loops, in all and per address.
///
/// Behind a lock: it is taken twice in the life of a connection, not per request.
final class ConnectionCounter: Sendable {
    /// What limits count as one client.
    struct Key: Hashable, Sendable {
        let high: UInt64
        let low: UInt64

        init(_ address: SocketAddress) {
            let (high, low) = address.words
            self.high = high
            // Whoever has one IPv6 address usually has the whole /64.
            self.low = high == 0 ? low : 0
        }
    }

    private struct State {
        var total = 0
        var perAddress: [Key: Int] = [:]
    }

    private let state = Mutex(State())
    private let limits: HTTPLimits

    init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Counts a new connection; false when a limit is reached and it must not be taken.
    func admit(_ key: Key) -> Bool {
        state.withLock { state in
            let ofAddress = state.perAddress[key] ?? 0
            guard state.total < limits.connectionsMax,
                ofAddress < limits.connectionsPerAddressMax
            else { return false }
            state.total += 1
            state.perAddress[key] = ofAddress + 1
            return true
        }
    }

    /// Counts a connection that `admit` took as gone.
    func release(_ key: Key) {
        state.withLock { state in
            state.total -= 1
            let ofAddress = (state.perAddress[key] ?? 1) - 1
            state.perAddress[key] = ofAddress > 0 ? ofAddress : nil
        }
    }
}
