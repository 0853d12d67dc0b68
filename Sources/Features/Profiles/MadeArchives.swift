import Crypto
import Synchronization

/// The archives that were packed last, so that a fleet which downloads one has it packed once.
final class MadeArchives: Sendable {
    /// What all that are kept may take together.
    static let bytesMax = 64 << 20

    /// The bytes of an archive with their digest.
    struct Archive: Sendable {
        let digest: Digest
        let bytes: [UInt8]
    }

    private struct State {
        var archives: [Digest: Archive] = [:]
        /// The names, the one that was made last at the end.
        var order: [Digest] = []
        var bytes = 0
    }

    private let state = Mutex(State())

    /// - Parameter name: the digest of what the archive is made from.
    subscript(_ name: Digest) -> Archive? {
        state.withLock { $0.archives[name] }
    }

    /// Keeps an archive in place of the oldest ones; one that is larger than all may be is not kept.
    func keep(_ archive: Archive, as name: Digest) {
        guard archive.bytes.count <= Self.bytesMax else { return }
        state.withLock { state in
            guard state.archives.updateValue(archive, forKey: name) == nil else { return }
            state.order.append(name)
            state.bytes += archive.bytes.count
            while state.bytes > Self.bytesMax, let oldest = state.order.first {
                state.order.removeFirst()
                state.bytes -= state.archives.removeValue(forKey: oldest)?.bytes.count ?? 0
            }
        }
    }
}
