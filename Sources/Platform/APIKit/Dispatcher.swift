import EventLoop
import HTTPCore
import JSON
import Logging
import Primitives
import Storage

/// Takes a request from the router through identity, scope, permission, limits and decoding to its
/// handler, and turns whatever comes back, errors included, into an answer.
package final class Dispatcher: Responder {
    package let endpoints: [Endpoint]
    package let metrics: EndpointMetrics
    private let router: Router
    private let routes: [Route]
    private let authenticator: any Authenticator
    private let services: RequestContext.Services
    private let limits: CallLimits
    private let slowNanoseconds: Int64
    private let logger: Logger
    private let idempotency: Idempotency?
    private let representation: Representation
    let workers: WorkerPool?

    /// - Parameters:
    ///   - slowMilliseconds: after how long an answer is logged as slow; nil for never.
    ///   - idempotency: keeps answers of keyed calls; without it keys are passed over.
    ///   - workers: where large bodies are gzipped and inflated.
    package init(
        endpoints: [Endpoint],
        authenticator: any Authenticator,
        services: RequestContext.Services,
        limits: CallLimits = CallLimits(),
        slowMilliseconds: Int? = nil,
        logger: Logger,
        idempotency: Idempotency? = nil,
        workers: WorkerPool? = nil
    ) {
        self.idempotency = idempotency
        self.workers = workers
        representation = Representation(workers: workers)
        self.endpoints = endpoints
        self.authenticator = authenticator
        self.services = services
        self.limits = limits
        slowNanoseconds = slowMilliseconds.map { Int64($0) * 1_000_000 } ?? .max
        self.logger = logger
        router = Router(endpoints)
        routes = endpoints.enumerated().map { Route($1, index: $0) }
        metrics = EndpointMetrics(endpointCount: endpoints.count)
    }

    package func admit(_ request: Request) -> Admission {
        if request.method == .options, request.text(request.path) == "*" {
            return .answer(Self.options(HTTPMethod.allCases))
        }
        limits.proxies.reveal(request)
        do {
            switch router.match(request) {
            case .notFound:
                throw Failure(
                    .resourceNotFound,
                    "There is no resource at \(request.text(request.path))."
                )
            case .wrongMethod(let allow):
                return .answer(refused(Self.wrongMethod(request, allow: allow), request))
            case .found(let index, let captures):
                request.route = index
                let route = routes[index]
                let (principal, budget) = try caller(of: request, route, captures)
                if let response = try route.endpoint.shortcut?(request, principal, services) {
                    // Nothing was waited for: what passed since the turn began is other requests'.
                    metrics.record(endpoint: index, status: response.status, nanoseconds: 0)
                    return .answer(response)
                }
                let context = RequestContext(
                    request,
                    route: route,
                    captures: captures,
                    principal: principal,
                    scope: try scope(of: principal, request),
                    services: services,
                    budget: budget
                )
                let bodyBytesMax = try Self.bodyBytesMax(context)
                context.held = try route.endpoint.pass?(context)
                request.admission = context
                return .accept(bodyBytesMax: bodyBytesMax)
            }
        } catch {
            return .answer(refused(answer(to: error, request), request))
        }
    }

    private func refused(_ response: Response, _ request: Request) -> Response {
        record(response, to: request, since: request.arrivedAt)
        return response
    }

    package func respond(to request: Request) async -> Response {
        guard let context = request.admission as? RequestContext else {
            return Failure(.internalError, "The request was not admitted.")
                .response(requestID: request.id)
        }
        request.admission = nil
        // The turn that brought the last of the body: how fast a client sends is its own affair.
        let start = Loop.current?.now ?? MonotonicTime.now()
        let writes = WriteWait()
        var response: Response
        do {
            try await inflateBody(context)
            try Self.refuseBody(request, context.route.endpoint)
            response = try await WriteWait.$current.withValue(writes) {
                await representation.fit(try await run(context), context)
            }
        } catch {
            response = answer(to: error, request)
        }
        if let budget = context.budget { limits.describe(budget, in: &response) }
        record(response, to: request, since: start, writes)
        return response
    }

    /// Runs the handler, unless the call was carried out before under the same key; a dry run does
    /// nothing, so it neither uses a key up nor is answered from one.
    private func run(_ context: RequestContext) async throws -> Response {
        try context.checkFlags()
        if let dryRun = try context.dryRun { return try await dryRun.answer(context) }
        guard let idempotency, let call = try idempotency.call(of: context) else {
            return try await context.endpoint.run(context)
        }
        return try await idempotency.answer(call) {
            context.keyed = call
            return try await context.endpoint.run(context)
        }
    }

    /// The path of the request's endpoint as declared.
    ///
    /// What stands in its place in the request is not logged: it may be a token.
    package func pattern(of request: Request) -> String {
        request.route.map { endpoints[$0].path } ?? "none"
    }

    private func record(
        _ response: Response,
        to request: Request,
        since start: MonotonicTime,
        _ writes: WriteWait? = nil
    ) {
        let nanoseconds =
            MonotonicTime.now().nanoseconds(since: start) - request.parkedNanoseconds
        metrics.record(
            endpoint: request.route,
            status: response.status,
            nanoseconds: nanoseconds
        )
        guard nanoseconds >= slowNanoseconds else { return }
        var fields = logFields(of: request)
        fields["method"] = "\(request.method.text)"
        fields["status"] = "\(response.status)"
        fields["milliseconds"] = "\(nanoseconds / 1_000_000)"
        fields["writeMilliseconds"] = "\((writes?.nanoseconds ?? 0) / 1_000_000)"
        logger.warning("slow request", metadata: fields)
    }

    /// What every line about a request says of it.
    package func logFields(of request: Request) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "request": "\(RequestID.text(request.id))", "route": "\(pattern(of: request))",
        ]
        if let trace = TraceContext.traceID(of: request) { fields["trace"] = "\(trace)" }
        return fields
    }

    /// Checks who calls and whether that caller may.
    ///
    /// - Returns: the caller, and what is left of the caller's budget.
    private func caller(
        of request: Request,
        _ route: Route,
        _ captures: Router.Captures
    ) throws -> (Principal, RateLimit.Outcome?) {
        let access = route.endpoint.access
        if case .lacksCertificate = request.client {
            throw Failure(
                .unauthenticated,
                "This address is for clients with a TLS certificate, and none was shown."
            )
        }
        var principal = Principal.anonymous
        if let credential = PresentedCredential.find(in: request), access != .open {
            principal = try authenticator.principal(of: request, presenting: credential)
        }
        let budget = try count(principal, route, request)
        try allow(principal, access, request, captures)
        if case .appliance(let appliance) = principal, access != .open,
            !route.endpoint.servesPaused
        {
            try appliance.checkServed(request)
        }
        return (principal, budget)
    }

    /// The project that a person's call names, or the tenant.
    private func scope(of principal: Principal, _ request: Request) throws -> Scope {
        guard
            request.query.isEmpty
                || QueryString.isWellFormed(request.head[request.query])
        else {
            throw Failure(
                .invalidRequest,
                "The query holds an escape that is no UTF-8 text, or a NUL."
            )
        }
        guard case .user = principal,
            let project = request.text(of: "projectuid")
                ?? QueryString.value(of: "ProjectUid", in: request.head[request.query]),
            !project.isEmpty
        else { return .tenant }
        return try authenticator.scope(projectUID: project, for: principal)
    }

    /// Counts the call against the limit of whoever makes it.
    private func count(
        _ principal: Principal,
        _ route: Route,
        _ request: Request
    ) throws -> RateLimit.Outcome? {
        switch principal {
        case .appliance(let appliance): try limits.count(appliance, at: request.arrivedAt)
        case .user(let user): return try limits.count(user, at: request.arrivedAt)
        case .anonymous:
            if route.endpoint.checksSecrets { try limits.checkFailures(of: request) }
            if route.endpoint.isRegistration { try limits.countRegistration(request) }
        }
        return nil
    }

    private func allow(
        _ principal: Principal,
        _ access: Access,
        _ request: Request,
        _ captures: Router.Captures
    ) throws {
        switch (access, principal) {
        case (.open, _), (.signedIn, .user): return
        case (_, .anonymous):
            throw Failure(
                .unauthenticated,
                "This operation needs a credential: an ApiKey or Authorization header."
            )
        case (.user(let permission), .user(let user)),
            (.applianceOrUser(let permission), .user(let user)):
            guard user.may(permission) else { throw Self.forbidden(permission) }
        case (.appliance, .appliance(let appliance)), (.applianceOrUser, .appliance(let appliance)):
            guard Self.names(request, captures[0], appliance.uid) else {
                var fields = logFields(of: request)
                fields["appliance"] = "\(appliance.uid)"
                fields["path"] = "\(request.text(request.path))"
                logger.warning(
                    "appliance used its credential on another appliance's path",
                    metadata: fields
                )
                throw Failure(
                    .operationForbidden,
                    "This credential belongs to another appliance."
                )
            }
        case (.appliance, .user):
            throw Failure(
                .unauthenticated,
                "This operation needs the credential of the appliance itself."
            )
        case (.user(let permission), .appliance):
            throw Self.forbidden(permission)
        case (.signedIn, .appliance):
            throw Failure(.operationForbidden, "This operation is for people, not for appliances.")
        }
    }

    /// Whether a path parameter is this uid.
    ///
    /// Agents write it as it is, which needs no decoding.
    private static func names(_ request: Request, _ parameter: Range<Int>, _ uid: String) -> Bool {
        if request.matches(parameter, uid) { return true }
        return PercentCoding.decode(request.head[parameter], plusIsSpace: false) == uid
    }

    /// The refusal whose wording clients of the real service know.
    package static func forbidden(_ permission: Permission) -> Failure {
        Failure(
            .operationForbidden,
            "Operation '\(permission.text)' is forbidden. Verify the user has "
                + "'\(permission.text)' permission"
        )
    }

    private static func wrongMethod(_ request: Request, allow: [HTTPMethod]) -> Response {
        if request.method == .options { return options(allow) }
        let names = allow.map(\.text).sorted().joined(separator: ", ")
        var response = Failure(
            .methodNotAllowed,
            "\(request.method.text) is not allowed here; use one of \(names)."
        ).response(requestID: request.id)
        response.fields.append(("Allow", names))
        return response
    }

    private static func options(_ allow: [HTTPMethod]) -> Response {
        let names = allow.map(\.text).sorted().joined(separator: ", ")
        return Response(status: 204, fields: [("Allow", names)])
    }

    private func answer(to error: any Error, _ request: Request) -> Response {
        var failure = Self.failure(from: error)
        if failure.code == .unauthenticated { failure = limits.countFailure(request) ?? failure }
        if failure.code == .internalError || failure.code == .storageFull {
            var fields = logFields(of: request)
            fields["error"] = "\(failure.cause.map { "\($0)" } ?? failure.message)"
            logger.error("request failed", metadata: fields)
        }
        return failure.response(requestID: request.id)
    }

    /// Any error as a `Failure`; the text of an unexpected one stays in `cause`.
    package static func failure(from error: any Error) -> Failure {
        if let failure = error as? Failure { return failure }
        if error is CancellationError {
            return Failure(
                .unavailable,
                "The server is shutting down; try again.",
                retryAfterSeconds: Int.random(in: 1...10)
            )
        }
        if let storage = error as? StorageError {
            switch storage.kind {
            case .full:
                return Failure(
                    .storageFull,
                    "The server has no space left to store this.",
                    cause: storage
                )
            case .overloaded, .busy:
                return Failure(
                    .unavailable,
                    "The server is busy; try again.",
                    retryAfterSeconds: Int.random(in: 1...4),
                    cause: storage
                )
            case .closed, .readOnly, .ioError, .corrupt, .replaced:
                return Failure(
                    .unavailable,
                    "The server cannot store anything now; try again later.",
                    retryAfterSeconds: Int.random(in: 5...15),
                    cause: storage
                )
            default: break
            }
        }
        return Failure(
            .internalError,
            "The server failed to do this; quote the reference when reporting it.",
            cause: error
        )
    }
}
