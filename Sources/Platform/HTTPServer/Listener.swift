import CSystem
import EventLoop
import Glibc
import Primitives
import Synchronization

/// A listening socket on one loop.
final class Listener: ReadinessHandler {
    private let server: ServerLoop
    private var descriptor: Descriptor?
    private let number: Int32
    private let endpoint: ServerConfiguration.Endpoint
    /// Kept so that, when the process has no descriptor left, a waiting client can still be
    /// accepted and closed instead of waking the loop for ever.
    private var spare: Descriptor?
    private var pause: TimerHandle?
    /// Held over each accept of the process: a descriptor that one listener lets go of to refuse a
    /// client would otherwise be taken by another for a client of its own, and never come back.
    private static let accepting = Mutex(())

    /// How many to accept in this turn.
    ///
    /// One while clients come one at a time, which spares the call that finds the queue empty;
    /// twice as many in each turn that follows upon another.
    private var acceptsPerTurn = 1
    /// The wake-up of the loop in which clients waited last.
    private var lastWakeUp = -1

    /// Accepts in one turn; the rest has its turn after the connections that are open.
    private static let acceptsPerTurnMax = 64
    /// Accepts when the server stops: more than any queue holds.
    private static let acceptsWhenStoppingMax = 8192

    init(
        _ descriptor: consuming Descriptor,
        endpoint: ServerConfiguration.Endpoint,
        server: ServerLoop
    ) {
        number = descriptor.number
        self.descriptor = consume descriptor
        self.endpoint = endpoint
        self.server = server
        spare = Self.openSpare()
    }

    func start() {
        // Fails only without memory; then the other loops' listeners go on.
        try? server.loop.watch(number, .whileReadable, self)
    }

    func close() {
        if let pause { server.loop.cancel(pause) }
        pause = nil
        server.loop.unwatch(number)
        descriptor = nil
        spare = nil
    }

    func onReady(_ readiness: Readiness) {
        let wakeUp = server.loop.metrics.wakeUps
        acceptsPerTurn =
            wakeUp == lastWakeUp &+ 1 ? min(acceptsPerTurn * 2, Self.acceptsPerTurnMax) : 1
        lastWakeUp = wakeUp
        accept(atMost: acceptsPerTurn)
    }

    /// Accepts all who stand in the queue, before it is closed.
    func acceptLast() {
        accept(atMost: Self.acceptsWhenStoppingMax)
    }

    private func accept(atMost countMax: Int) {
        guard descriptor != nil else { return }
        for _ in 0..<countMax {
            do throws(SystemError) {
                let (accepted, peer) = try acceptNext()
                server.open(Descriptor(owning: accepted), peer: peer, at: endpoint)
            } catch {
                switch error.code {
                case EAGAIN:
                    return
                case EMFILE, ENFILE:
                    if !refuseOne() { return }
                case ENOBUFS, ENOMEM:
                    rest()
                    return
                default:
                    // The client gave up before it was accepted, or its network failed.
                    continue
                }
            }
        }
    }

    /// Gives up the spare descriptor for a moment to accept one client and close it.
    private func refuseOne() -> Bool {
        guard spare != nil else {
            spare = Self.openSpare()
            if spare == nil {
                rest()
                return false
            }
            return true
        }
        Self.accepting.withLock { _ in
            spare = nil
            if let (accepted, _) = try? SocketAddress.accept(number) {
                _ = Descriptor(owning: accepted)
                server.rejections.count(.descriptors)
            }
            spare = Self.openSpare()
        }
        return true
    }

    private func acceptNext() throws(SystemError) -> (Int32, SocketAddress) {
        // Lost to a file that was opened in between; it comes before any client.
        if spare == nil { spare = Self.openSpare() }
        let number = number
        return try Self.accepting.withLock { _ throws(SystemError) in
            try SocketAddress.accept(number)
        }
    }

    /// Leaves the queue alone for a while.
    private func rest() {
        guard pause == nil else { return }
        server.loop.unwatch(number)
        pause = server.loop.schedule(after: .milliseconds(100)) { [self] in
            pause = nil
            if descriptor != nil { start() }
        }
    }

    private static func openSpare() -> Descriptor? {
        let number = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
        return number >= 0 ? Descriptor(owning: number) : nil
    }

    /// Opens a listening socket.
    ///
    /// - Parameter sharesPort: Whether several sockets listen on the port; then each loop has its
    ///   own queue (`SO_REUSEPORT`).
    /// - Throws: `SystemError`, with `EADDRINUSE` when somebody else listens there.
    static func open(
        _ address: SocketAddress,
        sharesPort: Bool,
        acceptsIPv4: Bool,
        backlog: Int32
    ) throws(SystemError) -> Descriptor {
        let number = socket(
            address.family,
            Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue),
            0
        )
        guard number >= 0 else { throw SystemError("socket") }
        let descriptor = Descriptor(owning: number)
        System.setOption(number, level: SOL_SOCKET, SO_REUSEADDR, 1)
        if sharesPort { System.setOption(number, level: SOL_SOCKET, SO_REUSEPORT, 1) }
        if address.family == AF_INET6 {
            System.setOption(
                number,
                level: Int32(IPPROTO_IPV6),
                IPV6_V6ONLY,
                acceptsIPv4 ? 0 : 1
            )
        }
        guard address.withSocketAddress({ bind(number, $0, $1) }) == 0 else {
            throw SystemError("bind \(address.text):\(address.port)")
        }
        guard listen(number, backlog) == 0 else {
            throw SystemError("listen \(address.text):\(address.port)")
        }
        return descriptor
    }
}
