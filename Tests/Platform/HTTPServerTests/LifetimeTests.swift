import EventLoop
import Glibc
import HTTPCore
import Synchronization
import Testing

@testable import HTTPServer

@Suite("Time-outs and limits")
struct LimitTests {
    static func limits(_ change: (inout HTTPLimits) -> Void) -> HTTPLimits {
        var limits = HTTPLimits()
        change(&limits)
        return limits
    }

    @Test func `answers 408 to a head that does not end`() async throws {
        let limits = Self.limits { $0.headTimeout = .milliseconds(30) }
        try await TestServer.with(limits: limits) { server in
            let client = try Client(port: server.port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n")
            let answer = try #require(client.readAnswer())
            #expect(answer.status == 408)
            #expect(client.isAtEnd())
        }
    }

    @Test func `closes a connection that never says anything`() async throws {
        let limits = Self.limits { $0.headTimeout = .milliseconds(30) }
        try await TestServer.with(limits: limits) { server in
            let refused = try Client(port: server.port)
            #expect(refused.isAtEnd())
        }
    }

    @Test func `closes a connection idle for too long, counted from its last request`() async throws
    {
        let limits = Self.limits { $0.idleTimeout = .milliseconds(60) }
        try await TestServer.with(limits: limits) { server in
            let client = try Client(port: server.port)
            for _ in 0..<5 {
                client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(client.readAnswer()?.status == 200)
                usleep(20_000)
            }
            #expect(client.isAtEnd())
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["/", "/small", "/refused"])
    func `lets go of what a request holds when its body never comes`(path: String) async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
            client.finishSending()
            await server.responder.released.wait()
        }
    }

    @Test(arguments: ["Content-Length: 100000", "Transfer-Encoding: chunked"])
    func `answers 408 to a body that comes too slowly`(framing: String) async throws {
        let limits = Self.limits {
            $0.bodyGrace = .milliseconds(40)
            $0.bodyBytesPerSecondMin = 1000
        }
        try await TestServer.with(limits: limits) { server in
            let client = try Client(port: server.port)
            client.send("POST / HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n5\r\nabc")
            let answer = try #require(client.readAnswer())
            #expect(answer.status == 408)
            #expect(client.isAtEnd())
        }
    }

    @Test func `closes the connection of a client that does not read`() async throws {
        let limits = Self.limits { $0.writeStallTimeout = .milliseconds(50) }
        try await TestServer.with(limits: limits) { server in
            let client = try Client(port: server.port, receiveBuffer: 4096)
            for _ in 0..<64 { client.send("GET /megabyte HTTP/1.1\r\nHost: x\r\n\r\n") }
            // The server gives up on its own; wait for that and count what it had begun.
            while server.group.loops[0].metrics.connections > 0 {
                await Task.yield()
            }
            #expect(server.responder.answered.count < 16)
        }
    }

    @Test func `goes on with pipelined requests when the client reads again`() async throws {
        let limits = Self.limits { $0.unsentBytesMax = 1000 }
        try await TestServer.with(limits: limits) { server in
            let client = try Client(port: server.port, receiveBuffer: 4096)
            for _ in 0..<20 { client.send("GET /megabyte HTTP/1.1\r\nHost: x\r\n\r\n") }
            for _ in 0..<20 {
                let answer = try #require(client.readAnswer())
                #expect(answer.body.utf8.count == 1 << 20)
            }
        }
    }

    @Test func `puts short answers behind large ones that are not sent yet`() async throws {
        let limits = Self.limits { $0.unsentBytesMax = 64 << 20 }
        try await TestServer.with(limits: limits) { server in
            let client = try Client(port: server.port, receiveBuffer: 4096)
            for number in 0..<10 {
                client.send("GET /megabyte HTTP/1.1\r\nHost: x\r\n\r\n")
                client.send("GET /a?\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
            }
            for number in 0..<10 {
                #expect(client.readAnswer()?.body.utf8.count == 1 << 20)
                #expect(client.readAnswer()?.body == "GET /a \(number) ")
            }
        }
    }

    @Test func `refuses connections over the limit and takes new ones when others end`()
        async throws
    {
        let limits = Self.limits { $0.connectionsPerAddressMax = 3 }
        try await TestServer.with(limits: limits) { server in
            var clients: [Client] = []
            for _ in 0..<3 {
                let client = try Client(port: server.port)
                client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(client.readAnswer()?.status == 200)
                clients.append(client)
            }
            let refused = try Client(port: server.port)
            #expect(refused.isAtEnd())
            clients.removeLast()
            while server.group.loops[0].metrics.connections == 3 { await Task.yield() }
            let client = try Client(port: server.port)
            client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.readAnswer()?.status == 200)
        }
    }

    @Test func `holds two thousand connections`() async throws {
        try await TestServer.with(loops: 2) { server in
            let clients = try (0..<2000).map { _ in try Client(port: server.port) }
            for client in clients { client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n") }
            for client in clients { #expect(client.readAnswer()?.status == 200) }
            let open = server.group.loops.map(\.metrics.connections).reduce(0, +)
            #expect(open == 2000)
            for client in clients { client.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n") }
            for client in clients { #expect(client.readAnswer()?.body == "GET /b  ") }
        }
    }
}

@Suite("Handlers that wait")
struct ParkedHandlerTests {
    @Test func `are cancelled when the client resets the connection`() async throws {
        try await TestServer.with { server in
            let client = try Client(port: server.port)
            client.send("GET /parked HTTP/1.1\r\nHost: x\r\n\r\n")
            await server.responder.parked.wait()
            client.reset()
            await server.responder.cancelled.wait()
        }
    }

    @Test func `are cancelled a moment after the client goes away`() async throws {
        let limits = LimitTests.limits { $0.halfCloseGrace = .milliseconds(20) }
        try await TestServer.with(limits: limits) { server in
            do {
                let client = try Client(port: server.port)
                client.send("GET /parked HTTP/1.1\r\nHost: x\r\n\r\n")
                await server.responder.parked.wait()
            }
            await server.responder.cancelled.wait()
        }
    }

    @Test func `do not stop others on the same loop`() async throws {
        try await TestServer.with { server in
            let parked = try Client(port: server.port)
            parked.send("GET /parked HTTP/1.1\r\nHost: x\r\n\r\n")
            await server.responder.parked.wait()
            let other = try Client(port: server.port)
            other.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(other.readAnswer()?.status == 200)
        }
    }

    @Test func `make a client that sends on wait without taking memory`() async throws {
        let limits = LimitTests.limits { $0.pipelinedBytesMax = 10_000 }
        try await TestServer.with(limits: limits) { server in
            let client = try Client(port: server.port)
            client.send("GET /parked HTTP/1.1\r\nHost: x\r\n\r\n")
            await server.responder.parked.wait()
            // More than the sockets' buffers hold never goes through.
            _ = fcntl(client.descriptor, F_SETFL, O_NONBLOCK)
            let block = [UInt8](repeating: 97, count: 65_536)
            var sent = 0
            var refusals = 0
            while refusals < 50 && sent < 64 << 20 {
                let result = block.withUnsafeBytes { System.send(client.descriptor, $0) }
                if case .bytes(let count) = result { sent += count } else { refusals += 1 }
                await Task.yield()
            }
            #expect(sent < 64 << 20)
        }
    }
}

@Suite("Stopping")
struct StopTests {
    @Test func `answers parked handlers, closes idle connections and takes no new ones`()
        async throws
    {
        let server = try TestServer()
        let idle = try Client(port: server.port)
        idle.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(idle.readAnswer()?.status == 200)
        let parked = try (0..<50).map { _ in try Client(port: server.port) }
        for client in parked { client.send("GET /parked HTTP/1.1\r\nHost: x\r\n\r\n") }
        await server.responder.parked.wait(for: 50)
        await server.server.stop(within: .seconds(10))
        for client in parked {
            let answer = try #require(client.readAnswer())
            #expect(answer.status == 204)
            #expect(answer["Connection"] == "close")
            #expect(client.isAtEnd())
        }
        #expect(idle.isAtEnd())
        #expect(throws: SystemError.self) { _ = try Client(port: server.port) }
        server.group.shutdown()
    }

    @Test func `closes what does not end in time`() async throws {
        // Only the stop may end this connection, however long the test waits for its turn.
        var limits = HTTPLimits()
        limits.bodyGrace = .seconds(3600)
        let server = try TestServer(limits: limits)
        let client = try Client(port: server.port)
        client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
        client.send("")
        while server.group.loops[0].metrics.connections == 0 { await Task.yield() }
        await server.server.stop(within: .milliseconds(20))
        #expect(client.readToEnd() == 0)
        server.group.shutdown()
    }

    @Test func `may be asked twice`() async throws {
        let server = try TestServer()
        async let first: Void = server.server.stop(within: .seconds(1))
        async let second: Void = server.server.stop(within: .seconds(1))
        _ = await (first, second)
        server.group.shutdown()
    }
}

@Suite("Starting")
struct StartTests {
    @Test func `refuses a port that another server has`() async throws {
        try await TestServer.with { server in
            let group = try LoopGroup(count: 1)
            let second = Server(
                configuration: ServerConfiguration(
                    endpoints: [.init(host: "127.0.0.1", port: server.port)]),
                loops: group,
                responder: EchoResponder()
            )
            #expect(throws: SystemError.self) { try second.start() }
            group.shutdown()
        }
    }

    @Test func `listens on a name and on IPv6`() async throws {
        let group = try LoopGroup(count: 2)
        let server = Server(
            configuration: ServerConfiguration(
                endpoints: [.init(host: "localhost", port: 0), .init(host: "::", port: 0)]),
            loops: group,
            responder: EchoResponder()
        )
        let bound = try server.start()
        #expect(bound.count >= 2)
        // The unspecified IPv6 address takes IPv4 clients too.
        let port = try #require(bound.last).port
        let client = try Client(port: port)
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.readAnswer()?.status == 200)
        await server.stop(within: .seconds(1))
        group.shutdown()
    }
}

@Suite("The observer")
struct ObserverTests {
    private final class Recorder: RequestObserver {
        let seen = Mutex<[String]>([])
        let answers = EventCounter()

        func answered(_ answer: AnsweredRequest) {
            let path = answer.request.map { $0.text($0.path) } ?? "-"
            seen.withLock {
                $0.append("\(path) \(answer.status) \(answer.bytes > 0) \(answer.peerAddress)")
            }
            answers.add()
        }
    }

    @Test func `hears of answers and refusals`() async throws {
        let recorder = Recorder()
        let server = try TestServer(observer: recorder)
        let client = try Client(port: server.port)
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/3.0\r\n\r\n")
        await recorder.answers.wait(for: 2)
        #expect(
            recorder.seen.withLock { $0 } == ["/a 200 true 127.0.0.1", "- 505 true 127.0.0.1"]
        )
        await server.stop()
    }
}
