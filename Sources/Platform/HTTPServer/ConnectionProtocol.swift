import HTTPCore

/// What is spoken on a connection, above the socket and TLS: HTTP/1.1, and beside it HTTP/2 where
/// ALPN chose it.
///
/// Called on the connection's loop.
protocol ConnectionProtocol: AnyObject {
    /// Whether more input helps now; when not, reading pauses at `pipelinedBytesMax`.
    var wantsInput: Bool { get }
    /// Whether neither a request nor an answer is under way.
    var isIdle: Bool { get }
    /// Whether nothing has come from the client yet.
    var isNew: Bool { get }
    /// Takes what it can use from the front; the rest is kept and offered again with more behind
    /// it. Answers written meanwhile leave in one piece afterwards.
    func onReceived(_ input: ByteBuffer)
    /// The peer will send nothing more; it may still read.
    func onPeerFinished()
    /// Everything written has gone to the kernel.
    func onOutputSent()
    /// The deadline set on the connection has passed.
    func onDeadline()
    /// The server is stopping: answer what runs and close.
    func onDrain()
    /// The connection is gone; nothing can be written.
    func onClosed()
}
