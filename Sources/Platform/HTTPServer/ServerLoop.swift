import EventLoop
import Glibc
import HTTPCore
import Primitives
import TLS

/// The part of a server that lives on one loop: its listeners, its connections and the memory they
/// share.
///
/// Unchecked: everything but the constants belongs to the loop's thread.
final class ServerLoop: @unchecked Sendable {
    let loop: Loop
    let limits: HTTPLimits
    let responder: any Responder
    let observer: (any RequestObserver)?
    /// Whether there is an observer: asked for each answer, where copying the reference would cost.
    let observesAnswers: Bool
    let counter: ConnectionCounter
    let rejections: Rejections
    let traffic: Traffic
    /// What new secure connections use; replaced when the certificate is renewed.
    var tls: TLSServerContext?
    let certified: Server.ClientLookUp
    private(set) var isDraining = false

    private var listeners: [Listener] = []
    private var connections: [Connection] = []
    private var whenDrained: [@Sendable () -> Void] = []
    private var drainTimer: TimerHandle?
    private var handshakesThisTurn = 0
    private var handshakeTurn = MonotonicTime(nanoseconds: .min)
    private var waitingHandshakes: [Connection] = []
    /// Connections whose output waits for its turn to be sent.
    private var unflushed: [Connection] = []
    private var buffers: [ByteBuffer] = []
    private var requests: [Request] = []
    /// Where sessions of HTTP/2 put the heads of answers together.
    let http2Fields = HTTP2Fields()
    private var responseWriter = ResponseWriter()
    private var dateValidUntil = MonotonicTime(nanoseconds: .min)
    private var nextRequestID = RandomBytes.number()

    /// The size of the buffers connections borrow: the largest head fits.
    let bufferBytes: Int
    private static let pooledMax = 64
    /// So that the first of many answers does not wait for the last.
    private static let unflushedMax = 16

    init(
        loop: Loop,
        limits: HTTPLimits,
        responder: any Responder,
        observer: (any RequestObserver)?,
        tls: TLSServerContext?,
        certified: @escaping Server.ClientLookUp,
        counter: ConnectionCounter,
        rejections: Rejections,
        traffic: Traffic
    ) {
        self.loop = loop
        self.limits = limits
        self.responder = responder
        self.observer = observer
        observesAnswers = observer != nil
        self.tls = tls
        self.certified = certified
        self.counter = counter
        self.rejections = rejections
        self.traffic = traffic
        bufferBytes = max(limits.headBytesMax, 32 * 1024) + 1024
    }

    // MARK: Shared memory

    /// An empty buffer of at least `bufferBytes`; give it back with `recycle`.
    func takeBuffer() -> ByteBuffer {
        buffers.popLast() ?? ByteBuffer(capacity: bufferBytes)
    }

    func recycle(_ buffer: ByteBuffer) {
        guard buffers.count < Self.pooledMax, buffer.capacity >= bufferBytes,
            buffer.capacity <= 4 * bufferBytes
        else { return }
        buffer.removeAll()
        buffers.append(buffer)
    }

    func takeRequest() -> Request {
        requests.popLast() ?? Request()
    }

    func recycle(_ request: Request) {
        guard requests.count < Self.pooledMax else { return }
        request.reset()
        requests.append(request)
    }

    /// The writer with today's date, renewed when the second changes.
    var writer: ResponseWriter {
        let now = loop.now
        if now >= dateValidUntil {
            let moment = Timestamp.now()
            responseWriter.setDate(HTTPDate.text(moment))
            let passed = moment.milliseconds - moment.seconds * 1000
            dateValidUntil = now.adding(milliseconds: 1000 - passed)
        }
        return responseWriter
    }

    /// A number that no other request has.
    ///
    /// No secret: each follows from the one before.
    func makeRequestID() -> UInt64 {
        // The finisher of SplitMix64 maps a counter one to one.
        nextRequestID &+= 0x9E37_79B9_7F4A_7C15
        var mixed = nextRequestID
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    // MARK: Sending

    /// Flushes the connection before the loop waits again, together with others.
    ///
    /// Receiving from many and then sending to many keeps the kernel's long path of each in the
    /// processor's cache; in turns, each throws the other out.
    func flushSoon(_ connection: Connection) {
        guard !connection.awaitsFlush else { return }
        connection.awaitsFlush = true
        unflushed.append(connection)
        if unflushed.count >= Self.unflushedMax { flushAll() }
    }

    /// Flushes all that wait for it.
    func flushAll() {
        while let connection = unflushed.popLast() {
            connection.awaitsFlush = false
            connection.flush()
        }
    }

    // MARK: Connections

    func add(_ listener: Listener) {
        if isDraining { listener.close() } else { listeners.append(listener) }
    }

    func open(
        _ descriptor: consuming Descriptor,
        peer: SocketAddress,
        at endpoint: ServerConfiguration.Endpoint
    ) {
        let key = peer.ip.client
        if let reason = counter.admit(key, at: loop.now) {
            rejections.count(reason)
            return
        }
        System.sendWithoutDelay(descriptor.number)
        let connection = Connection(
            server: self,
            descriptor: descriptor,
            peer: peer,
            key: key,
            endpoint: endpoint
        )
        connection.index = connections.count
        connections.append(connection)
        loop.metrics.countConnection(1)
        connection.start()
    }

    func remove(_ connection: Connection) {
        let index = connection.index
        guard index < connections.count, connections[index] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            connections[index] = last
            last.index = index
        }
        loop.metrics.countConnection(-1)
        counter.release(connection.key)
        if isDraining && connections.isEmpty { finishDraining() }
    }

    // MARK: TLS

    func makeTLSSession(asksClient: Bool) throws -> TLSSession {
        guard let tls else { throw TLSError.ended }
        return try tls.makeSession(asksClient: asksClient)
    }

    /// What is spoken after ALPN chose; a client that offers nothing speaks HTTP/1.1.
    func makeProtocol(_ name: String?, _ connection: Connection) -> any ConnectionProtocol {
        name == "h2" ? HTTP2Connection(connection) : HTTP1Connection(connection)
    }

    /// Whether the connection may do its handshake in this turn; if not it is called later.
    ///
    /// When a fleet connects anew, polls on open connections go between.
    func takeHandshake(_ connection: Connection) -> Bool {
        if handshakeTurn != loop.now {
            handshakeTurn = loop.now
            handshakesThisTurn = 0
        }
        if handshakesThisTurn < limits.handshakesPerTurnMax {
            handshakesThisTurn += 1
            return true
        }
        if waitingHandshakes.isEmpty { scheduleHandshakes() }
        waitingHandshakes.append(connection)
        return false
    }

    private func scheduleHandshakes() {
        // Just after now is due in the next turn, behind the sockets that are ready then.
        _ = loop.schedule(at: loop.now.adding(nanoseconds: 1)) { [self] in
            let turn = waitingHandshakes
            waitingHandshakes = []
            for connection in turn { connection.continueHandshake() }
        }
    }

    // MARK: Stopping

    /// Stops accepting, ends what is idle, lets the rest finish, and closes what is left when the
    /// time has passed.
    func drain(within limit: Duration, _ completion: @escaping @Sendable () -> Void) {
        whenDrained.append(completion)
        guard !isDraining else {
            if connections.isEmpty { finishDraining() }
            return
        }
        // Whoever stands in the kernel's queue was promised an answer.
        for listener in listeners { listener.acceptLast() }
        isDraining = true
        for listener in listeners { listener.close() }
        listeners = []
        for connection in connections { connection.drain() }
        guard !connections.isEmpty else {
            finishDraining()
            return
        }
        drainTimer = loop.schedule(after: limit) { [self] in
            drainTimer = nil
            for connection in connections { connection.close() }
        }
    }

    private func finishDraining() {
        if let drainTimer { loop.cancel(drainTimer) }
        drainTimer = nil
        let waiting = whenDrained
        whenDrained = []
        for completion in waiting { completion() }
    }
}
