import JSON

/// Why a document of the contract could not be read.
package struct ContractError: Error, Sendable, CustomStringConvertible {
    /// An RFC 6901 pointer to the member.
    package let pointer: String
    package let reason: String

    package var description: String { "\(pointer.isEmpty ? "/" : pointer): \(reason)" }
}

/// Reads the members of one JSON object and throws at the first that does not fit: both sides of
/// the contract are programs, so one fault is enough.
struct ContractReader {
    let object: JSONObject
    let pointer: String

    init(_ value: JSONValue, at pointer: String = "") throws(ContractError) {
        guard case .object(let object) = value else {
            throw ContractError(pointer: pointer, reason: "must be an object")
        }
        self.object = object
        self.pointer = pointer
    }

    private func fail(_ key: String, _ reason: String) -> ContractError {
        ContractError(pointer: pointer + "/" + key, reason: reason)
    }

    func text(_ key: String) throws(ContractError) -> String {
        guard case .string(let text)? = object[key] else { throw fail(key, "must be a string") }
        return text
    }

    func optionalText(_ key: String) throws(ContractError) -> String? {
        switch object[key] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        default: throw fail(key, "must be a string")
        }
    }

    func int(_ key: String) throws(ContractError) -> Int64 {
        guard case .int(let number)? = object[key] else {
            throw fail(key, "must be a whole number")
        }
        return number
    }

    func flag(_ key: String) throws(ContractError) -> Bool {
        switch object[key] {
        case nil, .null?: return false
        case .bool(let flag)?: return flag
        default: throw fail(key, "must be true or false")
        }
    }

    /// An object of texts; empty when it is missing.
    func textMap(_ key: String) throws(ContractError) -> [String: String] {
        switch object[key] {
        case nil, .null?: return [:]
        case .object(let members)?:
            var map: [String: String] = [:]
            for member in members {
                guard case .string(let text) = member.value else {
                    throw fail(key, "must hold texts")
                }
                map[member.key] = text
            }
            return map
        default: throw fail(key, "must be an object")
        }
    }

    func inner(_ key: String) throws(ContractError) -> ContractReader {
        guard let value = object[key] else { throw fail(key, "is missing") }
        return try ContractReader(value, at: pointer + "/" + key)
    }

    func list<Item>(
        _ key: String,
        _ read: (ContractReader) throws(ContractError) -> Item
    ) throws(ContractError) -> [Item] {
        let values: [JSONValue]
        switch object[key] {
        case nil, .null?: return []
        case .array(let found)?: values = found
        default: throw fail(key, "must be a list")
        }
        var items: [Item] = []
        items.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            items.append(try read(ContractReader(value, at: "\(pointer)/\(key)/\(index)")))
        }
        return items
    }
}
