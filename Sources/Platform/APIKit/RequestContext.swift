import HTTPCore
import JSON
import Primitives

/// An endpoint as calls refer to it: by one reference, where copies of the value would count a
/// dozen of them.
final class Route: Sendable {
    let endpoint: Endpoint
    /// The place in the dispatcher's lists.
    let index: Int

    init(_ endpoint: Endpoint, index: Int) {
        self.endpoint = endpoint
        self.index = index
    }
}

/// One call as a handler sees it: who, in which scope, with which parameters.
///
/// Confined to the loop of its request.
package final class RequestContext {
    package let request: Request
    let route: Route
    package let principal: Principal
    package let scope: Scope
    package let services: Services
    /// What is left of the caller's budget; nil where there is none.
    let budget: RateLimit.Outcome?
    private let captures: Router.Captures
    /// What ``Endpoint/admitting(_:)`` gave.
    var held: (any Sendable)?
    /// Whether the body has to be inflated before it is read.
    var hasGzippedBody = false
    /// What is wrong with the shape of the body, for handlers whose input leaves it to them.
    package private(set) var bodyFaults: [Fault] = []
    /// The keyed call that this is, whose answer is kept.
    var keyed: Idempotency.Call?

    /// What every handler may need of the running server.
    package struct Services: Sendable {
        package let clock: Clock
        package let cursors: CursorSealer

        package init(clock: Clock, cursors: CursorSealer) {
            self.clock = clock
            self.cursors = cursors
        }
    }

    init(
        _ request: Request,
        route: Route,
        captures: Router.Captures,
        principal: Principal,
        scope: Scope,
        services: Services,
        budget: RateLimit.Outcome?
    ) {
        self.request = request
        self.route = route
        self.captures = captures
        self.principal = principal
        self.scope = scope
        self.services = services
        self.budget = budget
    }

    /// The operation that is called.
    package var endpoint: Endpoint { route.endpoint }
    package var now: Timestamp { services.clock.now() }
    package var requestID: String { RequestID.text(request.id) }

    /// The value of a path parameter, percent-decoded.
    ///
    /// - Throws: `.resourceNotFound` when the escapes are broken: no such resource can exist.
    package func parameter(_ name: String) throws -> String {
        guard let index = endpoint.pathParameters.firstIndex(of: name), index < captures.count
        else { preconditionFailure("\(endpoint.path) has no parameter \(name)") }
        guard let text = PercentCoding.decode(request.head[captures[index]], plusIsSpace: false)
        else { throw Failure.notFound("Resource", request.text(captures[index])) }
        return text
    }

    /// The raw bytes of the path's first parameter, as they stand in `request.head`.
    package var firstParameter: Range<Int> { captures[0] }

    /// The first value of a query parameter, decoded; `nil` when it is missing.
    package func query(_ name: String) -> String? {
        guard !request.query.isEmpty else { return nil }
        return QueryString.value(of: name, in: request.head[request.query])
    }

    /// A query parameter that is `true` or `false`; an empty and a missing one are false.
    package func flag(_ name: String) -> Bool {
        query(name) == "true"
    }

    /// Refuses what is neither `true` nor `false` where the endpoint takes only these: it must not
    /// pass as `false` where its author meant the other.
    ///
    /// - Throws: `.invalidRequest`.
    func checkFlags() throws {
        guard !request.query.isEmpty else { return }
        for parameter in endpoint.query where parameter.schema == .boolean {
            guard let text = query(parameter.name), !["true", "false", ""].contains(text) else {
                continue
            }
            throw Failure.fault(
                "query/\(parameter.name)",
                "WrongType",
                "'\(parameter.name)' must be true or false.",
                as: .invalidRequest
            )
        }
    }

    /// The signed-in person.
    ///
    /// - Throws: `.operationForbidden` when the caller is an appliance.
    package func user() throws -> UserPrincipal {
        guard case .user(let user) = principal else {
            throw Failure(.operationForbidden, "This operation is for people, not for appliances.")
        }
        return user
    }

    /// The tenant of the caller; every statement about tenant data filters by it.
    package var tenantUID: String {
        switch principal {
        case .user(let user): user.tenantUID
        case .appliance(let appliance): appliance.tenantUID
        case .anonymous: ""
        }
    }

    /// Reads the body as this type, all checks made.
    func decode<Input: WireInput>(_ type: Input.Type) throws -> Input {
        if type == NoInput.self { return Input(from: .init(JSONObject(), faults: FaultList())) }
        let faults = FaultList()
        let input = Input(from: Fields(try bodyObject(of: type), faults: faults))
        bodyFaults = faults.faults
        if !Input.leavesFaultsToHandler { try Failure.refuse(bodyFaults, and: []) }
        return input
    }

    private func bodyObject<Input: WireInput>(of type: Input.Type) throws -> JSONObject {
        if request.body.isEmpty {
            if Input.isOptional { return JSONObject() }
            throw Failure.fault(
                "",
                "Required",
                "This operation needs a body: a JSON object.",
                as: .invalidBody
            )
        }
        if let type = request.text(of: "content-type") {
            let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
            guard media == "application/json" || media.hasSuffix("+json") else {
                throw Failure(
                    .unsupportedMediaType,
                    "Send the body as application/json, not as \(media)."
                )
            }
        }
        let value: JSONValue
        do {
            value = try JSONParser.parse(request.body)
        } catch {
            throw Failure.fault(
                "",
                "InvalidJSON",
                "The body is not valid JSON at line \(error.line), column \(error.column): "
                    + error.reason,
                as: .invalidBody
            )
        }
        guard case .object(let object) = value else {
            throw Failure.fault(
                "",
                "WrongType",
                "The body must be a JSON object, not \(value.kindInWords).",
                as: .invalidBody
            )
        }
        return object
    }

    /// The answer for an output, or 304 when the caller already has this version.
    func answer<Output: WireOutput>(_ output: Output, status: UInt16) -> Response {
        var etag: [UInt8] = []
        var body: [UInt8]?
        if let version = output.entityTag {
            var tag = version
            if output.showsMoreThanVersion {
                let bytes = output.jsonBytes()
                tag += "." + EntityTag.digest(of: bytes)
                body = bytes
            }
            etag = Array("\"\(tag)\"".utf8)
            if request.method == .get || request.method == .head, hasCurrent(etag) {
                return Response(status: 304, etag: etag)
            }
        }
        return Response(
            status: status,
            contentType: .json,
            etag: etag,
            body: body ?? output.jsonBytes()
        )
    }

    /// Whether the caller has the answer of this tag already, as its `If-None-Match` says.
    package func hasCurrent(_ etag: [UInt8]) -> Bool {
        request.field("if-none-match").map { EntityTag.list(request.head[$0], matches: etag) }
            ?? false
    }

    /// Whether this caller takes the answer gzipped.
    package var takesGzip: Bool { AcceptedCodings(request).prefersGzip }

    /// The versions that the caller's `If-Match` allows, to be taken into a write.
    package var ifMatch: IfMatch {
        IfMatch(wanted: request.field("if-match").map { Array(request.head[$0]) })
    }
}

/// Which versions of a resource a write may change (RFC 9110 §13.1.1).
///
/// A request stays on its loop while the write runs on the writer's thread, so this is a value:
/// `let ifMatch = context.ifMatch`, then `try ifMatch.check("\(version)")` on the row just read.
package struct IfMatch: Sendable {
    /// The header's value; `nil` for none.
    let wanted: [UInt8]?

    /// Refuses another version than this one.
    ///
    /// Without the header everything passes: Palette's clients never send it.
    ///
    /// - Throws: `.preconditionFailed`.
    package func check(_ tag: String) throws {
        guard let wanted else { return }
        let exact = Array("\"\(tag)\"".utf8)
        let beginning = Array("\"\(tag).".utf8)
        guard
            EntityTag.list(wanted[...], matches: exact)
                || EntityTag.list(wanted[...], holds: { $0.starts(with: beginning) })
        else {
            throw Failure(
                .preconditionFailed,
                "The resource has changed since you read it; read it again and repeat the change."
            )
        }
    }
}

/// Comparison of entity tags (RFC 9110 §8.8.3, §13.1).
package enum EntityTag {
    /// Whether a list such as `"a", W/"b"` or `*` holds the tag, weakly compared, and the tag of a
    /// gzipped answer taken for that of the answer.
    package static func list(_ field: ArraySlice<UInt8>, matches tag: [UInt8]) -> Bool {
        if field.elementsEqual(tag) { return true }
        if field.elementsEqual([UInt8(ascii: "*")]) { return true }
        return list(field) { $0.elementsEqual(tag) || uncoded($0).elementsEqual(tag) }
    }

    /// Whether a tag of a list is such a one; `W/` is taken off before.
    static func list(
        _ field: ArraySlice<UInt8>,
        holds isWanted: (ArraySlice<UInt8>) -> Bool
    ) -> Bool {
        for part in field.split(separator: UInt8(ascii: ",")) {
            var part = part.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            while let last = part.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\t") {
                part.removeLast()
            }
            if part.starts(with: [UInt8(ascii: "W"), UInt8(ascii: "/")]) {
                part = part.dropFirst(2)
            }
            if isWanted(part) { return true }
        }
        return false
    }

    /// A fast digest (FNV-1a, 64 bits): it tells versions of one answer apart and guards nothing.
    static func digest(of bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
