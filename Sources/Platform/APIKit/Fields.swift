import JSON
import Primitives

/// A request body (or a part of one) that reads itself from JSON.
///
/// The initializer asks `fields` for every member it knows and never throws: what does not fit is
/// noted as a fault and a harmless value is returned, so that a caller learns all faults at once.
/// The same initializer, run on a recording `Fields`, yields the schema for the OpenAPI document.
package protocol WireInput: Sendable {
    /// Whether a request may leave the body out: an empty one is read as `{}` then.
    static var isOptional: Bool { get }
    /// Whether the handler runs with a body that has faults, to add those of its own rules before
    /// it refuses by ``Failure/refuse(_:and:as:)``.
    static var leavesFaultsToHandler: Bool { get }

    init(from fields: Fields)
}

extension WireInput {
    /// Not, unless an input says otherwise: nothing must happen by a body that was lost.
    package static var isOptional: Bool { false }
    /// Not, unless an input says otherwise: what a handler is given fits.
    package static var leavesFaultsToHandler: Bool { false }
}

/// The empty body.
package struct NoInput: WireInput {
    package init(from fields: Fields) {}
    package init() {}
}

/// Collects what is wrong with one request.
package final class FaultList {
    /// More faults than this are not collected: a body of a million wrong items gets an answer of
    /// bounded size.
    static let countMax = 100
    package private(set) var faults: [Fault] = []

    package init() {}

    /// A list that begins with faults found before.
    package init(_ faults: [Fault]) {
        self.faults = Array(faults.prefix(Self.countMax))
    }

    package func add(_ fault: Fault) {
        if faults.count < Self.countMax { faults.append(fault) }
    }

    /// Notes several at once.
    package func add(_ more: [Fault]) {
        for fault in more { add(fault) }
    }
}

/// The members of one JSON object, read with checks.
///
/// A missing member and a `null` are the same. Unknown members are ignored, as Palette's clients
/// send members that no schema has.
package struct Fields {
    let object: JSONObject?
    package let pointer: String
    package let faults: FaultList
    /// Set when the reading is a rehearsal that records the schema.
    let recorder: SchemaRecorder?

    package init(_ object: JSONObject, pointer: String = "", faults: FaultList) {
        self.object = object
        self.pointer = pointer
        self.faults = faults
        recorder = nil
    }

    init(object: JSONObject?, pointer: String, faults: FaultList, recorder: SchemaRecorder?) {
        self.object = object
        self.pointer = pointer
        self.faults = faults
        self.recorder = recorder
    }

    /// Notes that the member breaks a rule.
    package func fault(_ key: String, _ code: String, _ message: String) {
        guard recorder == nil else { return }
        faults.add(Fault(pointer(to: key), code, message))
    }

    /// Whether the member is there, `null` too: Go clients write an empty list as `null`.
    package func mentions(_ key: String) -> Bool {
        object?[key] != nil
    }

    /// The RFC 6901 pointer of a member.
    package func pointer(to key: String) -> String {
        pointer + JSONPointer(key).text
    }

    /// Whether the member is there and not null.
    package func has(_ key: String) -> Bool {
        value(key) != nil
    }

    private func value(_ key: String) -> JSONValue? {
        guard let found = object?[key], found != .null else { return nil }
        return found
    }

    private func wrongType(_ key: String, _ wanted: String, _ found: JSONValue) {
        fault(key, "WrongType", "'\(key)' must be \(wanted), not \(found.kindInWords).")
    }

    private func missing(_ key: String) {
        fault(key, "Required", "'\(key)' is required.")
    }
}

// MARK: - Scalars

extension Fields {
    /// A text that must be there and not empty; an empty text when it is not.
    package func text(_ key: String, bytesMax: Int = 1024, allowed: [String]? = nil) -> String {
        recorder?.property(key, .string(enumeration: allowed, bytesMax: bytesMax), required: true)
        guard recorder == nil else { return allowed?.first ?? "" }
        guard let text = optionalText(key, bytesMax: bytesMax, allowed: allowed), !text.isEmpty
        else {
            if value(key) == nil || value(key) == .string("") { missing(key) }
            return ""
        }
        return text
    }

    /// A text that may be missing.
    package func optionalText(
        _ key: String,
        bytesMax: Int = 1024,
        allowed: [String]? = nil
    ) -> String? {
        recorder?.property(key, .string(enumeration: allowed, bytesMax: bytesMax), required: false)
        guard let found = value(key) else { return nil }
        guard case .string(let text) = found else {
            wrongType(key, "a string", found)
            return nil
        }
        guard text.utf8.count <= bytesMax else {
            fault(key, "TooLong", "'\(key)' is \(text.utf8.count) bytes long; at most \(bytesMax).")
            return nil
        }
        if let allowed, !text.isEmpty, !allowed.contains(text) {
            fault(
                key,
                "NotAllowed",
                "'\(key)' must be one of \(allowed.joined(separator: ", "))."
            )
            return nil
        }
        return text.isEmpty && allowed != nil ? nil : text
    }

    /// One of an enumeration's values; the fallback when it is missing or does not fit.
    package func choice<Value>(_ key: String, default fallback: Value) -> Value
    where Value: RawRepresentable<String> & CaseIterable {
        optionalText(key, allowed: Value.allCases.map(\.rawValue))
            .flatMap(Value.init(rawValue:)) ?? fallback
    }

    /// A whole number within a range; `nil` when it is missing or does not fit.
    package func optionalInt(_ key: String, in range: ClosedRange<Int64>) -> Int64? {
        recorder?.property(key, .integer(range), required: false)
        guard let found = value(key) else { return nil }
        let number: Int64
        switch found {
        case .int(let exact): number = exact
        case .double(let real) where real == real.rounded() && abs(real) < 9e15:
            number = Int64(real)
        default:
            wrongType(key, "a whole number", found)
            return nil
        }
        guard range.contains(number) else {
            fault(
                key,
                "OutOfRange",
                "'\(key)' must be from \(range.lowerBound) to \(range.upperBound)."
            )
            return nil
        }
        return number
    }

    /// A whole number that must be there; the range's first when it is missing or does not fit.
    package func int(_ key: String, in range: ClosedRange<Int64>) -> Int64 {
        recorder?.property(key, .integer(range), required: true)
        if value(key) == nil { missing(key) }
        return optionalInt(key, in: range) ?? range.lowerBound
    }

    /// A number with or without a fraction.
    package func optionalNumber(_ key: String) -> Double? {
        recorder?.property(key, .number, required: false)
        guard let found = value(key) else { return nil }
        switch found {
        case .int(let exact): return Double(exact)
        case .double(let real): return real
        default:
            wrongType(key, "a number", found)
            return nil
        }
    }

    /// `true` or `false`; `nil` when it is missing.
    package func optionalFlag(_ key: String) -> Bool? {
        recorder?.property(key, .boolean, required: false)
        guard let found = value(key) else { return nil }
        guard case .bool(let flag) = found else {
            wrongType(key, "true or false", found)
            return nil
        }
        return flag
    }

    /// A point in time (RFC 3339); Go's zero time counts as missing, as Go clients send it for
    /// every time they leave unset.
    package func optionalTime(_ key: String) -> Timestamp? {
        recorder?.property(key, .time, required: false)
        guard let found = value(key) else { return nil }
        guard case .string(let text) = found else {
            wrongType(key, "a time such as 2024-02-29T20:31:42.204Z", found)
            return nil
        }
        guard let time = Timestamp(rfc3339: text) else {
            fault(key, "InvalidTime", "'\(key)' must be a time such as 2024-02-29T20:31:42.204Z.")
            return nil
        }
        return time == .never ? nil : time
    }

    /// Any JSON, kept as it is.
    package func any(_ key: String) -> JSONValue? {
        recorder?.property(key, .any, required: false)
        return value(key)
    }
}

// MARK: - Nested

extension Fields {
    /// An object that may be missing.
    package func optionalObject<Part: WireInput>(
        _ key: String,
        as type: Part.Type = Part.self
    ) -> Part? {
        if let recorder { return record(key, recorder, as: type, mayBeMissing: true) }
        guard let found = value(key) else { return nil }
        guard case .object(let object) = found else {
            wrongType(key, "an object", found)
            return nil
        }
        return Part(
            from: Fields(
                object: object,
                pointer: pointer(to: key),
                faults: faults,
                recorder: nil
            )
        )
    }

    /// An object read as if it were empty when it is missing, so that its required members are
    /// reported one by one.
    package func object<Part: WireInput>(_ key: String, as type: Part.Type = Part.self) -> Part {
        if let recorder, let part = record(key, recorder, as: type, mayBeMissing: false) {
            return part
        }
        if recorder == nil, value(key) == nil {
            return Part(
                from: Fields(
                    object: JSONObject(),
                    pointer: pointer(to: key),
                    faults: faults,
                    recorder: nil
                )
            )
        }
        return optionalObject(key, as: type)
            // The member is there and is no object: that fault is noted already, and those of the
            // members that cannot be there would only hide it.
            ?? Part(
                from: Fields(
                    object: JSONObject(),
                    pointer: pointer(to: key),
                    faults: FaultList(),
                    recorder: nil
                )
            )
    }

    /// A list of objects; missing and `null` are the empty list.
    package func list<Part: WireInput>(
        _ key: String,
        of type: Part.Type = Part.self,
        countMax: Int = 1000
    ) -> [Part] {
        if let recorder {
            let inner = SchemaRecorder()
            let part = recorder.nested(inner) { Part(from: rehearsal(inner)) }
            recorder.property(key, .array(of: inner.schema), required: false)
            return part.map { [$0] } ?? []
        }
        var parts: [Part] = []
        for (index, item) in items(key, countMax: countMax).enumerated() {
            let at = pointer(to: key) + "/\(index)"
            guard case .object(let object) = item else {
                wrongItem(at, "Item \(index) of '\(key)'", "an object", item)
                continue
            }
            parts.append(
                Part(from: Fields(object: object, pointer: at, faults: faults, recorder: nil))
            )
        }
        return parts
    }

    /// A list of texts; missing and `null` are the empty list.
    package func texts(
        _ key: String,
        countMax: Int = 1000,
        bytesMax: Int = 1024,
        allowed: [String]? = nil
    ) -> [String] {
        recorder?.property(
            key,
            .array(of: .string(enumeration: allowed, bytesMax: bytesMax)),
            required: false
        )
        var texts: [String] = []
        for (index, item) in items(key, countMax: countMax).enumerated() {
            let at = pointer(to: key) + "/\(index)"
            guard case .string(let text) = item else {
                wrongItem(at, "Item \(index) of '\(key)'", "a string", item)
                continue
            }
            guard text.utf8.count <= bytesMax else {
                let what = "Item \(index) of '\(key)' is longer than \(bytesMax) bytes."
                faults.add(Fault(at, "TooLong", what))
                continue
            }
            if let allowed, !allowed.contains(text) {
                faults.add(
                    Fault(
                        at,
                        "NotAllowed",
                        "Item \(index) of '\(key)' must be one of "
                            + "\(allowed.joined(separator: ", "))."
                    )
                )
                continue
            }
            texts.append(text)
        }
        return texts
    }

    /// A map of texts such as labels; missing and `null` are the empty map.
    package func textMap(
        _ key: String,
        countMax: Int = 256,
        bytesMax: Int = 4096
    ) -> [String: String] {
        recorder?.property(key, .map(of: .string()), required: false)
        guard let found = value(key) else { return [:] }
        guard case .object(let object) = found else {
            wrongType(key, "an object of strings", found)
            return [:]
        }
        guard object.count <= countMax else {
            fault(key, "TooMany", "'\(key)' has \(object.count) entries; at most \(countMax).")
            return [:]
        }
        var map: [String: String] = [:]
        for member in object {
            let (name, item) = (member.key, member.value)
            let at = pointer(to: key) + JSONPointer(name).text
            guard case .string(let text) = item else {
                if item == .null { continue }
                wrongItem(at, "'\(name)' of '\(key)'", "a string", item)
                continue
            }
            guard name.utf8.count + text.utf8.count <= bytesMax else {
                let what = "'\(name)' of '\(key)' is longer than \(bytesMax) bytes."
                faults.add(Fault(at, "TooLong", what))
                continue
            }
            map[name] = text
        }
        return map
    }

    private func wrongItem(
        _ pointer: String,
        _ subject: String,
        _ wanted: String,
        _ found: JSONValue
    ) {
        let message = "\(subject) must be \(wanted), not \(found.kindInWords)."
        faults.add(Fault(pointer, "WrongType", message))
    }

    private func items(_ key: String, countMax: Int) -> [JSONValue] {
        guard let found = value(key) else { return [] }
        guard case .array(let items) = found else {
            wrongType(key, "a list", found)
            return []
        }
        guard items.count <= countMax else {
            fault(key, "TooMany", "'\(key)' has \(items.count) items; at most \(countMax).")
            return []
        }
        return items
    }

    private func record<Part: WireInput>(
        _ key: String,
        _ recorder: SchemaRecorder,
        as type: Part.Type,
        mayBeMissing: Bool
    ) -> Part? {
        let inner = SchemaRecorder()
        let part = recorder.nested(inner) { Part(from: rehearsal(inner)) }
        let schema = inner.schema
        // Who leaves out the object leaves out what it must hold.
        recorder.property(key, schema, required: !mayBeMissing && schema.requiresMembers)
        return part
    }

    private func rehearsal(_ inner: SchemaRecorder) -> Fields {
        Fields(object: nil, pointer: "", faults: FaultList(), recorder: inner)
    }
}

extension JSONValue {
    /// How an error message names this value.
    var kindInWords: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .int, .double: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
