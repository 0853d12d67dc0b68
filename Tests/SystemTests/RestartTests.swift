import Glibc
import Synchronization
import Testing
import TestSupport

@Suite("A restart while clients come", .serialized)
struct RestartTests {
    @Test(.timeLimit(.minutes(2)))
    func `turns nobody away when the service manager keeps the socket`() async throws {
        let socket = try KeptSocket()
        let data = try TemporaryDirectory.make() + "/data"
        var server = try await EaselProcess.start(data: data, flags: [], handing: socket.number)
        #expect(server.addresses == ["http://127.0.0.1:\(socket.port)"])
        let clients = Newcomers(port: socket.port)
        for _ in 0..<3 {
            try await clients.untilServed(200)
            #expect(try await server.stop() == .exit(0))
            server = try await EaselProcess.start(data: data, flags: [], handing: socket.number)
        }
        try await clients.untilServed(200)
        #expect(await clients.stop() == [])
    }

    @Test(.timeLimit(.minutes(2)))
    func `turns nobody away when the next server listens already`() async throws {
        var server = try await EaselProcess.start(flags: ["--listen", "127.0.0.1:0"])
        let port = server.plainPort
        let clients = Newcomers(port: port)
        for _ in 0..<3 {
            try await clients.untilServed(200)
            let next = try EaselProcess.launch(
                data: server.data,
                flags: ["--listen", "127.0.0.1:\(port)", "--take-over"]
            )
            try await Wait.until("the next server listens") {
                next.errors.lines.contains { $0.contains("waits until") }
            }
            #expect(try await server.stop() == .exit(0))
            server = try await EaselProcess.ready(next, data: server.data)
        }
        try await clients.untilServed(200)
        #expect(await clients.stop() == [])
    }

    @Test func `without leave a second server on the port is refused`() async throws {
        let server = try await EaselProcess.start(flags: ["--listen", "127.0.0.1:0"])
        let second = try EaselProcess.launch(
            data: try TemporaryDirectory.make() + "/data",
            flags: ["--listen", "127.0.0.1:\(server.plainPort)"]
        )
        #expect(try await second.ended() == .exit(1))
    }

    @Test func `a descriptor that is no listening socket is refused`() async throws {
        let number = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(number) }
        await #expect(throws: EaselProcess.NotReady.self) {
            _ = try await EaselProcess.start(flags: [], handing: number)
        }
    }
}

/// A listening socket that outlives the servers which accept from it.
private struct KeptSocket: ~Copyable {
    struct Failed: Error {
        let code: Int32
    }

    let number: Int32
    let port: UInt16

    init() throws {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = number
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, size) | listen(listener, 4096)
                    | getsockname(listener, address, &size)
            }
        }
        guard number >= 0, code == 0 else { throw Failed(code: errno) }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(number) }
}

/// Clients that connect, ask once and leave, one after the other without a pause.
private final class Newcomers: Sendable {
    private struct State {
        var served = 0
        var failures: [String] = []
        var isStopping = false
        var running = 0
    }

    private let state = Mutex(State())

    init(port: UInt16) {
        for _ in 0..<4 {
            state.withLock { $0.running += 1 }
            Threads.start { [self] in
                while !state.withLock(\.isStopping) { ask(port) }
                state.withLock { $0.running -= 1 }
            }
        }
    }

    private func ask(_ port: UInt16) {
        do {
            let socket = try RawSocket(port: port, receiveSeconds: 20)
            try socket.send(requestText("GET", "/livez", fields: ["Connection: close"]))
            let answer = try socket.receiveAnswer()
            state.withLock {
                $0.served += 1
                if answer.status != 200 { $0.failures.append(answer.head) }
            }
        } catch {
            state.withLock { $0.failures.append("\(error)") }
        }
    }

    /// Waits until so many more have had their answer.
    func untilServed(_ more: Int) async throws {
        let goal = state.withLock { $0.served } + more
        try await Wait.until("\(more) clients were served", within: .seconds(30)) {
            state.withLock { $0.served >= goal || !$0.failures.isEmpty }
        }
    }

    /// Ends them.
    ///
    /// - Returns: what went wrong for any of them.
    func stop() async -> [String] {
        state.withLock { $0.isStopping = true }
        try? await Wait.until("the clients have left") { state.withLock { $0.running == 0 } }
        return state.withLock(\.failures)
    }
}
