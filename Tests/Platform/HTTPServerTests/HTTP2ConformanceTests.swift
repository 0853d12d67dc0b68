import Testing

@testable import HTTPCore
@testable import HTTPServer

/// What a client sends behind its preface and what RFC 9113 wants to become of it.
struct HTTP2Case: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable, Hashable {
        /// The connection goes on as if nothing had happened.
        case fine
        /// The request on stream 1 is answered so.
        case status(Int)
        /// Stream 1 is reset with one of these codes; the connection goes on.
        case reset(Set<UInt32>)
        /// The connection ends with one of these codes.
        case goAway(Set<UInt32>)
        /// Either, where the RFC lets a server choose.
        case resetOrGoAway(Set<UInt32>)
    }

    let name: String
    let bytes: [UInt8]
    let outcome: Outcome

    var testDescription: String { name }

    init(_ name: String, _ outcome: Outcome, _ frames: Frame...) {
        self.name = name
        self.outcome = outcome
        bytes = frames.flatMap(\.bytes)
    }

    static let none: UInt32 = 0
    static let `protocol`: UInt32 = 1
    static let flowControl: UInt32 = 3
    static let streamClosed: UInt32 = 5
    static let frameSize: UInt32 = 6
    static let refused: UInt32 = 7
    static let compression: UInt32 = 9
    static let calm: UInt32 = 11

    static let all: [HTTP2Case] = [
        frames, settings, streams, windows, messages, compressionCases,
    ].flatMap(\.self)

    /// Frames and their lengths (§4, §6).
    private static let frames: [HTTP2Case] = [
        HTTP2Case("§4.1 an unknown type is ignored", .fine, Frame(.unknown, 0, on: 1, [1, 2, 3])),
        HTTP2Case("§4.1 unknown flags are ignored", .fine, Frame(.ping, 0xFE, on: 0, ping)),
        HTTP2Case(
            "§4.1 the reserved bit is ignored",
            .fine,
            Frame(.ping, 0, on: 1 << 31, ping)
        ),
        HTTP2Case(
            "§4.2 DATA over the frame size",
            .resetOrGoAway([frameSize]),
            .post(1, "/a"),
            Frame(.data, 1, on: 1, [UInt8](repeating: 0, count: 16_385))
        ),
        HTTP2Case(
            "§4.2 HEADERS over the frame size",
            .goAway([frameSize]),
            Frame(.headers, 5, on: 1, [UInt8](repeating: 0, count: 16_385))
        ),
        HTTP2Case(
            "§4.3 a header block that is cut off",
            .goAway([compression]),
            Frame(.headers, 5, on: 1, [0x40, 0x0A, 0x61])
        ),
        HTTP2Case(
            "§4.3 another frame inside a header block",
            .goAway([`protocol`]),
            Frame(.headers, 1, on: 1, HPACK.literal(HPACK.request("GET", "/a"))),
            Frame(.ping, 0, on: 0, ping)
        ),
        HTTP2Case(
            "§4.3 a head in three pieces",
            .status(200),
            Frame(.headers, 1, on: 1, Array(getBlock.prefix(3))),
            Frame(.continuation, 0, on: 1, Array(getBlock[3..<7])),
            Frame(.continuation, 4, on: 1, Array(getBlock[7...]))
        ),
        HTTP2Case("§6.1 DATA on stream 0", .goAway([`protocol`]), Frame(.data, 1, on: 0, [1])),
        HTTP2Case(
            "§6.1 DATA on an idle stream",
            .goAway([`protocol`]),
            .data(1, "a")
        ),
        HTTP2Case(
            "§6.1 padding longer than the frame",
            .goAway([`protocol`]),
            .post(1, "/a"),
            Frame(.data, Frame.padded | 1, on: 1, [6, 1, 2, 3])
        ),
        HTTP2Case(
            "§6.1 padding is dropped",
            .status(200),
            .post(1, "/length"),
            Frame(.data, Frame.padded | 1, on: 1, [2, 97, 0, 0])
        ),
        HTTP2Case(
            "§6.2 HEADERS on stream 0",
            .goAway([`protocol`]),
            Frame(.headers, 5, on: 0, getBlock)
        ),
        HTTP2Case(
            "§6.2 HEADERS with padding and priority",
            .status(200),
            Frame(.headers, 5 | Frame.padded | Frame.priorityFlag, on: 1, padded(getBlock))
        ),
        HTTP2Case(
            "§6.2 padding longer than HEADERS",
            .goAway([`protocol`]),
            Frame(.headers, 5 | Frame.padded, on: 1, [255] + getBlock)
        ),
        HTTP2Case(
            "§6.3 PRIORITY is ignored",
            .status(200),
            Frame(.priority, on: 1, [0, 0, 0, 0, 16]),
            Frame.get(1, "/a"),
            Frame(.priority, on: 1, [0, 0, 0, 0, 16])
        ),
        HTTP2Case(
            "§6.3 PRIORITY of a wrong length",
            .resetOrGoAway([frameSize]),
            .post(1, "/a"),
            Frame(.priority, on: 1, [0, 0, 0, 0])
        ),
        HTTP2Case(
            "§6.3 PRIORITY on stream 0",
            .goAway([`protocol`]),
            Frame(.priority, on: 0, [0, 0, 0, 0, 16])
        ),
        HTTP2Case("§6.4 RST_STREAM on stream 0", .goAway([`protocol`]), .reset(0)),
        HTTP2Case("§6.4 RST_STREAM on an idle stream", .goAway([`protocol`]), .reset(1)),
        HTTP2Case(
            "§6.4 RST_STREAM of a wrong length",
            .goAway([frameSize]),
            .post(1, "/a"),
            Frame(.reset, on: 1, [0, 0, 0])
        ),
        HTTP2Case(
            "§6.6 PUSH_PROMISE from a client",
            .goAway([`protocol`]),
            Frame(.pushPromise, 4, on: 1, [0, 0, 0, 2] + getBlock)
        ),
        HTTP2Case(
            "§6.7 PING on a stream",
            .goAway([`protocol`]),
            Frame(.ping, 0, on: 1, ping)
        ),
        HTTP2Case(
            "§6.7 PING of a wrong length",
            .goAway([frameSize]),
            Frame(.ping, 0, on: 0, [0, 0])
        ),
        HTTP2Case("§6.7 a stray acknowledgement", .fine, Frame(.ping, 1, on: 0, ping)),
        HTTP2Case(
            "§6.8 GOAWAY on a stream",
            .goAway([`protocol`]),
            Frame(.goAway, on: 1, [0, 0, 0, 0, 0, 0, 0, 0])
        ),
        HTTP2Case(
            "§6.10 CONTINUATION without HEADERS",
            .goAway([`protocol`]),
            Frame(.continuation, 4, on: 1, getBlock)
        ),
        HTTP2Case(
            "§6.10 CONTINUATION of another stream",
            .goAway([`protocol`]),
            Frame(.headers, 1, on: 1, Array(getBlock.prefix(3))),
            Frame(.continuation, 4, on: 3, Array(getBlock[3...]))
        ),
        HTTP2Case(
            "§6.10 CONTINUATION behind a complete head",
            .goAway([`protocol`]),
            .post(1, "/a"),
            Frame(.continuation, 4, on: 1, getBlock)
        ),
    ]

    /// SETTINGS (§6.5).
    private static let settings: [HTTP2Case] = [
        HTTP2Case("§6.5 an unknown setting", .fine, .settings([(0xFF, 1)])),
        HTTP2Case(
            "§6.5 an acknowledgement with a payload",
            .goAway([frameSize]),
            Frame(.settings, 1, on: 0, [0])
        ),
        HTTP2Case(
            "§6.5 SETTINGS on a stream",
            .goAway([`protocol`]),
            Frame(.settings, 0, on: 1, [])
        ),
        HTTP2Case(
            "§6.5 half an entry",
            .goAway([frameSize]),
            Frame(.settings, 0, on: 0, [0, 3, 0])
        ),
        HTTP2Case("§6.5.2 ENABLE_PUSH of 2", .goAway([`protocol`]), .settings([(2, 2)])),
        HTTP2Case(
            "§6.5.2 a window over 2^31-1",
            .goAway([flowControl]),
            .settings([(4, 1 << 31)])
        ),
        HTTP2Case(
            "§6.5.2 a frame size under 16384",
            .goAway([`protocol`]),
            .settings([(5, 16_383)])
        ),
        HTTP2Case(
            "§6.5.2 a frame size over 2^24-1",
            .goAway([`protocol`]),
            .settings([(5, 1 << 24)])
        ),
    ]

    /// The states of streams (§5).
    private static let streams: [HTTP2Case] = [
        HTTP2Case(
            "§5.1 HEADERS behind the end of the request",
            .resetOrGoAway([streamClosed]),
            .get(1, "/parked"),
            .get(1, "/a")
        ),
        HTTP2Case(
            "§5.1 DATA behind the end of the request",
            .resetOrGoAway([streamClosed]),
            .get(1, "/parked"),
            .data(1, "a")
        ),
        HTTP2Case(
            "§5.1 WINDOW_UPDATE on an idle stream",
            .goAway([`protocol`]),
            .window(1, 1)
        ),
        HTTP2Case(
            "§5.1 frames on a stream that was reset",
            .fine,
            .post(1, "/a"),
            .reset(1),
            .window(1, 1),
            .reset(1)
        ),
        HTTP2Case("§5.1.1 an even stream", .goAway([`protocol`]), .get(2, "/a")),
        HTTP2Case(
            "§5.1.1 a stream before the last",
            .goAway([`protocol`, streamClosed]),
            .get(5, "/a"),
            .get(3, "/a")
        ),
        HTTP2Case("§5.1.1 streams left out", .fine, .get(5, "/a")),
    ]

    /// Flow control (§5.2, §6.9).
    private static let windows: [HTTP2Case] = [
        HTTP2Case(
            "§6.9 an increment of 0 on the connection",
            .goAway([`protocol`]),
            .window(0, 0)
        ),
        HTTP2Case(
            "§6.9 an increment of 0 on a stream",
            .resetOrGoAway([`protocol`]),
            .post(1, "/a"),
            .window(1, 0)
        ),
        HTTP2Case(
            "§6.9 WINDOW_UPDATE of a wrong length",
            .goAway([frameSize]),
            Frame(.windowUpdate, on: 0, [0, 0, 1])
        ),
        HTTP2Case(
            "§6.9.1 the connection's window over 2^31-1",
            .goAway([flowControl]),
            .window(0, 0x7FFF_FFFF)
        ),
        HTTP2Case(
            "§6.9.1 a stream's window over 2^31-1",
            .reset([flowControl]),
            .post(1, "/a"),
            .window(1, 0x7FFF_FFFF)
        ),
        HTTP2Case(
            "§6.9.2 a new initial window that overflows a stream's",
            .resetOrGoAway([flowControl]),
            .post(1, "/a"),
            .window(1, 0x7FFF_0000),
            .settings([(4, 0x7FFF_FFFF)])
        ),
    ]

    private static let ping: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    private static let getBlock = HPACK.literal(HPACK.request("GET", "/a"))
    private static func padded(_ block: [UInt8]) -> [UInt8] {
        [3, 0, 0, 0, 0, 16] + block + [0, 0, 0]
    }
}

/// Messages (RFC 9113 §8) and header compression (RFC 7541).
extension HTTP2Case {
    private static func request(
        _ name: String,
        _ outcome: Outcome,
        _ fields: [(String, String)]
    ) -> HTTP2Case {
        HTTP2Case(name, outcome, .head(1, fields))
    }

    private static let get = HPACK.request("GET", "/a")
    private static let malformed = Outcome.reset([`protocol`])

    private static func without(_ name: String) -> [(String, String)] {
        get.filter { $0.0 != name }
    }

    fileprivate static let messages: [HTTP2Case] = [
        request("§8.3.1 Host instead of :authority", .status(200), without(":authority") + host),
        request("§8.3.1 Host like :authority", .status(200), get + host),
        request("§8.3.1 Host unlike :authority", malformed, get + [("host", "y")]),
        request("§8.3.1 two Hosts", malformed, get + host + host),
        request("§8.3.1 neither Host nor :authority", malformed, without(":authority")),
        request(
            "§8.3.1 user information in :authority",
            malformed,
            without(":authority") + [(":authority", "u@x")]
        ),
        request("§8.3.1 no :method", malformed, without(":method")),
        request("§8.3.1 no :scheme", malformed, without(":scheme")),
        request("§8.3.1 no :path", malformed, without(":path")),
        request("§8.3.1 an empty :path", malformed, without(":path") + [(":path", "")]),
        request("§8.3.1 a :path without slash", malformed, without(":path") + [(":path", "a")]),
        request("§8.3.1 OPTIONS *", .status(200), HPACK.request("OPTIONS", "*")),
        request("§8.3.1 GET *", malformed, HPACK.request("GET", "*")),
        request("a bad percent sign in :path", .status(400), HPACK.request("GET", "/%zz")),
        request("a fragment in :path", .status(400), HPACK.request("GET", "/a#b")),
        request("a method nobody knows", .status(501), HPACK.request("BREW", "/a")),
        request(
            "§8.5 CONNECT is not served",
            .status(501),
            [(":method", "CONNECT"), (":authority", "x")]
        ),
        request("§8.3 :method twice", malformed, [(":method", "GET")] + get),
        request("§8.3 :path twice", malformed, [(":path", "/b")] + get),
        request("§8.3 an unknown pseudo-header field", malformed, [(":test", "1")] + get),
        request("§8.3 a pseudo-header field of answers", malformed, get + [(":status", "200")]),
        request(
            "§8.3 pseudo-header fields behind others",
            malformed,
            [("a", "b")] + get
        ),
        request("§8.3 extended CONNECT without leave", malformed, connect),
        request("§8.2.1 a name in upper case", malformed, get + [("X-Test", "1")]),
        request("§8.2.1 a space in a name", malformed, get + [("x test", "1")]),
        request("§8.2.1 a colon in a name", malformed, get + [("x:test", "1")]),
        request("§8.2.1 an empty name", malformed, get + [("", "1")]),
        request("§8.2.1 a line end in a value", malformed, get + [("a", "b\r\nc: d")]),
        request("§8.2.1 NUL in a value", malformed, get + [("a", "b\0")]),
        request("§8.2.1 space before a value", malformed, get + [("a", " b")]),
        request("§8.2.1 space behind a value", malformed, get + [("a", "b ")]),
        request("§8.2.1 letters beyond ASCII in a value", .status(200), get + [("a", "ü")]),
        request("§8.2.2 Connection", malformed, get + [("connection", "close")]),
        request("§8.2.2 Keep-Alive", malformed, get + [("keep-alive", "1")]),
        request("§8.2.2 Proxy-Connection", malformed, get + [("proxy-connection", "close")]),
        request("§8.2.2 Transfer-Encoding", malformed, get + [("transfer-encoding", "chunked")]),
        request("§8.2.2 Upgrade", malformed, get + [("upgrade", "h2c")]),
        request("§8.2.2 TE: gzip", malformed, get + [("te", "gzip")]),
        request("§8.2.2 TE: trailers", .status(200), get + [("te", "trailers")]),
        request("§8.1.1 a length and no body", malformed, get + [("content-length", "1")]),
        request("§8.1.1 a length of 0", .status(200), get + [("content-length", "0")]),
        request("§8.1.1 two lengths", malformed, get + [zero, zero]),
        request("§8.1.1 a length that is no number", malformed, get + [("content-length", "+1")]),
        HTTP2Case(
            "§8.1.1 a body longer than its length",
            malformed,
            .post(1, "/parked", [("content-length", "2")]),
            .data(1, "abc")
        ),
        HTTP2Case(
            "§8.1.1 a body shorter than its length",
            malformed,
            .post(1, "/parked", [("content-length", "4")]),
            .data(1, "abc")
        ),
        HTTP2Case(
            "§8.1.1 a length of 0 and an empty body",
            .status(200),
            .post(1, "/a", [zero]),
            .data(1, "")
        ),
        HTTP2Case(
            "§8.1 trailers that do not end the request",
            malformed,
            .post(1, "/a"),
            .head(1, [("a", "b")], ends: false)
        ),
        HTTP2Case(
            "§8.1 a pseudo-header field in trailers",
            malformed,
            .post(1, "/a"),
            .head(1, [(":method", "GET")])
        ),
        HTTP2Case(
            "§8.1 trailers that are too large",
            .status(431),
            .post(1, "/a"),
            .head(1, [("a", String(repeating: "b", count: 9000))])
        ),
        request(
            "too many fields",
            .status(431),
            get + (0..<101).map { ("a\($0)", "b") }
        ),
        HTTP2Case(
            "§10.5.1 a head over the limit",
            .status(431),
            Frame(.headers, 5, on: 1, HPACK.literal(get) + large)
        ),
        request(
            "a long target",
            .status(414),
            HPACK.request("GET", "/" + String(repeating: "a", count: 8192))
        ),
    ]

    private static let host = [("host", "x")]
    /// A field of 600 bytes, and 60 references to it.
    private static let large: [UInt8] =
        [0x40] + HPACK.text("a") + HPACK.text(String(repeating: "b", count: 600))
        + [UInt8](repeating: 0xBE, count: 60)
    private static let zero = ("content-length", "0")
    private static let connect =
        HPACK.request("CONNECT", "/a") + [(":protocol", "websocket")]

    private static func block(_ name: String, _ outcome: Outcome, _ bytes: [UInt8]) -> HTTP2Case {
        HTTP2Case(name, outcome, Frame(.headers, 5, on: 1, bytes))
    }

    private static let indexedGet: [UInt8] = [0x82, 0x86, 0x84, 0x41, 1, 120]

    fileprivate static let compressionCases: [HTTP2Case] = [
        block("RFC 7541 C.3.1 indexed and literal fields", .status(200), c31),
        block("RFC 7541 C.4.1 Huffman code", .status(200), c41),
        block("RFC 7541 §2.3.3 an index beyond the tables", .goAway([compression]), [0xC6]),
        block("RFC 7541 §6.1 index 0", .goAway([compression]), indexedGet + [0x80]),
        block("RFC 7541 §5.1 a number without end", .goAway([compression]), endless),
        block("RFC 7541 §5.2 Huffman padding of 8 bits", .goAway([compression]), huffman(0xFF)),
        block(
            "RFC 7541 §5.2 Huffman padding with zeros",
            .goAway([compression]),
            [0x00, 0x01, 0x78, 0x81, 0x00]
        ),
        block(
            "RFC 7541 §5.2 the end-of-string code in a string",
            .goAway([compression]),
            [0x00, 0x01, 0x78, 0x84, 0xFF, 0xFF, 0xFF, 0xFC]
        ),
        block("RFC 7541 §6.3 a smaller table", .status(200), [0x20] + indexedGet),
        block(
            "RFC 7541 §6.3 a table over the limit",
            .goAway([compression]),
            [0x3F, 0xE2, 0x1F] + indexedGet
        ),
        block(
            "RFC 7541 §4.2 a table size behind a field",
            .goAway([compression]),
            indexedGet + [0x20]
        ),
        block(
            "RFC 7541 §4.4 an entry larger than the table",
            .status(200),
            [0x21] + indexedGet + [0x40] + HPACK.text("a")
                + HPACK.text(String(repeating: "b", count: 100))
        ),
        block(
            "RFC 7541 §6.2.3 a field never to be indexed",
            .status(200),
            indexedGet + [0x10] + HPACK.text("a") + HPACK.text("b")
        ),
        block("an empty head", malformed, []),
    ]

    private static let c31: [UInt8] =
        [0x82, 0x86, 0x84, 0x41, 0x0F] + Array("www.example.com".utf8)
    private static let c41: [UInt8] = [
        0x82, 0x86, 0x84, 0x41, 0x8C, 0xF1, 0xE3, 0xC2, 0xE5, 0xF2, 0x3A, 0x6B, 0xA0, 0xAB, 0x90,
        0xF4, 0xFF,
    ]
    private static let endless: [UInt8] = indexedGet + [0xFF] + [UInt8](repeating: 0xFF, count: 10)
    private static func huffman(_ padding: UInt8) -> [UInt8] {
        // The letter a is 00011, padded by ones; a whole byte of padding is too much.
        indexedGet + [0x00, 0x01, 0x78, 0x82, 0x1F, padding]
    }
}

@Suite("HTTP/2 as RFC 9113 and RFC 7541 want it")
struct HTTP2ConformanceTests {
    @Test(arguments: HTTP2Case.all)
    func `does what the RFC says`(sample: HTTP2Case) async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.client.send(sample.bytes)
            let frames = client.settle()
            let goAway = frames.first { $0.isKind(.goAway) }?.code
            let reset = client.answers[1]?.reset
            switch sample.outcome {
            case .fine:
                #expect(goAway == nil && reset == nil, "\(frames)")
            case .status(let status):
                #expect(client.answers[1]?.status == status, "\(frames)")
                #expect(goAway == nil, "\(frames)")
            case .reset(let codes):
                #expect(goAway == nil, "\(frames)")
                #expect(codes.contains(reset ?? 99), "\(frames)")
                #expect(client.answers[1]?.heads.isEmpty == true, "\(frames)")
            case .goAway(let codes):
                #expect(codes.contains(goAway ?? 99), "\(frames)")
                #expect(client.client.isAtEnd())
            case .resetOrGoAway(let codes):
                #expect(codes.contains(goAway ?? reset ?? 99), "\(frames)")
            }
            guard goAway == nil else { return }
            client.send(.get(101, "/a"))
            #expect(client.answer(101)?.status == 200)
        }
    }

    @Test func `remembers header fields as RFC 7541 C.3 goes on`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            let first: [UInt8] =
                [0x82, 0x86, 0x84, 0x41, 0x0F] + Array("www.example.com".utf8)
            let second: [UInt8] = [0x82, 0x86, 0x84, 0xBE, 0x58, 0x08] + Array("no-cache".utf8)
            let third: [UInt8] =
                [0x82, 0x87, 0x85, 0xBF, 0x40, 0x0A] + Array("custom-key".utf8) + [0x0C]
                + Array("custom-value".utf8)
            for (number, block) in [first, second, third].enumerated() {
                client.send(Frame(.headers, 5, on: UInt32(2 * number + 1), block))
            }
            #expect(client.answer(1)?.text == "GET /  ")
            #expect(client.answer(3)?.text == "GET /  ")
            #expect(client.answer(5)?.text == "GET /index.html  ")
        }
    }

    @Test(arguments: [
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "HTTP/1.1 505"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", "HTTP/1.1 505"),
        ("PRI / HTTP/2.0\r\n\r\n", "HTTP/1.1 505"),
    ])
    func `takes what only begins like HTTP/2 for HTTP/1.1`(
        text: String,
        answer: String
    ) async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send(text)
            #expect(client.readAnswer()?.head.hasPrefix(answer) == true)
            #expect(client.isAtEnd())
        }
    }

    @Test func `§3.4 wants SETTINGS first`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send(HTTP2Client.preface + Frame.get(1, "/a").bytes)
            _ = client.readToEnd()
            #expect(server.responder.answered.count == 0)
        }
    }

    @Test func `reads a request into the same form as HTTP/1.1`() throws {
        let request = Request()
        var head = HTTP2Head()
        let fields = [
            (":method", "PUT"), (":scheme", "https"), (":path", "/a%20b?c=d"), ("cookie", "a=b"),
            (":authority", "x:1"), ("accept", "*/*"), ("cookie", "c=d"), ("cookie", "e=f"),
        ]
        for (name, value) in fields {
            Array(name.utf8).withUnsafeBufferPointer { name in
                Array(value.utf8).withUnsafeBufferPointer { value in
                    head.add(name, value, to: request, HTTPLimits())
                }
            }
        }
        head.finish(request, endsStream: false)
        #expect(head.fault == nil)
        #expect(request.method == .put)
        #expect(request.text(request.path) == "/a%20b")
        #expect(request.text(request.query) == "c=d")
        #expect(request.text(of: "host") == "x:1")
        #expect(request.text(of: "cookie") == "a=b; c=d; e=f")
        #expect(request.text(of: "accept") == "*/*")
        #expect(request.fields.count == 3)
        #expect(request.bodyFraming == .chunked)
    }
}
