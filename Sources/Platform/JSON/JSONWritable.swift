import Primitives

/// A value that knows its JSON form.
package protocol JSONWritable {
    /// Writes exactly one JSON value.
    func write(to writer: inout JSONWriter)
}

extension JSONWritable {
    /// The JSON text as bytes.
    package func jsonBytes(capacity: Int = 256) -> [UInt8] {
        var writer = JSONWriter(capacity: capacity)
        write(to: &writer)
        return writer.finish()
    }
}

extension String: JSONWritable {
    /// Writes a string.
    package func write(to writer: inout JSONWriter) { writer.string(self) }
}

extension Int: JSONWritable {
    /// Writes an integer.
    package func write(to writer: inout JSONWriter) { writer.int(self) }
}

extension Int64: JSONWritable {
    /// Writes an integer.
    package func write(to writer: inout JSONWriter) { writer.int(self) }
}

extension Double: JSONWritable {
    /// Writes a number.
    package func write(to writer: inout JSONWriter) { writer.double(self) }
}

extension Bool: JSONWritable {
    /// Writes a boolean.
    package func write(to writer: inout JSONWriter) { writer.bool(self) }
}

extension Timestamp: JSONWritable {
    /// Writes an RFC 3339 string with three fraction digits.
    package func write(to writer: inout JSONWriter) { writer.timestamp(self) }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
    /// Writes the value, or `null`.
    package func write(to writer: inout JSONWriter) {
        if let self { self.write(to: &writer) } else { writer.null() }
    }
}

extension Array: JSONWritable where Element: JSONWritable {
    /// Writes an array.
    package func write(to writer: inout JSONWriter) {
        writer.beginArray()
        for element in self { element.write(to: &writer) }
        writer.endArray()
    }
}

extension Dictionary: JSONWritable where Key == String, Value: JSONWritable {
    /// Writes an object with its members sorted by name, so that equal values give equal bytes.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            writer.key(key)
            value.write(to: &writer)
        }
        writer.endObject()
    }
}

extension JSONValue: JSONWritable {
    /// Writes the value, members in their order.
    package func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let flag): writer.bool(flag)
        case .int(let number): writer.int(number)
        case .double(let number): writer.double(number)
        case .string(let text): writer.string(text)
        case .array(let elements): elements.write(to: &writer)
        case .object(let members): members.write(to: &writer)
        }
    }
}

extension JSONObject: JSONWritable {
    /// Writes the object, members in their order.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        for member in self {
            writer.key(member.key)
            member.value.write(to: &writer)
        }
        writer.endObject()
    }
}
