import HTTPCore

/// One request of ours.
package struct ClientRequest: Sendable {
    /// What is asked.
    package var method: HTTPMethod
    /// Of whom, and of what.
    package var url: HTTPURL
    /// Header fields; `Host`, `Content-Length`, `Transfer-Encoding` and `Connection` are the
    /// client's own and refused here.
    package var fields: [(name: String, value: String)]
    /// The whole body; empty for none.
    package var body: [UInt8]
    /// How long the whole exchange may take, looking up the name included.
    ///
    /// Nil for the client's default. A long poll gives its waiting time and some more.
    package var deadline: Duration?
    /// The largest body taken; nil for the client's default.
    package var bodyBytesMax: Int?
    /// Told, on the client's loop, what had come of an answer that was then cut off.
    ///
    /// Its body is the beginning of the whole one, so that a later request can ask for the rest.
    package var onCutOff: (@Sendable (ClientResponse) -> Void)?

    /// Describes a request.
    package init(
        _ method: HTTPMethod,
        _ url: HTTPURL,
        fields: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        deadline: Duration? = nil,
        bodyBytesMax: Int? = nil
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.deadline = deadline
        self.bodyBytesMax = bodyBytesMax
    }

    /// Whether sending it twice has the effect of sending it once (RFC 9110 §9.2.2).
    var isIdempotent: Bool {
        switch method {
        case .get, .head, .put, .delete, .options: true
        case .post, .patch: false
        }
    }

    /// The bytes on the wire; nil with the reason when a field cannot be sent.
    func encoded(userAgent: String) throws(HTTPClientError) -> [UInt8] {
        var bytes = Array(
            "\(method.text) \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\n".utf8
        )
        var agent: String? = userAgent
        for (name, value) in fields {
            guard !name.isEmpty, name.utf8.allSatisfy(isTokenCharacter) else {
                throw .invalidRequest("\"\(name)\" is no name of a header field")
            }
            guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw .invalidRequest("the header field \(name) holds a control character")
            }
            switch name.lowercased() {
            case "host", "content-length", "transfer-encoding", "connection", "expect", "upgrade":
                throw .invalidRequest("the header field \(name) is set by the client itself")
            case "user-agent": agent = nil
            default: break
            }
            bytes += "\(name): \(value)\r\n".utf8
        }
        if let agent { bytes += "User-Agent: \(agent)\r\n".utf8 }
        let expectsBody = method == .post || method == .put || method == .patch
        if expectsBody || !body.isEmpty { bytes += "Content-Length: \(body.count)\r\n".utf8 }
        bytes += "\r\n".utf8
        bytes += body
        return bytes
    }
}

/// The answer to a request of ours, complete with its body.
package struct ClientResponse: Sendable {
    /// The status code, from 200 to 599.
    package var status: Int
    /// Header fields, names in lower case; values are taken as UTF-8.
    package var fields: [(name: String, value: String)]
    /// The whole body, transfer coding removed.
    package var body: [UInt8]

    /// The value of the first field of this name, given in lower case.
    package func field(_ name: String) -> String? {
        fields.first { $0.name == name }?.value
    }
}

/// The characters of methods and field names (RFC 9110 §5.6.2).
func isTokenCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
    default: false
    }
}
