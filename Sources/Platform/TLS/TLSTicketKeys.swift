import COpenSSL
import Crypto
import Primitives
import Synchronization

/// The keys that seal session tickets (RFC 5077 §4), each for a window of time; usable from any
/// thread.
///
/// A key follows from the server's secret and the number of its window. So tickets open after a
/// restart and at every process that has the secret, and no key has to be stored or handed round.
/// Tickets are sealed under the window of today and opened for as long as they may count.
package final class TLSTicketKeys: Sendable {
    /// How long a key seals, and how long a client may come back with a ticket: a day.
    package static let windowSeconds: Int64 = 86400

    private let secret: [UInt8]
    private let clock: @Sendable () -> Timestamp
    private let keys = Mutex<[Key]>([])

    /// One window's key.
    private struct Key: Sendable {
        let window: Int64
        /// What names the key in a ticket.
        let name: [UInt8]
        let encryption: [UInt8]
        let authentication: [UInt8]

        init(window: Int64, secret: [UInt8]) {
            let mac = HMACSHA256(key: secret)
            func derive(_ purpose: String) -> [UInt8] {
                mac.code(Array("tls ticket \(purpose) \(window)".utf8)).bytes
            }
            self.window = window
            name = Array(derive("name").prefix(TLSTicketKeys.nameBytes))
            encryption = derive("encryption")
            authentication = derive("authentication")
        }
    }

    /// - Parameters:
    ///   - secret: random bytes that only the servers of one name know; without them a fresh
    ///     secret is made, and tickets end with the process.
    ///   - clock: a test moves it.
    package init(
        secret: [UInt8] = RandomBytes.make(32),
        clock: @escaping @Sendable () -> Timestamp = { .now() }
    ) {
        self.secret = secret
        self.clock = clock
    }

    /// The keys by window: that of today first, then tomorrow's, as another process's clock may be
    /// ahead, then yesterday's, whose last tickets still count.
    private func current() -> [Key] {
        let window = clock().seconds / TLSTicketKeys.windowSeconds
        return keys.withLock { keys in
            if keys.first?.window != window {
                keys = [window, window + 1, window - 1].map { Key(window: $0, secret: secret) }
            }
            return keys
        }
    }

    // What OpenSSL's callback answers.
    private static let failed: Int32 = -1
    private static let unknown: Int32 = 0
    private static let usable: Int32 = 1
    private static let usableAndRenew: Int32 = 2
    private static let nameBytes = 16
    private static let ivBytes = 16

    // Fetched once: OpenSSL would look it up in its providers for every ticket.
    private struct Cipher: @unchecked Sendable {
        let pointer: OpaquePointer?
    }
    private static let cipher = Cipher(pointer: EVP_CIPHER_fetch(nil, "AES-256-CBC", nil))

    /// Prepares the ciphers for one ticket, as OpenSSL asks for it.
    func prepare(
        name: UnsafeMutablePointer<UInt8>,
        iv: UnsafeMutablePointer<UInt8>,
        cipher: OpaquePointer,
        mac: OpaquePointer,
        seals: Bool
    ) -> Int32 {
        let keys = current()
        let found: Int?
        if seals {
            found = keys.startIndex
            for (index, byte) in keys[0].name.enumerated() { name[index] = byte }
            RandomBytes.fill(
                UnsafeMutableRawBufferPointer(start: iv, count: TLSTicketKeys.ivBytes)
            )
        } else {
            let wanted = UnsafeBufferPointer(start: name, count: TLSTicketKeys.nameBytes)
            found = keys.firstIndex { $0.name.elementsEqual(wanted) }
        }
        guard let found else { return TLSTicketKeys.unknown }
        let key = keys[found]
        guard
            EVP_CipherInit_ex(
                cipher,
                TLSTicketKeys.cipher.pointer,
                nil,
                key.encryption,
                iv,
                seals ? 1 : 0
            ) == 1,
            easel_ticket_mac(mac, key.authentication, key.authentication.count) == 1
        else { return TLSTicketKeys.failed }
        // In TLS 1.3 a resumed session gets a fresh ticket in any case.
        return found == keys.startIndex ? TLSTicketKeys.usable : TLSTicketKeys.usableAndRenew
    }
}
