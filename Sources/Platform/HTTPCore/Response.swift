/// The media types the server sends.
package enum ContentType: Sendable, Hashable {
    case json
    case octetStream
    case plainText
    /// Prometheus text exposition, version 0.0.4.
    case metrics
    case other(String)

    /// Appends the type in text; nothing for `other`.
    func write(to out: ByteBuffer) {
        switch self {
        case .json: out.append("application/json")
        case .octetStream: out.append("application/octet-stream")
        case .plainText: out.append("text/plain; charset=utf-8")
        case .metrics: out.append("text/plain; version=0.0.4; charset=utf-8")
        case .other: break
        }
    }
}

/// One answer, the same for every protocol version and every transport.
///
/// The members cover what ordinary answers need without an allocation; anything rarer goes into
/// `fields`. The writer adds `Date`, `Content-Length` and `X-Request-Id` itself.
package struct Response: Sendable {
    package var status: UInt16
    package var contentType: ContentType?
    /// The entity tag with its quotes, such as `"3.17"`; empty for none (RFC 9110 §8.8.3).
    package var etag: [UInt8]
    package var body: [UInt8]
    /// Further fields, names in their usual spelling.
    ///
    /// Values must hold no CR, LF or NUL; the writer drops a field that does.
    package var fields: [(name: String, value: String)]
    /// Whether an HTTP/1.1 connection ends after this answer; HTTP/2 ends only the stream.
    package var closesConnection = false

    package init(
        status: UInt16,
        contentType: ContentType? = nil,
        etag: [UInt8] = [],
        body: [UInt8] = [],
        fields: [(name: String, value: String)] = []
    ) {
        self.status = status
        self.contentType = contentType
        self.etag = etag
        self.body = body
        self.fields = fields
    }
}

/// What answers requests: the seam between protocols below and the API above.
package protocol Responder: Sendable {
    /// Says, once the head is read and before any body byte is taken, how large the body may be,
    /// or answers at once: a refusal (unknown path, missing credential, body not allowed), or what
    /// needs neither the body nor a wait.
    ///
    /// Called on the connection's loop.
    func admit(_ request: Request) -> Admission

    /// Answers a request whose body is complete.
    ///
    /// Runs on the connection's loop and resumes there after every suspension. Cancelled when
    /// the client goes away or the server drains.
    func respond(to request: Request) async -> Response
}

/// The decision about a request's body.
package enum Admission: Sendable {
    /// Read the body, up to this many bytes; a longer one is answered 413.
    case accept(bodyBytesMax: Int)
    /// Answer now; the body, if any, is not read.
    case answer(Response)
}
