import Crypto
import Synchronization

/// The archives that were packed last, so that a fleet which downloads one has it packed once.
final class MadeArchives: Sendable {
    /// What all that are kept may take together.
    static let bytesMax = 64 << 20

    /// The bytes of an archive with what is told of them.
    struct Archive: Sendable {
        let digest: Digest
        let bytes: [UInt8]
        /// The signature of its manifest.
        let signature: [UInt8]
    }

    /// How many digests are known; beyond that they are all forgotten.
    private static let digestsMax = 10_000

    private struct State {
        var archives: [Digest: Archive] = [:]
        /// The digests of all that were made, those too that are not kept: a caller who has the
        /// archive is told so without another being packed.
        var digests: [Digest: Digest] = [:]
        /// The names, the one that was made last at the end.
        var order: [Digest] = []
        var bytes = 0
    }

    private let state = Mutex(State())

    /// - Parameter name: the digest of what the archive is made from.
    subscript(_ name: Digest) -> Archive? {
        state.withLock { $0.archives[name] }
    }

    /// The digest of an archive's bytes, whether they are kept or not; nil when it was not made.
    func digest(of name: Digest) -> Digest? {
        state.withLock { $0.digests[name] }
    }

    /// Keeps an archive in place of the oldest ones; one that is larger than all may be is not
    /// kept, its digest is.
    func keep(_ archive: Archive, as name: Digest) {
        state.withLock { state in
            if state.digests.count >= Self.digestsMax { state.digests = [:] }
            state.digests[name] = archive.digest
            guard archive.bytes.count <= Self.bytesMax else { return }
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
