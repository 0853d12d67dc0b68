import EventLoop
import HTTPCore
import HTTPServer
import Synchronization
import TLS

/// A server on a port of its own with a responder that tests can steer by the path.
final class TestServer: Sendable {
    let group: LoopGroup
    let server: Server
    let port: UInt16
    let responder: EchoResponder

    init(
        limits: HTTPLimits = HTTPLimits(),
        loops: Int = 1,
        observer: (any RequestObserver)? = nil,
        tls: TLSServerContext? = nil,
        clientCertificates: ServerConfiguration.ClientCertificates = .none
    ) throws {
        responder = EchoResponder()
        group = try LoopGroup(count: loops)
        server = Server(
            configuration: ServerConfiguration(
                endpoints: [
                    .init(
                        host: "127.0.0.1",
                        port: 0,
                        isSecure: tls != nil,
                        clientCertificates: clientCertificates
                    )
                ],
                limits: limits
            ),
            loops: group,
            responder: responder,
            observer: observer,
            tls: tls
        )
        port = try server.start()[0].port
    }

    func stop() async {
        await server.stop(within: .milliseconds(200))
        group.shutdown()
    }

    /// Runs the test's body with a server and stops it afterwards.
    static func with(
        limits: HTTPLimits = HTTPLimits(),
        loops: Int = 1,
        tls: TLSServerContext? = nil,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let server = try TestServer(limits: limits, loops: loops, tls: tls)
        do {
            try await body(server)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }
}

/// Counts events and lets a test wait for a number of them.
final class EventCounter: Sendable {
    private struct State {
        var count = 0
        var waiting: [(count: Int, continuation: UnsafeContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.count } }

    func add() {
        let ready = state.withLock { state in
            state.count += 1
            let ready = state.waiting.filter { $0.count <= state.count }
            state.waiting.removeAll { $0.count <= state.count }
            return ready.map(\.continuation)
        }
        for continuation in ready { continuation.resume() }
    }

    func wait(for count: Int = 1) async {
        await withUnsafeContinuation { continuation in
            let isReached = state.withLock { state in
                if state.count >= count { return true }
                state.waiting.append((count, continuation))
                return false
            }
            if isReached { continuation.resume() }
        }
    }
}

/// What a responder keeps with a request until it answers, as the API does: it refers back.
final class Held {
    private let request: Request
    private let released: EventCounter

    init(_ request: Request, _ released: EventCounter) {
        self.request = request
        self.released = released
    }

    deinit { released.add() }
}

/// Answers what a path asks for.
final class EchoResponder: Responder {
    let parked = EventCounter()
    let cancelled = EventCounter()
    let answered = EventCounter()
    let released = EventCounter()
    /// Lets the handlers of `/stubborn` go on, which do not heed their cancellation.
    let unlocked = EventCounter()
    let bodyBytesMax = 1 << 20

    func admit(_ request: Request) -> Admission {
        request.admission = Held(request, released)
        return switch request.text(request.path) {
        case "/refused": .answer(Response(status: 403, contentType: .json, body: Array("{}".utf8)))
        case "/small": .accept(bodyBytesMax: 10)
        case "/large": .accept(bodyBytesMax: 64 << 20)
        default: .accept(bodyBytesMax: bodyBytesMax)
        }
    }

    func respond(to request: Request) async -> Response {
        defer { answered.add() }
        request.admission = nil
        let path = request.text(request.path)
        switch path {
        case "/parked":
            parked.add()
            guard let loop = Loop.current else { return Response(status: 500) }
            do {
                try await loop.sleep(for: .seconds(3600))
                return Response(status: 500)
            } catch {
                cancelled.add()
                return Response(status: 204)
            }
        case "/stubborn":
            parked.add()
            await unlocked.wait()
        case "/later":
            guard let loop = Loop.current else { return Response(status: 500) }
            try? await loop.sleep(for: .milliseconds(2))
        case "/megabyte":
            return Response(
                status: 200,
                contentType: .octetStream,
                body: [UInt8](repeating: 120, count: 1 << 20)
            )
        case "/unchanged":
            return Response(status: 304, etag: Array("\"1\"".utf8))
        case "/client":
            return text("\(request.client)")
        case "/length":
            return text("\(request.body.count)")
        case "/fields":
            return Response(
                status: 200,
                fields: [
                    ("X-Good", "yes"), ("X-Evil", "a\r\nX-Injected: b"), ("Content-Length", "9"),
                    ("Bad Name", "x"), ("Cache-Control", "private"),
                ]
            )
        default:
            break
        }
        return text(
            "\(request.method.text) \(path) \(request.text(request.query)) "
                + String(decoding: request.body, as: UTF8.self)
        )
    }

    private func text(_ text: String) -> Response {
        Response(status: 200, contentType: .plainText, body: Array(text.utf8))
    }
}
