import CSystem
import EventLoop
import Glibc

/// Sockets that listen, opened by this process or handed to it, before anybody accepts from them.
///
/// Clients that come meanwhile stand in the kernel's queue: so a server can be replaced without
/// refusing one.
package struct ListeningSockets: Sendable {
    /// One address and its sockets, one for each loop.
    struct Opened {
        let numbers: [Int32]
        let endpoint: ServerConfiguration.Endpoint
        let address: BoundAddress
    }

    private(set) var opened: [Opened] = []

    /// The addresses, with the ports that the system chose where 0 was asked.
    package var addresses: [BoundAddress] { opened.map(\.address) }
    /// Whether TLS is spoken on one of them.
    package var hasSecure: Bool { opened.contains { $0.endpoint.isSecure } }

    /// Opens the sockets of a configuration.
    ///
    /// Looks up host names, so not on a loop.
    ///
    /// - Parameters:
    ///   - loops: How many will accept.
    ///   - besidesAnother: Whether another server of the same user may still listen there.
    /// - Throws: `SystemError` when an address is in use, unknown or not permitted; then nothing
    ///   listens.
    package init(
        _ configuration: ServerConfiguration,
        loops: Int,
        besidesAnother: Bool = false
    ) throws {
        do {
            for endpoint in configuration.endpoints {
                let addresses = try SocketAddress.resolve(
                    host: endpoint.host,
                    port: endpoint.port,
                    isForListening: true
                )
                for address in addresses {
                    opened.append(
                        try Self.listen(
                            address,
                            endpoint,
                            loops: loops,
                            besidesAnother: besidesAnother,
                            backlog: configuration.backlog
                        )
                    )
                }
            }
        } catch {
            close()
            throw error
        }
    }

    /// Takes sockets over that listen already, such as those that a service manager holds.
    ///
    /// - Parameter inherited: Each socket's number and what is spoken there; the host of the
    ///   endpoint is not looked at.
    /// - Throws: `SystemError` for a number that is no listening stream socket.
    package init(
        inherited: [(number: Int32, endpoint: ServerConfiguration.Endpoint)],
        loops: Int
    ) throws {
        do {
            for (number, endpoint) in inherited {
                guard easel_is_listening(number) == 1 else {
                    throw SystemError("the inherited descriptor \(number)", code: ENOTSOCK)
                }
                let address = try SocketAddress.ofSocket(number)
                _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
                var numbers: [Int32] = []
                for _ in 0..<loops {
                    let copy = fcntl(number, F_DUPFD_CLOEXEC, 0)
                    guard copy >= 0 else { throw SystemError("dup") }
                    numbers.append(copy)
                }
                Glibc.close(number)
                opened.append(
                    Opened(
                        numbers: numbers,
                        endpoint: endpoint,
                        address: BoundAddress(
                            host: address.text,
                            givenHost: "",
                            port: address.port,
                            isSecure: endpoint.isSecure
                        )
                    )
                )
            }
        } catch {
            close()
            throw error
        }
    }

    /// Closes sockets that no server has taken.
    package mutating func close() {
        for number in opened.flatMap(\.numbers) { Glibc.close(number) }
        opened = []
    }

    /// Adds the addresses of others.
    package mutating func add(_ others: ListeningSockets) {
        opened += others.opened
    }

    /// Opens one listening socket for each loop, all on the same port.
    private static func listen(
        _ wanted: SocketAddress,
        _ endpoint: ServerConfiguration.Endpoint,
        loops: Int,
        besidesAnother: Bool,
        backlog: Int32
    ) throws(SystemError) -> Opened {
        var address = wanted
        let acceptsIPv4 = endpoint.host == "::"
        if address.port != 0, !besidesAnother {
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
            for _ in 0..<loops {
                let descriptor = try Listener.open(
                    address,
                    sharesPort: true,
                    acceptsIPv4: acceptsIPv4,
                    backlog: backlog
                )
                let number = descriptor.number
                if address.port == 0 { address.port = try SocketAddress.ofSocket(number).port }
                numbers.append(descriptor.release())
            }
        } catch {
            for number in numbers { Glibc.close(number) }
            throw error
        }
        return Opened(
            numbers: numbers,
            endpoint: endpoint,
            address: BoundAddress(
                host: address.text,
                givenHost: endpoint.host,
                port: address.port,
                isSecure: endpoint.isSecure
            )
        )
    }
}
