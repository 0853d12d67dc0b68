import Glibc
import Primitives

/// The request methods the server routes; any other method is answered 501.
package enum HTTPMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, put, patch, delete, options

    /// The name as it stands on the wire.
    package var text: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        }
    }
}

/// One request, the same for every protocol version and every transport.
///
/// Confined to the loop that received it; a handler reads it there and must not keep it after it
/// has answered, as the connection uses the object again. Nothing is a `String` until somebody
/// asks: the head's bytes are kept once, and names and values are offsets into them.
package final class Request {
    /// Where one header field stands in `head`.
    ///
    /// Names are folded to lower case.
    package struct Field: Sendable {
        package var name: Range<Int>
        package var value: Range<Int>

        package init(name: Range<Int>, value: Range<Int>) {
            self.name = name
            self.value = value
        }
    }

    package var method: HTTPMethod = .get
    /// The bytes that `path`, `query` and `fields` point into.
    package var head: [UInt8] = []
    /// The path as sent, still percent-encoded, beginning with `/`.
    package var path: Range<Int> = 0..<0
    /// The query as sent, without the question mark; empty when there is none.
    package var query: Range<Int> = 0..<0
    package var fields: [Field] = []
    /// What the head says about the body: whether there is one and how it ends.
    package var bodyFraming: BodyFraming = .none
    /// The whole body, transfer coding removed.
    package var body: [UInt8] = []
    /// The peer's address in text, without the port.
    package var peerAddress: String = ""
    package var isSecure = false
    /// Who the client is by its certificate.
    package var client = CertifiedClient.unknown
    /// The number that names this request in answers, logs and audit rows.
    package var id: UInt64 = 0
    /// When the loop's turn began in which the head was complete.
    package var arrivedAt = MonotonicTime(nanoseconds: 0)
    /// The place of the endpoint in the responder's list; nil while none is found.
    package var route: Int?
    /// How long the answer was held back on purpose, as a long poll's is.
    package var parkedNanoseconds: Int64 = 0
    /// What the responder found out when it admitted the request, kept for when it answers; a
    /// connection that drops the request unanswered takes it away.
    package var admission: AnyObject?

    package init() {}

    /// Makes the object as new, but for its memory.
    package func reset() {
        fields.removeAll(keepingCapacity: true)
        path = 0..<0
        query = 0..<0
        bodyFraming = .none
        route = nil
        parkedNanoseconds = 0
        // A large body must not stay with a connection that lies idle.
        if body.capacity > 64 * 1024 { body = [] } else { body.removeAll(keepingCapacity: true) }
    }

    /// The value of the first field of this name, given in lower case, as offsets into `head`.
    package func field(_ name: StaticString) -> Range<Int>? {
        let count = name.utf8CodeUnitCount
        return head.withUnsafeBufferPointer { head in
            guard let base = head.baseAddress else { return nil }
            for field in fields where field.name.count == count {
                if memcmp(base + field.name.lowerBound, name.utf8Start, count) == 0 {
                    return field.value
                }
            }
            return nil
        }
    }

    /// Whether these bytes of the head are those of the text.
    package func matches(_ range: Range<Int>, _ text: String) -> Bool {
        text.utf8.span.withUnsafeBufferPointer { matches(range, $0) }
    }

    /// Whether these bytes of the head are those.
    package func matches(_ range: Range<Int>, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { matches(range, $0) }
    }

    /// Whether these bytes of the head begin with the text.
    package func hasPrefix(_ range: Range<Int>, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        return range.count >= count
            && matches(
                range.lowerBound..<range.lowerBound + count,
                UnsafeBufferPointer(start: text.utf8Start, count: count)
            )
    }

    private func matches(_ range: Range<Int>, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard range.count == bytes.count else { return false }
        return head.withUnsafeBytes { head in
            guard let base = head.baseAddress, let other = bytes.baseAddress else {
                return range.isEmpty
            }
            precondition(range.upperBound <= head.count, "The range is of another head.")
            return memcmp(base + range.lowerBound, other, range.count) == 0
        }
    }

    /// The value of the first field of this name, given in lower case, as text.
    package func text(of name: StaticString) -> String? {
        field(name).map(text)
    }

    /// These bytes of the head as text; bytes that are no UTF-8 become U+FFFD.
    package func text(_ range: Range<Int>) -> String {
        String(decoding: head[range], as: UTF8.self)
    }
}

/// How a request's body ends (RFC 9112 §6.3).
package enum BodyFraming: Sendable, Equatable {
    /// There is no body, or one of length 0.
    case none
    /// This many bytes follow; never 0.
    case length(Int)
    /// The length is told piece by piece.
    case chunked
}
