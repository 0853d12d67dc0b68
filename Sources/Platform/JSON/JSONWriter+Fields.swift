import Primitives

// The layer that wire types use: one line per member.
extension JSONWriter {
    /// Writes an object whose members the closure adds.
    package mutating func object<E: Error>(
        _ members: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        beginObject()
        try members(&self)
        endObject()
    }

    /// Writes an array whose elements the closure adds.
    package mutating func array<E: Error>(
        _ elements: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        beginArray()
        try elements(&self)
        endArray()
    }

    /// Writes an array with one element per value.
    package mutating func array<Value, E: Error>(
        _ values: some Sequence<Value>,
        _ element: (inout JSONWriter, Value) throws(E) -> Void
    ) throws(E) {
        beginArray()
        for value in values { try element(&self, value) }
        endArray()
    }

    /// Writes any value that knows its form.
    package mutating func value(_ value: some JSONWritable) { value.write(to: &self) }

    /// Writes a string member.
    package mutating func field(_ name: StaticString, _ value: String) {
        key(name)
        string(value)
    }

    /// Writes an integer member.
    package mutating func field(_ name: StaticString, _ value: Int) {
        key(name)
        int(value)
    }

    /// Writes an integer member.
    package mutating func field(_ name: StaticString, _ value: Int64) {
        key(name)
        int(value)
    }

    /// Writes a boolean member.
    package mutating func field(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// Writes a member that is a moment.
    package mutating func field(_ name: StaticString, _ value: Timestamp) {
        key(name)
        timestamp(value)
    }

    /// Writes a member of any value that knows its form; nil becomes `null`.
    package mutating func field(_ name: StaticString, _ value: some JSONWritable) {
        key(name)
        value.write(to: &self)
    }

    /// Writes a member, or nothing at all for nil.
    package mutating func optionalField(_ name: StaticString, _ value: (some JSONWritable)?) {
        guard let value else { return }
        key(name)
        value.write(to: &self)
    }

    /// Writes a member that is an object.
    package mutating func field<E: Error>(
        _ name: StaticString,
        object members: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        key(name)
        try object(members)
    }

    /// Writes a member that is an array.
    package mutating func field<E: Error>(
        _ name: StaticString,
        array elements: (inout JSONWriter) throws(E) -> Void
    ) throws(E) {
        key(name)
        try array(elements)
    }

    /// Writes a member of bytes that are one JSON value already.
    package mutating func field(_ name: StaticString, raw value: [UInt8]) {
        key(name)
        raw(value)
    }
}
