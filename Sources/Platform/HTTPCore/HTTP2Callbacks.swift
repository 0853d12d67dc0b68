import CNghttp2

/// What nghttp2 calls: from C to the methods of a session.
enum HTTP2Callbacks {
    /// The table for all sessions; never changed after it was made.
    nonisolated(unsafe) static let table: OpaquePointer? = {
        var table: OpaquePointer?
        nghttp2_session_callbacks_new(&table)
        nghttp2_session_callbacks_set_on_begin_frame_callback(table, onBeginFrame)
        nghttp2_session_callbacks_set_on_begin_headers_callback(table, onBeginHead)
        nghttp2_session_callbacks_set_on_header_callback(table, onField)
        nghttp2_session_callbacks_set_on_invalid_header_callback(table, onInvalidField)
        nghttp2_session_callbacks_set_on_frame_recv_callback(table, onFrame)
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table, onInvalidFrame)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, onData)
        nghttp2_session_callbacks_set_on_stream_close_callback(table, onClose)
        nghttp2_session_callbacks_set_on_frame_send_callback(table, onSent)
        nghttp2_session_callbacks_set_send_data_callback(table, onSendData)
        nghttp2_session_callbacks_set_unpack_extension_callback(table, onUnknownFrame)
        return table
    }()

    private static func session(_ data: UnsafeMutableRawPointer?) -> HTTP2Session? {
        data.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func isSet(_ flag: nghttp2_flag, _ hd: nghttp2_frame_hd) -> Bool {
        UInt32(hd.flags) & flag.rawValue != 0
    }

    // MARK: Input

    private static let onBeginFrame: nghttp2_on_begin_frame_callback = { _, hd, data in
        guard let session = session(data), let hd = hd?.pointee else { return 0 }
        let limits = session.limits
        switch UInt32(hd.type) {
        case NGHTTP2_HEADERS.rawValue:
            session.continuationFrames = 0
            return session.isSkipped(hd.stream_id) ? session.stop(.protocolError) : 0
        case NGHTTP2_CONTINUATION.rawValue:
            session.continuationFrames += 1
            return session.continuationFrames <= limits.continuationFramesMax
                ? 0 : session.stop(.enhanceYourCalm)
        case NGHTTP2_DATA.rawValue:
            guard hd.length == 0, !isSet(NGHTTP2_FLAG_END_STREAM, hd) else { return 0 }
            return session.count(.empty, limits.emptyFramesPerSecondMax)
        case NGHTTP2_RST_STREAM.rawValue:
            return session.count(.clientReset, limits.clientResetsPerSecondMax)
        case NGHTTP2_SETTINGS.rawValue:
            guard !isSet(NGHTTP2_FLAG_ACK, hd) else { return 0 }
            return session.count(.settings, limits.settingsPerSecondMax)
        case NGHTTP2_PING.rawValue:
            return session.count(.ping, limits.pingsPerSecondMax)
        case NGHTTP2_WINDOW_UPDATE.rawValue:
            return session.count(.windowUpdate, limits.windowUpdatesPerSecondMax)
        case NGHTTP2_PRIORITY.rawValue where hd.stream_id == 0:
            return session.stop(.protocolError)
        default:
            return session.count(.empty, limits.emptyFramesPerSecondMax)
        }
    }

    private static let onBeginHead: nghttp2_on_begin_headers_callback = { _, frame, data in
        guard let session = session(data), let frame = frame?.pointee,
            frame.headers.cat == NGHTTP2_HCAT_REQUEST
        else { return 0 }
        session.open(frame.hd.stream_id)
        return 0
    }

    private static let onField: nghttp2_on_header_callback = {
        _,
        frame,
        name,
        nameCount,
        value,
        valueCount,
        _,
        data in
        guard let session = session(data), let frame = frame?.pointee,
            let stream = session.stream(frame.hd.stream_id)
        else { return 0 }
        if stream.isHeadComplete {
            stream.trailerBytes += nameCount + valueCount + 32
            return stream.trailerBytes <= session.limits.decodedHeadBytesMax
                ? 0 : session.stop(.enhanceYourCalm)
        }
        if let request = stream.request {
            stream.head.add(
                UnsafeBufferPointer(start: name, count: nameCount),
                UnsafeBufferPointer(start: value, count: valueCount),
                to: request,
                session.limits
            )
        }
        return stream.head.listBytes <= session.limits.decodedHeadBytesMax
            ? 0 : session.stop(.enhanceYourCalm)
    }

    private static let onInvalidField: nghttp2_on_invalid_header_callback = {
        _,
        frame,
        _,
        _,
        _,
        _,
        _,
        data in
        guard let session = session(data), let frame = frame?.pointee else { return 0 }
        // nghttp2 would drop the field: then two readers could understand the request differently.
        session.headStartedAt = nil
        if let stream = session.stream(frame.hd.stream_id) { session.reset(stream, .protocolError) }
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }

    private static let onFrame: nghttp2_on_frame_recv_callback = { _, frame, data in
        guard let session = session(data), let frame = frame?.pointee else { return 0 }
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue:
            guard let stream = session.stream(frame.hd.stream_id) else { return 0 }
            session.finishHead(stream, endsStream: isSet(NGHTTP2_FLAG_END_STREAM, frame.hd))
        case NGHTTP2_DATA.rawValue:
            guard isSet(NGHTTP2_FLAG_END_STREAM, frame.hd),
                let stream = session.stream(frame.hd.stream_id)
            else { return 0 }
            session.finishRemote(stream)
        case NGHTTP2_PING.rawValue:
            if isSet(NGHTTP2_FLAG_ACK, frame.hd) { session.owner?.onPong() }
        default:
            break
        }
        return 0
    }

    private static let onInvalidFrame: nghttp2_on_invalid_frame_recv_callback = {
        _,
        frame,
        _,
        data in
        guard let session = session(data), let frame = frame?.pointee else { return 0 }
        session.abandon(frame.hd.stream_id)
        return 0
    }

    /// Passes over a frame of an unknown type, as RFC 9113 §4.1 asks; it was counted when it began.
    private static let onUnknownFrame: nghttp2_unpack_extension_callback = { _, _, _, _ in
        NGHTTP2_ERR_CANCEL.rawValue
    }

    private static let onData: nghttp2_on_data_chunk_recv_callback = {
        _,
        _,
        id,
        bytes,
        count,
        data in
        guard let session = session(data), let stream = session.stream(id) else { return 0 }
        session.takeBody(stream, UnsafeBufferPointer(start: bytes, count: count))
        return 0
    }

    private static let onClose: nghttp2_on_stream_close_callback = { _, id, _, data in
        guard let session = session(data), let stream = session.stream(id) else { return 0 }
        session.close(stream)
        return 0
    }

    // MARK: Output

    private static let onSent: nghttp2_on_frame_send_callback = { _, frame, data in
        guard let session = session(data), let frame = frame?.pointee else { return 0 }
        switch UInt32(frame.hd.type) {
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            if isSet(NGHTTP2_FLAG_END_STREAM, frame.hd) { session.finishAnswer(frame.hd.stream_id) }
        case NGHTTP2_RST_STREAM.rawValue:
            // Whoever makes us reset streams gets work done that nobody waits for.
            guard frame.rst_stream.error_code != HTTP2ErrorCode.noError.rawValue else { return 0 }
            // A failure here would leave nghttp2 in the middle of the frame; `produce` sees the
            // violation.
            _ = session.count(.serverReset, session.limits.serverResetsPerSecondMax)
        default:
            break
        }
        return 0
    }

    /// Says how much of an answer's body the next frame holds.
    static let read: nghttp2_data_source_read_callback = { _, _, _, room, flags, source, _ in
        guard let source = source?.pointee.ptr, let flags else { return 0 }
        let stream = Unmanaged<HTTP2Stream>.fromOpaque(source).takeUnretainedValue()
        let rest = stream.answer.count - stream.sentBytes
        flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        if rest <= room { flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
        return min(rest, room)
    }

    private static let onSendData: nghttp2_send_data_callback = {
        _,
        _,
        head,
        count,
        source,
        data in
        guard let session = session(data), let head, let source = source?.pointee.ptr else {
            return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
        }
        let stream = Unmanaged<HTTP2Stream>.fromOpaque(source).takeUnretainedValue()
        return session.send(stream, head: head, count)
    }
}
