import Synchronization

/// The rules of the schemas that were asked for, read once.
///
/// To read the rules of a pack takes longer than to check values by them, and a profile is checked
/// at each edit with all of its layers.
final class KnownSchemas: Sendable {
    /// The texts that are known together have at most so many bytes; beyond that they are all
    /// forgotten, and those in use are soon known again.
    static let textBytesMax = 2 << 20

    private struct State {
        var rules: [String: [SchemaRule]] = [:]
        var bytes = 0
    }

    private let state = Mutex(State())

    /// The rules of a schema.
    ///
    /// - Parameter read: reads them; two threads that ask together may both do so.
    func rules(of schema: String, read: () -> [SchemaRule]) -> [SchemaRule] {
        if let known = state.withLock({ $0.rules[schema] }) { return known }
        let rules = read()
        let bytes = schema.utf8.count
        guard bytes <= Self.textBytesMax else { return rules }
        state.withLock { state in
            if state.bytes + bytes > Self.textBytesMax { state = State() }
            guard state.rules.updateValue(rules, forKey: schema) == nil else { return }
            state.bytes += bytes
        }
        return rules
    }

    /// How many bytes the texts have that are known now.
    var bytes: Int { state.withLock { $0.bytes } }
}
