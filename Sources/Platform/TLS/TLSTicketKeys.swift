import COpenSSL
import Crypto
import Primitives
import Synchronization

/// A key under which a server seals session tickets (RFC 5077 §4): 80 bytes, stored sealed by the
/// caller so that clients can resume after a restart.
package struct TLSTicketKey: Hashable, Sendable {
    /// How many bytes a key has: 16 of name, 32 for AES-256-CBC, 32 for HMAC-SHA-256.
    package static let byteCount = 80

    /// The key's bytes, name included.
    package let bytes: [UInt8]

    /// A fresh random key.
    package init() { bytes = RandomBytes.make(TLSTicketKey.byteCount) }

    /// The key with these 80 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == TLSTicketKey.byteCount else { return nil }
        self.bytes = bytes
    }

    fileprivate var name: ArraySlice<UInt8> { bytes[0..<16] }
    fileprivate var encryption: [UInt8] { Array(bytes[16..<48]) }
    fileprivate var authentication: [UInt8] { Array(bytes[48..<80]) }
}

/// The ticket keys in force, shared by every session of a server; usable from any thread.
///
/// A ticket is worth as much as the traffic it opens, so the caller puts a fresh key in front once
/// a day or so with `replace`, and keeps the former one or two until their tickets have expired.
package final class TLSTicketKeys: Sendable {
    private let keys: Mutex<[TLSTicketKey]>

    /// - Parameter keys: the one that seals first, then those that still open; without any, a
    ///   fresh one is made that is gone after a restart.
    package init(_ keys: [TLSTicketKey] = []) {
        self.keys = Mutex(keys.isEmpty ? [TLSTicketKey()] : keys)
    }

    /// Puts other keys in force for handshakes to come; without any nothing changes.
    package func replace(_ keys: [TLSTicketKey]) {
        guard !keys.isEmpty else { return }
        self.keys.withLock { $0 = keys }
    }

    fileprivate func sealing() -> TLSTicketKey? { keys.withLock { $0.first } }

    fileprivate func opening(
        _ name: UnsafeBufferPointer<UInt8>
    ) -> (key: TLSTicketKey, isCurrent: Bool)? {
        keys.withLock { keys in
            guard let index = keys.firstIndex(where: { $0.name.elementsEqual(name) }) else {
                return nil
            }
            return (keys[index], index == 0)
        }
    }

    // What OpenSSL's callback answers.
    private static let failed: Int32 = -1
    private static let unknown: Int32 = 0
    private static let usable: Int32 = 1
    private static let usableAndRenew: Int32 = 2
    private static let nameBytes = 16
    private static let ivBytes = 16

    /// Prepares the ciphers for one ticket, as OpenSSL asks for it.
    func prepare(
        name: UnsafeMutablePointer<UInt8>,
        iv: UnsafeMutablePointer<UInt8>,
        cipher: OpaquePointer,
        mac: OpaquePointer,
        seals: Bool
    ) -> Int32 {
        let key: TLSTicketKey
        var answer = TLSTicketKeys.usable
        if seals {
            guard let current = sealing() else { return TLSTicketKeys.failed }
            key = current
            for (index, byte) in key.name.enumerated() { name[index] = byte }
            RandomBytes.fill(
                UnsafeMutableRawBufferPointer(start: iv, count: TLSTicketKeys.ivBytes)
            )
        } else {
            let wanted = UnsafeBufferPointer(start: name, count: TLSTicketKeys.nameBytes)
            guard let found = opening(wanted) else { return TLSTicketKeys.unknown }
            key = found.key
            // In TLS 1.3 a resumed session gets a fresh ticket in any case.
            answer = found.isCurrent ? TLSTicketKeys.usable : TLSTicketKeys.usableAndRenew
        }
        guard
            EVP_CipherInit_ex(
                cipher,
                EVP_aes_256_cbc(),
                nil,
                key.encryption,
                iv,
                seals ? 1 : 0
            ) == 1,
            easel_ticket_mac(mac, key.authentication, key.authentication.count) == 1
        else { return TLSTicketKeys.failed }
        return answer
    }
}
