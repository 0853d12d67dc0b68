import EventLoop
import HTTPCore
import Primitives

/// HTTP/1.1 on one connection: requests in order, each answered before the next is begun
/// (RFC 9112 §9).
///
/// Unchecked: lives on its loop; the handler's task runs there too.
final class HTTP1Connection: ConnectionProtocol, @unchecked Sendable {
    private enum Phase {
        /// Waiting for a request or in the middle of its head.
        case head
        /// This many bytes of the body are still to come.
        case body(remaining: Int, bodyBytesMax: Int)
        case chunkedBody(ChunkedDecoder, bodyBytesMax: Int)
        /// The handler runs or waits.
        case handling
        /// The request was answered already; this much of its body is dropped.
        case discarding(remaining: Int)
        /// The last answer is written.
        case closing
        case closed
    }

    // Strong both ways until `Connection.close`: an answer that meets a broken socket closes the
    // connection in the middle of our own methods.
    private let connection: Connection
    private let server: ServerLoop
    private var phase = Phase.head
    private var parser: RequestHeadParser
    private var request: Request?
    private var handlerTask: Task<Void, Never>?
    private var headStartedAt: MonotonicTime?
    private var bodyStartedAt = MonotonicTime(nanoseconds: 0)
    /// Whether requests wait until the client has read more answers.
    private var isBlocked = false

    init(_ connection: Connection) {
        self.connection = connection
        server = connection.server
        parser = RequestHeadParser(limits: server.limits)
        // The first request has to come soon: an open connection costs its client nothing.
        connection.setDeadline(after(server.limits.headTimeout))
    }

    var isIdle: Bool {
        if case .head = phase { return !parser.hasBegun }
        return false
    }

    private(set) var isNew = true

    var wantsInput: Bool {
        if case .handling = phase { return false }
        return true
    }

    private func after(_ delay: Duration) -> MonotonicTime {
        server.loop.now.adding(nanoseconds: delay.wholeNanoseconds)
    }

    // MARK: Input

    func onReceived(_ input: ByteBuffer) {
        isNew = false
        while !input.isEmpty {
            switch phase {
            case .head:
                guard mayBeginRequest, takeHead(input) else { return }
            case .body(let remaining, let bodyBytesMax):
                takeBody(input, remaining, bodyBytesMax)
            case .chunkedBody(let decoder, let bodyBytesMax):
                takeChunks(input, decoder, bodyBytesMax)
            case .discarding(let remaining):
                let dropped = min(remaining, input.count)
                input.consume(dropped)
                if dropped == remaining {
                    awaitRequest()
                } else {
                    phase = .discarding(remaining: remaining - dropped)
                }
            case .handling:
                return
            case .closing, .closed:
                input.removeAll()
            }
        }
    }

    /// Whether the client reads its answers; one that does not gets no further ones.
    private var mayBeginRequest: Bool {
        let unsentMax = server.limits.unsentBytesMax
        if connection.unsentBytes > unsentMax { connection.flush() }
        isBlocked = connection.unsentBytes > unsentMax
        return !isBlocked
    }

    /// Returns false when more input is needed.
    private func takeHead(_ input: ByteBuffer) -> Bool {
        switch feedParser(input) {
        case .needsMore:
            if headStartedAt == nil && parser.hasBegun {
                headStartedAt = server.loop.now
                connection.setDeadline(after(server.limits.headTimeout))
            }
            return false
        case .refuse(let fault):
            input.removeAll()
            refuse(fault)
        case .complete(let bytes):
            let isLast = bytes == input.count
            input.consume(bytes)
            beginRequest(isLast: isLast)
        }
        return true
    }

    // The request is looked at in functions of their own, which hold it only while they run: the
    // object can be used again only when nobody else up the stack holds it.

    private func feedParser(_ input: ByteBuffer) -> RequestHeadParser.Step {
        let request = request ?? server.takeRequest()
        self.request = request
        return parser.feed(input.readable.span, into: request)
    }

    private func admitRequest() -> (Admission, BodyFraming) {
        guard let request else { return (.answer(Response(status: 500)), .none) }
        connection.introduce(request)
        return (server.responder.admit(request), request.bodyFraming)
    }

    private func beginRequest(isLast: Bool) {
        headStartedAt = nil
        let (admission, framing) = admitRequest()
        switch admission {
        case .answer(let response):
            answerUnread(framing, response)
        case .accept(let bodyBytesMax):
            if framing == .none {
                startHandler()
            } else {
                awaitBody(framing, bodyBytesMax, isLast: isLast)
            }
        }
    }

    private func awaitBody(_ framing: BodyFraming, _ bodyBytesMax: Int, isLast: Bool) {
        if case .length(let length) = framing, length > bodyBytesMax {
            refuse(.bodyTooLarge)
            return
        }
        // A client that sends the body without waiting needs no leave (RFC 9110 §10.1.1).
        if parser.expectsContinue && isLast {
            server.writer.writeContinue(to: connection.writableOutput())
        }
        bodyStartedAt = server.loop.now
        connection.setDeadline(after(server.limits.bodyGrace))
        if case .length(let length) = framing {
            phase = .body(remaining: length, bodyBytesMax: bodyBytesMax)
        } else {
            let decoder = ChunkedDecoder(limits: server.limits)
            phase = .chunkedBody(decoder, bodyBytesMax: bodyBytesMax)
        }
    }

    private func takeBody(_ input: ByteBuffer, _ remaining: Int, _ bodyBytesMax: Int) {
        let taken = min(remaining, input.count)
        // The announced length reserves nothing: memory grows with what was really sent.
        request?.body.append(contentsOf: input.readable[..<taken])
        input.consume(taken)
        if taken == remaining {
            startHandler()
        } else {
            phase = .body(remaining: remaining - taken, bodyBytesMax: bodyBytesMax)
        }
    }

    private func takeChunks(_ input: ByteBuffer, _ former: ChunkedDecoder, _ bodyBytesMax: Int) {
        guard let request else { return }
        var decoder = former
        let step = decoder.feed(
            input.readable.span,
            into: &request.body,
            bodyBytesMax: bodyBytesMax
        )
        switch step {
        case .needsMore:
            input.removeAll()
            phase = .chunkedBody(decoder, bodyBytesMax: bodyBytesMax)
        case .complete(let bytes):
            input.consume(bytes)
            startHandler()
        case .refuse(let fault):
            input.removeAll()
            refuse(fault)
        }
    }

    // MARK: Answers

    private func startHandler() {
        phase = .handling
        connection.setDeadline(nil)
        let task = Task.immediate(executorPreference: server.loop.executor) { [self] in
            onAnswered(await callResponder())
        }
        // A handler that did not wait has answered by now, and the next may even be running.
        guard case .handling = phase else { return }
        handlerTask = task
        if server.isDraining { task.cancel() }
    }

    /// Its own function, so that no reference to the request is left when the answer is written and
    /// the object can be used again.
    private func callResponder() async -> Response {
        guard let request else { return Response(status: 500) }
        return await server.responder.respond(to: request)
    }

    private func onAnswered(_ response: Response) {
        guard case .handling = phase else {
            dropRequest()
            return
        }
        handlerTask = nil
        let closes = response.closesConnection || !parser.keepsAlive || server.isDraining
        write(response, closes: closes)
        if closes {
            finish()
        } else {
            awaitRequest()
        }
        connection.resume()
    }

    /// Answers a request whose body, if there is one, nobody wants.
    private func answerUnread(_ framing: BodyFraming, _ response: Response) {
        let unread: Int
        switch framing {
        case .none: unread = 0
        case .length(let length): unread = length
        case .chunked: unread = .max
        }
        // Reading a short rest is cheaper for both than a new connection. A client that waits for
        // leave may send the body or not, so the next byte would be ambiguous.
        let keepsBody = unread <= server.limits.discardedBodyBytesMax && !parser.expectsContinue
        let closes =
            response.closesConnection || !parser.keepsAlive || server.isDraining
            || unread > 0 && !keepsBody
        write(response, closes: closes)
        if closes {
            finish()
        } else if unread > 0 {
            phase = .discarding(remaining: unread)
            bodyStartedAt = server.loop.now
            connection.setDeadline(after(server.limits.bodyGrace))
        } else {
            awaitRequest()
        }
    }

    /// Answers a breach of the protocol and closes.
    private func refuse(_ fault: ProtocolFault) {
        server.rejections.count(fault.isSlowness ? .slow : .malformed)
        let id = server.makeRequestID()
        request?.id = id
        write(fault.response(requestID: id), id: id, closes: true)
        finish()
    }

    /// Bodies from this length on are not copied behind their heads; a write more costs less.
    private static let sharedBodyBytesMin = 64 * 1024

    private func write(_ response: Response, id: UInt64? = nil, closes: Bool) {
        let out = connection.writableOutput()
        let before = out.count
        let id = id ?? request?.id ?? 0
        let isHead = request?.method == .head && parser.isComplete
        let isShared =
            !isHead && response.body.count >= Self.sharedBodyBytesMin
            && response.status != 204 && response.status != 304
        server.writer.write(
            response,
            ResponseWriter.Context(
                requestID: id,
                isHead: isHead || isShared,
                isHTTP10: parser.isHTTP10,
                closes: closes
            ),
            to: out
        )
        let bytes = out.count - before + (isShared ? response.body.count : 0)
        if isShared { connection.write(tail: response.body) }
        guard server.observesAnswers, let observer = server.observer else { return }
        let answered = parser.isComplete ? request : nil
        observer.answered(
            AnsweredRequest(
                request: answered,
                status: response.status,
                bytes: bytes,
                microseconds: answered.map {
                    MonotonicTime.now().nanoseconds(since: $0.arrivedAt) / 1000
                } ?? 0,
                peerAddress: connection.peerAddress,
                id: id
            )
        )
    }

    private func awaitRequest() {
        dropRequest()
        parser = RequestHeadParser(limits: server.limits)
        phase = .head
        connection.setDeadline(after(server.limits.idleTimeout))
    }

    private func finish() {
        dropRequest()
        phase = .closing
        connection.setDeadline(nil)
        connection.closeWhenSent()
    }

    /// Gives the request back to the loop, unless a handler broke the rule and kept it.
    private func dropRequest() {
        guard request != nil else { return }
        // What admitted a request that is never answered refers to it, and may hold more.
        request?.admission = nil
        if isKnownUniquelyReferenced(&request), let unused = request.take() {
            server.recycle(unused)
        }
        request = nil
    }

    // MARK: Other events

    func onPeerFinished() {
        if case .handling = phase {
            // A client that only ended its own side still waits for its answer; one that went
            // away looks the same. A running handler gets a moment, a parked one is woken.
            connection.setDeadline(after(server.limits.halfCloseGrace))
            return
        }
        closeIfUnfinished()
    }

    /// After the peer's end no request that is not complete will ever be.
    private func closeIfUnfinished() {
        switch phase {
        case .handling:
            onPeerFinished()
        case .closing, .closed:
            break
        default:
            if connection.unsentBytes == 0 {
                connection.close()
            } else if !isBlocked {
                finish()
            }
        }
    }

    func onOutputSent() {
        guard isBlocked else { return }
        isBlocked = false
        connection.resume()
    }

    func onDeadline() {
        switch phase {
        case .head:
            if parser.hasBegun { refuse(.headTimeout) } else { connection.close() }
        case .body, .chunkedBody, .discarding:
            checkBodyRate()
        case .handling:
            handlerTask?.cancel()
        case .closing, .closed:
            connection.close()
        }
    }

    private func checkBodyRate() {
        let received = Int64(request?.body.count ?? 0)
        let rate = Int64(max(server.limits.bodyBytesPerSecondMin, 1))
        let earned = min(received / rate, 1_000_000) * 1_000_000_000
        let deadline =
            bodyStartedAt
            .adding(nanoseconds: server.limits.bodyGrace.wholeNanoseconds)
            .adding(nanoseconds: earned)
        if deadline > server.loop.now {
            connection.setDeadline(deadline)
        } else if case .discarding = phase {
            connection.close()
        } else {
            refuse(.bodyTimeout)
        }
    }

    func onDrain() {
        if case .handling = phase { handlerTask?.cancel() }
    }

    func onClosed() {
        let task = handlerTask
        handlerTask = nil
        if case .handling = phase {
            // The handler still reads the request; it is dropped when it ends.
            phase = .closed
            task?.cancel()
        } else {
            phase = .closed
            dropRequest()
        }
    }
}
