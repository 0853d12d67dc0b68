import CSystem
import Glibc
import Primitives

/// An IPv4 or IPv6 address with a port.
package struct SocketAddress: Sendable {
    private var storage: sockaddr_storage
    private var length: socklen_t

    private init(_ storage: sockaddr_storage, length: socklen_t) {
        self.storage = storage
        self.length = length
    }

    /// Looks up a name or an address in text.
    ///
    /// Blocks on DNS: not for a loop.
    ///
    /// - Parameter isForListening: Whether an empty host means every address of this machine.
    /// - Throws: `SystemError` when the name is unknown.
    package static func resolve(
        host: String,
        port: UInt16,
        isForListening: Bool = false
    ) throws(SystemError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (isForListening ? AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &list)
        guard code == 0 else {
            throw SystemError("getaddrinfo \(host)", code: code == EAI_SYSTEM ? errno : ENOENT)
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var entry = list
        while let info = entry?.pointee {
            if let source = info.ai_addr,
                Int(info.ai_addrlen) <= MemoryLayout<sockaddr_storage>.size
            {
                var storage = sockaddr_storage()
                memcpy(&storage, source, Int(info.ai_addrlen))
                addresses.append(SocketAddress(storage, length: info.ai_addrlen))
            }
            entry = info.ai_next
        }
        return addresses
    }

    /// The address a socket is bound to.
    package static func ofSocket(_ descriptor: Int32) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &length)
            }
        }
        guard code == 0 else { throw SystemError("getsockname") }
        return SocketAddress(storage, length: length)
    }

    /// Accepts one waiting connection, closed on exec and never blocking.
    ///
    /// - Throws: `SystemError` with `EAGAIN` when none waits.
    package static func accept(
        _ listener: Int32
    ) throws(SystemError) -> (descriptor: Int32, peer: SocketAddress) {
        while true {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let number = withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    easel_accept(listener, $0, &length)
                }
            }
            if number >= 0 { return (number, SocketAddress(storage, length: length)) }
            if errno != EINTR { throw SystemError("accept4") }
        }
    }

    /// Calls the body with the form the kernel takes.
    package func withSocketAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// `AF_INET` or `AF_INET6`.
    package var family: Int32 { Int32(storage.ss_family) }

    /// The port in host order.
    package var port: UInt16 {
        get {
            withUnsafeBytes(of: storage) { bytes in
                // Both families keep the port in network order behind the family.
                UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            }
        }
        set {
            withUnsafeMutableBytes(of: &storage) { bytes in
                bytes.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self)
            }
        }
    }

    /// The address without its port.
    package var ip: IPAddress {
        withUnsafeBytes(of: storage) { bytes in
            if family == AF_INET {
                let address = UInt32(
                    bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
                )
                return IPAddress(high: 0, low: 0xFFFF_0000_0000 | UInt64(address))
            }
            return IPAddress(
                high: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            )
        }
    }

    /// The address in text without port; an IPv4 address that came through an IPv6 socket in its
    /// own form.
    package var text: String { ip.text }
}
