import Primitives

/// One request of HTTP/2 and its answer.
///
/// Belongs to its session's loop. The session keeps it until the stream is closed; a handler that
/// still runs then keeps it a little longer.
///
/// Unchecked: the handler's task runs on the loop, too.
package final class HTTP2Stream: @unchecked Sendable {
    /// How far the request has come.
    package enum Phase {
        /// The head or the body is still to come.
        case receiving
        /// The request is complete and its handler is about to run.
        case ready
        /// The handler runs or waits.
        case handling
        /// The answer is written, if not sent.
        case answered
    }

    /// The number of the stream.
    package let id: Int32
    /// The request; nil when it was given back.
    package var request: Request?
    package var phase = Phase.receiving
    /// Whether the responder has seen the head.
    package var isAdmitted = false
    /// Whether nobody waits for an answer any more: the client gave up, or broke a rule.
    package internal(set) var isGone = false
    /// Whether body bytes are kept.
    package internal(set) var takesBody = false
    /// Whether the client may send on, or waits until other bodies are complete.
    package internal(set) var isUploadGranted = false
    /// The handler, while it runs.
    package var handler: Task<Void, Never>?
    /// When the body began to come, or was allowed to go on.
    package var bodyStartedAt = MonotonicTime(nanoseconds: 0)
    /// What of the body had come by then.
    package var bodyBytesAtStart = 0
    /// When the client last let a part of the answer go.
    package internal(set) var sentAt = MonotonicTime(nanoseconds: 0)

    /// Whether the client waits for 100 before it sends the body.
    package var expectsContinue: Bool { head.expectsContinue }
    /// Whether a part of the answer's body waits.
    package var isSending: Bool { unsentBytes > 0 }
    /// What waits of the answer's body.
    var unsentBytes: Int { answer.count - sentBytes }

    var head = HTTP2Head()
    /// The place in the session's list.
    var index = 0
    var isHeadComplete = false
    /// Whether the client has sent everything.
    var isRemoteEnded = false
    var trailerBytes = 0
    var bodyBytesMax = 0
    /// Body bytes taken for which the window has not been opened again.
    var heldBackBytes = 0
    var hasLargeWindow = false
    var answer: [UInt8] = []
    var sentBytes = 0

    init(id: Int32, request: Request) {
        self.id = id
        self.request = request
    }
}
