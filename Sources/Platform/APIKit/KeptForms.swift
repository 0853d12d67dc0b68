import Synchronization

/// The gzipped forms of answers, by the entity tags of the answers: the ones kept last.
final class KeptForms: Sendable {
    /// What all of them may take together.
    static let bytesMax = 32 << 20
    /// What an entry takes beside its bytes, roughly: forms that do not pay are kept as nothing.
    private static let entryBytes = 256

    private struct State {
        var forms: [[UInt8]: [UInt8]] = [:]
        /// The tags, the one that was kept last at the end.
        var order: [[UInt8]] = []
        var bytes = 0
    }

    private let state = Mutex(State())

    /// The form that is kept for a tag; an empty one says that gzip does not pay.
    subscript(_ tag: [UInt8]) -> [UInt8]? {
        state.withLock { $0.forms[tag] }
    }

    /// Keeps a form in place of the oldest ones; one that is larger than all may be is not kept.
    func keep(_ form: [UInt8], as tag: [UInt8]) {
        guard form.count + Self.entryBytes <= Self.bytesMax else { return }
        state.withLock { state in
            guard state.forms.updateValue(form, forKey: tag) == nil else { return }
            state.order.append(tag)
            state.bytes += form.count + Self.entryBytes
            while state.bytes > Self.bytesMax, let oldest = state.order.first {
                state.order.removeFirst()
                state.bytes -= (state.forms.removeValue(forKey: oldest)?.count ?? 0)
                state.bytes -= Self.entryBytes
            }
        }
    }
}
