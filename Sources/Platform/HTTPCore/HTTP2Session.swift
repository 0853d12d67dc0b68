import CNghttp2
import Primitives

/// What a session tells the connection that owns it.
///
/// Called from within `receive` and `produce`: the connection may answer, reset and submit, but
/// neither close the session nor run a handler there.
package protocol HTTP2SessionOwner: AnyObject {
    /// An empty request for a new stream.
    func takeRequest() -> Request
    /// The head of a request is complete, and keeps to the rules.
    func onHead(_ stream: HTTP2Stream)
    /// The request is complete, with its body.
    func onComplete(_ stream: HTTP2Stream)
    /// The request is refused.
    func onFault(_ stream: HTTP2Stream, _ fault: ProtocolFault)
    /// The body may go on, after it had to wait for others.
    func onUploadGranted(_ stream: HTTP2Stream)
    /// The stream is closed: answered, given up, or reset.
    func onClosed(_ stream: HTTP2Stream)
    /// The client has acknowledged our PING.
    func onPong()
}

/// The server's end of HTTP/2 on one connection (RFC 9113, RFC 7541): bytes in, bytes out, no
/// socket.
///
/// nghttp2 does frames, HPACK, flow control and the rules of streams. This adds requests, windows
/// that open only as a body may come, and limits on everything that costs us more than the client.
package final class HTTP2Session {
    /// The time of this turn; its owner sets it before each call.
    package var now = MonotonicTime(nanoseconds: 0)
    /// The connection that hears of events; nil once it is closed.
    package var owner: (any HTTP2SessionOwner)?
    /// The streams that are open.
    package private(set) var streams: [HTTP2Stream] = []
    /// When the head that is coming began; nil between heads.
    package internal(set) var headStartedAt: MonotonicTime?
    /// Whether the client broke a rule or a limit: what remains is to send GOAWAY and close.
    package private(set) var isTerminated = false

    let limits: HTTPLimits
    private var session: OpaquePointer?
    private var budget = HTTP2Budget()
    private let fields: HTTP2Fields
    /// Bodies that are coming, in the order of their streams' heads.
    private var uploads: [HTTP2Stream] = []
    private var output: ByteBuffer?
    private var outputBytesMax = 0
    /// Why a callback stopped nghttp2.
    private var violation: HTTP2ErrorCode?
    /// Bytes of answers that have not been written.
    private var unsentAnswerBytes = 0
    var continuationFrames = 0
    /// The highest stream that the client has used, and how many it has used by then.
    private var lastStream: Int32 = -1
    private var streamsUsed = 0

    /// Makes a session that has its greeting ready to be sent.
    ///
    /// - Parameter fields: May be shared with other sessions of the loop.
    package init(limits: HTTPLimits, fields: HTTP2Fields = HTTP2Fields()) {
        self.limits = limits
        self.fields = fields
        var option: OpaquePointer?
        nghttp2_option_new(&option)
        defer { nghttp2_option_del(option) }
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        nghttp2_option_set_max_deflate_dynamic_table_size(option, limits.headerTableBytesMax)
        nghttp2_option_set_max_outbound_ack(option, limits.unsentAcksMax)
        // Ours are counted first and answered with the right error.
        nghttp2_option_set_max_continuations(option, limits.continuationFramesMax + 1)
        nghttp2_option_set_stream_reset_rate_limit(option, 1 << 32, 1 << 32)
        // What nghttp2 skips by itself it does not tell us of, and so would not be counted.
        for type in Self.unknownFrameTypes {
            nghttp2_option_set_user_recv_extension_type(option, type)
        }
        nghttp2_session_server_new2(
            &session,
            HTTP2Callbacks.table,
            Unmanaged.passUnretained(self).toOpaque(),
            option
        )
        greet()
    }

    deinit { nghttp2_session_del(session) }

    private func greet() {
        let settings: [(nghttp2_settings_id, Int)] = [
            (NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits.headerTableBytesMax),
            (NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streamsMax),
            (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindowBytes),
            (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.headBytesMax),
            (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        let entries = settings.map { id, value in
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
        }
        nghttp2_submit_settings(session, 0, entries, entries.count)
        nghttp2_session_set_local_window_size(
            session,
            0,
            0,
            Int32(clamping: limits.connectionWindowBytes)
        )
    }

    /// The types of frames that RFC 9113 §6 does not define.
    private static let unknownFrameTypes: ClosedRange<UInt8> = 0x0A...0xFF

    // MARK: Bytes

    /// Whether a connection begins as HTTP/2 does (RFC 9113 §3.4); nil when more must be seen.
    package static func beginsWithPreface(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool? {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let count = min(bytes.count, preface.utf8CodeUnitCount)
        for index in 0..<count where bytes[index] != preface.utf8Start[index] { return false }
        return count == preface.utf8CodeUnitCount ? true : nil
    }

    /// Takes what the client sent, all of it.
    package func receive(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard !isTerminated, let base = bytes.baseAddress else { return }
        let taken = nghttp2_session_mem_recv(session, base, bytes.count)
        if let violation {
            terminate(violation)
        } else if taken < 0 {
            terminate(HTTP2ErrorCode(failure: Int32(clamping: taken)))
        }
    }

    /// Writes what is to be sent, in order and by turns, until there are so many bytes.
    package func produce(into out: ByteBuffer, bytesMax: Int) {
        output = out
        outputBytesMax = bytesMax
        defer { output = nil }
        while out.count < bytesMax {
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &bytes)
            if count > 0, let bytes {
                out.append(UnsafeRawBufferPointer(start: bytes, count: count))
            } else if violation == nil || isTerminated {
                if count < 0 { isTerminated = true }
                return
            }
            if let violation { terminate(violation) }
        }
    }

    /// Whether there may be something to write.
    package var wantsToSend: Bool { nghttp2_session_want_write(session) != 0 }

    /// Whether everything is said, so that the connection closes when it is sent.
    package var isFinished: Bool {
        nghttp2_session_want_write(session) == 0
            && (isTerminated || nghttp2_session_want_read(session) == 0)
    }

    /// Tells the client that it broke a rule or a limit; nothing more is taken from it.
    package func terminate(_ code: HTTP2ErrorCode) {
        guard !isTerminated else { return }
        isTerminated = true
        nghttp2_session_terminate_session(session, code.rawValue)
    }

    /// Ends a turn of nghttp2 because the client went too far.
    func stop(_ code: HTTP2ErrorCode) -> Int32 {
        if violation == nil { violation = code }
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }

    /// Counts a frame that costs more than it is worth.
    ///
    /// - Returns: What a callback for input returns: whether nghttp2 goes on.
    func count(_ kind: HTTP2Budget.Kind, _ limit: Int) -> Int32 {
        budget.take(kind, limit, at: now) ? 0 : stop(.enhanceYourCalm)
    }

    // MARK: Streams

    func open(_ id: Int32) {
        guard let owner else { return }
        let request = owner.takeRequest()
        request.method = .get
        request.head.removeAll(keepingCapacity: true)
        let stream = HTTP2Stream(id: id, request: request)
        stream.index = streams.count
        streams.append(stream)
        nghttp2_session_set_stream_user_data(
            session,
            id,
            Unmanaged.passUnretained(stream).toOpaque()
        )
        // Answers take turns whatever the client prefers; what it may say of priorities is ignored.
        var priority = nghttp2_extpri(urgency: 3, inc: 1)
        nghttp2_session_change_extpri_stream_priority(session, id, &priority, 1)
        headStartedAt = now
    }

    /// Whether a head comes on a stream that the client left out, and so closed (RFC 9113 §5.1.1).
    ///
    /// nghttp2 cannot tell it from one that was closed later, whose trailers may still come. Nor
    /// can we once a client has left one out; but then none of its heads has reason to come late.
    func isSkipped(_ id: Int32) -> Bool {
        if id > lastStream {
            lastStream = id
            streamsUsed += 1
            return false
        }
        return streamsUsed * 2 - 1 < Int(lastStream) && stream(id) == nil
    }

    func stream(_ id: Int32) -> HTTP2Stream? {
        nghttp2_session_get_stream_user_data(session, id).map {
            Unmanaged<HTTP2Stream>.fromOpaque($0).takeUnretainedValue()
        }
    }

    /// A head is complete, that of a request or the trailers behind its body.
    func finishHead(_ stream: HTTP2Stream, endsStream: Bool) {
        headStartedAt = nil
        if stream.isHeadComplete {
            if stream.trailerBytes > limits.trailerBytesMax { refuse(stream, .headTooLarge) }
        } else {
            stream.isHeadComplete = true
            if let request = stream.request {
                stream.head.finish(request, endsStream: endsStream)
            }
            if stream.head.isMalformed {
                reset(stream, .protocolError)
            } else if let fault = stream.head.fault {
                refuse(stream, fault)
            } else if !stream.isGone {
                owner?.onHead(stream)
            }
        }
        if endsStream { finishRemote(stream) }
    }

    func finishRemote(_ stream: HTTP2Stream) {
        stream.isRemoteEnded = true
        stopBody(stream)
        guard stream.phase == .receiving, !stream.isGone else { return }
        stream.phase = .ready
        owner?.onComplete(stream)
    }

    private func refuse(_ stream: HTTP2Stream, _ fault: ProtocolFault) {
        stopBody(stream)
        guard stream.phase == .receiving, !stream.isGone else { return }
        owner?.onFault(stream, fault)
    }

    /// Ends a stream without an answer.
    package func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        stream.isGone = true
        stopBody(stream)
        nghttp2_submit_rst_stream(session, 0, stream.id, code.rawValue)
    }

    /// A frame of the stream broke a rule; nghttp2 resets it.
    func abandon(_ id: Int32) {
        headStartedAt = nil
        guard let stream = stream(id) else { return }
        stream.isGone = true
        stopBody(stream)
    }

    func close(_ stream: HTTP2Stream) {
        stream.isGone = true
        stopBody(stream)
        unsentAnswerBytes -= stream.unsentBytes
        let last = streams.removeLast()
        if last !== stream {
            streams[stream.index] = last
            last.index = stream.index
        }
        owner?.onClosed(stream)
    }

    // MARK: Bodies

    /// Begins to take the body of a request whose head was admitted.
    package func startBody(_ stream: HTTP2Stream, bytesMax: Int) {
        stream.takesBody = true
        stream.bodyBytesMax = bytesMax
        uploads.append(stream)
        if uploads.count <= limits.uploadsAtOnceMax { grant(stream) }
    }

    private func grant(_ stream: HTTP2Stream) {
        stream.isUploadGranted = true
        stream.bodyStartedAt = now
        stream.bodyBytesAtStart = stream.request?.body.count ?? 0
        openWindow(stream, 0)
    }

    func takeBody(_ stream: HTTP2Stream, _ bytes: UnsafeBufferPointer<UInt8>) {
        nghttp2_session_consume_connection(session, bytes.count)
        guard stream.takesBody, let request = stream.request else { return }
        guard bytes.count <= stream.bodyBytesMax - request.body.count else {
            refuse(stream, .bodyTooLarge)
            return
        }
        // The announced length reserves nothing: memory grows with what was really sent.
        request.body.append(contentsOf: bytes)
        openWindow(stream, bytes.count)
    }

    /// Lets the client send on what was taken, when it is the body's turn.
    private func openWindow(_ stream: HTTP2Stream, _ bytes: Int) {
        stream.heldBackBytes += bytes
        guard stream.isUploadGranted else { return }
        let received = stream.request?.body.count ?? 0
        if !stream.hasLargeWindow && received > limits.streamWindowBytes / 4 {
            stream.hasLargeWindow = true
            nghttp2_session_set_local_window_size(
                session,
                0,
                stream.id,
                Int32(clamping: max(limits.uploadWindowBytes, limits.streamWindowBytes))
            )
        }
        guard stream.heldBackBytes > 0 else { return }
        nghttp2_session_consume_stream(session, stream.id, stream.heldBackBytes)
        stream.heldBackBytes = 0
    }

    /// Keeps nothing more of a body, and gives its place to the next that waits.
    private func stopBody(_ stream: HTTP2Stream) {
        guard stream.takesBody else { return }
        stream.takesBody = false
        uploads.removeAll { $0 === stream }
        for next in uploads.prefix(limits.uploadsAtOnceMax) where !next.isUploadGranted {
            grant(next)
            owner?.onUploadGranted(next)
        }
    }

    /// Tells the client that its body is welcome (RFC 9110 §10.1.1).
    package func sendContinue(_ stream: HTTP2Stream) {
        fields.removeAll()
        fields.add(":status") { $0.append("100") }
        _ = fields.withList { list, count in
            nghttp2_submit_headers(session, 0, stream.id, nil, list, count, nil)
        }
    }

    // MARK: Answers

    /// Whether the client takes its answers well enough for more of them to be made.
    package var hasRoomForAnswers: Bool {
        let most = limits.waitingAnswerBytesMax
        return unsentAnswerBytes <= most
            || unsentAnswerBytes - (streams.lazy.map(\.unsentBytes).max() ?? 0) <= most
    }

    /// Writes the answer of a stream; a stream that is gone gets none.
    ///
    /// - Returns: The bytes of the answer before compression of its head.
    package func answer(
        _ stream: HTTP2Stream,
        _ response: consuming Response,
        requestID: UInt64,
        date: [UInt8]
    ) -> Int {
        stream.phase = .answered
        guard !stream.isGone else { return 0 }
        stopBody(stream)
        fields.write(response, requestID: requestID, date: date)
        let hasBody =
            response.status != 204 && response.status != 304 && stream.request?.method != .head
        if hasBody { stream.answer = response.body }
        unsentAnswerBytes += stream.answer.count
        stream.sentAt = now
        var source = nghttp2_data_provider()
        source.source.ptr = Unmanaged.passUnretained(stream).toOpaque()
        source.read_callback = HTTP2Callbacks.read
        _ = fields.withList { list, count in
            stream.answer.isEmpty
                ? nghttp2_submit_response(session, stream.id, list, count, nil)
                : nghttp2_submit_response(session, stream.id, list, count, &source)
        }
        return fields.count + stream.answer.count
    }

    /// Sends a piece of an answer's body behind its frame head.
    func send(_ stream: HTTP2Stream, head: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        guard let output else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        guard output.count < outputBytesMax else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        output.append(UnsafeRawBufferPointer(start: head, count: 9))
        stream.answer.withUnsafeBytes { bytes in
            let rest = UnsafeRawBufferPointer(rebasing: bytes[stream.sentBytes...])
            output.append(UnsafeRawBufferPointer(rebasing: rest[..<count]))
        }
        stream.sentBytes += count
        unsentAnswerBytes -= count
        stream.sentAt = now
        return 0
    }

    /// The end of an answer was written.
    func finishAnswer(_ id: Int32) {
        guard let stream = stream(id), !stream.isRemoteEnded else { return }
        // The rest of the request is not wanted (RFC 9113 §8.1).
        nghttp2_submit_rst_stream(session, 0, id, HTTP2ErrorCode.noError.rawValue)
    }

    // MARK: Going away

    /// Tells the client that the server will stop; what it has sent by now is still taken.
    package func announceEnd() {
        nghttp2_submit_shutdown_notice(session)
        nghttp2_submit_ping(session, 0, nil)
    }

    /// Tells the client which request is the last; when all are answered the session is finished.
    package func end() {
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(session, 0, last, HTTP2ErrorCode.noError.rawValue, nil, 0)
    }
}

/// The error codes of HTTP/2 that the server uses itself (RFC 9113 §7).
package enum HTTP2ErrorCode: UInt32, Sendable {
    case noError = 0
    case protocolError = 1
    case internalError = 2
    case refusedStream = 7
    case cancel = 8
    case enhanceYourCalm = 11

    /// What the client is told of a failure of nghttp2.
    init(failure: Int32) {
        switch failure {
        case NGHTTP2_ERR_FLOODED.rawValue, NGHTTP2_ERR_TOO_MANY_SETTINGS.rawValue,
            NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue:
            self = .enhanceYourCalm
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue:
            self = .protocolError
        default:
            self = .internalError
        }
    }
}
