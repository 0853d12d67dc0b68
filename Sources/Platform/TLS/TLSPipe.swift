import COpenSSL
import Glibc

/// Bytes between a session and its connection: what OpenSSL reads and writes instead of a socket.
///
/// OpenSSL's own memory BIOs keep the largest size they ever had, for each of many thousand idle
/// connections; these give their memory back whenever they run empty. Belongs to one loop.
final class TLSPipe {
    /// Ciphertext from the peer.
    var inbound = Queue()
    /// Ciphertext for the peer.
    var outbound = Queue()
    /// Whether the peer has closed the connection below TLS.
    var hasEnded = false

    /// Bytes appended at the end and taken from the front.
    struct Queue: ~Copyable {
        private var base: UnsafeMutableRawPointer?
        private var start = 0
        private var end = 0
        private var capacity = 0

        private static let firstCapacity = 1024

        deinit { free(base) }

        var isEmpty: Bool { start == end }
        var count: Int { end - start }

        var bytes: UnsafeRawBufferPointer {
            guard let base else { return UnsafeRawBufferPointer(start: nil, count: 0) }
            return UnsafeRawBufferPointer(start: base + start, count: end - start)
        }

        /// False when memory is short.
        mutating func append(_ source: UnsafeRawPointer, _ count: Int) -> Bool {
            guard count > 0 else { return true }
            guard makeRoom(count), let base else { return false }
            (base + end).copyMemory(from: source, byteCount: count)
            end += count
            return true
        }

        mutating func take(into target: UnsafeMutableRawPointer, _ room: Int) -> Int {
            guard let base else { return 0 }
            let count = min(room, end - start)
            target.copyMemory(from: base + start, byteCount: count)
            consume(count)
            return count
        }

        mutating func consume(_ count: Int) {
            precondition(count >= 0 && count <= end - start, "consumed more than there is")
            start += count
            if start == end { removeAll() }
        }

        mutating func removeAll() {
            free(base)
            base = nil
            start = 0
            end = 0
            capacity = 0
        }

        private mutating func makeRoom(_ room: Int) -> Bool {
            if capacity - end >= room { return true }
            let held = end - start
            if let base, start > 0, capacity - held >= room, held <= start {
                base.copyMemory(from: base + start, byteCount: held)
                start = 0
                end = held
                return true
            }
            let (needed, overflow) = end.addingReportingOverflow(room)
            guard !overflow else { return false }
            let wanted = max(needed, capacity * 2, Queue.firstCapacity)
            guard let grown = realloc(base, wanted) else { return false }
            base = grown
            capacity = wanted
            return true
        }
    }
}

extension TLSPipe {
    /// A BIO over this pipe, without owning it: the session owns both, and frees the BIO first.
    func makeBIO() -> OpaquePointer? {
        guard let method = TLSPipe.method.pointer, let bio = BIO_new(method) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    // Written once, before its first use, and never changed.
    private struct Method: @unchecked Sendable {
        let pointer: OpaquePointer?
    }

    private static let method: Method = {
        let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK
        guard let method = BIO_meth_new(type, "easel pipe") else { return Method(pointer: nil) }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let pipe = TLSPipe.of(bio), let bytes, count > 0 else { return -1 }
            return pipe.outbound.append(bytes, Int(count)) ? count : -1
        }
        BIO_meth_set_read(method) { bio, target, room in
            guard let pipe = TLSPipe.of(bio), let target, room > 0 else { return -1 }
            BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
            if pipe.inbound.isEmpty {
                if pipe.hasEnded { return 0 }
                BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
                return -1
            }
            return Int32(pipe.inbound.take(into: target, Int(room)))
        }
        BIO_meth_set_ctrl(method) { bio, command, _, _ in
            switch command {
            case BIO_CTRL_FLUSH: 1
            case BIO_CTRL_EOF:
                TLSPipe.of(bio).map { $0.hasEnded && $0.inbound.isEmpty } == true ? 1 : 0
            default: 0
            }
        }
        return Method(pointer: method)
    }()

    private static func of(_ bio: OpaquePointer?) -> TLSPipe? {
        guard let data = BIO_get_data(bio) else { return nil }
        return Unmanaged<TLSPipe>.fromOpaque(data).takeUnretainedValue()
    }
}
