import APIKit
import Archive
import EventLoop
import HTTPCore
import JSON
import Testing
import TestSupport

@Suite("A gzipped body")
struct GzippedBodyTests {
    private struct Text: WireInput {
        let text: String

        init(from fields: Fields) { text = fields.text("text", bytesMax: 8 << 20) }
    }

    private let api: TestDispatcher

    init() throws {
        func endpoint(_ name: String, bytesMax: Int, _ access: Access) -> Endpoint {
            Endpoint(
                .put,
                "/v1/\(name)",
                id: name,
                tag: "things",
                summary: "Takes.",
                access: access,
                bodyBytesMax: bytesMax,
                input: Text.self,
                output: UIDAnswer.self
            ) { input, _ in UIDAnswer(uid: "\(input.text.utf8.count)") }
        }
        let person = Access.user(Permission("thing.update"))
        api = TestDispatcher(
            [
                endpoint("small", bytesMax: 64 << 10, person),
                endpoint("large", bytesMax: 4 << 20, person),
                endpoint("open", bytesMax: 64 << 10, .open),
                Endpoint(
                    .post,
                    "/v1/archive",
                    id: "archive",
                    tag: "things",
                    summary: "Takes bytes.",
                    access: person,
                    bodyBytesMax: 1 << 20,
                    bodyMediaTypes: ["application/gzip"],
                    outputContentType: nil
                ) { _ in Response(status: 200) },
            ],
            workers: try WorkerPool(threads: 1)
        )
    }

    private func put(
        _ name: String,
        _ body: [UInt8],
        coding: String = "gzip",
        method: HTTPMethod = .put
    ) async throws -> TestAnswer {
        try await api.call(
            method,
            "/v1/\(name)",
            headers: [("Content-Encoding", coding), ("Content-Type", "application/json")],
            raw: body
        )
    }

    private func json(_ count: Int) -> [UInt8] {
        JSONValue.object(["text": .string(String(repeating: "x", count: count))]).jsonBytes()
    }

    @Test(arguments: ["gzip", "GZIP", "x-gzip", "identity, "])
    func `is inflated`(coding: String) async throws {
        let plain = json(1000)
        let isCoded = !coding.hasPrefix("identity")
        let answer = try await put(
            "small",
            isCoded ? Gzip.compress(plain) : plain,
            coding: isCoded ? coding : "identity"
        )
        #expect(answer.json["uid"]?.text == "1000")
    }

    @Test func `may inflate to what may be sent, and no byte further`() async throws {
        for (name, limit) in [("small", 64 << 10), ("large", 4 << 20)] {
            let frame = json(0).count
            // Above a mebibyte a limit on the ratio counts too, so this is not of one letter.
            let noise = name == "small" ? limit - frame : 900_000
            #expect(try await put(name, Gzip.compress(json(noise))).status == 200)
            let over = try await put(name, Gzip.compress(json(limit - frame + 1)))
            #expect(over.status == 413)
            #expect(over.code == "RequestBodyTooLarge")
        }
    }

    @Test func `that is a bomb is refused, small as it came`() async throws {
        let bomb = Gzip.compress([UInt8](repeating: 0x20, count: 64 << 20), level: 9)
        #expect(bomb.count < 64 << 10)
        #expect(try await put("small", bomb).status == 413)
        #expect(try await put("large", bomb).status == 413)
    }

    @Test(arguments: ["br", "deflate", "zstd", "gzip, gzip", "compress", "gzip;q=1"])
    func `has no other coding`(coding: String) async throws {
        let answer = try await put("small", Gzip.compress(json(10)), coding: coding)
        #expect(answer.status == 415)
        #expect(answer.code == "UnsupportedContentEncoding")
        #expect(answer.header("Accept-Encoding") == "gzip")
    }

    @Test func `comes only from callers that are known, and not around an archive`() async throws {
        let body = Gzip.compress(json(10))
        for answer in [
            try await put("open", body), try await put("archive", body, method: .post),
        ] {
            #expect(answer.status == 415)
            #expect(answer.header("Accept-Encoding") == "identity")
        }
    }

    @Test func `that is damaged anywhere is refused and never misread`() async throws {
        let whole = Gzip.compress(json(500))
        for cut in 0..<whole.count {
            #expect(try await put("small", Array(whole[..<cut])).status == 400, "cut at \(cut)")
        }
        #expect(try await put("small", whole + [0]).status == 400)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            var bytes = whole
            let place = Int.random(in: 0..<bytes.count, using: &random)
            bytes[place] ^= UInt8.random(in: 1...255, using: &random)
            let answer = try await put("small", bytes)
            // Header bytes that say nothing of the content (time, system) may differ.
            #expect(answer.status == 400 || answer.json["uid"]?.text == "500", "\(place)")
        }
    }

    @Test func `of any bytes is answered`() async throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let count = Int.random(in: 0...400, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let answer = try await put("small", [0x1F, 0x8B, 8, 0] + bytes)
            #expect([400, 413].contains(answer.status))
        }
    }
}
