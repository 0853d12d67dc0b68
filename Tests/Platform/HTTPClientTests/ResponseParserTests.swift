import HTTPCore
import Testing

@testable import HTTPClient

@Suite("Reading answers")
struct ResponseParserTests {
    private func parse(
        _ text: String,
        _ method: HTTPMethod = .get,
        bodyBytesMax: Int = 1000,
        step: Int = .max
    ) -> (last: ResponseParser.Step, parser: ResponseParser) {
        var parser = ResponseParser(method: method, bodyBytesMax: bodyBytesMax)
        var last = ResponseParser.Step.needsMore
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty, last == .needsMore {
            let piece = Array(rest.prefix(step))
            rest = rest.dropFirst(piece.count)
            last = parser.feed(piece.span)
        }
        return (last, parser)
    }

    private func body(_ text: String, _ method: HTTPMethod = .get) -> String? {
        // The same however it is cut.
        var seen: Set<String?> = []
        for step in [1, 2, 7, .max] {
            let (last, parser) = parse(text, method, step: step)
            var isComplete = parser.isCompleteAtClose() && last == .needsMore
            if case .complete = last { isComplete = true }
            seen.insert(
                isComplete ? String(decoding: parser.response.body, as: UTF8.self) : nil
            )
        }
        #expect(seen.count == 1)
        return seen.first ?? nil
    }

    @Test func `frames the body by length, chunks, close or not at all`() {
        #expect(body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") == "abc")
        #expect(body("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == "")
        #expect(body("HTTP/1.1 200\r\ncontent-length:\t3 \r\n\r\nabc") == "abc")
        #expect(
            body(
                "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: v\r\n\r\n"
            )
                == "abc"
        )
        #expect(body("HTTP/1.1 200 OK\r\n\r\nabc") == "abc")
        #expect(body("HTTP/1.0 200 OK\r\n\r\nabc") == "abc")
        #expect(body("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n") == "")
        #expect(body("HTTP/1.1 304 Not\r\nContent-Length: 3\r\nETag: \"1\"\r\n\r\n") == "")
        #expect(body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", .head) == "")
        #expect(
            body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .head) == ""
        )
        #expect(body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab") == nil)
    }

    @Test func `skips interim answers, within bounds`() {
        let interim = "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
        #expect(body(interim + interim + answer) == "a")
        #expect(body(String(repeating: interim, count: 17) + answer) == nil)
        #expect(body("HTTP/1.1 101 Switching\r\n\r\n" + answer) == nil)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "\r\n\r\n", "SSH-2.0-x\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 200 OK\r\nA\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nA: " + String(repeating: "x", count: 70_000) + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + String(repeating: "A: b\r\n", count: 201) + "\r\n",
    ])
    func `refuses what two readers could take in two ways`(text: String) {
        for step in [1, .max] {
            guard case .violation = parse(text, step: step).last else {
                Issue.record("taken in steps of \(step)")
                return
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1001),
    ])
    func `refuses a body over the limit as soon as it is known`(text: String) {
        #expect(parse(text).last == .bodyTooLarge)
    }

    @Test func `says where the answer ends and whether the connection lives on`() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
        #expect(parse(answer + "HTTP/1.1").last == .complete(consumed: answer.utf8.count))
        #expect(parse(answer).parser.keepsAlive)
        let closing = "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n"
        #expect(!parse(closing).parser.keepsAlive)
        #expect(!parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").parser.keepsAlive)
    }

    @Test func `gives fields by lower-case name`() {
        let answer = parse("HTTP/1.1 204 No\r\nETag: \"a\"\r\nX-Two: 1\r\nx-two: 2\r\n\r\n")
        #expect(answer.parser.response.field("etag") == "\"a\"")
        #expect(answer.parser.response.field("x-two") == "1")
        #expect(answer.parser.response.fields.count == 3)
        #expect(answer.parser.response.status == 204)
    }
}
