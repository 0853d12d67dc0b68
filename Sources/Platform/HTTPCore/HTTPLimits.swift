import Primitives

/// Every limit the HTTP server puts on a client, in one table (DESIGN §4).
package struct HTTPLimits: Sendable {
    /// The longest request target in bytes; a longer one is answered 414.
    package var targetBytesMax = 8 * 1024
    /// The longest head (request line and fields) in bytes; a longer one is answered 431.
    package var headBytesMax = 32 * 1024
    /// The most header fields; more are answered 431.
    package var fieldCountMax = 100
    /// The longest chunk extension in bytes; a longer one is answered 400.
    package var chunkExtensionBytesMax = 256
    /// The most trailer bytes after a chunked body, which are read and dropped.
    package var trailerBytesMax = 8 * 1024
    /// The rest of a refused body the server reads and drops to keep the connection.
    package var discardedBodyBytesMax = 64 * 1024
    /// Unread input kept while a request is being answered; beyond it reading pauses.
    package var pipelinedBytesMax = 64 * 1024
    /// Unsent output beyond which no further pipelined request is begun.
    package var unsentBytesMax = 256 * 1024

    /// The time a client has to send a whole head once it has begun, or its first one.
    package var headTimeout: Duration = .seconds(10)
    /// The time a client has to finish its TLS handshake.
    package var handshakeTimeout: Duration = .seconds(10)
    /// The time a body may take on top of its length at `bodyBytesPerSecondMin`.
    package var bodyGrace: Duration = .seconds(10)
    /// The slowest a body may come, in bytes a second on average.
    package var bodyBytesPerSecondMin = 512
    /// How long a client may take no byte of its answer.
    package var writeStallTimeout: Duration = .seconds(30)
    /// How long a connection may lie between two requests: longer than two poll intervals, because
    /// a new TLS handshake costs a hundred polls.
    package var idleTimeout: Duration = .seconds(180)
    /// How long a client that has finished sending may wait for an answer before its request is
    /// taken for abandoned and cancelled.
    package var halfCloseGrace: Duration = .seconds(1)
    /// How long a client that was accepted when the server began to stop may take for its request.
    package var drainGrace: Duration = .seconds(1)
    /// How long the server reads on after its last answer, so that the client can read it.
    package var lingerTimeout: Duration = .seconds(2)

    /// The most connections in all; more are closed at once.
    package var connectionsMax = 200_000
    /// Connections beyond `connectionsMax` for clients on this machine, such as its health check.
    package var connectionsReservedForLoopback = 16
    /// The most connections from one address (for IPv6: one /64 network).
    ///
    /// Large, because a whole fleet may sit behind one.
    package var connectionsPerAddressMax = 20_000
    /// How fast one address may open connections; nil for no limit.
    ///
    /// A whole fleet that comes back together has to fit into the burst.
    package var connectionRate: RateLimit?
    /// TLS handshakes a loop begins in one turn, so that a storm of them does not starve polls.
    package var handshakesPerTurnMax = 4

    // MARK: HTTP/2

    /// The most requests under way at once on one connection; also the most handlers that run for
    /// it, those of requests that the client gave up included.
    package var streamsMax = 100
    /// What a client may send of a body before the server has asked for more.
    package var streamWindowBytes = 64 * 1024
    /// The window of a body that turned out to be long.
    package var uploadWindowBytes = 1024 * 1024
    /// The window that all the bodies of a connection share.
    package var connectionWindowBytes = 1024 * 1024
    /// Bodies of one connection that may grow beyond `streamWindowBytes` at the same time.
    ///
    /// The others wait, so that streams do not multiply the memory of the largest body.
    package var uploadsAtOnceMax = 4
    /// The header table of HPACK in bytes, for either direction.
    package var headerTableBytesMax = 4096
    /// Decoded header bytes after which a request that is too large anyway is taken for an attack.
    package var decodedHeadBytesMax = 256 * 1024
    /// CONTINUATION frames of one head.
    package var continuationFramesMax = 8
    /// Requests that a client may give up, in one second.
    package var clientResetsPerSecondMax = 200
    /// Streams that the server may have to end because the client broke a rule, in one second.
    package var serverResetsPerSecondMax = 100
    /// SETTINGS frames in one second.
    package var settingsPerSecondMax = 10
    /// PING frames in one second.
    package var pingsPerSecondMax = 100
    /// WINDOW_UPDATE frames in one second.
    package var windowUpdatesPerSecondMax = 10_000
    /// Frames that move nothing, in one second: DATA without bytes, priorities, unknown types.
    package var emptyFramesPerSecondMax = 200
    /// Bytes of answers that may wait for the client on one connection, the largest answer not
    /// counted; beyond them no further request is begun.
    ///
    /// A client opens a hundred streams and no window: each large answer would stay in memory. But
    /// one long download must not hold up what is asked beside it.
    package var waitingAnswerBytesMax = 1024 * 1024
    /// Acknowledgements that wait because the client does not read.
    package var unsentAcksMax = 1000
    /// How long the server waits, when it stops, for requests that were on their way when the
    /// client learnt of it.
    package var goAwayGrace: Duration = .seconds(1)

    /// The defaults.
    package init() {}
}
