/// A request that breaks the protocol or a limit: what the client is told before the connection
/// closes.
package struct ProtocolFault: Error, Sendable, Hashable {
    /// The status of the answer.
    package let status: UInt16
    /// A stable word for programs.
    package let code: String
    /// A sentence for people.
    package let message: String

    /// Whether the client only was too slow.
    package var isSlowness: Bool { status == 408 }

    init(_ status: UInt16, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// 400: not HTTP, or HTTP that two readers could understand differently.
    package static func badRequest(_ message: String) -> ProtocolFault {
        ProtocolFault(400, "BadRequest", message)
    }

    /// 408: the head did not come in time.
    package static let headTimeout = ProtocolFault(
        408,
        "RequestTimeout",
        "The request head did not arrive in time."
    )
    /// 408: the body came too slowly.
    package static let bodyTimeout = ProtocolFault(
        408,
        "RequestTimeout",
        "The request body arrived too slowly."
    )
    /// 413: the body is longer than this request may carry.
    package static let bodyTooLarge = ProtocolFault(
        413,
        "PayloadTooLarge",
        "The request body is larger than this operation accepts."
    )
    /// 414: the target is longer than the limit.
    package static let targetTooLong = ProtocolFault(
        414,
        "URITooLong",
        "The request target is longer than the server accepts."
    )
    /// 417: an expectation other than `100-continue`.
    package static let expectation = ProtocolFault(
        417,
        "ExpectationFailed",
        "The server knows no expectation but 100-continue."
    )
    /// 431: too many header bytes.
    package static let headTooLarge = ProtocolFault(
        431,
        "HeadersTooLarge",
        "The request's header fields are larger than the server accepts."
    )
    /// 431: too many header fields.
    package static let tooManyFields = ProtocolFault(
        431,
        "HeadersTooLarge",
        "The request has more header fields than the server accepts."
    )
    /// 501: a method the server does not know.
    package static let unknownMethod = ProtocolFault(
        501,
        "NotImplemented",
        "The server does not know this request method."
    )
    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    package static let version = ProtocolFault(
        505,
        "VersionNotSupported",
        "The server speaks HTTP/1.1 and HTTP/1.0 on this connection."
    )

    /// The answer with the error envelope; the connection closes after it.
    ///
    /// - Parameter requestID: The number sent as `ref` and as `X-Request-Id`.
    package func response(requestID: UInt64) -> Response {
        let body = ByteBuffer(capacity: 256)
        body.append("{\"code\":\"")
        body.append(code)
        body.append("\",\"message\":\"")
        // Codes and messages are ours and hold nothing that JSON escapes.
        body.append(message)
        body.append("\",\"details\":{},\"ref\":\"")
        body.append(hex: requestID)
        body.append("\"}")
        var response = Response(
            status: status,
            contentType: .json,
            body: Array(body.readable)
        )
        response.closesConnection = true
        return response
    }
}
