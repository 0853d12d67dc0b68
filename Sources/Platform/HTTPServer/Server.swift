import EventLoop
import Glibc
import HTTPCore
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
    package init(
        configuration: ServerConfiguration,
        loops: LoopGroup,
        responder: any Responder,
        observer: (any RequestObserver)? = nil,
        tls: TLSServerContext? = nil,
        certified: @escaping ClientLookUp = { _ in nil }
    ) {
        precondition(
            tls != nil || !configuration.endpoints.contains(where: \.isSecure),
            "A secure endpoint needs a certificate."
        )
        self.configuration = configuration
        let counter = ConnectionCounter(limits: configuration.limits)
        parts = loops.loops.map { loop in
            ServerLoop(
                loop: loop,
                limits: configuration.limits,
                responder: responder,
                observer: observer,
                tls: tls,
                certified: certified,
                counter: counter
            )
        }
    }

    /// Begins to listen.
    ///
    /// Looks up host names, so not on a loop. Once only.
    ///
    /// - Returns: An entry for each address, with the port the system chose where 0 was asked.
    /// - Throws: `SystemError` when an address is in use, unknown or not permitted; then nothing
    ///   listens.
    package func start() throws -> [BoundAddress] {
        System.ignoreBrokenPipes()
        var bound: [BoundAddress] = []
        var opened: [(numbers: [Int32], endpoint: ServerConfiguration.Endpoint)] = []
        do {
            for endpoint in configuration.endpoints {
                let addresses = try SocketAddress.resolve(
                    host: endpoint.host,
                    port: endpoint.port,
                    isForListening: true
                )
                for address in addresses {
                    let (numbers, port) = try listen(address, host: endpoint.host)
                    opened.append((numbers, endpoint))
                    bound.append(
                        BoundAddress(host: address.text, port: port, isSecure: endpoint.isSecure)
                    )
                }
            }
        } catch {
            for number in opened.flatMap(\.numbers) { _ = Descriptor(owning: number) }
            throw error
        }
        for (numbers, endpoint) in opened {
            for (part, number) in zip(parts, numbers) {
                part.loop.submit {
                    let listener = Listener(
                        Descriptor(owning: number),
                        endpoint: endpoint,
                        server: part
                    )
                    listener.start()
                    part.add(listener)
                }
            }
        }
        return bound
    }

    /// Opens one listening socket for each loop, all on the same port.
    private func listen(
        _ wanted: SocketAddress,
        host: String
    ) throws(SystemError) -> (numbers: [Int32], port: UInt16) {
        var address = wanted
        let acceptsIPv4 = host == "::"
        if address.port != 0 {
            // A second server of the same user could share the port unnoticed and take half the
            // clients; without SO_REUSEPORT the kernel tells.
            _ = try Listener.open(
                address,
                sharesPort: false,
                acceptsIPv4: acceptsIPv4,
                backlog: 1
            )
        }
        var numbers: [Int32] = []
        do throws(SystemError) {
            for _ in parts {
                let descriptor = try Listener.open(
                    address,
                    sharesPort: true,
                    acceptsIPv4: acceptsIPv4,
                    backlog: configuration.backlog
                )
                let number = descriptor.number
                if address.port == 0 { address.port = try SocketAddress.ofSocket(number).port }
                numbers.append(descriptor.release())
            }
        } catch {
            for number in numbers { _ = Descriptor(owning: number) }
            throw error
        }
        return (numbers, address.port)
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
