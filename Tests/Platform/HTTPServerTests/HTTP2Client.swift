import CNghttp2
import TLS

/// One frame as it stands on the wire (RFC 9113 §4.1).
struct Frame: Sendable, Hashable, CustomStringConvertible {
    enum Kind: UInt8, Sendable {
        case data, headers, priority, reset, settings, pushPromise, ping, goAway, windowUpdate
        case continuation
        case priorityUpdate = 16
        case unknown = 200
    }

    var kind: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []
    /// The length that is written, where it shall differ from the payload's.
    var length: Int?

    static let endStream: UInt8 = 1
    static let ack: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8
    static let priorityFlag: UInt8 = 32

    init(_ kind: Kind, _ flags: UInt8 = 0, on stream: UInt32 = 0, _ payload: [UInt8] = []) {
        self.kind = kind.rawValue
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }

    /// A frame of any type.
    init(kind: UInt8, on stream: UInt32, _ payload: [UInt8]) {
        self.kind = kind
        flags = 0
        self.stream = stream
        self.payload = payload
    }

    init(head: [UInt8]) {
        kind = head[3]
        flags = head[4]
        stream = Frame.number(head[5...])
        length = Int(Frame.number([0] + head[..<3]))
    }

    var bytes: [UInt8] {
        Array(Frame.bytes(UInt32(length ?? payload.count))[1...]) + [kind, flags]
            + Frame.bytes(stream) + payload
    }

    /// What GOAWAY and RST_STREAM name as the reason.
    var code: UInt32 {
        Frame.number(kind == Kind.goAway.rawValue ? payload.dropFirst(4).prefix(4) : payload[...])
    }

    func isKind(_ kind: Kind) -> Bool { self.kind == kind.rawValue }

    var description: String {
        "\(Kind(rawValue: kind).map { "\($0)" } ?? "\(kind)")/\(flags) on \(stream): "
            + "\(payload.count) bytes" + (isKind(.goAway) || isKind(.reset) ? ", code \(code)" : "")
    }

    static func bytes(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }

    static func number(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension Frame {
    static func settings(_ entries: [(UInt16, UInt32)] = []) -> Frame {
        Frame(
            .settings,
            entries.flatMap { id, value in
                [UInt8(id >> 8), UInt8(truncatingIfNeeded: id)] + bytes(value)
            }
        )
    }

    init(_ kind: Kind, _ payload: [UInt8]) {
        self.init(kind, 0, on: 0, payload)
    }

    static func window(_ stream: UInt32, _ increment: UInt32) -> Frame {
        Frame(.windowUpdate, on: stream, bytes(increment))
    }

    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> Frame {
        Frame(.reset, on: stream, bytes(code))
    }

    static func data(_ stream: UInt32, _ text: String, ends: Bool = true) -> Frame {
        Frame(.data, ends ? endStream : 0, on: stream, Array(text.utf8))
    }

    /// A request's head in one frame.
    static func head(
        _ stream: UInt32,
        _ fields: [(String, String)],
        ends: Bool = true
    ) -> Frame {
        Frame(.headers, endHeaders | (ends ? endStream : 0), on: stream, HPACK.literal(fields))
    }

    static func get(_ stream: UInt32, _ path: String, _ fields: [(String, String)] = []) -> Frame {
        head(stream, HPACK.request("GET", path) + fields)
    }

    static func post(_ stream: UInt32, _ path: String, _ fields: [(String, String)] = []) -> Frame {
        head(stream, HPACK.request("POST", path) + fields, ends: false)
    }
}

/// Header compression as far as tests need it (RFC 7541).
enum HPACK {
    static func request(_ method: String, _ path: String) -> [(String, String)] {
        [(":method", method), (":scheme", "http"), (":path", path), (":authority", "x")]
    }

    /// Each field as a literal that is not remembered.
    static func literal(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in [0] + text(name) + text(value) }
    }

    static func text(_ text: String) -> [UInt8] {
        integer(text.utf8.count, prefix: 7) + text.utf8
    }

    static func integer(_ number: Int, prefix: Int, flags: UInt8 = 0) -> [UInt8] {
        let limit = 1 << prefix - 1
        if number < limit { return [flags | UInt8(number)] }
        var rest = number - limit
        var bytes = [flags | UInt8(limit)]
        while rest >= 128 {
            bytes.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}

/// Reads header blocks with nghttp2.
final class HeaderReader {
    private var inflater: OpaquePointer?

    init() { nghttp2_hd_inflate_new(&inflater) }
    deinit { nghttp2_hd_inflate_del(inflater) }

    func read(_ block: [UInt8]) -> [(String, String)]? {
        var fields: [(String, String)] = []
        var position = 0
        while true {
            var pair = nghttp2_nv()
            var flags: Int32 = 0
            let used = block.withUnsafeBufferPointer { block in
                nghttp2_hd_inflate_hd2(
                    inflater,
                    &pair,
                    &flags,
                    block.baseAddress.map { $0 + position },
                    block.count - position,
                    1
                )
            }
            guard used >= 0 else { return nil }
            position += used
            if UInt32(flags) & NGHTTP2_HD_INFLATE_EMIT.rawValue != 0 {
                let name = UnsafeBufferPointer(start: pair.name, count: pair.namelen)
                let value = UnsafeBufferPointer(start: pair.value, count: pair.valuelen)
                fields.append(
                    (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
                )
            }
            if UInt32(flags) & NGHTTP2_HD_INFLATE_FINAL.rawValue != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return fields
            }
        }
    }
}

/// A client that sends and reads single frames.
final class HTTP2Client {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    let client: Client
    /// Whether the windows are opened again as answers come.
    var opensWindows = true
    private(set) var answers: [UInt32: Answer] = [:]
    private let headers = HeaderReader()
    private var pings: UInt32 = 0

    /// One answer as it was received.
    struct Answer {
        var heads: [[(String, String)]] = []
        var body: [UInt8] = []
        var isComplete = false
        /// The code of the reset that ended it.
        var reset: UInt32?

        subscript(_ name: String) -> String? { heads.last?.first { $0.0 == name }?.1 }
        var status: Int? { self[":status"].flatMap { Int($0) } }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    init(_ client: Client, settings: [(UInt16, UInt32)] = []) {
        self.client = client
        client.send(Self.preface + Frame.settings(settings).bytes)
    }

    convenience init(
        port: UInt16,
        receiveBuffer: Int32? = nil,
        settings: [(UInt16, UInt32)] = []
    ) throws {
        self.init(try Client(port: port, receiveBuffer: receiveBuffer), settings: settings)
    }

    func send(_ frames: Frame...) { client.send(frames.flatMap(\.bytes)) }
    func send(_ frames: [Frame]) { client.send(frames.flatMap(\.bytes)) }

    /// The next frame; nil at the end of the connection.
    func next() -> Frame? {
        guard let head = client.read(9) else { return nil }
        var frame = Frame(head: head)
        guard let payload = client.read(frame.length ?? 0) else { return nil }
        frame.payload = payload
        take(frame)
        return frame
    }

    private func take(_ frame: Frame) {
        switch Frame.Kind(rawValue: frame.kind) {
        case .settings where frame.flags & Frame.ack == 0:
            send(Frame(.settings, Frame.ack))
        case .headers:
            answers[frame.stream, default: Answer()].heads.append(headers.read(frame.payload) ?? [])
        case .data:
            answers[frame.stream, default: Answer()].body += frame.payload
            if opensWindows && !frame.payload.isEmpty {
                let count = UInt32(frame.payload.count)
                send(.window(0, count), .window(frame.stream, count))
            }
        case .reset:
            answers[frame.stream, default: Answer()].reset = frame.code
        default:
            return
        }
        let ends = frame.isKind(.headers) || frame.isKind(.data)
        if ends && frame.flags & Frame.endStream != 0 { answers[frame.stream]?.isComplete = true }
    }

    /// Reads until the stream has its answer or was reset; nil when the connection ends.
    func answer(_ stream: UInt32) -> Answer? {
        while true {
            if let answer = answers[stream], answer.isComplete || answer.reset != nil {
                return answer
            }
            if next() == nil { return nil }
        }
    }

    /// Everything the server says until it has worked off what was sent, or closes.
    func settle() -> [Frame] {
        var frames: [Frame] = []
        // The acknowledgement overtakes other frames of the same write, the second none of before.
        for _ in 0..<2 {
            pings += 1
            let mark = Frame.bytes(0x7465_7374) + Frame.bytes(pings)
            send(Frame(.ping, mark))
            while true {
                guard let frame = next() else { return frames }
                if frame.isKind(.ping) && frame.payload == mark { break }
                frames.append(frame)
            }
        }
        return frames
    }

    /// Reads until GOAWAY with a reason or the end of the connection.
    func goAway() -> UInt32? {
        while let frame = next() {
            if frame.isKind(.goAway) && frame.code != 0 { return frame.code }
        }
        return nil
    }
}
