/// Writes answers in the form of HTTP/1.1 (RFC 9112 §4, §6).
package struct ResponseWriter {
    /// The `Date` line with its end; the owner renews it each second.
    package var dateLine: [UInt8] = []
    /// The date alone.
    package var date: [UInt8] = []

    /// What the writer has to know of the request and the connection.
    package struct Context: Sendable {
        /// The number sent as `X-Request-Id`.
        package var requestID: UInt64
        /// Whether the request was HEAD: the length is told and the body left out.
        package var isHead: Bool
        /// Whether the client speaks HTTP/1.0, which has to be told that a connection is kept.
        package var isHTTP10: Bool
        /// Whether the connection closes after this answer.
        package var closes: Bool

        /// Keeps the four.
        package init(requestID: UInt64, isHead: Bool, isHTTP10: Bool, closes: Bool) {
            self.requestID = requestID
            self.isHead = isHead
            self.isHTTP10 = isHTTP10
            self.closes = closes
        }
    }

    /// Makes a writer whose answers carry no date until `setDate`.
    package init() {}

    /// Sets the date that answers carry from now on, as `HTTPDate` writes it.
    package mutating func setDate(_ text: String) {
        dateLine = Array("Date: \(text)\r\n".utf8)
        date = Array(text.utf8)
    }

    /// Appends `100 Continue`.
    package func writeContinue(to out: ByteBuffer) {
        out.append("HTTP/1.1 100 Continue\r\n\r\n")
    }

    /// No body of ours is a page: none may be framed, and none may load anything.
    static let framingPolicy: StaticString = "default-src 'none'; frame-ancestors 'none'"

    /// Appends the whole answer.
    ///
    /// Fields of the response that are the writer's business (lengths, connection, date, request
    /// id) and fields that would break the message are left out.
    package func write(_ response: borrowing Response, _ context: Context, to out: ByteBuffer) {
        let status = (200...599).contains(response.status) ? response.status : 500
        let hasBody = status != 204 && status != 304
        // One growth at most for everything of a known size.
        out.reserve(448 + response.etag.count + (context.isHead ? 0 : response.body.count))
        writeStatusLine(status, to: out)
        out.append(dateLine)
        if hasBody {
            if let type = response.contentType { write(type, to: out) }
            out.append("Content-Length: ")
            out.append(decimal: response.body.count)
            out.append("\r\nContent-Security-Policy: ")
            out.append(Self.framingPolicy)
            out.append("\r\n")
        }
        if !response.etag.isEmpty && response.etag.withUnsafeBufferPointer(Self.isSafe) {
            out.append("ETag: ")
            out.append(response.etag)
            out.append("\r\n")
        }
        var setsCache = false
        for (name, value) in response.fields where write(name, value, to: out) {
            setsCache = true
        }
        if setsCache {
            out.append("X-Content-Type-Options: nosniff\r\nX-Request-Id: ")
        } else {
            out.append(
                "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nX-Request-Id: "
            )
        }
        out.append(hex: context.requestID)
        if context.closes {
            out.append("\r\nConnection: close\r\n\r\n")
        } else if context.isHTTP10 {
            out.append("\r\nConnection: keep-alive\r\n\r\n")
        } else {
            out.append("\r\n\r\n")
        }
        if hasBody && !context.isHead { out.append(response.body) }
    }

    private func writeStatusLine(_ status: UInt16, to out: ByteBuffer) {
        switch status {
        case 200: out.append("HTTP/1.1 200 OK\r\n")
        case 304: out.append("HTTP/1.1 304 Not Modified\r\n")
        case 204: out.append("HTTP/1.1 204 No Content\r\n")
        default:
            out.append("HTTP/1.1 ")
            out.append(decimal: Int(status))
            out.append(" ")
            out.append(Self.reason(status))
            out.append("\r\n")
        }
    }

    private func write(_ type: ContentType, to out: ByteBuffer) {
        if case .other(let text) = type {
            _ = write("Content-Type", text, to: out)
        } else {
            out.append("Content-Type: ")
            type.write(to: out)
            out.append("\r\n")
        }
    }

    /// Appends one field, unless it is the writer's business or would break the message.
    ///
    /// - Returns: Whether it decides about caching.
    private func write(_ name: String, _ value: String, to out: ByteBuffer) -> Bool {
        var name = name
        var value = value
        return name.withUTF8 { nameBytes in
            value.withUTF8 { valueBytes in
                let token = CharacterClass.token
                guard !nameBytes.isEmpty, nameBytes.allSatisfy({ token.contains($0) }),
                    !Self.isOwn(nameBytes), Self.isSafe(valueBytes)
                else { return false }
                out.append(UnsafeRawBufferPointer(nameBytes))
                out.append(": ")
                out.append(UnsafeRawBufferPointer(valueBytes))
                out.append("\r\n")
                return nameBytes.matches("cache-control")
            }
        }
    }

    /// Whether the writer alone writes the field of this name.
    static func isOwn(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        switch name.count {
        case 4: name.matches("date")
        case 10: name.matches("connection")
        case 12: name.matches("x-request-id")
        case 14: name.matches("content-length")
        case 17: name.matches("transfer-encoding")
        case 22: name.matches("x-content-type-options")
        default: false
        }
    }

    /// Whether a value holds nothing that would end its line.
    static func isSafe(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in bytes where byte < 32 && byte != 9 || byte == 127 { return false }
        return true
    }

    /// The phrase beside a status; empty for one we do not send.
    private static func reason(_ status: UInt16) -> StaticString {
        switch status {
        case 201: "Created"
        case 202: "Accepted"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: ""
        }
    }
}
