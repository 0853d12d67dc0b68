import HTTPCore

/// The trace that a request belongs to, as its `traceparent` field says (W3C Trace Context).
///
/// The request's own number is its span: both are sixteen hex digits that nobody else has.
package enum TraceContext {
    /// The trace id: 32 lower-case hex digits; nil when the field is missing, doubled or invalid.
    ///
    /// Read where a line is logged, so that it costs requests nothing that are not.
    package static func traceID(of request: Request) -> String? {
        guard let field = request.field("traceparent") else { return nil }
        let isAlone =
            request.fields.count { request.matches($0.name, "traceparent") } == 1
        return isAlone ? traceID(request.head[field]) : nil
    }

    /// `VERSION-TRACE-PARENT-FLAGS`; a later version may add more behind another hyphen.
    static func traceID(_ value: ArraySlice<UInt8>) -> String? {
        let parts = value.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].count == 2, parts[1].count == 32, parts[2].count == 16,
            parts[3].count == 2,
            parts[..<4].allSatisfy({ $0.allSatisfy(isDigit) })
        else { return nil }
        let version = String(decoding: parts[0], as: UTF8.self)
        guard version != "ff", version != "00" || parts.count == 4 else { return nil }
        let zero = UInt8(ascii: "0")
        guard parts[1].contains(where: { $0 != zero }), parts[2].contains(where: { $0 != zero })
        else { return nil }
        return String(decoding: parts[1], as: UTF8.self)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }
}
