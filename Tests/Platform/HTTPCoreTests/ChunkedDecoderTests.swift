import Primitives
import Testing

@testable import HTTPCore

@Suite("The chunked coding")
struct ChunkedDecoderTests {
    /// What one run over the bytes, cut at these places, comes to.
    static func decode(_ bytes: [UInt8], cuts: [Int]) -> (ChunkedDecoder.Step, [UInt8], Int) {
        var decoder = ChunkedDecoder(limits: HTTPLimits())
        var body: [UInt8] = []
        var start = 0
        for end in cuts + [bytes.count] where end > start {
            let part = Array(bytes[start..<end])
            switch decoder.feed(part.span, into: &body, bodyBytesMax: 1 << 20) {
            case .needsMore: start = end
            case .complete(let used): return (.complete(bytes: 0), body, start + used)
            case .refuse(let fault): return (.refuse(fault), body, 0)
            }
        }
        return (.needsMore, body, start)
    }

    @Test func `gives the same result however the bytes are split`() {
        let seed = RandomBytes.number()
        var random = SplitMix(state: seed)
        for _ in 0..<2000 {
            var wire: [UInt8] = []
            var wanted: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                let size = Int.random(in: 1..<40, using: &random)
                let data = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
                wire += Array("\(String(size, radix: 16));e=\(size)\r\n".utf8) + data + [13, 10]
                wanted += data
            }
            wire += Array("0\r\nT: v\r\n\r\n".utf8)
            let length = wire.count
            wire += Array("NEXT".utf8)
            let isDamaged = Bool.random(using: &random)
            if isDamaged {
                wire[Int.random(in: 0..<length, using: &random)] =
                    UInt8.random(in: 0...255, using: &random)
            }
            let (step, body, used) = Self.decode(wire, cuts: [])
            if !isDamaged {
                #expect(body == wanted && used == length, "seed \(seed)")
            }
            for _ in 0..<4 {
                let cuts = (0..<8).map { _ in Int.random(in: 0...wire.count, using: &random) }
                let split = Self.decode(wire, cuts: cuts.sorted())
                #expect(split.0 == step && split.2 == used, "seed \(seed)")
                if case .complete = step { #expect(split.1 == body, "seed \(seed)") }
            }
        }
    }
}

@Suite("The head parser")
struct RequestHeadParserTests {
    @Test func `survives any bytes and does not care how they are split`() {
        let seed = RandomBytes.number()
        var random = SplitMix(state: seed)
        let head = Array(
            ("POST /v1/a%20b?x=y HTTP/1.1\r\nHost: example.org:8080\r\nContent-Length: 12\r\n"
                + "Authorization: Bearer abc\r\nExpect: 100-continue\r\n\r\n").utf8
        )
        for _ in 0..<5000 {
            var bytes = head
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(UInt8.random(in: 0...127, using: &random), at: index)
                }
            }
            let (whole, first) = Self.parse(bytes, ends: [])
            let ends = (0..<5).map { _ in Int.random(in: 0...bytes.count, using: &random) }
            let (split, second) = Self.parse(bytes, ends: ends.sorted())
            #expect(whole == split, "seed \(seed)")
            guard case .complete = whole else { continue }
            #expect(first.head == second.head && first.path == second.path, "seed \(seed)")
            for field in first.fields { _ = first.text(field.name) + first.text(field.value) }
        }
    }

    /// The lengths at which limits bite, each with what is wrong besides.
    @Test(arguments: [
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n\r\n", 501),
        ("AAAAAAAAAA(AAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n\r\n", 400),
        ("GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\n\r\n", 414),
        ("GET /" + String(repeating: "a", count: 9000) + "\n", 414),
        ("BREW /" + String(repeating: "#", count: 9000) + " HTTP/3.0\r\n\r\n", 414),
        ("GET / HTTP/1.1" + String(repeating: "1", count: 9000) + "\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: 40_000) + "\n", 431),
    ])
    func `refuses what is too long alike, at once or byte by byte`(
        text: String,
        status: Int
    ) throws {
        let bytes = Array(text.utf8)
        let (whole, _) = Self.parse(bytes, ends: [])
        var parser = RequestHeadParser(limits: HTTPLimits())
        let request = Request()
        var single = RequestHeadParser.Step.needsMore
        for end in 1...bytes.count where single == .needsMore {
            single = parser.feed(bytes.span.extracting(0..<end), into: request)
        }
        #expect(single == whole)
        guard case .refuse(let fault) = whole else { throw Unexpected(step: whole) }
        #expect(fault.status == status)
    }

    private struct Unexpected: Error {
        let step: RequestHeadParser.Step
    }

    static func parse(_ bytes: [UInt8], ends: [Int]) -> (RequestHeadParser.Step, Request) {
        var parser = RequestHeadParser(limits: HTTPLimits())
        let request = Request()
        for end in ends + [bytes.count] {
            let part = Array(bytes[..<end])
            let step = parser.feed(part.span, into: request)
            if step != .needsMore { return (step, request) }
        }
        return (.needsMore, request)
    }
}

@Suite("Dates of HTTP")
struct HTTPDateTests {
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
    ])
    func `have the form of RFC 9110`(seconds: Int64, text: String) {
        #expect(HTTPDate.text(Timestamp(seconds: seconds)) == text)
    }
}

@Suite("The byte buffer")
struct ByteBufferTests {
    @Test func `holds what a plain array would hold`() {
        let seed = RandomBytes.number()
        var random = SplitMix(state: seed)
        let buffer = ByteBuffer(capacity: 1)
        var model: [UInt8] = []
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                let count = Int.random(in: 0...model.count, using: &random)
                buffer.consume(count)
                model.removeFirst(count)
            case 1:
                let number =
                    Int.random(in: 0...Int.max, using: &random)
                    >> Int.random(in: 0..<63, using: &random)
                buffer.append(decimal: number)
                model += Array(String(number).utf8)
            case 2:
                buffer.append(7)
                model.append(7)
            case 3:
                let room = buffer.writable(atLeast: 10)
                for index in 0..<10 { room[index] = UInt8(index) }
                buffer.commit(10)
                model += (0..<10)
            default:
                buffer.append("text")
                model += Array("text".utf8)
            }
            #expect(Array(buffer.readable) == model, "seed \(seed)")
            if model.count > 300 {
                buffer.removeAll()
                model = []
            }
        }
        buffer.append(decimal: Int.max)
        buffer.append(decimal: 0)
        buffer.append(hex: 0x0123_4567_89AB_CDEF)
        model += Array("92233720368547758070".utf8) + Array("0123456789abcdef".utf8)
        #expect(Array(buffer.readable) == model)
    }
}

struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
