import APIKit
import Archive
import EventLoop
import HTTPCore
import JSON
import Testing
import TestSupport

@Suite("What is sent of an answer")
struct RepresentationTests {
    /// An answer of some length.
    private struct Text: WireOutput {
        var text: String
        var version: String?

        static var examples: [Text] { [Text(text: "a", version: "1")] }
        var entityTag: String? { version }

        func write(to writer: inout JSONWriter) {
            writer.object { $0.field("text", text) }
        }
    }

    private static let short = String(repeating: "a", count: 900)
    private static let long = String(repeating: "abcdefgh", count: 300)
    private static let huge = String(repeating: "0123456789", count: 20_000)
    private static let download = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    private static func endpoint(_ name: String, _ text: String) -> Endpoint {
        Endpoint(
            .get,
            "/v1/\(name)",
            id: name,
            tag: "things",
            summary: "Answers.",
            access: .user(Permission("thing.get")),
            output: Text.self
        ) { _, _ in Text(text: text, version: name == "unversioned" ? nil : "7.1") }
    }

    /// What gzip makes no smaller.
    private static let noise = (0..<4000).reduce(into: [UInt8]()) { bytes, _ in
        bytes.append(.random(in: 0...255))
    }

    /// Bytes whose tag is the name.
    private static func part(_ name: String, _ bytes: [UInt8]) -> Endpoint {
        Endpoint(
            .get,
            "/v1/\(name)",
            id: name,
            tag: "things",
            summary: "Gives bytes.",
            access: .user(Permission("thing.get")),
            outputSchema: .binary,
            outputContentType: .octetStream
        ) { context in
            context.answer(.octetStream, entityTag: name) { bytes }
        }.answeringWithEntityTag().answeringRanges().keepingGzipped()
    }

    private let api: TestDispatcher
    private let workers: WorkerPool

    init() throws {
        workers = try WorkerPool(threads: 1)
        api = TestDispatcher(
            [
                Self.endpoint("short", Self.short), Self.endpoint("long", Self.long),
                Self.endpoint("huge", Self.huge), Self.endpoint("unversioned", Self.long),
                Self.endpoint("secret", Self.long).answeringSecret(),
                Endpoint(
                    .get,
                    "/v1/download",
                    id: "download",
                    tag: "things",
                    summary: "Gives bytes.",
                    access: .user(Permission("thing.get")),
                    outputSchema: .binary,
                    outputContentType: .octetStream
                ) { context in
                    context.answer(.octetStream, entityTag: "d1") { Self.download }
                }.answeringWithEntityTag().answeringRanges(),
                Self.part("part", Array(Self.huge.utf8)), Self.part("noise", Self.noise),
            ],
            workers: workers
        )
    }

    private func get(
        _ name: String,
        _ headers: [(String, String)] = [],
        method: HTTPMethod = .get
    ) async throws -> TestAnswer {
        try await api.call(method, "/v1/\(name)", headers: headers)
    }

    // MARK: Content coding

    @Test(arguments: ["long", "huge", "unversioned"])
    func `is gzipped for those who ask, with a tag of its own`(name: String) async throws {
        let plain = try await get(name)
        let gzipped = try await get(name, [("Accept-Encoding", "gzip, br")])
        #expect(plain.header("Content-Encoding") == nil)
        #expect(gzipped.header("Content-Encoding") == "gzip")
        #expect(gzipped.response.body.count < plain.response.body.count / 4)
        #expect(gzipped.body == plain.response.body)
        #expect(plain.header("Vary") == "Accept-Encoding")
        #expect(gzipped.header("Vary") == "Accept-Encoding")
        #expect(gzipped.etag == plain.etag.dropLast() + "-gzip\"")
        let head = try await get(name, [("Accept-Encoding", "gzip")], method: .head)
        #expect(head.response.body == gzipped.response.body)
        #expect(head.etag == gzipped.etag)
    }

    @Test(arguments: ["short", "secret", "download"])
    func `is sent as it is when it is short, secret or packed already`(name: String) async throws {
        let answer = try await get(name, [("Accept-Encoding", "gzip")])
        #expect(answer.header("Content-Encoding") == nil)
        #expect(!answer.etag.contains("gzip"))
    }

    @Test(arguments: [
        ("gzip", true), ("GZIP", true), ("x-gzip", true), ("*", true), ("gzip;q=0.5", true),
        ("gzip; q=1.000", true), ("br;q=1, gzip;q=0.001", true), ("deflate, gzip", true),
        ("identity;q=0.5, gzip;q=0.5", true), ("*;q=0, gzip", true), ("gzip,", true),
        ("", false), ("br", false), ("identity", false), ("gzip;q=0", false),
        ("gzip;q=0.000", false), ("*;q=0", false), ("gzip;q=0, *", false),
        ("identity, gzip;q=0.9", false), ("gzip;q=2", false), ("gzip;q=x", false),
        ("gzip;q=0.1234", false), ("gzip;level=1", false), ("gzipped", false), ("gz ip", false),
    ])
    func `is chosen by weights`(accepted: String, isGzipped: Bool) async throws {
        let answer = try await get("long", [("Accept-Encoding", accepted)])
        #expect((answer.header("Content-Encoding") == "gzip") == isGzipped)
        #expect(answer.json["text"]?.text == Self.long)
    }

    @Test func `is chosen by all fields of the name`() async throws {
        let answer = try await get(
            "long",
            [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")]
        )
        #expect(answer.header("Content-Encoding") == "gzip")
    }

    // MARK: Entity tags

    @Test(arguments: ["long", "unversioned"])
    func `is nothing new to those who have it, whichever way it was sent`(
        name: String
    ) async throws {
        let plain = try await get(name)
        let gzipped = try await get(name, [("Accept-Encoding", "gzip")])
        for tag in [plain.etag, gzipped.etag, "W/" + plain.etag] {
            for headers in [[], [("Accept-Encoding", "gzip")]] {
                let answer = try await get(name, headers + [("If-None-Match", tag)])
                #expect(answer.status == 304, "\(tag)")
                #expect(answer.header("Vary") == "Accept-Encoding")
                #expect(answer.header("Content-Encoding") == nil)
            }
        }
        let coded = try await get(
            name,
            [("Accept-Encoding", "gzip"), ("If-None-Match", gzipped.etag)]
        )
        #expect(coded.etag == gzipped.etag)
        #expect(try await get(name, [("If-None-Match", "\"other\"")]).status == 200)
    }

    // MARK: Ranges

    @Test(arguments: [
        ("bytes=0-0", 0..<1), ("bytes=0-9999", 0..<10_000), ("bytes=100-199", 100..<200),
        ("bytes=9999-", 9999..<10_000), ("bytes=5000-20000", 5000..<10_000),
        ("bytes=-1", 9999..<10_000), ("bytes=-20000", 0..<10_000),
        ("bytes=1-99999999999999999999999999", 1..<10_000), ("BYTES=2-3", 2..<4),
    ])
    func `is the range that was asked for`(field: String, range: Range<Int>) async throws {
        let answer = try await get("download", [("Range", field)])
        #expect(answer.status == 206)
        #expect(answer.response.body == Array(Self.download[range]))
        #expect(
            answer.header("Content-Range")
                == "bytes \(range.lowerBound)-\(range.upperBound - 1)/10000"
        )
        #expect(answer.etag == "\"d1\"")
    }

    @Test(arguments: [
        "bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=2-1", "bytes=a-b", "bytes 0-1", "lines=0-1",
        "0-1", "bytes=0", "bytes=0-1-2", "bytes=+1-2", "bytes=0x1-2", "bytes=1 -2",
    ])
    func `is whole for what is no single range`(field: String) async throws {
        let answer = try await get("download", [("Range", field)])
        #expect(answer.status == 200)
        #expect(answer.response.body == Self.download)
        #expect(answer.header("Accept-Ranges") == "bytes")
        #expect(answer.header("Content-Range") == nil)
    }

    @Test(arguments: ["bytes=10000-", "bytes=10000-10001", "bytes=-0"])
    func `is nothing beyond the end`(field: String) async throws {
        let answer = try await get("download", [("Range", field)])
        #expect(answer.status == 416)
        #expect(answer.code == "RangeNotSatisfiable")
        #expect(answer.header("Content-Range") == "bytes */10000")
    }

    @Test(arguments: [
        ("\"d1\"", 206), ("\"d2\"", 200), ("W/\"d1\"", 200), ("", 200),
        ("Sun, 22 Nov 2026 21:00:00 GMT", 200),
    ])
    func `is whole when it has changed meanwhile`(condition: String, status: UInt16) async throws {
        let answer = try await get("download", [("Range", "bytes=5-"), ("If-Range", condition)])
        #expect(answer.status == status)
    }

    @Test func `is whole for HEAD, and no range of what the caller has`() async throws {
        let head = try await get("download", [("Range", "bytes=5-")], method: .head)
        #expect(head.status == 200)
        let known = try await get(
            "download",
            [("Range", "bytes=5-"), ("If-None-Match", "\"d1\"")]
        )
        #expect(known.status == 304)
    }

    @Test func `is gzipped and kept where that is declared, and a range is of that form`()
        async throws
    {
        let plain = try await get("part")
        let taken = ("Accept-Encoding", "gzip")
        let gzipped = try await get("part", [taken])
        #expect(gzipped.header("Content-Encoding") == "gzip")
        #expect(gzipped.etag == "\"part-gzip\"" && plain.etag == "\"part\"")
        #expect(gzipped.body == plain.response.body)
        #expect(gzipped.header("Vary") == "Accept-Encoding")
        #expect(gzipped.header("Accept-Ranges") == "bytes")
        let rest = try await get(
            "part",
            [taken, ("Range", "bytes=5-"), ("If-Range", gzipped.etag)]
        )
        #expect(rest.status == 206)
        #expect(rest.header("Content-Encoding") == "gzip")
        #expect(rest.response.body == Array(gzipped.response.body[5...]))
        let other = try await get(
            "part",
            [taken, ("Range", "bytes=5-"), ("If-Range", plain.etag)]
        )
        #expect(other.status == 200)
        #expect(other.response.body == gzipped.response.body)
        let plainRest = try await get("part", [("Range", "bytes=5-"), ("If-Range", plain.etag)])
        #expect(plainRest.response.body == Array(plain.response.body[5...]))
        #expect(try await get("part", [taken, ("If-None-Match", gzipped.etag)]).status == 304)
    }

    @Test func `is as it is where gzip does not pay, each time`() async throws {
        for _ in 0..<2 {
            let answer = try await get("noise", [("Accept-Encoding", "gzip")])
            #expect(answer.header("Content-Encoding") == nil)
            #expect(answer.etag == "\"noise\"")
            #expect(answer.response.body == Self.noise)
        }
    }

    @Test func `in pieces of any cut makes the whole`() async throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var bytes: [UInt8] = []
            while bytes.count < Self.download.count {
                let end = Int.random(in: bytes.count...Self.download.count * 2, using: &random)
                let field = Bool.random() ? "bytes=\(bytes.count)-" : "bytes=\(bytes.count)-\(end)"
                let answer = try await get("download", [("Range", field), ("If-Range", "\"d1\"")])
                try #require(answer.status == 206, "\(field)")
                bytes += answer.response.body
            }
            #expect(bytes == Self.download)
        }
    }
}
