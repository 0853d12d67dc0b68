import CSystem
import Glibc

/// Random bytes from the kernel, fit for keys, tokens and identifiers.
package enum RandomBytes {
    /// Overwrites all the bytes with random ones.
    package static func fill(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { fill($0) }
    }

    /// Overwrites the buffer with random bytes.
    package static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let base = buffer.baseAddress else { return }
        var filled = 0
        while filled < buffer.count {
            let count = getrandom(base + filled, buffer.count - filled, 0)
            if count < 0 {
                // Without flags and with a valid buffer the call fails only when interrupted; a
                // kernel without it (before 3.17) cannot run the server safely.
                precondition(errno == EINTR, "The kernel gives no random bytes.")
                continue
            }
            filled += count
        }
    }

    /// This many random bytes; none for a count below one.
    package static func make(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count))
            initialized = count
        }
    }

    /// A random number of which each bit is independent.
    package static func number() -> UInt64 {
        var value: UInt64 = 0
        withUnsafeMutableBytes(of: &value) { fill($0) }
        return value
    }
}
