import EventLoop
import Glibc
import HTTPCore
import Testing

@testable import HTTPServer

/// A client that makes the server work for nothing (SECURITY row 27).
struct Abuse: Sendable, CustomTestStringConvertible {
    let name: String
    let frames: [Frame]

    var testDescription: String { name }

    private static func streams(_ count: Int, _ frames: (UInt32) -> [Frame]) -> [Frame] {
        (0..<count).flatMap { frames(UInt32(2 * $0 + 1)) }
    }

    private static let entry: [UInt8] =
        [0x40] + HPACK.text("a") + HPACK.text(String(repeating: "b", count: 3900))
    private static let getBlock = HPACK.literal(HPACK.request("GET", "/parked"))

    static let all: [Abuse] = [
        Abuse(
            name: "rapid resets",
            frames: streams(100) { [.get($0, "/parked"), .reset($0)] }
        ),
        Abuse(
            name: "resets that the server is made to send, by windows",
            frames: streams(100) { [.post($0, "/parked"), .window($0, 0x7FFF_FFFF)] }
        ),
        Abuse(
            name: "resets that the server is made to send, by lengths",
            frames: streams(100) {
                [.post($0, "/parked", [("content-length", "1")]), .data($0, "abc")]
            }
        ),
        Abuse(
            name: "heads without fields",
            frames: streams(100) { [Frame(.headers, 5, on: $0, [])] }
        ),
        Abuse(
            name: "heads with forbidden fields",
            frames: streams(100) { [.get($0, "/parked", [("a", "b\0")])] }
        ),
        Abuse(
            name: "CONTINUATION without end",
            frames: [Frame(.headers, 1, on: 1, getBlock)]
                + (0..<100).map { _ in Frame(.continuation, 0, on: 1, [0, 1, 97, 1, 98]) }
        ),
        Abuse(
            name: "empty CONTINUATION",
            frames: [Frame(.headers, 1, on: 1, getBlock)]
                + (0..<100).map { _ in Frame(.continuation, 0, on: 1, []) }
        ),
        Abuse(name: "SETTINGS", frames: (0..<100).map { _ in Frame.settings([(4, 65_535)]) }),
        Abuse(
            name: "PING",
            frames: (0..<500).map { _ in Frame(.ping, 0, on: 0, [UInt8](repeating: 1, count: 8)) }
        ),
        Abuse(
            name: "DATA without bytes",
            frames: [Frame.post(1, "/a")] + (0..<500).map { _ in Frame.data(1, "", ends: false) }
        ),
        Abuse(
            name: "PRIORITY",
            frames: (0..<500).map { _ in Frame(.priority, 0, on: 1, [0, 0, 0, 3, 1]) }
        ),
        Abuse(
            name: "frames of unknown types",
            frames: (0..<500).map { Frame(kind: UInt8(0x0A + $0 % 246), on: 1, [1, 2, 3]) }
        ),
        Abuse(name: "WINDOW_UPDATE", frames: (0..<2000).map { _ in Frame.window(0, 1) }),
        Abuse(
            name: "a bomb in header compression",
            frames: [
                Frame(.headers, 5, on: 1, HPACK.literal(HPACK.request("GET", "/a")) + entry),
                Frame(
                    .headers,
                    5,
                    on: 3,
                    HPACK.literal(HPACK.request("GET", "/parked"))
                        + [UInt8](repeating: 0xBE, count: 16_000)
                ),
            ]
        ),
        Abuse(
            name: "a bomb in trailers",
            frames: [
                Frame(.headers, 5, on: 1, HPACK.literal(HPACK.request("GET", "/a")) + entry),
                .post(3, "/parked"),
                Frame(.headers, 5, on: 3, [UInt8](repeating: 0xBE, count: 16_000)),
            ]
        ),
    ]
}

@Suite("HTTP/2 under attack")
struct HTTP2AbuseTests {
    @Test(arguments: Abuse.all)
    func `says ENHANCE_YOUR_CALM and closes`(abuse: Abuse) async throws {
        let limits = LimitTests.limits {
            $0.clientResetsPerSecondMax = 20
            $0.serverResetsPerSecondMax = 20
            $0.windowUpdatesPerSecondMax = 1000
        }
        try await TestServer.with(limits: limits) { server in
            let client = try HTTP2Client(port: server.port)
            client.send(abuse.frames)
            #expect(client.goAway() == HTTP2Case.calm)
            #expect(client.client.readToEnd() == 0)
            // Whoever was given up or reset never had a handler, but for one cut in half by a read.
            #expect(server.responder.parked.count <= 2)
            let other = try HTTP2Client(port: server.port)
            other.send(.get(1, "/a"))
            #expect(other.answer(1)?.status == 200)
        }
    }

    @Test func `ends a connection whose client does not open its window`() async throws {
        let limits = LimitTests.limits { $0.writeStallTimeout = .milliseconds(40) }
        try await TestServer.with(limits: limits) { server in
            let client = try HTTP2Client(port: server.port, settings: [(4, 0)])
            client.send(.get(1, "/megabyte"))
            #expect(client.goAway() == HTTP2Case.calm)
        }
    }

    @Test func `makes no more answers than the client takes, and the rest when it does`()
        async throws
    {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port, settings: [(4, 0)])
            client.opensWindows = false
            let streams = (0..<40).map { UInt32(2 * $0 + 1) }
            client.send(streams.map { .get($0, "/megabyte") })
            _ = client.settle()
            // A megabyte may wait beside the largest answer; the next one exceeds it.
            #expect(server.responder.answered.count == 3)
            // One that gives its requests up makes room for others.
            client.send(.reset(1), .reset(3))
            _ = client.settle()
            #expect(server.responder.answered.count == 5)
            client.opensWindows = true
            client.send([.settings([(4, 1 << 20)]), .window(0, 1 << 20)])
            for stream in streams.dropFirst(2) {
                #expect(client.answer(stream)?.body.count == 1 << 20)
            }
        }
    }

    @Test func `one long answer does not hold up what is asked beside it`() async throws {
        let limits = LimitTests.limits { $0.waitingAnswerBytesMax = 1000 }
        try await TestServer.with(limits: limits) { server in
            let client = try HTTP2Client(port: server.port, settings: [(4, 1000)])
            client.opensWindows = false
            client.send(.get(1, "/megabyte"))
            for stream: UInt32 in [3, 5, 7] {
                client.send(.get(stream, "/a"))
                #expect(client.answer(stream)?.status == 200)
            }
            #expect(client.answers[1]?.isComplete != true)
        }
    }

    @Test func `closes when acknowledgements pile up unread`() async throws {
        let limits = LimitTests.limits {
            $0.pingsPerSecondMax = .max
            $0.writeStallTimeout = .milliseconds(50)
        }
        try await TestServer.with(limits: limits) { server in
            let client = try HTTP2Client(port: server.port, receiveBuffer: 4096)
            let ping = Frame(.ping, 0, on: 0, [UInt8](repeating: 1, count: 8)).bytes
            let burst = (0..<1000).flatMap { _ in ping }
            for _ in 0..<500 { client.client.sendRaw(burst) }
            while server.group.loops[0].metrics.connections > 0 { await Task.yield() }
        }
    }

    @Test func `counts handlers that outlive their streams`() async throws {
        try await TestServer.with(limits: LimitTests.limits { $0.streamsMax = 2 }) { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.get(1, "/stubborn"), .get(3, "/stubborn"))
            await server.responder.parked.wait(for: 2)
            client.send(.reset(1), .reset(3), .get(5, "/a"))
            #expect(client.answer(5)?.reset == HTTP2Case.refused)
            server.responder.unlocked.add()
            await server.responder.answered.wait(for: 2)
            client.send(.get(7, "/a"))
            #expect(client.answer(7)?.status == 200)
        }
    }

    @Test func `refuses more streams than it allows`() async throws {
        try await TestServer.with(limits: LimitTests.limits { $0.streamsMax = 2 }) { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.get(1, "/parked"), .get(3, "/parked"), .get(5, "/a"))
            let frames = client.settle()
            let code = frames.first { $0.isKind(.goAway) || $0.isKind(.reset) }?.code
            #expect(code == HTTP2Case.refused || code == HTTP2Case.protocol, "\(frames)")
            #expect(server.responder.parked.count <= 2)
        }
    }

    @Test func `lets long bodies wait for each other`() async throws {
        let limits = LimitTests.limits {
            $0.uploadsAtOnceMax = 1
            $0.streamWindowBytes = 1000
            $0.uploadWindowBytes = 2000
        }
        try await TestServer.with(limits: limits) { server in
            let client = try HTTP2Client(port: server.port)
            // The client has agreed to the window.
            _ = client.settle()
            let piece = String(repeating: "a", count: 900)
            client.send(.post(1, "/length"), .post(3, "/length"))
            client.send(.data(1, piece, ends: false), .data(3, piece, ends: false))
            let windows = client.settle().filter { $0.isKind(.windowUpdate) && $0.stream != 0 }
            #expect(Set(windows.map(\.stream)) == [1])
            client.send(.data(1, piece))
            let later = client.settle().filter { $0.isKind(.windowUpdate) }
            #expect(later.contains { $0.stream == 3 })
            #expect(client.answer(1)?.text == "1800")
            client.send(.data(3, piece))
            #expect(client.answer(3)?.text == "1800")
        }
    }
}

@Suite("HTTP/2 and time")
struct HTTP2LifetimeTests {
    @Test func `ends a connection whose head does not end`() async throws {
        try await TestServer.with(limits: LimitTests.limits { $0.headTimeout = .milliseconds(150) })
        { server in
            let client = try HTTP2Client(port: server.port)
            // What the client has to acknowledge must not come into the head.
            _ = client.settle()
            client.send(Frame(.headers, 1, on: 1, HPACK.literal(HPACK.request("GET", "/a"))))
            #expect(client.goAway() == HTTP2Case.calm)
        }
    }

    @Test(arguments: ["", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
    func `closes a connection that never asks`(greeting: String) async throws {
        try await TestServer.with(limits: LimitTests.limits { $0.headTimeout = .milliseconds(30) })
        { server in
            let client = try Client(port: server.port)
            client.send(greeting)
            _ = client.readToEnd()
            while server.group.loops[0].metrics.connections > 0 { await Task.yield() }
        }
    }

    @Test func `closes an idle connection with a farewell`() async throws {
        try await TestServer.with(limits: LimitTests.limits { $0.idleTimeout = .milliseconds(60) })
        { server in
            let client = try HTTP2Client(port: server.port)
            for stream: UInt32 in [1, 3, 5] {
                client.send(.get(stream, "/later"))
                #expect(client.answer(stream)?.status == 200)
                usleep(20_000)
            }
            let farewell = try #require(client.next())
            #expect(farewell.isKind(.goAway))
            #expect(farewell.payload == [0, 0, 0, 5, 0, 0, 0, 0])
            #expect(client.client.isAtEnd())
        }
    }

    @Test func `answers 408 to a body that comes too slowly`() async throws {
        let limits = LimitTests.limits {
            $0.bodyGrace = .milliseconds(40)
            $0.bodyBytesPerSecondMin = 1000
        }
        try await TestServer.with(limits: limits) { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.post(1, "/a"), .data(1, "abc", ends: false), .get(3, "/parked"))
            #expect(client.answer(1)?.status == 408)
            client.send(.get(5, "/a"))
            #expect(client.answer(5)?.status == 200)
            #expect(client.answers[3] == nil)
        }
    }

    @Test func `answers a client that has finished sending`() async throws {
        try await TestServer.with { server in
            let client = try HTTP2Client(port: server.port)
            client.send(.get(1, "/later"))
            client.client.finishSending()
            #expect(client.answer(1)?.text == "GET /later  ")
            #expect(client.client.isAtEnd())
        }
    }

    @Test func `wakes parked handlers when the client is gone`() async throws {
        let limits = LimitTests.limits { $0.halfCloseGrace = .milliseconds(30) }
        try await TestServer.with(limits: limits) { server in
            let polite = try HTTP2Client(port: server.port)
            polite.send(.get(1, "/parked"))
            await server.responder.parked.wait()
            polite.client.finishSending()
            await server.responder.cancelled.wait()
            #expect(polite.answer(1)?.status == 204)
            let abrupt = try HTTP2Client(port: server.port)
            abrupt.send(.get(1, "/parked"), .get(3, "/parked"))
            await server.responder.parked.wait(for: 3)
            abrupt.client.reset()
            await server.responder.cancelled.wait(for: 3)
        }
    }

    @Test func `stops without a client that acknowledges`() async throws {
        let server = try TestServer(
            limits: LimitTests.limits { $0.goAwayGrace = .milliseconds(30) }
        )
        let idle = try HTTP2Client(port: server.port)
        idle.send(.get(1, "/a"))
        #expect(idle.answer(1)?.status == 200)
        await server.server.stop(within: .seconds(10))
        var ends: [UInt32] = []
        while let frame = idle.next() {
            if frame.isKind(.goAway) { ends.append(Frame.number(frame.payload.prefix(4))) }
        }
        #expect(ends == [0x7FFF_FFFF, 1])
        server.group.shutdown()
    }
}

@Suite("HTTP/2 with the clients people use")
struct HTTP2ToolTests {
    private static func has(_ tool: String) -> Bool { access("/usr/bin/\(tool)", X_OK) == 0 }

    private func output(_ command: String) -> String {
        guard let pipe = popen("timeout 20 \(command) 2>&1", "r") else { return "" }
        defer { pclose(pipe) }
        var text: [UInt8] = []
        while case let byte = fgetc(pipe), byte >= 0 {
            text.append(UInt8(truncatingIfNeeded: byte))
        }
        return String(decoding: text, as: UTF8.self)
    }

    @Test(.enabled(if: HTTP2ToolTests.has("curl")))
    func `serves curl`() async throws {
        try await TestServer.with { server in
            let url = "http://127.0.0.1:\(server.port)"
            let report = "--silent --write-out ' %{http_version} %{http_code} %{size_download}'"
            let know = "curl --http2-prior-knowledge \(report)"
            #expect(output("\(know) \(url)/a") == "GET /a   2 200 8")
            #expect(output("\(know) --output /dev/null \(url)/megabyte") == " 2 200 1048576")
            let upload = "head -c 1000000 /dev/zero | \(know) --data-binary @- \(url)/length"
            #expect(output("sh -c \"\(upload)\"") == "1000000 2 200 7")
            // Without prior knowledge curl asks for an upgrade, which is not granted.
            #expect(output("curl --http2 \(report) \(url)/a") == "GET /a   1.1 200 8")
        }
    }

    @Test(.enabled(if: HTTP2ToolTests.has("nghttp")))
    func `serves nghttp`() async throws {
        try await TestServer.with { server in
            let text = output("nghttp --null-out --stat http://127.0.0.1:\(server.port)/megabyte")
            #expect(text.contains(" 200 "), "\(text)")
        }
    }

    @Test(.enabled(if: HTTP2ToolTests.has("h2load")))
    func `serves h2load`() async throws {
        try await TestServer.with { server in
            let url = "http://127.0.0.1:\(server.port)/later"
            let text = output(
                "h2load --requests=2000 --clients=4 --max-concurrent-streams=50 \(url)"
            )
            #expect(text.contains("2000 succeeded"), "\(text)")
        }
    }
}
