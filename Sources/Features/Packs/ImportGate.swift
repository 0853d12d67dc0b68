import APIKit
import Synchronization

/// Lets in as many imports at a time as their memory allows.
final class ImportGate: Sendable {
    /// A place inside; left when nobody holds it any more, so also when the client goes away in the
    /// middle of its archive.
    final class Place: Sendable {
        private let gate: ImportGate

        fileprivate init(_ gate: ImportGate) {
            self.gate = gate
        }

        deinit { gate.inside.withLock { $0 -= 1 } }
    }

    private let inside = Mutex(0)

    /// - Throws: `.unavailable` while all places are taken.
    func enter() throws -> Place {
        let isIn = inside.withLock { inside in
            guard inside < PackLimits.importsAtOnce else { return false }
            inside += 1
            return true
        }
        guard isIn else {
            throw Failure(
                .unavailable,
                "Another pack is being imported; try again in a moment.",
                retryAfterSeconds: Int.random(in: 1...4)
            )
        }
        return Place(self)
    }
}
