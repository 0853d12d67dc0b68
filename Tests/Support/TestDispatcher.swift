import APIKit
import Archive
import EventLoop
import HTTPCore
import JSON
import Logging
import Primitives
import Synchronization

/// Calls operations through a real `Dispatcher`, without sockets.
package struct TestDispatcher: Sendable {
    /// The real one.
    package let dispatcher: Dispatcher

    /// The moment at which the default clock stands: 2026-03-01T12:00:00Z.
    package static let moment = Timestamp(milliseconds: 1_772_366_400_000)

    /// - Parameters:
    ///   - cursorKey: 32 bytes; a second dispatcher with the same key is the same server restarted.
    package init(
        _ endpoints: [Endpoint],
        authenticator: any Authenticator = FakeAuthenticator(),
        clock: Clock = .fixed(TestDispatcher.moment),
        cursorKey: [UInt8] = [UInt8](repeating: 7, count: 32),
        limits: CallLimits = CallLimits(),
        slowMilliseconds: Int? = nil,
        logger: Logger? = nil,
        idempotency: Idempotency? = nil,
        workers: WorkerPool? = nil
    ) {
        var quiet = Logger(label: "test")
        quiet.logLevel = .critical
        dispatcher = Dispatcher(
            endpoints: endpoints,
            authenticator: authenticator,
            services: RequestContext.Services(clock: clock, cursors: CursorSealer(key: cursorKey)),
            limits: limits,
            slowMilliseconds: slowMilliseconds,
            logger: logger ?? quiet,
            idempotency: idempotency,
            workers: workers
        )
    }

    /// Sends a request with a JSON body, or none.
    ///
    /// - Parameters:
    ///   - target: path and query as they stand on the wire.
    ///   - credential: the value of the `ApiKey` header; `nil` for none.
    ///   - project: the value of the `ProjectUid` header.
    /// - Throws: `UndocumentedAnswer` when the answer does not fit the endpoint's own document.
    package func call(
        _ method: HTTPMethod,
        _ target: String,
        as credential: String? = "admin",
        project: String? = nil,
        headers: [(String, String)] = [],
        body: JSONValue? = nil,
        peer: String = "192.0.2.1"
    ) async throws -> TestAnswer {
        var headers = headers
        if body != nil { headers.append(("Content-Type", "application/json")) }
        return try await call(
            method,
            target,
            as: credential,
            project: project,
            headers: headers,
            raw: body.map { $0.jsonBytes() } ?? [],
            peer: peer
        )
    }

    /// Sends a request whose body is these bytes.
    package func call(
        _ method: HTTPMethod,
        _ target: String,
        as credential: String? = "admin",
        project: String? = nil,
        headers: [(String, String)] = [],
        raw body: [UInt8],
        peer: String = "192.0.2.1"
    ) async throws -> TestAnswer {
        var headers = headers
        if let credential { headers.append(("ApiKey", credential)) }
        if let project { headers.append(("ProjectUid", project)) }
        let request = Self.request(method, target, headers, body)
        request.peerAddress = peer
        let response: Response
        switch dispatcher.admit(request) {
        case .answer(let answer): response = answer
        case .accept(let bodyBytesMax) where body.count > bodyBytesMax:
            // The server below the dispatcher answers so once it has counted the bytes.
            request.admission = nil
            response = Failure(.bodyTooLarge, "The body is too large.")
                .response(requestID: request.id)
        case .accept: response = await dispatcher.respond(to: request)
        }
        let answer = TestAnswer(response: response)
        let isDryRun = request.text(request.query).contains("dryRun=true")
        try check(answer, method, path: request.text(request.path), isDryRun: isDryRun)
        return answer
    }

    private func check(
        _ answer: TestAnswer,
        _ method: HTTPMethod,
        path: String,
        isDryRun: Bool
    ) throws {
        // A 405 speaks of the path, not of one of its operations.
        guard let endpoint = endpoint(method, path: path), answer.status != 405 else { return }
        if isDryRun, answer.status == 200, let schema = endpoint.dryRunSchema {
            let wrong = schema.mismatches(answer.json)
            guard wrong.isEmpty else {
                throw UndocumentedAnswer(operation: endpoint.id, wrong: wrong)
            }
            return
        }
        // 202 may say that something is pending, as a refusal does.
        let parts: [UInt16] = endpoint.answersRanges ? [206] : []
        guard
            ([endpoint.success, 304] + endpoint.otherSuccesses + parts).contains(answer.status)
        else { return try checkRefusal(answer, endpoint) }
        var wrong: [String] = []
        if [endpoint.success, 304].contains(answer.status),
            answer.etag.isEmpty == endpoint.hasEntityTag
        {
            wrong.append("the document says otherwise of the entity tag '\(answer.etag)'")
        }
        if answer.status == 304 {
            if !endpoint.answersNotModified { wrong.append("304 is not documented") }
            if !answer.response.body.isEmpty { wrong.append("304 has a body") }
        } else if answer.status == 204, endpoint.success != 204 {
            if !answer.response.body.isEmpty { wrong.append("a 204 has no body") }
        } else {
            wrong += Self.mismatches(answer, endpoint)
        }
        guard wrong.isEmpty else { throw UndocumentedAnswer(operation: endpoint.id, wrong: wrong) }
    }

    /// How a success differs from its document.
    private static func mismatches(_ answer: TestAnswer, _ endpoint: Endpoint) -> [String] {
        var wrong: [String] = []
        if let schema = endpoint.outputSchema, endpoint.outputContentType == .json {
            wrong += schema.mismatches(answer.json)
        } else if endpoint.outputContentType == nil, !answer.response.body.isEmpty {
            wrong.append("no body is documented")
        }
        return wrong
    }

    private func checkRefusal(_ answer: TestAnswer, _ endpoint: Endpoint) throws {
        var wrong = Failure.schema.mismatches(answer.json)
        if !endpoint.documentedStatuses.contains(answer.status) {
            wrong.append("the status \(answer.status) is not documented: \(answer.text)")
        }
        if !Failure.Code.allCases.contains(where: {
            $0.rawValue == answer.code && $0.status == answer.status
        }) {
            wrong.append("the code '\(answer.code)' is not one of status \(answer.status)")
        }
        if answer.message.isEmpty { wrong.append("the message is empty") }
        guard wrong.isEmpty else { throw UndocumentedAnswer(operation: endpoint.id, wrong: wrong) }
    }

    /// The endpoint of a path: of those that fit, the one with the fewest parameters.
    private func endpoint(_ method: HTTPMethod, path: String) -> Endpoint? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return dispatcher.endpoints.filter { endpoint in
            let pattern = endpoint.path.split(separator: "/", omittingEmptySubsequences: false)
            return endpoint.method == method && pattern.count == parts.count
                && zip(pattern, parts).allSatisfy { $0.hasPrefix("{") ? !$1.isEmpty : $0 == $1 }
        }.min { $0.pathParameters.count < $1.pathParameters.count }
    }

    /// A request as the server below hands it over.
    package static func request(
        _ method: HTTPMethod,
        _ target: String,
        _ headers: [(String, String)] = [],
        _ body: [UInt8] = []
    ) -> Request {
        let request = Request()
        request.method = method
        request.head = Array(target.utf8)
        let mark = request.head.firstIndex(of: UInt8(ascii: "?")) ?? request.head.count
        request.path = 0..<mark
        request.query = min(mark + 1, request.head.count)..<request.head.count
        for (name, value) in headers {
            let start = request.head.count
            request.head += Array(name.lowercased().utf8)
            let middle = request.head.count
            request.head += Array(value.utf8)
            request.fields.append(
                Request.Field(name: start..<middle, value: middle..<request.head.count)
            )
        }
        request.body = body
        request.id = nextID.wrappingAdd(1, ordering: .relaxed).newValue
        return request
    }

    private static let nextID = Atomic<UInt64>(0)
}

/// An answer that its endpoint's document does not allow.
package struct UndocumentedAnswer: Error {
    /// The operation's id.
    package let operation: String
    /// What does not fit, sentence by sentence.
    package let wrong: [String]
}

/// An answer with its body read.
package struct TestAnswer: Sendable {
    /// The answer as the server would send it.
    package let response: Response

    /// The status.
    package var status: UInt16 { response.status }
    /// The body, inflated when it was gzipped; empty when that fails.
    package var body: [UInt8] {
        guard header("Content-Encoding") == "gzip" else { return response.body }
        return (try? Gzip.decompress(response.body, limit: 64 << 20)) ?? []
    }
    /// The body as JSON; `null` when it is none.
    package var json: JSONValue { (try? JSONParser.parse(body)) ?? .null }
    /// The body as text.
    package var text: String { String(decoding: body, as: UTF8.self) }
    /// The entity tag with its quotes.
    package var etag: String { String(decoding: response.etag, as: UTF8.self) }
    /// The error body's `code`; empty when there is none.
    package var code: String { json["code"]?.text ?? "" }
    /// The error body's `message`; empty when there is none.
    package var message: String { json["message"]?.text ?? "" }
    /// The pointer and the code of each fault, such as `/metadata/name Required`.
    package var faults: [String] {
        (json["details"]?["errors"]?.elements ?? []).map {
            "\($0["pointer"]?.text ?? "") \($0["code"]?.text ?? "")"
        }
    }

    /// The value of a header that the answer sets beyond the usual ones.
    package func header(_ name: String) -> String? {
        response.fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
