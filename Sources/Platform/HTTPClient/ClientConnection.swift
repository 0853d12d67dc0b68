import CSystem
import EventLoop
import Glibc
import HTTPCore
import Primitives
import TLS

/// One connection to one server, and the exchange that runs on it; belongs to its loop.
///
/// Its owner hears of the end of each exchange once, and of the connection's end once.
final class ClientConnection: ReadinessHandler {
    /// What the owner is told; called on the loop.
    protocol Owner: AnyObject {
        /// The exchange has its answer; `isReusable` when the connection may carry another.
        func onAnswered(
            _ connection: ClientConnection,
            _ response: ClientResponse,
            isReusable: Bool
        )
        /// The exchange failed, or the connection ended while unused; it is closed already.
        func onFailed(_ connection: ClientConnection, _ error: HTTPClientError)
    }

    private enum Phase {
        case connecting, tunnel, handshake, ready, closed
    }

    let origin: Origin
    private let loop: Loop
    private let options: HTTPClientOptions
    private weak var owner: (any Owner)?
    private let tls: TLSSession?
    private var addresses: ArraySlice<SocketAddress>
    private var descriptor: Descriptor?
    private var phase = Phase.connecting
    private var timer: TimerHandle?

    private var tunnelParser: ResponseParser?
    private var parser: ResponseParser?
    private var outgoing: ArraySlice<UInt8> = []
    /// How many exchanges this connection has answered.
    private(set) var answeredCount = 0
    /// What has come of the present exchange's body.
    var begunAnswer: ClientResponse? {
        guard let parser, !parser.response.body.isEmpty else { return nil }
        return parser.response
    }
    /// Whether the server has said anything in the present exchange.
    var hasBegunAnswer: Bool { parser?.hasBegun ?? false }

    private static let readBytes = 32 * 1024
    /// Plaintext is encrypted in portions, so that a large body is not held twice.
    private static let portionBytes = 64 * 1024

    init(
        to origin: Origin,
        _ addresses: [SocketAddress],
        tls: TLSSession?,
        on loop: Loop,
        _ options: HTTPClientOptions,
        owner: any Owner
    ) {
        self.origin = origin
        self.addresses = addresses[...]
        self.tls = tls
        self.loop = loop
        self.options = options
        self.owner = owner
    }

    // MARK: What the owner asks for

    /// Connects; `begin` may be called at once.
    func open() { connectToNext(lastError: 0) }

    /// Sends a request; one at a time.
    func begin(_ request: [UInt8], method: HTTPMethod, bodyBytesMax: Int) {
        precondition(parser == nil, "a connection carries one exchange at a time")
        parser = ResponseParser(method: method, bodyBytesMax: bodyBytesMax)
        outgoing = request[...]
        // The limit on an unused connection does not count for a used one.
        if phase == .ready { stopTimer() }
        if phase == .ready { flush() }
    }

    /// Keeps the connection open, for `idleTimeout` at most.
    func rest() {
        startTimer(options.idleTimeout) { [unowned self] in
            fail(.connectionLost(authority: authority))
        }
    }

    /// Closes without telling the owner.
    func close() {
        guard phase != .closed else { return }
        owner = nil
        shut()
    }

    /// What a later connection to the server can take up.
    func resumption() -> TLSResumption? { tls?.resumption() }

    // MARK: Connecting

    private var authority: String { origin.authority }

    /// Whether bytes may come.
    private var isTalking: Bool { phase == .tunnel || phase == .handshake || phase == .ready }

    private func connectToNext(lastError: Int32) {
        guard let address = addresses.popFirst() else {
            let reason = String(cString: strerror(lastError))
            fail(
                lastError == ECONNREFUSED
                    ? .connectionRefused(authority: authority)
                    : .unreachable(authority: authority, reason: reason)
            )
            return
        }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = socket(address.family, type, 0)
        guard number >= 0 else {
            connectToNext(lastError: errno)
            return
        }
        descriptor = Descriptor(owning: number)
        System.sendWithoutDelay(number)
        let outcome = address.withSocketAddress { connect(number, $0, $1) }
        guard outcome == 0 || errno == EINPROGRESS else {
            let code = errno
            descriptor = nil
            connectToNext(lastError: code)
            return
        }
        do {
            try loop.watch(number, .changes, self)
        } catch {
            descriptor = nil
            connectToNext(lastError: error.code)
            return
        }
        startTimer(options.connectTimeout) { [unowned self] in
            guard addresses.isEmpty else {
                leaveSocket()
                connectToNext(lastError: ETIMEDOUT)
                return
            }
            fail(.timedOut(authority: authority, .connecting))
        }
    }

    private func onConnectResult() {
        guard let number = descriptor?.number else { return }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else {
            leaveSocket()
            connectToNext(lastError: code)
            return
        }
        if let proxy = options.proxy(to: origin) {
            openTunnel(through: proxy, number)
        } else {
            beginTLS()
        }
    }

    /// Asks a proxy for a way to the server (RFC 9110 §9.3.6).
    private func openTunnel(through proxy: OutboundProxy, _ number: Int32) {
        phase = .tunnel
        startTimer(options.connectTimeout) { [unowned self] in
            fail(.timedOut(authority: authority, .connecting))
        }
        let request = proxy.request(for: origin)
        // A connection this young takes a few hundred bytes at once or is broken.
        guard case .bytes(request.count) = request.withUnsafeBytes({ System.send(number, $0) })
        else {
            fail(.unreachable(authority: authority, reason: "the proxy takes no request"))
            return
        }
    }

    private func takeTunnel(_ bytes: UnsafeRawBufferPointer) {
        // Like that to HEAD, the answer has no body whatever its fields say.
        var parser = tunnelParser ?? ResponseParser(method: .head, bodyBytesMax: 0)
        switch bytes.withMemoryRebound(to: UInt8.self, { parser.feed($0.span) }) {
        case .needsMore:
            tunnelParser = parser
        case .complete(bytes.count) where (200...299).contains(parser.response.status):
            beginTLS()
        default:
            fail(.unreachable(authority: authority, reason: "the proxy gives no way there"))
        }
    }

    private func beginTLS() {
        guard let tls else {
            becomeReady()
            return
        }
        phase = .handshake
        startTimer(options.handshakeTimeout) { [unowned self] in
            fail(.timedOut(authority: authority, .handshake))
        }
        do {
            try tls.startHandshake()
            flush()
        } catch {
            fail(.tls(authority: authority, error))
        }
    }

    private func becomeReady() {
        phase = .ready
        stopTimer()
        if parser != nil { flush() }
    }

    // MARK: Events

    func onReady(_ readiness: Readiness) {
        switch phase {
        case .closed:
            return
        case .connecting:
            // The first report may come before the connection is made, and then says hang-up too;
            // a socket that is neither writable nor in error is still on its way.
            guard !readiness.isDisjoint(with: [.writable, .failed]) else { return }
            onConnectResult()
        case .tunnel: break
        case .handshake, .ready:
            if readiness.contains(.writable) { flush() }
        }
        if isTalking { receive() }
    }

    private func receive() {
        withUnsafeTemporaryAllocation(byteCount: ClientConnection.readBytes, alignment: 16) {
            room in
            while let number = descriptor?.number, isTalking {
                switch System.receive(number, into: room) {
                case .bytes(let count):
                    let bytes = UnsafeRawBufferPointer(rebasing: room[..<count])
                    if phase == .tunnel {
                        takeTunnel(bytes)
                    } else if let tls {
                        decrypt(bytes, tls)
                    } else {
                        take(bytes)
                    }
                case .wouldBlock:
                    return
                case .finished:
                    onPeerFinished()
                    return
                case .broken:
                    // A reset behind a complete answer has been seen as the answer already.
                    fail(.connectionLost(authority: authority))
                    return
                }
            }
        }
    }

    private func decrypt(_ ciphertext: UnsafeRawBufferPointer, _ tls: TLSSession) {
        tls.receive(ciphertext)
        drainTLS(tls)
        guard phase == .handshake || phase == .ready else { return }
        if phase == .handshake, !tls.isHandshaking { becomeReady() }
        if tls.hasPendingOutput { flush() }
    }

    private func drainTLS(_ tls: TLSSession) {
        withUnsafeTemporaryAllocation(byteCount: ClientConnection.readBytes, alignment: 16) {
            room in
            while phase == .handshake || phase == .ready {
                do throws(TLSError) {
                    switch try tls.read(into: room) {
                    case .bytes(let count): take(UnsafeRawBufferPointer(rebasing: room[..<count]))
                    case .wouldBlock: return
                    case .closed:
                        onEnd()
                        return
                    }
                } catch {
                    // The server is told why, as far as the socket takes it at once.
                    if let number = descriptor?.number, tls.hasPendingOutput {
                        _ = System.send(number, tls.pendingOutput)
                    }
                    fail(
                        error == .truncated && phase == .ready
                            ? .connectionLost(authority: authority)
                            : .tls(authority: authority, error)
                    )
                    return
                }
            }
        }
    }

    private func onPeerFinished() {
        guard let tls, phase != .tunnel else {
            onEnd()
            return
        }
        tls.receiveEnd()
        drainTLS(tls)
    }

    /// The server sends nothing more, and has said so in the way its protocol has.
    private func onEnd() {
        guard let parser, parser.isCompleteAtClose() else {
            fail(.connectionLost(authority: authority))
            return
        }
        complete(parser, isReusable: false)
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        guard var parser else {
            // Bytes that nobody asked for.
            fail(.protocolViolation(authority: authority, "bytes that belong to no answer."))
            return
        }
        self.parser = nil
        let step = bytes.withMemoryRebound(to: UInt8.self) { parser.feed($0.span) }
        switch step {
        case .needsMore:
            self.parser = parser
            waitForBytes()
        case .complete(let consumed):
            complete(
                parser,
                isReusable: parser.keepsAlive && outgoing.isEmpty && consumed == bytes.count
            )
        case .violation(let reason):
            fail(.protocolViolation(authority: authority, reason + "."))
        case .bodyTooLarge:
            fail(.bodyTooLarge(bytesMax: parser.bodyBytesMax))
        }
    }

    private func complete(_ parser: ResponseParser, isReusable: Bool) {
        self.parser = nil
        answeredCount += 1
        stopTimer()
        let owner = self.owner
        if !isReusable { shut() }
        owner?.onAnswered(self, parser.response, isReusable: isReusable)
    }

    // MARK: Sending

    private func flush() {
        guard let number = descriptor?.number else { return }
        while let isDone = sendSome(number) {
            if isDone { return }
        }
    }

    /// Sends one piece; true when there is no more, nil when the socket is full or broken.
    private func sendSome(_ number: Int32) -> Bool? {
        let result: TransferResult
        if let tls {
            if !tls.hasPendingOutput {
                guard phase == .ready, !outgoing.isEmpty else { return true }
                do {
                    let portion = outgoing.prefix(ClientConnection.portionBytes)
                    try tls.write(Array(portion))
                    outgoing = outgoing.dropFirst(portion.count)
                } catch {
                    fail(.tls(authority: authority, error))
                    return nil
                }
            }
            result = System.send(number, tls.pendingOutput)
            if case .bytes(let count) = result { tls.consumeOutput(count) }
        } else {
            guard !outgoing.isEmpty else { return true }
            result = outgoing.withUnsafeBytes { System.send(number, $0) }
            if case .bytes(let count) = result { outgoing = outgoing.dropFirst(count) }
        }
        switch result {
        case .bytes:
            // Until the answer begins only the deadline counts; until the request is out, progress.
            if phase == .ready, parser != nil {
                if outgoing.isEmpty { stopTimer() } else { waitForBytes() }
            }
            return false
        case .wouldBlock:
            if phase == .ready, parser != nil { waitForBytes() }
            return nil
        case .finished, .broken:
            // The server may have answered before it closed, such as 413: read that first.
            outgoing = []
            receive()
            if phase != .closed, parser != nil { fail(.connectionLost(authority: authority)) }
            return nil
        }
    }

    // MARK: Ending

    private func waitForBytes() {
        startTimer(options.transferTimeout) { [unowned self] in
            fail(.timedOut(authority: authority, .transfer))
        }
    }

    private func startTimer(_ delay: Duration, _ body: @escaping () -> Void) {
        stopTimer()
        timer = loop.schedule(after: delay) { [unowned self] in
            timer = nil
            body()
        }
    }

    private func stopTimer() {
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    private func fail(_ error: HTTPClientError) {
        guard phase != .closed else { return }
        let owner = self.owner
        shut()
        owner?.onFailed(self, error)
    }

    private func leaveSocket() {
        if let number = descriptor?.number { loop.unwatch(number) }
        descriptor = nil
    }

    private func shut() {
        if phase == .ready, let tls, let number = descriptor?.number, outgoing.isEmpty {
            tls.shutdown()
            if tls.hasPendingOutput { _ = System.send(number, tls.pendingOutput) }
        }
        phase = .closed
        stopTimer()
        leaveSocket()
    }
}

/// A server as connections are kept for it: scheme, host and port.
struct Origin: Hashable, Sendable {
    let isSecure: Bool
    let host: String
    let port: UInt16
    /// The text for messages.
    let authority: String

    init(_ url: HTTPURL) {
        isSecure = url.isSecure
        host = url.host
        port = url.port
        authority = url.authority
    }
}
