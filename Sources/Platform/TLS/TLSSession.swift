import COpenSSL
import Crypto

/// One TLS connection as bytes in and bytes out: no sockets, no clock.
///
/// The owner hands over what the socket gave (`receive`), takes the plaintext (`read`), hands over
/// plaintext (`write`), and sends what `pendingOutput` shows after each of these. The handshake
/// runs inside `read`. Belongs to one loop.
package final class TLSSession {
    /// What a read gave.
    package enum ReadResult: Hashable, Sendable {
        /// This many bytes of plaintext, at least one.
        case bytes(Int)
        /// Nothing until more is received. During the handshake there may be output to send.
        case wouldBlock
        /// The peer has said that it sends nothing more.
        case closed
    }

    /// Where the session stands.
    package enum HandshakeState: Hashable, Sendable {
        /// The peers are still agreeing on keys; nothing can be written.
        case handshaking
        /// Plaintext flows.
        case established
        /// An error ended the session; `pendingOutput` may hold an alert for the peer.
        case failed(TLSError)
    }

    private let session: OpaquePointer
    private let pipe: TLSPipe
    private var failure: TLSError?
    private var isEstablished = false
    private var hasShutDown = false

    // OpenSSL's callbacks reach what the context keeps alive, so a session outlives no context.
    private let context: AnyObject

    /// Takes ownership of the session; both queues are new.
    init(
        owning session: OpaquePointer,
        of context: AnyObject
    ) throws(TLSConfigurationError) {
        let pipe = TLSPipe()
        guard let bio = pipe.makeBIO() else {
            SSL_free(session)
            throw .refused(.take("making a TLS session"))
        }
        // One BIO serves both directions, and the session frees it.
        SSL_set_bio(session, bio, bio)
        self.session = session
        self.pipe = pipe
        self.context = context
    }

    deinit {
        // OpenSSL makes a session that is freed without a close unfit for resumption, even for
        // those who hold it; connections that were merely dropped should not pay for that.
        if failure == nil || failure == .truncated {
            SSL_set_shutdown(session, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        }
        SSL_free(session)
    }

    /// Where the session stands.
    package var handshakeState: HandshakeState {
        if let failure { return .failed(failure) }
        return isEstablished ? .established : .handshaking
    }

    /// Whether the peers are still agreeing on keys; each step may cost half a millisecond.
    package var isHandshaking: Bool { !isEstablished && failure == nil }

    /// The protocol chosen by ALPN (RFC 7301), such as `http/1.1`; nil when there was no choice.
    package var negotiatedProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(session, &name, &count)
        guard let name, count > 0 else { return nil }
        return String(
            decoding: UnsafeBufferPointer(start: name, count: Int(count)),
            as: UTF8.self
        )
    }

    /// The protocol version for the log, such as `TLSv1.3`.
    package var version: String { String(cString: SSL_get_version(session)) }

    /// The cipher suite for the log, such as `TLS_AES_128_GCM_SHA256`.
    package var cipher: String {
        guard let cipher = SSL_get_current_cipher(session) else { return "" }
        return String(cString: SSL_CIPHER_get_name(cipher))
    }

    /// The peer's certificate, which its authority has signed and which may have expired since;
    /// nil when it showed none.
    package var peerCertificate: Certificate? {
        guard SSL_get_verify_result(session) == X509_V_OK else { return nil }
        return SSL_get1_peer_certificate(session).map { Certificate(owning: $0) }
    }

    /// OpenSSL's session, for tests that misuse the protocol.
    var handleForTests: OpaquePointer { session }

    /// Whether the handshake took up an earlier session by its ticket.
    package var isResumed: Bool { SSL_session_reused(session) == 1 }

    // MARK: From the peer

    /// Takes ciphertext from the peer; the bytes are copied.
    package func receive(_ ciphertext: UnsafeRawBufferPointer) {
        guard let base = ciphertext.baseAddress, failure == nil else { return }
        if !pipe.inbound.append(base, ciphertext.count) {
            failure = .failed(OpenSSLFailure(action: "receiving", reasons: ["out of memory"]))
        }
    }

    /// Takes ciphertext from the peer.
    package func receive(_ ciphertext: [UInt8]) {
        ciphertext.withUnsafeBytes { receive($0) }
    }

    /// Notes that the peer closed the connection below TLS; a read past the last byte then throws
    /// `.truncated`, unless the peer closed TLS first.
    package func receiveEnd() { pipe.hasEnded = true }

    /// Whether a read could give something without another `receive`.
    package var hasBufferedInput: Bool {
        failure == nil && (!pipe.inbound.isEmpty || SSL_has_pending(session) == 1)
    }

    /// Reads plaintext into the target until it is full or no whole record is left.
    ///
    /// - Throws: what ended the session; send `pendingOutput` and close.
    package func read(
        into target: UnsafeMutableRawBufferPointer
    ) throws(TLSError) -> ReadResult {
        if let failure { throw failure }
        var total = 0
        while total < target.count, let base = target.baseAddress {
            var count = 0
            ERR_clear_error()
            let outcome = SSL_read_ex(session, base + total, target.count - total, &count)
            noteProgress()
            guard outcome == 1 else {
                // What was read before counts first; the next read meets the same end.
                if total > 0 { return .bytes(total) }
                return try interpret(outcome, "reading")
            }
            total += count
            // A read that can only find nothing costs as much as one that finds something.
            if pipe.inbound.isEmpty, SSL_has_pending(session) == 0 { break }
        }
        return total > 0 ? .bytes(total) : .wouldBlock
    }

    /// Reads at most this much plaintext onto the end of the target.
    ///
    /// - Throws: what ended the session; send `pendingOutput` and close.
    package func readPlaintext(
        into target: inout [UInt8],
        max: Int
    ) throws(TLSError) -> ReadResult {
        var outcome: Result<ReadResult, TLSError> = .success(.wouldBlock)
        let chunk = [UInt8](unsafeUninitializedCapacity: max) { room, initialized in
            do throws(TLSError) {
                let result = try read(
                    into: UnsafeMutableRawBufferPointer(start: room.baseAddress, count: max)
                )
                if case .bytes(let count) = result { initialized = count }
                outcome = .success(result)
            } catch {
                outcome = .failure(error)
            }
        }
        target += chunk
        return try outcome.get()
    }

    // MARK: To the peer

    /// Makes the first output of a client; a server has nothing to say before it is spoken to.
    package func startHandshake() throws(TLSError) {
        if let failure { throw failure }
        ERR_clear_error()
        let outcome = SSL_do_handshake(session)
        noteProgress()
        guard outcome == 1 else {
            _ = try interpret(outcome, "handshake")
            return
        }
    }

    /// Encrypts plaintext, all of it, onto `pendingOutput`.
    ///
    /// The output grows by the plaintext's size and 22 bytes for each 16 kB, so big bodies are
    /// written in portions.
    ///
    /// - Throws: `.handshakeUnfinished` before the session is established, `.ended` after
    ///   `shutdown`.
    package func write(_ plaintext: UnsafeRawBufferPointer) throws(TLSError) {
        if let failure { throw failure }
        guard isEstablished else { throw .handshakeUnfinished }
        guard !hasShutDown else { throw .ended }
        guard let base = plaintext.baseAddress, !plaintext.isEmpty else { return }
        var written = 0
        ERR_clear_error()
        let outcome = SSL_write_ex(session, base, plaintext.count, &written)
        guard outcome == 1, written == plaintext.count else {
            let result = try interpret(outcome, "writing")
            throw fail(.failed(OpenSSLFailure(action: "writing", reasons: ["\(result)"])))
        }
    }

    /// Encrypts plaintext onto `pendingOutput`.
    package func write(_ plaintext: [UInt8]) throws(TLSError) {
        try plaintext.span.withUnsafeBytes { bytes throws(TLSError) in try write(bytes) }
    }

    /// The ciphertext to send; valid until the session is called again.
    package var pendingOutput: UnsafeRawBufferPointer { pipe.outbound.bytes }

    /// Whether there is ciphertext to send.
    package var hasPendingOutput: Bool { !pipe.outbound.isEmpty }

    /// Drops this many bytes of `pendingOutput`, as they have been sent.
    package func consumeOutput(_ count: Int) { pipe.outbound.consume(count) }

    /// Moves all ciphertext to send onto the end of the target.
    package func drainOutput(into target: inout [UInt8]) {
        target += pipe.outbound.bytes
        pipe.outbound.removeAll()
    }

    /// Says to the peer that nothing more will be sent; plaintext may still be read.
    package func shutdown() {
        guard isEstablished, failure == nil, !hasShutDown else { return }
        hasShutDown = true
        ERR_clear_error()
        SSL_shutdown(session)
        ERR_clear_error()
    }

    /// What a client keeps in order to take up this session again; nil before the server has sent
    /// a ticket, which it does right behind the handshake.
    package func resumption() -> TLSResumption? {
        guard isEstablished, let kept = SSL_get1_session(session) else { return nil }
        guard SSL_SESSION_is_resumable(kept) == 1 else {
            SSL_SESSION_free(kept)
            return nil
        }
        return TLSResumption(owning: kept)
    }

    // MARK: Outcomes

    private func noteProgress() {
        if !isEstablished, SSL_is_init_finished(session) == 1 { isEstablished = true }
    }

    private func fail(_ error: TLSError) -> TLSError {
        failure = error
        pipe.inbound.removeAll()
        ERR_clear_error()
        return error
    }

    private func interpret(_ outcome: Int32, _ action: String) throws(TLSError) -> ReadResult {
        switch SSL_get_error(session, outcome) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            return .wouldBlock
        case SSL_ERROR_ZERO_RETURN:
            return .closed
        default:
            break
        }
        let code = ERR_peek_error()
        if easel_error_reason(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING {
            throw fail(.truncated)
        }
        let verdict = SSL_get_verify_result(session)
        if verdict != X509_V_OK, let text = X509_verify_cert_error_string(verdict) {
            throw fail(.untrustedPeer(String(cString: text)))
        }
        let action = isEstablished ? action : "TLS handshake"
        throw fail(.failed(.take(action)))
    }
}

/// What a client needs to take up an earlier session: the server's ticket and its secret.
///
/// May be used from any thread, and for one server only.
package final class TLSResumption: @unchecked Sendable {
    // Unchecked: OpenSSL counts references with atomic operations and does not change a session
    // that it has been handed out.
    let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { SSL_SESSION_free(handle) }
}
