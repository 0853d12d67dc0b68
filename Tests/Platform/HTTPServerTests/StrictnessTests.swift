import Testing

@testable import HTTPCore
@testable import HTTPServer

/// A request that is refused, the status it gets, and why.
struct Refusal: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: String
    let status: Int

    var testDescription: String { name }

    init(_ name: String, _ status: Int, _ bytes: String) {
        self.name = name
        self.status = status
        self.bytes = bytes
    }

    static let get = "GET / HTTP/1.1\r\nHost: x\r\n"
    static let post = "POST / HTTP/1.1\r\nHost: x\r\n"

    static let all: [Refusal] =
        [
            Refusal("bare LF after the request line", 400, "GET / HTTP/1.1\nHost: x\r\n\r\n"),
            Refusal("bare LF after a field", 400, "GET / HTTP/1.1\r\nHost: x\n\r\n"),
            Refusal("bare LF as the end", 400, get + "\n"),
            Refusal("bare CR in a value", 400, get + "A: b\rc\r\n\r\n"),
            Refusal("bare CR in the request line", 400, "GET /\r HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a folded field", 400, get + "A: b\r\n c\r\n\r\n"),
            Refusal("a field folded with a tab", 400, get + "A: b\r\n\tc\r\n\r\n"),
            Refusal("space before the first field", 400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"),
            Refusal("space before the colon", 400, get + "A : b\r\n\r\n"),
            Refusal("an empty field name", 400, get + ": b\r\n\r\n"),
            Refusal("a field without colon", 400, get + "Ab\r\n\r\n"),
            Refusal("a parenthesis in a field name", 400, get + "A(b: c\r\n\r\n"),
            Refusal("a letter beyond ASCII in a field name", 400, get + "Aé: c\r\n\r\n"),
            Refusal("NUL in a value", 400, get + "A: b\0c\r\n\r\n"),
            Refusal("NUL behind eight good bytes", 400, get + "A: 12345678\0\r\n\r\n"),
            Refusal("DEL in a value", 400, get + "A: b\u{7F}cdefghijk\r\n\r\n"),
            Refusal("escape in a value", 400, get + "A: b\u{1B}[0m\r\n\r\n"),
            Refusal(
                "both lengths",
                400,
                post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            Refusal(
                "both lengths, reversed",
                400,
                post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
            ),
            Refusal(
                "differing lengths",
                400,
                post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"
            ),
            Refusal(
                "repeated lengths",
                400,
                post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"
            ),
            Refusal("a list of lengths", 400, post + "Content-Length: 5, 5\r\n\r\n"),
            Refusal("a negative length", 400, post + "Content-Length: -5\r\n\r\n"),
            Refusal("a signed length", 400, post + "Content-Length: +5\r\n\r\n"),
            Refusal("a hexadecimal length", 400, post + "Content-Length: 0x5\r\n\r\n"),
            Refusal("an empty length", 400, post + "Content-Length:\r\n\r\n"),
            Refusal(
                "a length beyond 64 bits",
                400,
                post + "Content-Length: 99999999999999999999\r\n\r\n"
            ),
            Refusal("gzip before chunked", 400, post + "Transfer-Encoding: gzip, chunked\r\n\r\n"),
            Refusal("chunked twice", 400, post + "Transfer-Encoding: chunked, chunked\r\n\r\n"),
            Refusal(
                "chunked in two fields",
                400,
                post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            Refusal("identity", 400, post + "Transfer-Encoding: identity\r\n\r\n"),
            Refusal(
                "chunked with a vertical tab",
                400,
                post + "Transfer-Encoding: \u{0B}chunked\r\n\r\n"
            ),
            Refusal(
                "chunked on HTTP/1.0",
                400,
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            Refusal("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
            Refusal("an empty Host", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
            Refusal("two Hosts", 400, get + "Host: x\r\n\r\n"),
            Refusal("two Hosts on HTTP/1.0", 400, "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
            Refusal("a Host with a path", 400, "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"),
            Refusal("a Host with a user", 400, "GET / HTTP/1.1\r\nHost: a@x\r\n\r\n"),
            Refusal("a Host with a space", 400, "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"),
            Refusal("an absolute target without Host", 400, "GET http://x/ HTTP/1.1\r\n\r\n"),
            Refusal(
                "an absolute target of another scheme",
                400,
                "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n"
            ),
            Refusal(
                "an absolute target without authority",
                400,
                "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n"
            ),
            Refusal("a target without slash", 400, "GET a HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("no target", 400, "GET  HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a fragment in the target", 400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a tab in the target", 400, "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal(
                "a letter beyond ASCII in the target",
                400,
                "GET /é HTTP/1.1\r\nHost: x\r\n\r\n"
            ),
            Refusal("half a percent escape", 400, "GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a wrong percent escape", 400, "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a star for GET", 400, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("two spaces before the version", 400, "GET /  HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a space after the version", 400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"),
            Refusal("lower-case http", 400, "GET / http/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a version of two digits", 400, "GET / HTTP/1.10\r\nHost: x\r\n\r\n"),
            Refusal("no version", 400, "GET /\r\n\r\n"),
            Refusal("two empty lines first", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a space before the method", 400, " GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a TLS greeting", 400, "\u{16}\u{3}\u{1}\u{2}"),
            Refusal("a bracket in the method", 400, "GE[T / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
            Refusal("HTTP/2.0", 505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
            Refusal("HTTP/0.9", 505, "GET / HTTP/0.9\r\nHost: x\r\n\r\n"),
            Refusal("CONNECT", 501, "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("TRACE", 501, "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("a method in lower case", 501, "get / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal("an unknown method", 501, "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"),
            Refusal(
                "an unknown expectation",
                417,
                post + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n"
            ),
            Refusal(
                "a long target",
                414,
                "GET /\(String(repeating: "a", count: 8192)) HTTP/1.1\r\n"
            ),
            Refusal("an endless target", 414, "GET /\(String(repeating: "a", count: 9000))"),
            Refusal("an endless method", 501, String(repeating: "A", count: 9000)),
            Refusal(
                "too many fields",
                431,
                get + String(repeating: "A: b\r\n", count: 100) + "\r\n"
            ),
            Refusal(
                "a large field",
                431,
                get + "A: \(String(repeating: "a", count: 33_000))\r\n\r\n"
            ),
            Refusal("an endless field", 431, get + "A: \(String(repeating: "a", count: 33_000))"),
            Refusal(
                "a body over the limit",
                413,
                "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"
            ),
            Refusal(
                "a chunked body over the limit",
                413,
                "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "8\r\n12345678\r\n3\r\n"
            ),
            Refusal(
                "a body beyond memory",
                413,
                post + "Content-Length: 999999999999999999\r\n\r\n"
            ),
        ]
        + [
            ("no digits", "\r\n"), ("a wrong digit", "g\r\n"), ("a sign", "-1\r\n"),
            ("a prefix", "0x1\r\n"), ("space before the size", " 1\r\n"),
            ("space after the size", "1 \r\n"), ("bare LF after the size", "1\na\r\n0\r\n\r\n"),
            ("bare CR after the size", "1\ra"), ("16 digits", "0000000000000001\r\n"),
            ("an overflowing size", "ffffffffffffffff1\r\n"),
            ("no CR LF behind the data", "1\r\nab"), ("bare LF behind the data", "1\r\na\n"),
            ("NUL in an extension", "1;a\0\r\n"),
            ("LF in an extension", "1;a\nb\r\n"),
            ("a long extension", "1;" + String(repeating: "a", count: 300)),
            ("a folded trailer", "0\r\n a: b\r\n\r\n"),
            ("a trailer without colon", "0\r\na\r\n\r\n"),
            ("NUL in a trailer", "0\r\na: \0\r\n\r\n"), ("bare LF in a trailer", "0\r\na: b\n\r\n"),
            ("bare LF as the end", "0\r\n\n"),
        ].map { name, body in
            Refusal("chunk: \(name)", 400, post + "Transfer-Encoding: chunked\r\n\r\n" + body)
        }
        + [
            Refusal(
                "chunk: endless trailers",
                431,
                post + "Transfer-Encoding: chunked\r\n\r\n0\r\n"
                    + String(repeating: "a: b\r\n", count: 2000)
            )
        ]
}

@Suite("What HTTP/1.1 refuses")
struct StrictnessTests {
    @Test(arguments: Refusal.all)
    func `is answered with an envelope and the connection closed`(refusal: Refusal) async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send(refusal.bytes)
            let answer = try #require(client.readAnswer())
            #expect(answer.status == refusal.status, "\(answer.head)")
            #expect(answer["Connection"] == "close")
            #expect(answer["Content-Type"] == "application/json")
            let id = try #require(answer["X-Request-Id"])
            #expect(answer.body.hasPrefix("{\"code\":\""))
            #expect(answer.body.hasSuffix("\"details\":{},\"ref\":\"\(id)\"}"))
            #expect(client.isAtEnd())
            #expect(server.responder.answered.count == 0)
        }
    }

    @Test(arguments: Refusal.all)
    func `is the same however the bytes are split`(refusal: Refusal) throws {
        guard refusal.status != 413, !refusal.name.hasPrefix("chunk:") else { return }
        let whole = Self.verdict(Array(refusal.bytes.utf8), step: .max)
        for step in [1, 2, 3, 7, 64] {
            // An early verdict may come before a later fault is seen, never another kind of
            // outcome.
            let split = Self.verdict(Array(refusal.bytes.utf8), step: step)
            guard case .refuse(let first) = whole, case .refuse(let second) = split else {
                Issue.record("step \(step): \(whole) but \(split)")
                continue
            }
            #expect(Int(first.status) == refusal.status)
            #expect(first.status == second.status, "step \(step)")
        }
    }

    static func verdict(_ bytes: [UInt8], step: Int) -> RequestHeadParser.Step {
        var parser = RequestHeadParser(limits: HTTPLimits())
        let request = Request()
        var end = 0
        while end < bytes.count {
            end = min(bytes.count, end + min(step, bytes.count))
            let part = Array(bytes[..<end])
            let result = parser.feed(part.span, into: request)
            if result != .needsMore { return result }
        }
        return .needsMore
    }
}
