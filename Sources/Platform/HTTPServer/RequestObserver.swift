import HTTPCore

/// What became of one request, for logs and metrics.
///
/// Valid only during the call.
package struct AnsweredRequest {
    /// The request; nil when the head was refused before it was one.
    package let request: Request?
    /// The status sent.
    package let status: UInt16
    /// The bytes of the answer, head included.
    package let bytes: Int
    /// From the turn that brought the complete head to the complete answer, in microseconds.
    package let microseconds: Int64
    /// The peer's address in text.
    package let peerAddress: String
    /// The number sent as `X-Request-Id`.
    package let id: UInt64
}

/// Hears of every answer.
package protocol RequestObserver: Sendable {
    /// Called on the connection's loop when the answer is put together.
    func answered(_ answer: AnsweredRequest)
}
