import EventLoop
import HTTPCore
import Primitives
import TLS

/// One client's socket: reading, writing, time-outs and the way it closes.
///
/// What the bytes mean is the business of its `ConnectionProtocol`. An idle connection holds no
/// buffer; it borrows from its loop while bytes move.
final class Connection: ReadinessHandler {
    let server: ServerLoop
    /// Written out when the first request asks for it.
    private(set) lazy var peerAddress = peer.text
    private let peer: SocketAddress
    /// What limits count the peer as.
    let key: IPAddress
    let isSecure: Bool
    private let clientCertificates: ServerConfiguration.ClientCertificates
    /// Who the client is by its certificate.
    private(set) var client = CertifiedClient.unknown
    /// The place in the server's list.
    var index = 0

    private var descriptor: Descriptor?
    private let number: Int32
    private var handler: (any ConnectionProtocol)?
    /// Whether the client may still turn out to speak HTTP/2 without TLS.
    private var mayBeHTTP2 = false
    /// What is spoken, as the metrics count it.
    private var wire: Traffic.Wire? {
        didSet { server.traffic.move(from: oldValue, to: wire) }
    }
    /// Received and not used yet.
    private var input: ByteBuffer?
    /// Written and not sent yet.
    private var output: ByteBuffer?
    /// A large body that follows `output`: it is shared with whoever else holds it, as a download
    /// by many would be held by each of them otherwise.
    private var tail: (body: [UInt8], sent: Int)?
    /// Whether the kernel may hold bytes we have not read: it reports each arrival only once.
    private var mayRead = false
    /// Whether the peer's end waits behind the unread bytes; it is not reported again.
    private var endIsNear = false
    private(set) var peerFinished = false
    private var tls: TLSSession?
    /// Whether TLS may hold input that has not been decrypted.
    private var mayDecrypt = false
    private var waitsForHandshake = false
    private var isReading = false
    private var isDelivering = false
    /// Whether it stands in its loop's list of those to be flushed.
    var awaitsFlush = false
    private var closesWhenSent = false
    private var isLingering = false

    private var deadline: MonotonicTime?
    /// When the kernel last took output, while some is unsent.
    private var stalledSince: MonotonicTime?
    private var timer: TimerHandle?
    private var timerDueAt = MonotonicTime(nanoseconds: .max)

    /// Reads in one turn; a client that sends faster lets others have their turn.
    private static let readsPerTurnMax = 4
    private static let readBytesMin = 16 * 1024
    /// Plaintext encrypted at once: large enough for one write, small enough not to hold a big
    /// body twice.
    private static let encryptedBytesMax = 64 * 1024

    init(
        server: ServerLoop,
        descriptor: consuming Descriptor,
        peer: SocketAddress,
        key: IPAddress,
        endpoint: ServerConfiguration.Endpoint
    ) {
        self.server = server
        number = descriptor.number
        self.descriptor = consume descriptor
        self.peer = peer
        self.key = key
        isSecure = endpoint.isSecure
        clientCertificates = endpoint.clientCertificates
    }

    var isClosed: Bool { descriptor == nil }
    var loop: Loop { server.loop }
    /// Bytes written and not yet taken by the kernel.
    var unsentBytes: Int {
        (output?.count ?? 0) + (tail.map { $0.body.count - $0.sent } ?? 0)
            + (tls?.pendingOutput.count ?? 0)
    }

    func start() {
        server.traffic.countAccepted(isSecure: isSecure)
        wire = isSecure ? .handshake : .plainHTTP1
        do {
            if isSecure {
                tls = try server.makeTLSSession(asksClient: clientCertificates != .none)
                setDeadline(
                    loop.now.adding(
                        nanoseconds: server.limits.handshakeTimeout.wholeNanoseconds
                    )
                )
            } else {
                handler = HTTP1Connection(self)
                mayBeHTTP2 = true
            }
            try loop.watch(number, .changes, self)
        } catch {
            close()
        }
    }

    /// Writes into a request that is about to be admitted who sends it, all of it: the object had
    /// another sender before.
    func introduce(_ request: Request) {
        request.id = server.makeRequestID()
        request.arrivedAt = loop.now
        request.peerAddress = peerAddress
        request.isSecure = isSecure
        request.client = client
    }

    // MARK: Events

    func onReady(_ readiness: Readiness) {
        guard !isClosed else { return }
        if readiness.isBroken {
            close()
            return
        }
        if readiness.hasRoom, unsentBytes > 0 {
            flush()
            if isClosed { return }
        }
        if readiness.hasInput {
            mayRead = true
            if readiness.hasPeerFinished { endIsNear = true }
            read()
        }
    }

    private func read() {
        guard !isReading else { return }
        isReading = true
        defer { isReading = false }
        var reads = 0
        while !isClosed && !isPaused {
            if mayDecrypt {
                decrypt()
                continue
            }
            guard mayRead else { return }
            if reads == Self.readsPerTurnMax {
                nonisolated(unsafe) let connection = self
                loop.submit { connection.read() }
                return
            }
            reads += 1
            receive()
        }
    }

    private func receive() {
        // Ciphertext goes through; plaintext is put behind what is left of it.
        let buffer = tls == nil ? takeInput() : server.takeBuffer()
        let room = buffer.writable(atLeast: Self.readBytesMin)
        switch System.receive(number, into: room) {
        case .bytes(let count):
            buffer.commit(count)
            // A short read emptied the socket; what comes later is reported anew, and so is the
            // peer's end.
            if count < room.count && !endIsNear { mayRead = false }
            if let tls {
                if !isLingering {
                    tls.receive(UnsafeRawBufferPointer(buffer.readable))
                    mayDecrypt = true
                }
                server.recycle(buffer)
            } else {
                deliver(buffer)
            }
        case .wouldBlock:
            mayRead = false
            keep(buffer)
        case .finished:
            mayRead = false
            keep(buffer)
            tls?.receiveEnd()
            finishReceiving()
        case .broken:
            keep(buffer)
            close()
        }
    }

    private func finishReceiving() {
        let isNews = !peerFinished
        peerFinished = true
        if isLingering || handler == nil {
            close()
        } else if isNews {
            handler?.onPeerFinished()
        }
    }

    // MARK: TLS

    private func decrypt() {
        guard let tls else { return }
        if tls.isHandshaking && !server.takeHandshake(self) {
            waitsForHandshake = true
            return
        }
        let buffer = takeInput()
        let room = buffer.writable(atLeast: Self.readBytesMin)
        do throws(TLSError) {
            let result = try tls.read(into: room)
            if handler == nil && !tls.isHandshaking {
                identify(tls)
                handler = server.makeProtocol(tls.negotiatedProtocol, self)
                wire = tls.negotiatedProtocol == "h2" ? .secureHTTP2 : .secureHTTP1
                server.traffic.count(
                    tls.isResumed ? .resumed : .full,
                    tls.version == "TLSv1.3" ? .tls13 : .tls12
                )
                if server.isDraining { drain() }
            }
            switch result {
            case .bytes(let count):
                buffer.commit(count)
                deliver(buffer)
            case .wouldBlock:
                mayDecrypt = false
                keep(buffer)
                flush()
            case .closed:
                mayDecrypt = false
                keep(buffer)
                flush()
                if !isClosed { finishReceiving() }
            }
        } catch {
            mayDecrypt = false
            keep(buffer)
            // The alert, if there is one, tells the client why.
            closeWhenSent()
        }
    }

    /// Notes who the client is by its certificate, once the handshake has checked it.
    private func identify(_ tls: TLSSession) {
        guard clientCertificates != .none else { return }
        if tls.peerCertificate == nil {
            if clientCertificates == .required { client = .lacksCertificate }
        } else if let credential = server.certified(tls) {
            client = .credential(credential)
        }
    }

    /// Goes on with a handshake that had to wait for its turn.
    func continueHandshake() {
        waitsForHandshake = false
        if !isClosed { read() }
    }

    /// Whether reading waits for the protocol to use what it has, or for the client to read.
    private var isPaused: Bool {
        if waitsForHandshake { return true }
        guard let handler, !isLingering else { return false }
        if handler.wantsInput { return unsentBytes > server.limits.unsentBytesMax }
        return (input?.count ?? 0) >= server.limits.pipelinedBytesMax
    }

    /// Offers the input again after an answer made room for the next request.
    func resume() {
        guard !isDelivering, !isClosed else { return }
        if let held = input, !held.isEmpty {
            input = nil
            deliver(held)
        } else {
            server.flushSoon(self)
        }
        if mayRead || mayDecrypt { read() }
        if peerFinished { handler?.onPeerFinished() }
    }

    private func deliver(_ buffer: ByteBuffer) {
        if isLingering {
            buffer.removeAll()
            keep(buffer)
            return
        }
        if mayBeHTTP2 && awaitsPreface(buffer) {
            keep(buffer)
            return
        }
        isDelivering = true
        handler?.onReceived(buffer)
        isDelivering = false
        keep(buffer)
        server.flushSoon(self)
    }

    /// Lets HTTP/2 take over when the first bytes are its preface.
    ///
    /// - Returns: Whether more bytes are needed to tell.
    private func awaitsPreface(_ buffer: ByteBuffer) -> Bool {
        switch HTTP2Session.beginsWithPreface(buffer.readable) {
        case nil:
            return true
        case false?:
            mayBeHTTP2 = false
        case true?:
            mayBeHTTP2 = false
            handler?.onClosed()
            handler = HTTP2Connection(self)
            wire = .plainHTTP2
        }
        return false
    }

    // MARK: Buffers

    private func takeInput() -> ByteBuffer {
        let buffer = server.takeBuffer()
        if let held = input {
            buffer.append(UnsafeRawBufferPointer(held.readable))
            input = nil
        }
        return buffer
    }

    /// Keeps what is left in a buffer of its size and returns the borrowed one: a hundred thousand
    /// clients that sent half a line must not each hold 32 kB.
    private func keep(_ buffer: ByteBuffer) {
        guard !isClosed, !buffer.isEmpty else {
            server.recycle(buffer)
            return
        }
        if buffer.capacity <= 4 * buffer.count {
            input = buffer
            return
        }
        let small = ByteBuffer(capacity: buffer.count * 2)
        small.append(UnsafeRawBufferPointer(buffer.readable))
        input = small
        server.recycle(buffer)
    }

    /// Where the protocol writes; sent by a `flush` that follows every `onReceived` in its turn.
    func writableOutput() -> ByteBuffer {
        let buffer = output ?? server.takeBuffer()
        output = buffer
        if let tail {
            tail.body.withUnsafeBytes { buffer.append(.init(rebasing: $0[tail.sent...])) }
            self.tail = nil
        }
        return buffer
    }

    /// Puts a large body behind what was written, without a copy.
    func write(tail body: [UInt8]) {
        _ = writableOutput()
        tail = (body, 0)
    }

    private func consumeTail(_ count: Int) {
        guard let former = tail else { return }
        let sent = former.sent + count
        tail = sent < former.body.count ? (former.body, sent) : nil
    }

    // MARK: Writing

    /// Sends what was written, as far as the client takes it.
    func flush() {
        guard !isClosed else { return }
        while true {
            let result: TransferResult
            if let tls {
                guard tls.hasPendingOutput || encrypt(tls) else { break }
                result = System.send(number, tls.pendingOutput)
                if case .bytes(let count) = result { tls.consumeOutput(count) }
            } else if let out = output, !out.isEmpty {
                result = System.send(number, UnsafeRawBufferPointer(out.readable))
                if case .bytes(let count) = result { out.consume(count) }
            } else if let tail {
                result = tail.body.withUnsafeBytes {
                    System.send(number, UnsafeRawBufferPointer(rebasing: $0[tail.sent...]))
                }
                if case .bytes(let count) = result { consumeTail(count) }
            } else {
                break
            }
            switch result {
            case .bytes:
                stalledSince = nil
            case .wouldBlock:
                if stalledSince == nil {
                    stalledSince = loop.now
                    armTimer()
                }
                return
            case .finished:
                return
            case .broken:
                close()
                return
            }
        }
        if isClosed { return }
        guard let out = output else {
            if closesWhenSent && !isLingering { linger() }
            return
        }
        output = nil
        stalledSince = nil
        server.recycle(out)
        if closesWhenSent {
            linger()
        } else if !isDelivering {
            handler?.onOutputSent()
            if mayRead || mayDecrypt { read() }
        }
    }

    /// Encrypts the next portion of the output.
    ///
    /// - Returns: Whether there is something to send.
    private func encrypt(_ tls: TLSSession) -> Bool {
        do {
            if let out = output, !out.isEmpty {
                let portion = min(out.count, Self.encryptedBytesMax)
                let bytes = UnsafeRawBufferPointer(out.readable)
                try tls.write(UnsafeRawBufferPointer(rebasing: bytes[..<portion]))
                out.consume(portion)
                return true
            }
            guard let tail else { return false }
            let portion = min(tail.body.count - tail.sent, Self.encryptedBytesMax)
            let bytes = tail.body.span.extracting(tail.sent..<tail.sent + portion)
            try bytes.withUnsafeBytes { bytes throws(TLSError) in try tls.write(bytes) }
            consumeTail(portion)
            return true
        } catch {
            close()
            return false
        }
    }

    // MARK: Time

    /// Calls the protocol's `onDeadline` at this moment, unless it is set anew; nil for never.
    ///
    /// Costs two stores: a timer that is already armed earlier finds out when it fires.
    func setDeadline(_ moment: MonotonicTime?) {
        deadline = moment
        armTimer()
    }

    private var earliestDeadline: MonotonicTime? {
        guard let stalledSince else { return deadline }
        let stall = stalledSince.adding(
            nanoseconds: server.limits.writeStallTimeout.wholeNanoseconds
        )
        return deadline.map { min($0, stall) } ?? stall
    }

    private func armTimer() {
        guard let due = earliestDeadline, due < timerDueAt, !isClosed else { return }
        if let timer { loop.cancel(timer) }
        timerDueAt = due
        timer = loop.schedule(at: due) { [self] in onTimer() }
    }

    private func onTimer() {
        timer = nil
        timerDueAt = MonotonicTime(nanoseconds: .max)
        let now = loop.now
        if let stalledSince,
            stalledSince.adding(nanoseconds: server.limits.writeStallTimeout.wholeNanoseconds)
                <= now
        {
            server.rejections.count(.slow)
            close()
            return
        }
        if let deadline, deadline <= now {
            self.deadline = nil
            if isLingering || handler == nil { close() } else { handler?.onDeadline() }
        }
        armTimer()
    }

    // MARK: Closing

    func drain() {
        guard !isClosed else { return }
        // A request may be on its way already.
        if handler?.isIdle == true && mayRead { read() }
        guard !isClosed, !isLingering else { return }
        // Whoever was accepted and has asked nothing yet gets a moment for it: a client that came
        // when the server was told to stop is not turned away.
        if handler == nil || handler?.isNew == true {
            setDeadline(loop.now.adding(nanoseconds: server.limits.drainGrace.wholeNanoseconds))
        } else if handler?.isIdle == true {
            if unsentBytes == 0 { close() } else { closeWhenSent() }
        } else {
            handler?.onDrain()
        }
    }

    /// Closes after what is written has been sent, and so that the client can read it.
    func closeWhenSent() {
        closesWhenSent = true
        if !isDelivering { flush() }
    }

    /// Sends the end and reads on for a moment: closing with unread input would make the kernel
    /// reset the connection, and the client would lose the answer (RFC 9112 §9.6).
    private func linger() {
        guard !isClosed, !isLingering else { return }
        if peerFinished {
            close()
            return
        }
        isLingering = true
        if let tls {
            tls.shutdown()
            // Best effort: the client knows the answer's length.
            _ = System.send(number, tls.pendingOutput)
            mayDecrypt = false
        }
        System.finishSending(number)
        setDeadline(loop.now.adding(nanoseconds: server.limits.lingerTimeout.wholeNanoseconds))
        if mayRead && !isDelivering { read() }
    }

    /// Closes at once; unsent output is lost.
    func close() {
        guard !isClosed else { return }
        if wire == .handshake { server.traffic.count(.failed, .none) }
        wire = nil
        loop.unwatch(number, isClosing: true)
        descriptor = nil
        if let timer { loop.cancel(timer) }
        timer = nil
        if let input { server.recycle(input) }
        input = nil
        if let output, !isDelivering { server.recycle(output) }
        output = nil
        tail = nil
        tls = nil
        let former = handler
        handler = nil
        former?.onClosed()
        server.remove(self)
    }
}
