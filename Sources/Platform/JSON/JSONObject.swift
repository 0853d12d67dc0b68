/// The members of a JSON object, in the order they were written.
///
/// Order is kept for writing but does not count for equality (RFC 8259 §4). Names compare as
/// Swift strings do, so two spellings of the same accented letter are one name.
package struct JSONObject: Sendable {
    /// One member.
    package struct Member: Sendable, Hashable {
        /// The name.
        package let key: String
        /// The value.
        package var value: JSONValue

        /// Makes a member.
        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    // Below this many members a walk over the names is quicker than hashing one.
    private static let unindexedCountMax = 12

    private var members: [Member]
    private var index: [String: Int]?

    /// Makes an object without members.
    package init() {
        members = []
    }

    /// Makes an object of these members; of equal names the last value wins.
    package init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init()
        for (key, value) in pairs { self[key] = value }
    }

    /// The number of members.
    package var count: Int { members.count }
    /// Whether there are no members.
    package var isEmpty: Bool { members.isEmpty }
    /// The names in order.
    package var keys: [String] { members.map(\.key) }
    /// The values in order.
    package var values: [JSONValue] { members.map(\.value) }

    /// The value of a name, nil when there is none; assigning nil removes the member.
    ///
    /// A new member goes to the end, a changed one keeps its place.
    package subscript(_ key: String) -> JSONValue? {
        get { position(of: key).map { members[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let at?, let value?): members[at].value = value
            case (nil, let value?): append(Member(key: key, value: value))
            case (let at?, nil): remove(at: at)
            case (nil, nil): break
            }
        }
    }

    /// Adds a member unless the name is taken.
    ///
    /// - Returns: whether it was added.
    package mutating func insert(_ value: JSONValue, named key: String) -> Bool {
        guard position(of: key) == nil else { return false }
        append(Member(key: key, value: value))
        return true
    }

    mutating func reserveCapacity(_ count: Int) {
        members.reserveCapacity(count)
    }

    private mutating func append(_ member: Member) {
        if index != nil {
            index?[member.key] = members.count
        } else if members.count == Self.unindexedCountMax {
            reindex()
            index?[member.key] = members.count
        }
        members.append(member)
    }

    private mutating func remove(at position: Int) {
        members.remove(at: position)
        if index != nil { reindex() }
    }

    private mutating func reindex() {
        var fresh: [String: Int] = [:]
        fresh.reserveCapacity(members.count + 1)
        for (position, member) in members.enumerated() { fresh[member.key] = position }
        index = fresh
    }

    private func position(of key: String) -> Int? {
        if let index { return index[key] }
        return members.firstIndex { $0.key == key }
    }
}

extension JSONObject: Sequence {
    /// Iterates over the members in order.
    package func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }
}

extension JSONObject: Hashable {
    /// Whether both hold the same members, in whatever order.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
    }

    /// Hashes the members so that their order does not count.
    package func hash(into hasher: inout Hasher) {
        var mixed = 0
        for member in members { mixed ^= member.hashValue }
        hasher.combine(mixed)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Makes an object of these members; of equal names the last value wins.
    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self.init(members)
    }
}
