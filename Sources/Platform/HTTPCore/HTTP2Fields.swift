import CNghttp2

/// Puts the fields of an answer together in the form that nghttp2 takes.
///
/// Its memory is used again, so one serves all the sessions of a loop.
package final class HTTP2Fields {
    private struct Place {
        var name: Range<Int>
        var value: Range<Int>
        var flags: UInt8
    }

    private let bytes = ByteBuffer(capacity: 512)
    private var places: [Place] = []
    private var list: [nghttp2_nv] = []

    /// Makes one without fields.
    package init() {}

    /// Bytes of the names and values.
    var count: Int { bytes.count }

    func removeAll() {
        bytes.removeAll()
        places.removeAll(keepingCapacity: true)
    }

    /// Adds a field whose value `write` appends.
    ///
    /// - Parameter isOneTime: Whether the value will hardly come again, so that the client need not
    ///   remember it.
    func add(_ name: StaticString, isOneTime: Bool = false, _ write: (ByteBuffer) -> Void) {
        let start = bytes.count
        bytes.append(name)
        let middle = bytes.count
        write(bytes)
        places.append(
            Place(
                name: start..<middle,
                value: middle..<bytes.count,
                flags: isOneTime
                    ? UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue)
                    : UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)
            )
        )
    }

    /// Adds a field in any spelling, unless it is the server's business or would break the message.
    ///
    /// - Returns: Whether it decides about caching.
    func add(_ name: String, _ value: String) -> Bool {
        let start = bytes.count
        for byte in name.utf8 { bytes.append(byte &- 65 < 26 ? byte | 32 : byte) }
        let middle = bytes.count
        bytes.append(value)
        let written = UnsafeBufferPointer(rebasing: bytes.readable[start...])
        let lowered = UnsafeBufferPointer(rebasing: written[..<(middle - start)])
        let content = UnsafeBufferPointer(rebasing: written[(middle - start)...])
        let token = CharacterClass.token
        guard !lowered.isEmpty, lowered.allSatisfy({ token.contains($0) }),
            !ResponseWriter.isOwn(lowered), !Self.isOfConnection(lowered),
            ResponseWriter.isSafe(content), !content.hasSpaceAround
        else {
            bytes.removeLast(bytes.count - start)
            return false
        }
        places.append(Place(name: start..<middle, value: middle..<bytes.count, flags: 0))
        return lowered.matches("cache-control")
    }

    /// Fields that HTTP/2 has other means for (RFC 9113 §8.2.2).
    private static func isOfConnection(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        switch name.count {
        case 7: name.matches("upgrade")
        case 10: name.matches("keep-alive")
        case 16: name.matches("proxy-connection")
        default: false
        }
    }

    /// Calls the body with the list, valid meanwhile.
    func withList(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
        list.removeAll(keepingCapacity: true)
        guard let base = bytes.readable.baseAddress else { return -1 }
        // nghttp2 copies what it is given and never writes to it.
        let start = UnsafeMutablePointer(mutating: base)
        for place in places {
            list.append(
                nghttp2_nv(
                    name: start + place.name.lowerBound,
                    value: start + place.value.lowerBound,
                    namelen: place.name.count,
                    valuelen: place.value.count,
                    flags: place.flags
                )
            )
        }
        return list.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
    }
}

extension HTTP2Fields {
    /// Puts the head of an answer together.
    func write(_ response: borrowing Response, requestID: UInt64, date: [UInt8]) {
        removeAll()
        let status = (200...599).contains(response.status) ? response.status : 500
        add(":status") { $0.append(decimal: Int(status)) }
        if !date.isEmpty { add("date") { $0.append(date) } }
        if status != 204 && status != 304 {
            if let type = response.contentType { write(type) }
            let length = response.body.count
            add("content-length", isOneTime: true) { $0.append(decimal: length) }
            add("content-security-policy") { $0.append(ResponseWriter.framingPolicy) }
        }
        if !response.etag.isEmpty && response.etag.withUnsafeBufferPointer(ResponseWriter.isSafe) {
            let etag = response.etag
            add("etag", isOneTime: true) { $0.append(etag) }
        }
        var setsCache = false
        for (name, value) in response.fields where add(name, value) { setsCache = true }
        add("x-content-type-options") { $0.append("nosniff") }
        if !setsCache { add("cache-control") { $0.append("no-store") } }
        add("x-request-id", isOneTime: true) { $0.append(hex: requestID) }
    }

    private func write(_ type: ContentType) {
        if case .other(let text) = type {
            _ = add("content-type", text)
        } else {
            add("content-type") { type.write(to: $0) }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether the text begins or ends with white space, which HTTP/2 forbids (RFC 9113 §8.2.1).
    fileprivate var hasSpaceAround: Bool {
        guard let first, let last else { return false }
        return first == 32 || first == 9 || last == 32 || last == 9
    }
}
