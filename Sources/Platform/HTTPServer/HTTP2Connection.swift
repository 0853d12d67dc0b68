import EventLoop
import HTTPCore
import Primitives

/// HTTP/2 on one connection: several requests at once, answered as they become ready.
///
/// Frames and streams are the business of `HTTP2Session`; here are handlers, time-outs and the
/// drain. Whatever is ready when a turn of the loop ends leaves in one write.
///
/// Unchecked: lives on its loop; the handlers' tasks run there too.
final class HTTP2Connection: ConnectionProtocol, HTTP2SessionOwner, @unchecked Sendable {
    // Strong both ways until `Connection.close`, as with HTTP/1.1.
    private let connection: Connection
    private let server: ServerLoop
    private let session: HTTP2Session
    /// Complete requests whose handlers start when the input is read, or when there is room for
    /// their answers.
    private var ready: [HTTP2Stream] = []
    /// Handlers that have not answered, those of streams that are gone included.
    private var handlersRunning = 0
    private var isReceiving = false
    private var isSending = false
    private var sendsSoon = false
    private var hasHadRequest = false
    private var isClosed = false

    /// When `onDeadline` looks at everything again.
    private var nextLook: MonotonicTime?
    private var idleSince: MonotonicTime
    private var peerFinishedAt: MonotonicTime?
    private var endAnnouncedAt: MonotonicTime?
    private var hasEnded = false

    /// Bytes written at once: a few frames, so that a big answer is not held twice.
    private static let writtenBytesMax = 64 * 1024
    /// Writes in one turn; a client that reads fast lets others have their turn.
    private static let writesPerTurnMax = 16

    init(_ connection: Connection) {
        self.connection = connection
        server = connection.server
        session = HTTP2Session(limits: server.limits, fields: server.http2Fields)
        idleSince = server.loop.now
        session.now = idleSince
        session.owner = self
        session.produce(into: connection.writableOutput(), bytesMax: Self.writtenBytesMax)
        look(at: idleDeadline)
    }

    /// Also an idle client has to hear which of its requests was the last.
    var isIdle: Bool { false }
    // The first of the two GOAWAYs leaves a client that has just come the time it needs.
    var isNew: Bool { false }

    var wantsInput: Bool { true }

    // MARK: Input

    func onReceived(_ input: ByteBuffer) {
        session.now = server.loop.now
        isReceiving = true
        session.receive(input.readable)
        input.removeAll()
        startReady()
        isReceiving = false
        // The connection sends it, and comes back by `onOutputSent`.
        if session.wantsToSend { write() }
        settle()
    }

    func takeRequest() -> Request {
        hasHadRequest = true
        look(at: after(server.limits.headTimeout))
        let request = server.takeRequest()
        connection.introduce(request)
        return request
    }

    func onHead(_ stream: HTTP2Stream) {
        guard let request = stream.request else { return }
        request.arrivedAt = server.loop.now
        stream.isAdmitted = true
        switch server.responder.admit(request) {
        case .answer(let response):
            answer(stream, response)
        case .accept(let bodyBytesMax):
            awaitBody(stream, request.bodyFraming, bodyBytesMax)
        }
    }

    private func awaitBody(_ stream: HTTP2Stream, _ framing: BodyFraming, _ bodyBytesMax: Int) {
        switch framing {
        case .none:
            return
        case .length(let length) where length > bodyBytesMax:
            onFault(stream, .bodyTooLarge)
        case .length, .chunked:
            if stream.expectsContinue { session.sendContinue(stream) }
            session.startBody(stream, bytesMax: bodyBytesMax)
            look(at: after(server.limits.bodyGrace))
        }
    }

    func onUploadGranted(_ stream: HTTP2Stream) {
        look(at: after(server.limits.bodyGrace))
    }

    func onComplete(_ stream: HTTP2Stream) {
        ready.append(stream)
    }

    func onFault(_ stream: HTTP2Stream, _ fault: ProtocolFault) {
        server.rejections.count(fault.isSlowness ? .slow : .malformed)
        answer(stream, fault.response(requestID: stream.request?.id ?? 0))
    }

    // MARK: Answers

    /// Starts handlers in the order of the requests, as long as the client takes the answers.
    private func startReady() {
        guard !ready.isEmpty else { return }
        var started = 0
        while started < ready.count, session.hasRoomForAnswers {
            let stream = ready[started]
            started += 1
            guard !stream.isGone, !isClosed else { continue }
            // A client that gives requests up must not have more work done than one that waits.
            if handlersRunning < server.limits.streamsMax {
                start(stream)
            } else {
                session.reset(stream, .refusedStream)
            }
        }
        ready.removeFirst(min(started, ready.count))
    }

    private func start(_ stream: HTTP2Stream) {
        stream.phase = .handling
        handlersRunning += 1
        let task = Task.immediate(executorPreference: server.loop.executor) { [self] in
            onAnswered(stream, await callResponder(stream))
        }
        // A handler that did not wait has answered by now.
        guard stream.phase == .handling else { return }
        stream.handler = task
        if server.isDraining { task.cancel() }
    }

    /// Its own function, so that no reference to the request is left when the answer is written and
    /// the object can be used again.
    private func callResponder(_ stream: HTTP2Stream) async -> Response {
        guard let request = stream.request else { return Response(status: 500) }
        return await server.responder.respond(to: request)
    }

    private func onAnswered(_ stream: HTTP2Stream, _ response: Response) {
        handlersRunning -= 1
        stream.handler = nil
        answer(stream, response)
        if !isReceiving { sendSoon() }
    }

    private func answer(_ stream: HTTP2Stream, _ response: Response) {
        guard !isClosed, !stream.isGone else {
            stream.phase = .answered
            dropRequest(of: stream)
            return
        }
        session.now = server.loop.now
        let id = stream.request?.id ?? 0
        let bytes = session.answer(stream, response, requestID: id, date: server.writer.date)
        if stream.isSending { look(at: after(server.limits.writeStallTimeout)) }
        tellObserver(stream, status: response.status, bytes: bytes)
        dropRequest(of: stream)
    }

    private func tellObserver(_ stream: HTTP2Stream, status: UInt16, bytes: Int) {
        guard server.observesAnswers, let observer = server.observer else { return }
        let answered = stream.isAdmitted ? stream.request : nil
        observer.answered(
            AnsweredRequest(
                request: answered,
                status: status,
                bytes: bytes,
                microseconds: answered.map {
                    MonotonicTime.now().nanoseconds(since: $0.arrivedAt) / 1000
                } ?? 0,
                peerAddress: connection.peerAddress,
                id: stream.request?.id ?? 0
            )
        )
    }

    func onClosed(_ stream: HTTP2Stream) {
        if stream.phase == .handling {
            // The handler still reads the request; it is dropped when it ends.
            stream.handler?.cancel()
        } else {
            dropRequest(of: stream)
        }
        if session.streams.isEmpty {
            idleSince = server.loop.now
            look(at: idleDeadline)
        }
    }

    /// Gives the request back to the loop, unless a handler broke the rule and kept it.
    private func dropRequest(of stream: HTTP2Stream) {
        guard stream.request != nil else { return }
        // What admitted a request that is never answered refers to it, and may hold more.
        stream.request?.admission = nil
        if isKnownUniquelyReferenced(&stream.request), let unused = stream.request.take() {
            server.recycle(unused)
        }
        stream.request = nil
    }

    // MARK: Output

    /// Sends when the loop has run what is queued: what becomes ready together leaves together.
    private func sendSoon() {
        guard !sendsSoon, !isClosed else { return }
        sendsSoon = true
        server.loop.submit { [self] in
            sendsSoon = false
            send()
        }
    }

    func onOutputSent() {
        send()
    }

    private func send() {
        guard !isSending, !isClosed else { return }
        isSending = true
        defer { isSending = false }
        session.now = server.loop.now
        var writes = 0
        while session.wantsToSend && connection.unsentBytes < Self.writtenBytesMax {
            if writes == Self.writesPerTurnMax {
                sendSoon()
                return
            }
            guard write() else { break }
            connection.flush()
            if isClosed { return }
            writes += 1
        }
        startReady()
        settle()
    }

    /// Puts what is to be sent behind the connection's output.
    ///
    /// - Returns: Whether there was something.
    @discardableResult
    private func write() -> Bool {
        let out = connection.writableOutput()
        let before = out.count
        session.produce(into: out, bytesMax: Self.writtenBytesMax)
        return out.count > before
    }

    /// Closes when nothing is left to be said.
    private func settle() {
        guard !isClosed else { return }
        if session.isFinished || peerFinishedAt != nil && session.streams.isEmpty {
            cancelHandlers()
            connection.closeWhenSent()
        }
    }

    private func cancelHandlers() {
        for stream in session.streams where stream.phase == .handling { stream.handler?.cancel() }
    }

    // MARK: Time

    private func after(_ delay: Duration) -> MonotonicTime {
        server.loop.now.adding(nanoseconds: delay.wholeNanoseconds)
    }

    /// Sees to it that `onDeadline` comes at this moment or before.
    private func look(at moment: MonotonicTime) {
        if let nextLook, nextLook <= moment { return }
        nextLook = moment
        connection.setDeadline(moment)
    }

    /// The first request has to come soon: an open connection costs its client nothing.
    private var idleDeadline: MonotonicTime {
        let limits = server.limits
        let timeout = hasHadRequest ? limits.idleTimeout : limits.headTimeout
        return idleSince.adding(nanoseconds: timeout.wholeNanoseconds)
    }

    func onDeadline() {
        nextLook = nil
        session.now = server.loop.now
        checkConnection()
        for stream in session.streams where !session.isTerminated { check(stream) }
        send()
    }

    /// Whether a moment has come; if not, it is looked at again then.
    private func isDue(_ start: MonotonicTime, _ delay: Duration) -> Bool {
        let moment = start.adding(nanoseconds: delay.wholeNanoseconds)
        if moment <= server.loop.now { return true }
        look(at: moment)
        return false
    }

    private func checkConnection() {
        let limits = server.limits
        if let began = session.headStartedAt, isDue(began, limits.headTimeout) {
            session.terminate(.enhanceYourCalm)
        }
        if let peerFinishedAt, isDue(peerFinishedAt, limits.halfCloseGrace) { cancelHandlers() }
        if let endAnnouncedAt, !hasEnded, isDue(endAnnouncedAt, limits.goAwayGrace) { end() }
        guard session.streams.isEmpty else { return }
        if idleDeadline <= server.loop.now { end() } else { look(at: idleDeadline) }
    }

    private func check(_ stream: HTTP2Stream) {
        if stream.isSending {
            // While the socket is full, not the window is what stops it: the connection looks.
            if connection.unsentBytes > 0 {
                look(at: after(server.limits.writeStallTimeout))
            } else if isDue(stream.sentAt, server.limits.writeStallTimeout) {
                session.terminate(.enhanceYourCalm)
            }
        } else if stream.takesBody && stream.isUploadGranted {
            checkBodyRate(of: stream)
        }
    }

    private func checkBodyRate(of stream: HTTP2Stream) {
        let received = Int64((stream.request?.body.count ?? 0) - stream.bodyBytesAtStart)
        let rate = Int64(max(server.limits.bodyBytesPerSecondMin, 1))
        let earned = min(received / rate, 1_000_000)
        if isDue(stream.bodyStartedAt, server.limits.bodyGrace + .seconds(earned)) {
            onFault(stream, .bodyTimeout)
        }
    }

    // MARK: Ends

    func onPeerFinished() {
        guard peerFinishedAt == nil else { return }
        peerFinishedAt = server.loop.now
        // What is not complete by now never will be.
        for stream in session.streams where stream.phase == .receiving {
            session.reset(stream, .cancel)
        }
        // A running handler gets a moment, a parked one is woken.
        look(at: after(server.limits.halfCloseGrace))
        send()
    }

    /// Two steps, so that requests on their way are not lost: first that there will be an end, and
    /// when the client has certainly heard of it, which request was the last (RFC 9113 §6.8).
    func onDrain() {
        guard endAnnouncedAt == nil else { return }
        endAnnouncedAt = server.loop.now
        session.announceEnd()
        look(at: after(server.limits.goAwayGrace))
        cancelHandlers()
        send()
    }

    func onPong() {
        if endAnnouncedAt != nil { end() }
    }

    private func end() {
        guard !hasEnded else { return }
        hasEnded = true
        session.end()
    }

    func onClosed() {
        isClosed = true
        session.owner = nil
        for stream in session.streams {
            if stream.phase == .handling {
                stream.handler?.cancel()
            } else {
                dropRequest(of: stream)
            }
        }
        ready = []
    }
}
