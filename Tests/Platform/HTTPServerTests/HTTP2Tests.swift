import EventLoop
import Glibc
import HTTPCore
import Testing

@testable import HTTPServer

@Suite("HTTP/2 on a real socket")
struct HTTP2Tests {
    @Test func `answers prior knowledge and keeps the connection`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            for number in 0..<3 {
                let stream = UInt32(2 * number + 1)
                client.send(.get(stream, "/a?n=\(number)"))
                let answer = try #require(client.answer(stream))
                #expect(answer.status == 200)
                #expect(answer.text == "GET /a n=\(number) ")
                #expect(answer["x-request-id"]?.count == 16)
                #expect(answer["x-content-type-options"] == "nosniff")
                #expect(answer["cache-control"] == "no-store")
                #expect(answer["content-type"] == "text/plain; charset=utf-8")
                #expect(answer["content-length"] == "\(answer.body.count)")
                #expect(answer["date"]?.hasSuffix(" GMT") == true)
            }
        }
    }

    @Test func `recognises the preface in single bytes`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            for byte in HTTP2Client.preface.dropLast() {
                client.send([byte])
                usleep(200)
            }
            let speaker = HTTP2Client.self
            client.send(Array(speaker.preface.suffix(1)) + Frame.settings().bytes)
            client.send(Frame.get(1, "/a").bytes)
            var kinds: [UInt8] = []
            while kinds.last != Frame.Kind.data.rawValue {
                let head = try #require(client.read(9))
                let frame = Frame(head: head)
                _ = client.read(frame.length ?? 0)
                kinds.append(frame.kind)
            }
            #expect(kinds.first == Frame.Kind.settings.rawValue)
        }
    }

    @Test func `runs handlers at the same time and answers as they become ready`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.get(1, "/parked"), .get(3, "/later"), .get(5, "/a"))
            #expect(client.answer(5)?.text == "GET /a  ")
            #expect(client.answer(3)?.text == "GET /later  ")
            await server.responder.parked.wait()
            #expect(client.answers[1] == nil)
            client.send(.reset(1))
            await server.responder.cancelled.wait()
            client.send(.get(7, "/a"))
            #expect(client.answer(7)?.status == 200)
            #expect(client.answers[1] == nil)
        }
    }

    @Test func `takes a body with trailers`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.send(
                .post(1, "/a"),
                .data(1, "abc", ends: false),
                .data(1, "def", ends: false),
                .head(1, [("checksum", "1")])
            )
            #expect(client.answer(1)?.text == "POST /a  abcdef")
        }
    }

    @Test func `leaves the body out where there is none`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.send(
                .head(1, HPACK.request("HEAD", "/megabyte")),
                .get(3, "/unchanged"),
                .get(5, "/refused")
            )
            #expect(client.answer(1)?["content-length"] == "1048576")
            #expect(client.answer(1)?.body == [])
            #expect(client.answer(3)?.status == 304)
            #expect(client.answer(3)?["etag"] == "\"1\"")
            #expect(client.answer(3)?["content-length"] == nil)
            #expect(client.answer(5)?.status == 403)
        }
    }

    @Test func `drops fields that would break the message`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.get(1, "/fields"))
            let answer = try #require(client.answer(1))
            #expect(answer["x-good"] == "yes")
            #expect(answer["x-evil"] == nil)
            #expect(answer["content-length"] == "0")
            #expect(answer["cache-control"] == "private")
            #expect(answer.heads[0].count { $0.0 == "cache-control" } == 1)
        }
    }

    @Test func `sends large answers by turns and only as far as windows allow`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.opensWindows = false
            client.send(.get(1, "/megabyte"), .get(3, "/megabyte"))
            let frames = client.settle().filter { $0.isKind(.data) }
            #expect(frames.reduce(0) { $0 + $1.payload.count } == 65_535)
            #expect(Set(frames.prefix(2).map(\.stream)) == [1, 3])
            client.opensWindows = true
            client.send(.window(0, 4 << 20), .window(1, 2 << 20), .window(3, 2 << 20))
            #expect(client.answer(1)?.body.count == 1 << 20)
            #expect(client.answer(3)?.body.count == 1 << 20)
        }
    }

    @Test func `opens windows for a long body`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            let body = [UInt8](repeating: 97, count: 900_000)
            client.send(.post(1, "/length", [("content-length", "\(body.count)")]))
            var windows: [UInt32: Int] = [0: 65_535, 1: 65_536]
            var sent = 0
            while sent < body.count {
                let count = min(16_384, body.count - sent, windows[0] ?? 0, windows[1] ?? 0)
                if count == 0 {
                    let frame = try #require(client.next())
                    if frame.isKind(.windowUpdate) {
                        windows[frame.stream, default: 0] += Int(Frame.number(frame.payload))
                    }
                    continue
                }
                let piece = Array(body[sent..<sent + count])
                sent += count
                windows[0]? -= count
                windows[1]? -= count
                client.send(Frame(.data, sent == body.count ? 1 : 0, on: 1, piece))
            }
            #expect(client.answer(1)?.text == "900000")
        }
    }

    @Test func `answers 413 at once and takes no more of the body`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.post(1, "/small", [("content-length", "11")]))
            #expect(client.answer(1)?.status == 413)
            client.send(.post(3, "/small"), .data(3, "01234567890", ends: false))
            #expect(client.answer(3)?.status == 413)
            let frames = client.settle()
            #expect(client.answers[1]?.reset == 0, "\(frames)")
            #expect(client.answers[3]?.reset == 0)
            client.send(.get(5, "/a"))
            #expect(client.answer(5)?.status == 200)
        }
    }

    @Test func `asks for a body that waits`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.post(1, "/a", [("expect", "100-continue")]))
            while client.answers[1] == nil { _ = try #require(client.next()) }
            #expect(client.answers[1]?.status == 100)
            client.send(.data(1, "abc"))
            #expect(client.answer(1)?.text == "POST /a  abc")
            client.send(.post(3, "/refused", [("expect", "100-continue")]))
            #expect(client.answer(3)?.heads.count == 1)
            #expect(client.answer(3)?.status == 403)
            client.send(.post(5, "/a", [("expect", "more")]))
            #expect(client.answer(5)?.status == 417)
        }
    }

    @Test func `answers parked requests when it stops, and says which was the last`() async throws {
        let server = try TestServer()
        let client = try HTTP2Client(port: server.port)
        client.send(.get(1, "/parked"))
        await server.responder.parked.wait()
        async let stopped: Void = server.server.stop(within: .seconds(10))
        var ends: [UInt32] = []
        while let frame = client.next() {
            if frame.isKind(.goAway) {
                ends.append(Frame.number(frame.payload.prefix(4)))
                #expect(frame.code == 0)
            }
            if frame.isKind(.ping) {
                // This one was on its way when the first GOAWAY came.
                client.send(.get(3, "/a"), Frame(.ping, Frame.ack, on: 0, frame.payload))
            }
        }
        await stopped
        #expect(ends == [0x7FFF_FFFF, 3])
        #expect(client.answers[1]?.status == 204)
        #expect(client.answers[3]?.status == 200)
        server.group.shutdown()
    }
}
