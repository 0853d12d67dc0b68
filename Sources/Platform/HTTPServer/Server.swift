import EventLoop
import Glibc
import HTTPCore
import Primitives
import Synchronization
import TLS

/// An HTTP server over a group of loops.
package final class Server: Sendable {
    /// Tells the digest of the credential that the certificate of a TLS session's client stands
    /// for; nil when it stands for none.
    package typealias ClientLookUp = @Sendable (TLSSession) -> [UInt8]?

    private let configuration: ServerConfiguration
    private let parts: [ServerLoop]

    /// Makes a server that does not listen yet.
    ///
    /// - Parameters:
    ///   - loops: Must be running until `stop` has returned.
    ///   - observer: Hears of every answer; nil saves two looks at the clock a request.
    ///   - tls: Needed when an endpoint is secure.
    ///   - certified: Finds out, on the connection's loop, what a client's certificate stands for;
    ///     nil when for nobody.
    ///   - rejections: Counts what is turned away.
    ///   - traffic: Counts connections.
    package init(
        configuration: ServerConfiguration,
        loops: LoopGroup,
        responder: any Responder,
        observer: (any RequestObserver)? = nil,
        tls: TLSServerContext? = nil,
        certified: @escaping ClientLookUp = { _ in nil },
        rejections: Rejections = Rejections(),
        traffic: Traffic = Traffic()
    ) {
        precondition(
            tls != nil || !configuration.endpoints.contains(where: \.isSecure),
            "A secure endpoint needs a certificate."
        )
        self.configuration = configuration
        let counter = ConnectionCounter(
            limits: configuration.limits,
            shared: configuration.proxies
        )
        parts = loops.loops.map { loop in
            ServerLoop(
                loop: loop,
                limits: configuration.limits,
                responder: responder,
                observer: observer,
                tls: tls,
                certified: certified,
                counter: counter,
                rejections: rejections,
                traffic: traffic
            )
        }
    }

    /// Opens the configuration's addresses and begins to accept.
    ///
    /// Looks up host names, so not on a loop. Once only.
    ///
    /// - Returns: An entry for each address, with the port the system chose where 0 was asked.
    /// - Throws: `SystemError` when an address is in use, unknown or not permitted; then nothing
    ///   listens.
    package func start() throws -> [BoundAddress] {
        let sockets = try ListeningSockets(configuration, loops: parts.count)
        start(on: sockets)
        return sockets.addresses
    }

    /// Begins to accept from sockets that were opened for as many loops as this server has.
    ///
    /// Once only. They belong to the server from now on.
    package func start(on sockets: ListeningSockets) {
        System.ignoreBrokenPipes()
        for one in sockets.opened {
            precondition(one.numbers.count == parts.count, "Each loop has a socket.")
        }
        for part in parts { part.loop.onStart { $0.beforeWait { part.flushAll() } } }
        for one in sockets.opened {
            for (part, number) in zip(parts, one.numbers) {
                part.loop.submit {
                    let listener = Listener(
                        Descriptor(owning: number),
                        endpoint: one.endpoint,
                        server: part
                    )
                    listener.start()
                    part.add(listener)
                }
            }
        }
    }

    /// Uses this certificate for the connections that come from now on.
    package func replaceTLS(_ tls: TLSServerContext) {
        for part in parts { part.loop.submit { part.tls = tls } }
    }

    /// Stops: no new connections, idle ones closed, waiting handlers cancelled so that they
    /// answer, running ones finished, and what is left after the limit closed.
    package func stop(within limit: Duration) async {
        let counter = RemainingCounter(parts.count)
        await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
            for part in parts {
                part.loop.submit {
                    part.drain(within: limit) { if counter.finishOne() { done.resume() } }
                }
            }
        }
    }
}

/// Tells who of several is the last.
private final class RemainingCounter: Sendable {
    private let remaining: Atomic<Int>

    init(_ count: Int) {
        remaining = Atomic(count)
    }

    func finishOne() -> Bool {
        remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0
    }
}
