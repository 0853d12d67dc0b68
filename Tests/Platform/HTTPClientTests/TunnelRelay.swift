import CSystem
import EventLoop
import Glibc
import Synchronization

/// A proxy for one connection: answers CONNECT, then carries bytes both ways.
final class TunnelRelay: Sendable {
    let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let thread = Mutex<pthread_t?>(nil)

    init(to target: UInt16) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var own = TunnelRelay.loopback(0)
        _ = TunnelRelay.with(&own) { bind(listener, $0, $1) }
        listen(listener, 1)
        port = try SocketAddress.ofSocket(listener).port
        self.listener = listener
        self.target = target
        var started = pthread_t()
        pthread_create(
            &started,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<TunnelRelay>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            Unmanaged.passRetained(self).toOpaque()
        )
        thread.withLock { $0 = started }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        if let thread = thread.withLock({ $0 }) { pthread_join(thread, nil) }
        close(listener)
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func with(
        _ address: inout sockaddr_in,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private func run() {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        defer { close(client) }
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
            var byte: UInt8 = 0
            guard recv(client, &byte, 1, 0) == 1 else { return }
            head.append(byte)
        }
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(upstream) }
        var address = TunnelRelay.loopback(target)
        guard TunnelRelay.with(&address, { connect(upstream, $0, $1) }) == 0 else { return }
        let answer = Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8)
        _ = send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
        var waiting = [
            pollfd(fd: client, events: Int16(POLLIN), revents: 0),
            pollfd(fd: upstream, events: Int16(POLLIN), revents: 0),
        ]
        var chunk = [UInt8](repeating: 0, count: 65536)
        while poll(&waiting, 2, -1) > 0 {
            for (from, to) in [(0, 1), (1, 0)] where waiting[from].revents != 0 {
                let count = recv(waiting[from].fd, &chunk, chunk.count, 0)
                guard count > 0, send(waiting[to].fd, chunk, count, Int32(MSG_NOSIGNAL)) == count
                else { return }
            }
        }
    }
}
