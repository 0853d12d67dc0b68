import HTTPCore
import JSON
import Storage

/// An answer body that writes itself as JSON.
package protocol WireOutput: JSONWritable, Sendable {
    /// Values that show every member, and together each optional member once present and once
    /// absent: they are the document's examples and its schema is read off them.
    static var examples: [Self] { get }
    /// The version of what is shown, without quotes; `nil` for answers that have none.
    var entityTag: String? { get }
    /// Whether more is shown than the version counts, such as what agents report or what a train
    /// stands for today: the answer's tag is then the version, a point and a digest of the answer.
    ///
    /// `If-Match` looks at the version alone: of the rest nobody can lose an update.
    var showsMoreThanVersion: Bool { get }
}

extension WireOutput {
    /// None, unless an answer says otherwise.
    package var entityTag: String? { nil }
    /// Not, unless an answer says otherwise.
    package var showsMoreThanVersion: Bool { false }
}

/// What a create answers: the uid of what now exists.
package struct UIDAnswer: WireOutput {
    package let uid: String

    package init(uid: String) {
        self.uid = uid
    }

    package static var examples: [UIDAnswer] { [UIDAnswer(uid: "65f1c0a4d2b7e81f3c9a4b6d")] }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("uid")
        writer.string(uid)
        writer.endObject()
    }
}

/// A query parameter that an endpoint reads.
package struct QueryParameter: Sendable {
    package let name: String
    package let schema: Schema
    package let summary: String

    package init(_ name: String, _ schema: Schema = .string(), _ summary: String) {
        self.name = name
        self.schema = schema
        self.summary = summary
    }

    /// The parameters that every list takes.
    package static let paging: [QueryParameter] = [
        QueryParameter("limit", .integer(0...50), "Items on a page; 0 means all. Default 50."),
        QueryParameter("offset", .integer(0...Int64(Int32.max)), "Items to skip."),
        QueryParameter("continue", .string(), "The `listmeta.continue` of the page before."),
    ]
}

/// One operation of the API: how it is called, who may call it, what it takes and gives.
///
/// The router, the permission check, the limits and the OpenAPI document all come from this value.
package struct Endpoint: Sendable {
    enum Segment: Equatable {
        case literal(String)
        case parameter(String)
    }

    /// Which document an operation is published in.
    package enum Document: String, Sendable, CaseIterable {
        /// The operations of Palette's public API.
        case palette
        /// The contract between Easel and its agents, and Easel's own additions.
        case agent
    }

    package let method: HTTPMethod
    package let path: String
    package let id: String
    package let summary: String
    package let tag: String
    package let document: Document
    package let access: Access
    package let success: UInt16
    /// Statuses of other successes with the same body; see ``alsoAnswering(_:)``.
    package private(set) var otherSuccesses: [UInt16] = []
    package let failures: [Failure.Code]
    package private(set) var query: [QueryParameter]
    /// 0 for an operation that takes no body.
    package let bodyBytesMax: Int
    /// The shape of a JSON body; `nil` when there is none or it is taken as it comes.
    ///
    /// It and what the answer looks like are worked out when a document asks for them: a server that
    /// starts need not hold the shapes of all its messages.
    package var inputSchema: Schema? { makeInputSchema?() }
    let makeInputSchema: (@Sendable () -> Schema)?
    /// Whether a request may leave out a body that the operation takes.
    package let isBodyOptional: Bool
    /// What a body may be sent as; empty for an operation that takes none.
    package let bodyMediaTypes: [String]
    /// The shape of a JSON answer; `nil` when there is none.
    package var outputSchema: Schema? { makeOutputSchema() }
    private let makeOutputSchema: @Sendable () -> Schema?
    package let outputContentType: ContentType?
    /// Answers as they may look.
    package var examples: [JSONValue] { makeExamples() }
    private let makeExamples: @Sendable () -> [JSONValue]
    /// Whether answers carry an entity tag; a GET then answers 304 to a caller that has it.
    package private(set) var hasEntityTag: Bool
    let segments: [Segment]
    let run: @Sendable (RequestContext) async throws -> Response
    /// See ``checkingSecrets(isRegistration:)``.
    private(set) var checksSecrets = false
    private(set) var isRegistration = false
    /// What answers before `run` where it can; see ``answeringAtOnce(_:)``.
    private(set) var shortcut: Shortcut?
    /// Whether a caller may ask for a part of the bytes.
    package private(set) var answersRanges = false
    /// Whether the gzipped form of an answer is kept; see ``keepingGzipped()``.
    private(set) var keepsGzipped = false
    /// Whether a call may carry an `Idempotency-Key`.
    package private(set) var takesIdempotencyKey = false
    /// See ``takingDryRun(_:refusing:looking:)``.
    private(set) var dryRun: DryRun?
    private var answersSecret = false
    /// See ``servingPaused()``.
    private(set) var servesPaused = false
    /// What a call has to pass; see ``admitting(_:)``.
    private(set) var pass: (@Sendable (RequestContext) throws -> any Sendable)?

    /// The body size that suits nearly every operation.
    package static let bodyBytesMaxDefault = 1 << 20

    /// What an operation without a body reads to see that it is a JSON object.
    static let noBodyBytesMax = 1 << 16

    private init(
        _ method: HTTPMethod,
        _ path: String,
        id: String,
        summary: String,
        tag: String,
        document: Document,
        access: Access,
        success: UInt16,
        failures: [Failure.Code],
        query: [QueryParameter],
        bodyBytesMax: Int,
        inputSchema: (@Sendable () -> Schema)?,
        isBodyOptional: Bool,
        bodyMediaTypes: [String],
        outputSchema: @escaping @Sendable () -> Schema?,
        outputContentType: ContentType?,
        examples: @escaping @Sendable () -> [JSONValue],
        hasEntityTag: Bool,
        run: @escaping @Sendable (RequestContext) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.id = id
        self.summary = summary
        self.tag = tag
        self.document = document
        self.access = access
        self.success = success
        self.failures = failures
        self.query = query
        self.bodyBytesMax = bodyBytesMax
        makeInputSchema = inputSchema
        self.isBodyOptional = isBodyOptional
        self.bodyMediaTypes = bodyMediaTypes
        makeOutputSchema = outputSchema
        self.outputContentType = outputContentType
        makeExamples = examples
        self.hasEntityTag = hasEntityTag
        self.run = run
        segments = path.split(separator: "/", omittingEmptySubsequences: true).map {
            $0.hasPrefix("{") ? .parameter(String($0.dropFirst().dropLast())) : .literal(String($0))
        }
    }

    /// The endpoint, with other statuses under which it answers the same body: 200 for a create
    /// that finds what it would make.
    package func alsoAnswering(_ statuses: UInt16...) -> Endpoint {
        var copy = self
        copy.otherSuccesses += statuses
        return copy
    }

    /// Answers a caller who may make this call; nil leaves the call to the handler.
    package typealias Shortcut =
        @Sendable (Request, Principal, RequestContext.Services) throws -> Response?

    /// The endpoint, with a way to answer that neither waits nor reads a body.
    ///
    /// It saves the context of a call and the task that a handler runs in, which is worth its while
    /// where answers are counted by the ten thousand a second.
    package func answeringAtOnce(_ shortcut: @escaping Shortcut) -> Endpoint {
        var copy = self
        copy.shortcut = shortcut
        return copy
    }

    /// The endpoint, as one that itself tells an appliance that it is paused; any other refuses it.
    package func servingPaused() -> Endpoint {
        var copy = self
        copy.servesPaused = true
        return copy
    }

    /// The endpoint, with something that a call must pass before its body is read.
    ///
    /// - Parameter pass: refuses by throwing; what it returns is held until the call is answered
    ///   or its client is gone.
    package func admitting(
        _ pass: @escaping @Sendable (RequestContext) throws -> any Sendable
    ) -> Endpoint {
        var copy = self
        copy.pass = pass
        return copy
    }

    /// The endpoint, with parts of its bytes for callers that have the rest: downloads.
    package func answeringRanges() -> Endpoint {
        var copy = self
        copy.answersRanges = true
        return copy
    }

    /// The endpoint, whose answers are gzipped once for all callers who take that.
    ///
    /// Each answer's entity tag is a digest of its bytes, and no answer shows a secret.
    package func keepingGzipped() -> Endpoint {
        var copy = self
        copy.keepsGzipped = true
        return copy
    }

    /// The endpoint, carried out once for each `Idempotency-Key` of a caller.
    ///
    /// Its handler makes its one write by `RequestContext.write`.
    package func takingIdempotencyKey() -> Endpoint {
        var copy = self
        copy.takesIdempotencyKey = true
        return copy
    }

    /// The endpoint, with more query parameters.
    package func taking(_ parameters: QueryParameter...) -> Endpoint {
        var copy = self
        copy.query += parameters
        return copy
    }

    /// The endpoint, which can be tried: `?dryRun=true` carries the call out, answers what it would
    /// change, and takes it back.
    ///
    /// Nothing is asked of the handler: whatever it writes is taken back.
    ///
    /// - Parameters:
    ///   - refusing: the answer to a call whose content the operation refuses.
    ///   - looking: looks at the database before the write and gives what looks at it after.
    package func takingDryRun<Plan: WireOutput>(
        _ type: Plan.Type,
        refusing: @escaping @Sendable (Failure) -> Plan,
        looking:
            @escaping @Sendable (RequestContext) throws ->
            @Sendable (borrowing Transaction) throws ->
            @Sendable (borrowing Transaction) throws -> Plan
    ) -> Endpoint {
        var copy = taking(
            QueryParameter(
                "dryRun",
                .boolean,
                "Changes nothing and answers what the call would change, or all that is wrong."
            )
        )
        copy.dryRun = DryRun(
            name: "\(type)",
            schema: { Schema.inferred(from: Self.exampleValues(of: type)) },
            refusal: { refusing($0).jsonBytes() },
            rehearsal: { context in
                let begin = try looking(context)
                return Rehearsal { tx in
                    let look = try begin(tx)
                    return { tx in try look(tx).jsonBytes() }
                }
            }
        )
        return copy
    }

    /// The shape of the answer to a dry run; nil when the operation takes none.
    package var dryRunSchema: Schema? { dryRun?.schema() }

    /// The endpoint, whose answer shows a secret and is therefore never compressed.
    ///
    /// Beside a text that an attacker chooses, the length of a compressed answer tells how much of
    /// the secret was guessed (BREACH).
    package func answeringSecret() -> Endpoint {
        var copy = self
        copy.answersSecret = true
        return copy
    }

    /// Whether large answers are worth gzipping.
    package var isCompressible: Bool {
        switch outputContentType {
        case .json, .plainText, .metrics: !answersSecret
        case .octetStream, .other, nil: false
        }
    }

    /// The endpoint, which makes its own answers, with an entity tag on them.
    package func answeringWithEntityTag() -> Endpoint {
        var copy = self
        copy.hasEntityTag = true
        return copy
    }

    /// Whether a caller that has the answer already is told so with 304.
    package var answersNotModified: Bool { hasEntityTag && method == .get }

    /// The endpoint, as one that anybody may call with a secret that he might have guessed.
    ///
    /// An address that was wrong too often is refused before the secret is looked at.
    ///
    /// - Parameter isRegistration: whether it admits machines, which have a limit of their own.
    package func checkingSecrets(isRegistration: Bool = false) -> Endpoint {
        var copy = self
        copy.checksSecrets = true
        copy.isRegistration = isRegistration
        return copy
    }

    /// The names of the path's parameters, in order.
    package var pathParameters: [String] {
        segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    /// An operation that answers with a JSON body.
    ///
    /// `input` is read and checked before the handler runs.
    package init<Input: WireInput, Output: WireOutput>(
        _ method: HTTPMethod,
        _ path: String,
        id: String,
        tag: String,
        summary: String,
        document: Document = .palette,
        access: Access,
        success: UInt16 = 200,
        failures: [Failure.Code] = [],
        query: [QueryParameter] = [],
        bodyBytesMax: Int = Endpoint.bodyBytesMaxDefault,
        input: Input.Type,
        output: Output.Type,
        handler: @escaping @Sendable (Input, RequestContext) async throws -> Output
    ) {
        self.init(
            method,
            path,
            id: id,
            summary: summary,
            tag: tag,
            document: document,
            access: access,
            success: success,
            failures: failures,
            query: query,
            bodyBytesMax: Input.self == NoInput.self ? 0 : bodyBytesMax,
            inputSchema: Self.inputSchema(of: Input.self),
            isBodyOptional: Input.isOptional,
            bodyMediaTypes: Self.mediaTypes(of: Input.self),
            outputSchema: { Schema.inferred(from: Self.exampleValues(of: Output.self)) },
            outputContentType: .json,
            examples: { Self.exampleValues(of: Output.self) },
            // What has no version of its own gets a digest; what nobody signs in for is fresh.
            hasEntityTag: Output.examples.contains { $0.entityTag != nil }
                || method == .get && access != .open
        ) { context in
            let output = try await handler(context.decode(Input.self), context)
            return context.answer(output, status: success)
        }
    }

    /// An operation that takes no body and answers with a JSON body.
    package init<Output: WireOutput>(
        _ method: HTTPMethod,
        _ path: String,
        id: String,
        tag: String,
        summary: String,
        document: Document = .palette,
        access: Access,
        success: UInt16 = 200,
        failures: [Failure.Code] = [],
        query: [QueryParameter] = [],
        output: Output.Type,
        handler: @escaping @Sendable (NoInput, RequestContext) async throws -> Output
    ) {
        self.init(
            method,
            path,
            id: id,
            tag: tag,
            summary: summary,
            document: document,
            access: access,
            success: success,
            failures: failures,
            query: query,
            input: NoInput.self,
            output: output,
            handler: handler
        )
    }

    /// An operation that answers without a body (204, or 202 for what goes on afterwards).
    package init<Input: WireInput>(
        _ method: HTTPMethod,
        _ path: String,
        id: String,
        tag: String,
        summary: String,
        document: Document = .palette,
        access: Access,
        success: UInt16 = 204,
        failures: [Failure.Code] = [],
        query: [QueryParameter] = [],
        bodyBytesMax: Int = Endpoint.bodyBytesMaxDefault,
        input: Input.Type,
        handler: @escaping @Sendable (Input, RequestContext) async throws -> Void
    ) {
        self.init(
            method,
            path,
            id: id,
            summary: summary,
            tag: tag,
            document: document,
            access: access,
            success: success,
            failures: failures,
            query: query,
            bodyBytesMax: Input.self == NoInput.self ? 0 : bodyBytesMax,
            inputSchema: Self.inputSchema(of: Input.self),
            isBodyOptional: Input.isOptional,
            bodyMediaTypes: Self.mediaTypes(of: Input.self),
            outputSchema: { nil },
            outputContentType: nil,
            examples: { [] },
            hasEntityTag: false
        ) { context in
            try await handler(context.decode(Input.self), context)
            return Response(status: success)
        }
    }

    /// An operation that takes no body and answers without one.
    package init(
        _ method: HTTPMethod,
        _ path: String,
        id: String,
        tag: String,
        summary: String,
        document: Document = .palette,
        access: Access,
        success: UInt16 = 204,
        failures: [Failure.Code] = [],
        query: [QueryParameter] = [],
        handler: @escaping @Sendable (NoInput, RequestContext) async throws -> Void
    ) {
        self.init(
            method,
            path,
            id: id,
            tag: tag,
            summary: summary,
            document: document,
            access: access,
            success: success,
            failures: failures,
            query: query,
            input: NoInput.self,
            handler: handler
        )
    }

    /// An operation that makes its own answer: downloads, conditional polls, text.
    package init(
        _ method: HTTPMethod,
        _ path: String,
        id: String,
        tag: String,
        summary: String,
        document: Document = .palette,
        access: Access,
        success: UInt16 = 200,
        failures: [Failure.Code] = [],
        query: [QueryParameter] = [],
        bodyBytesMax: Int = 0,
        bodyMediaTypes: [String] = [],
        outputSchema: Schema? = nil,
        outputContentType: ContentType?,
        examples: [JSONValue] = [],
        responding handler: @escaping @Sendable (RequestContext) async throws -> Response
    ) {
        self.init(
            method,
            path,
            id: id,
            summary: summary,
            tag: tag,
            document: document,
            access: access,
            success: success,
            failures: failures,
            query: query,
            bodyBytesMax: bodyBytesMax,
            inputSchema: nil,
            isBodyOptional: false,
            bodyMediaTypes: bodyMediaTypes,
            outputSchema: { outputSchema },
            outputContentType: outputContentType,
            examples: { examples },
            hasEntityTag: false,
            run: handler
        )
    }

    private static func inputSchema<Input: WireInput>(
        of type: Input.Type
    ) -> (@Sendable () -> Schema)? {
        guard type != NoInput.self else { return nil }
        return { @Sendable in SchemaRecorder.schema(of: Input.self) }
    }

    private static func mediaTypes<Input: WireInput>(of type: Input.Type) -> [String] {
        type == NoInput.self ? [] : ["application/json"]
    }

    private static func exampleValues<Output: WireOutput>(of type: Output.Type) -> [JSONValue] {
        type.examples.map { example in
            var writer = JSONWriter()
            example.write(to: &writer)
            do {
                return try JSONParser.parse(writer.bytes)
            } catch {
                preconditionFailure("an example of \(type) is not JSON: \(error)")
            }
        }
    }
}
