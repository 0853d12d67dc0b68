import CSystem
import EventLoop
import Glibc
import HTTPCore
import Primitives
import Synchronization
import TLS

/// An HTTP/1.1 client on one loop: for the edge agent, the registries and the command line.
///
/// Keeps connections for the next request, follows no redirects, and asks the system's resolver on
/// a thread of the pool. `send` may be called from any thread.
package final class HTTPClient: @unchecked Sendable {
    // Unchecked: everything but the constants belongs to the loop.
    private let loop: Loop
    private let workers: WorkerPool
    private let options: HTTPClientOptions
    private let tls: TLSClientContext?
    private var idle: [Origin: [ClientConnection]] = [:]
    private var resumptions: [Origin: TLSResumption] = [:]
    private var exchanges: [ObjectIdentifier: Exchange] = [:]
    private var isShutDown = false

    /// - Parameters:
    ///   - loop: must run as long as requests are made.
    ///   - workers: where names are looked up.
    /// - Throws: when the trusted certificates cannot be read.
    package init(
        loop: Loop,
        workers: WorkerPool,
        options: HTTPClientOptions = HTTPClientOptions()
    ) throws(TLSConfigurationError) {
        self.loop = loop
        self.workers = workers
        self.options = options
        if let trust = options.trust {
            tls = try TLSClientContext(trust: trust, identity: options.identity)
        } else {
            tls = nil
        }
    }

    /// Sends a request and gives the whole answer, whatever its status.
    ///
    /// A request on a kept connection that dies without a byte of answer is sent once more on a
    /// fresh one, if its method is idempotent. Cancelling the task ends the exchange at once.
    package func send(_ request: ClientRequest) async throws(HTTPClientError) -> ClientResponse {
        let bytes = try request.encoded(userAgent: options.userAgent)
        let exchange = Exchange(request, bytes)
        let result = await withTaskCancellationHandler {
            await withUnsafeContinuation {
                (continuation: UnsafeContinuation<Result<ClientResponse, HTTPClientError>, Never>)
                in
                exchange.continuation = continuation
                loop.submit { self.start(exchange) }
            }
        } onCancel: {
            loop.submit { self.finish(exchange, .failure(.cancelled)) }
        }
        return try result.get()
    }

    /// Closes every connection and fails what is under way; later requests are refused.
    package func shutDown() {
        loop.submit { [self] in
            isShutDown = true
            for exchange in exchanges.values { finish(exchange, .failure(.shutDown)) }
            for connection in idle.values.joined() { connection.close() }
            idle = [:]
        }
    }

    // MARK: On the loop

    private func start(_ exchange: Exchange) {
        guard !exchange.isFinished else {
            exchange.resume()
            return
        }
        exchange.hasStarted = true
        guard !isShutDown, exchanges.count < options.exchangesMax else {
            finish(exchange, .failure(isShutDown ? .shutDown : .saturated))
            return
        }
        exchanges[ObjectIdentifier(exchange)] = exchange
        exchange.timer = loop.schedule(after: exchange.request.deadline ?? options.deadline) {
            [weak self, unowned exchange] in
            exchange.timer = nil
            self?.finish(
                exchange,
                .failure(.timedOut(authority: exchange.origin.authority, .whole))
            )
        }
        if let connection = takeIdle(exchange.origin) {
            exchange.usesKeptConnection = true
            run(exchange, on: connection)
        } else {
            connect(exchange)
        }
    }

    private func run(_ exchange: Exchange, on connection: ClientConnection) {
        exchange.connection = connection
        connection.begin(
            exchange.bytes,
            method: exchange.request.method,
            bodyBytesMax: exchange.request.bodyBytesMax ?? options.bodyBytesMax
        )
    }

    private func connect(_ exchange: Exchange) {
        let origin = exchange.origin
        let options = self.options
        let isLocal = isAddress(origin.host) && options.proxy(to: origin) == nil
        // The task only carries the answer of the pool back to the loop.
        Task(executorPreference: loop.executor) { [weak self, workers] in
            do {
                // A host written as an address is asked of no server.
                let found =
                    isLocal
                    ? try options.addresses(of: origin)
                    : try await workers.run { try options.addresses(of: origin) }
                self?.connect(exchange, to: found)
            } catch {
                self?.finish(exchange, .failure(error as? HTTPClientError ?? .saturated))
            }
        }
    }

    private func connect(_ exchange: Exchange, to admitted: [SocketAddress]) {
        guard !exchange.isFinished else { return }
        let host = exchange.origin.host
        var session: TLSSession?
        if exchange.origin.isSecure {
            guard let tls else {
                finish(exchange, .failure(.tlsSetup("this client was made for http only")))
                return
            }
            do {
                session = try tls.makeSession(
                    host: host,
                    resuming: resumptions[exchange.origin]
                )
            } catch {
                finish(exchange, .failure(.tlsSetup("\(error)")))
                return
            }
        }
        let connection = ClientConnection(
            to: exchange.origin,
            admitted,
            tls: session,
            on: loop,
            options,
            owner: self
        )
        run(exchange, on: connection)
        connection.open()
    }

    private func isAddress(_ host: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1
    }

    private func finish(
        _ exchange: Exchange,
        _ result: Result<ClientResponse, HTTPClientError>
    ) {
        guard !exchange.isFinished else { return }
        if case .failure = result, let begun = exchange.connection?.begunAnswer {
            exchange.request.onCutOff?(begun)
        }
        exchange.result = result
        exchanges[ObjectIdentifier(exchange)] = nil
        if let timer = exchange.timer { loop.cancel(timer) }
        exchange.timer = nil
        // An answered exchange has given its connection back already.
        exchange.connection?.close()
        exchange.connection = nil
        if exchange.hasStarted { exchange.resume() }
    }

    private func exchange(on connection: ClientConnection) -> Exchange? {
        // Few at a time; a table by connection would have to be kept in step.
        exchanges.values.first { $0.connection === connection }
    }

    // MARK: Kept connections

    private func takeIdle(_ origin: Origin) -> ClientConnection? {
        guard var kept = idle[origin], let connection = kept.popLast() else { return nil }
        idle[origin] = kept.isEmpty ? nil : kept
        return connection
    }

    private func keep(_ connection: ClientConnection) {
        let kept = idle[connection.origin, default: []]
        guard !isShutDown, kept.count < options.idlePerServerMax else {
            connection.close()
            return
        }
        connection.rest()
        idle[connection.origin] = kept + [connection]
    }

    private func remember(_ resumption: TLSResumption?, for origin: Origin) {
        guard let resumption else { return }
        if resumptions[origin] == nil, resumptions.count >= options.resumptionsMax {
            resumptions.removeAll()
        }
        resumptions[origin] = resumption
    }
}

extension HTTPClient: ClientConnection.Owner {
    func onAnswered(
        _ connection: ClientConnection,
        _ response: ClientResponse,
        isReusable: Bool
    ) {
        let exchange = exchange(on: connection)
        exchange?.connection = nil
        // The ticket comes behind the handshake, so with the first answer it is there.
        if connection.answeredCount == 1 {
            remember(connection.resumption(), for: connection.origin)
        }
        if isReusable { keep(connection) }
        if let exchange { finish(exchange, .success(response)) }
    }

    func onFailed(_ connection: ClientConnection, _ error: HTTPClientError) {
        if let index = idle[connection.origin]?.firstIndex(where: { $0 === connection }) {
            idle[connection.origin]?.remove(at: index)
            return
        }
        guard let exchange = exchange(on: connection) else { return }
        guard case .connectionLost = error, exchange.usesKeptConnection,
            !connection.hasBegunAnswer, exchange.request.isIdempotent
        else {
            finish(exchange, .failure(error))
            return
        }
        exchange.connection = nil
        exchange.usesKeptConnection = false
        connect(exchange)
    }
}

/// One request on its way to its answer; belongs to the loop once it is submitted.
private final class Exchange: @unchecked Sendable {
    typealias Outcome = Result<ClientResponse, HTTPClientError>

    let request: ClientRequest
    let bytes: [UInt8]
    let origin: Origin
    var continuation: UnsafeContinuation<Outcome, Never>?
    var result: Outcome?
    var connection: ClientConnection?
    var timer: TimerHandle?
    var usesKeptConnection = false
    var hasStarted = false

    var isFinished: Bool { result != nil }

    init(_ request: ClientRequest, _ bytes: [UInt8]) {
        self.request = request
        self.bytes = bytes
        origin = Origin(request.url)
    }

    func resume() {
        guard let result, let continuation else { return }
        self.continuation = nil
        continuation.resume(returning: result)
    }
}
