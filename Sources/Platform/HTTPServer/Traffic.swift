import Synchronization

/// What happens to the connections of all loops, counted for the metrics page.
///
/// A few additions in the life of a connection, none per request.
package final class Traffic: Sendable {
    /// What is spoken on a connection.
    package enum Wire: Int, Sendable, CaseIterable {
        case plainHTTP1, plainHTTP2, secureHTTP1, secureHTTP2
        /// TLS that is still being set up.
        case handshake
    }

    /// How a TLS handshake ended.
    package enum Handshake: Int, Sendable, CaseIterable {
        case full, resumed
        /// The client was refused, went away or took too long.
        case failed
    }

    /// The versions of TLS that are spoken; `none` where a handshake failed.
    package enum Version: Int, Sendable, CaseIterable {
        case none, tls12, tls13
    }

    private let open: InlineArray<5, Atomic<Int>> = InlineArray { _ in Atomic(0) }
    private let accepted: InlineArray<2, Atomic<Int>> = InlineArray { _ in Atomic(0) }
    private let handshakes: InlineArray<9, Atomic<Int>> = InlineArray { _ in Atomic(0) }

    package init() {}

    /// Connections that are open now.
    package func open(_ wire: Wire) -> Int { open[wire.rawValue].load(ordering: .relaxed) }

    /// Connections taken since the start.
    package func accepted(isSecure: Bool) -> Int {
        accepted[isSecure ? 1 : 0].load(ordering: .relaxed)
    }

    /// Handshakes ended since the start.
    package func handshakes(_ result: Handshake, _ version: Version) -> Int {
        handshakes[Self.place(result, version)].load(ordering: .relaxed)
    }

    func countAccepted(isSecure: Bool) {
        accepted[isSecure ? 1 : 0].wrappingAdd(1, ordering: .relaxed)
    }

    /// Takes up what is spoken on a connection; nil before it is open and once it is closed.
    func move(from former: Wire?, to wire: Wire?) {
        if let former { open[former.rawValue].wrappingSubtract(1, ordering: .relaxed) }
        if let wire { open[wire.rawValue].wrappingAdd(1, ordering: .relaxed) }
    }

    func count(_ result: Handshake, _ version: Version) {
        handshakes[Self.place(result, version)].wrappingAdd(1, ordering: .relaxed)
    }

    private static func place(_ result: Handshake, _ version: Version) -> Int {
        result.rawValue * Version.allCases.count + version.rawValue
    }
}
