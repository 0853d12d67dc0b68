import Archive
import EventLoop
import HTTPCore
import Primitives
import Synchronization

/// Fetches what users of the API let the server fetch, such as packs and charts.
///
/// Every address is checked against the policy when it is connected to, and that very address is
/// connected to; a redirect is a new request, checked anew. May be used from any thread.
package final class OutboundClient: Sendable {
    /// Redirects that are followed for one request.
    static let redirectsMax = 5
    /// Clients kept for later requests, one for each set of trusted certificates.
    private static let clientsMax = 16

    private let loop: Loop
    private let workers: WorkerPool
    private let options: HTTPClientOptions
    private let clients = Mutex<[OutboundTrust: HTTPClient]>([:])

    /// - Parameters:
    ///   - loop: must run as long as requests are made.
    ///   - workers: where names are looked up.
    ///   - resolve: finds a host's addresses; blocks. Tests have their own.
    package init(
        loop: Loop,
        workers: WorkerPool,
        policy: OutboundPolicy,
        proxy: OutboundProxy? = nil,
        resolve: @escaping @Sendable (String, UInt16) throws -> [SocketAddress] = {
            try SocketAddress.resolve(host: $0, port: $1)
        }
    ) {
        self.loop = loop
        self.workers = workers
        var options = HTTPClientOptions()
        options.admits = { policy.admits($0.ip, isSecure: $1) }
        options.resolve = resolve
        options.proxy = proxy
        options.exchangesMax = 64
        options.idleTimeout = .seconds(20)
        self.options = options
    }

    /// Fetches what a server answers with success, or with 304.
    ///
    /// - Throws: `.unauthorised` for 401 and 403, `.badAnswer` for any other status.
    package func fetch(_ request: OutboundRequest) async throws(OutboundError) -> ClientResponse {
        let response = try await send(request)
        guard (200...299).contains(response.status) || response.status == 304 else {
            throw response.refusal
        }
        return response
    }

    /// Sends a request, follows its redirects, and gives the last answer whatever its status.
    package func send(_ request: OutboundRequest) async throws(OutboundError) -> ClientResponse {
        let client = try client(trusting: request.trust)
        let start = MonotonicTime.now()
        var url = request.url
        var authorization = request.authorization
        for _ in 0...Self.redirectsMax {
            let spent = Duration.nanoseconds(MonotonicTime.now().nanoseconds(since: start))
            guard spent < request.deadline else { throw .unreachable }
            let response: ClientResponse
            do throws(HTTPClientError) {
                response = try await client.send(
                    request.step(to: url, authorization, deadline: request.deadline - spent)
                )
            } catch {
                throw OutboundError(error)
            }
            guard Self.isRedirect(response.status) else {
                // Whoever answers challenges must not answer one of a server he never named.
                if response.status == 401, Origin(url) != Origin(request.url) {
                    throw .unauthorised
                }
                return try Self.inflated(response, request)
            }
            guard request.method == .get || request.method == .head,
                let location = response.field("location")
            else { throw .badAnswer }
            guard let next = url.following(location), next.isSecure || !url.isSecure else {
                throw .refusedByPolicy
            }
            if Origin(next) != Origin(url) { authorization = nil }
            url = next
        }
        throw .badAnswer
    }

    private static func isRedirect(_ status: Int) -> Bool {
        switch status {
        case 301, 302, 303, 307, 308: true
        default: false
        }
    }

    static func inflated(
        _ response: ClientResponse,
        _ request: OutboundRequest
    ) throws(OutboundError) -> ClientResponse {
        guard request.acceptsGzip, !response.body.isEmpty else { return response }
        switch response.field("content-encoding")?.lowercased() {
        case nil, "identity": return response
        case "gzip", "x-gzip":
            var response = response
            do {
                response.body = try Gzip.decompress(response.body, limit: request.bytesMax)
            } catch {
                throw error.kind == .tooLarge ? .tooBig : .badAnswer
            }
            return response
        default: throw .badAnswer
        }
    }

    private func client(trusting trust: OutboundTrust) throws(OutboundError) -> HTTPClient {
        if let known = clients.withLock({ $0[trust] }) { return known }
        var options = self.options
        options.trust = trust.tls
        let made: HTTPClient
        do {
            made = try HTTPClient(loop: loop, workers: workers, options: options)
        } catch {
            throw .badCertificates
        }
        clients.withLock { clients in
            // Requests under way keep theirs; its idle connections end by their own timer.
            if clients.count >= Self.clientsMax { clients.removeAll() }
            clients[trust] = made
        }
        return made
    }
}

extension OutboundRequest {
    /// The request of one step, the first or behind a redirect.
    fileprivate func step(
        to url: HTTPURL,
        _ authorization: String?,
        deadline: Duration
    ) -> ClientRequest {
        var fields = self.fields
        if let authorization { fields.append(("Authorization", authorization)) }
        if acceptsGzip { fields.append(("Accept-Encoding", "gzip")) }
        return ClientRequest(
            method,
            url,
            fields: fields,
            body: body,
            deadline: deadline,
            bodyBytesMax: bytesMax
        )
    }
}

extension ClientResponse {
    /// Whether credentials are asked for.
    package var wantsCredentials: Bool { status == 401 }
    /// Whether there is no such thing.
    package var isMissing: Bool { status == 404 }

    /// What an answer means that is not the one that was hoped for.
    package var refusal: OutboundError {
        status == 401 || status == 403 ? .unauthorised : .badAnswer
    }
}
