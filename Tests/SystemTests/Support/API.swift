import EventLoop
import HTTPClient
import HTTPCore
import JSON
import TLS
import Testing

/// A client of a server under test.
final class API: Sendable {
    /// The address cannot be used.
    struct BadAddress: Error { let text: String }

    private let client: HTTPClient
    private let base: HTTPURL
    private let credentials: [(name: String, value: String)]

    /// - Parameters:
    ///   - authority: PEM of the only authority to trust; nil for plain HTTP.
    ///   - credentials: sent with every request.
    init(
        _ url: String, authority: [UInt8]?, credentials: [(name: String, value: String)]
    ) throws {
        guard let base = HTTPURL(url) else { throw BadAddress(text: url) }
        self.base = base
        self.credentials = credentials
        var options = HTTPClientOptions()
        options.trust = authority.map { .only($0) }
        options.idlePerServerMax = 64
        options.exchangesMax = 4096
        client = try HTTPClient(
            loop: Harness.loop(), workers: Harness.workers.get(), options: options)
    }

    convenience init(
        _ url: String, authority: [UInt8]?, key: String?, project: String?
    ) throws {
        var credentials: [(name: String, value: String)] = []
        if let key { credentials.append((name: "ApiKey", value: key)) }
        if let project { credentials.append((name: "ProjectUid", value: project)) }
        try self.init(url, authority: authority, credentials: credentials)
    }

    deinit { client.shutDown() }

    /// Sends a request and gives its answer, whatever the status.
    func send(
        _ method: HTTPMethod, _ path: String, _ json: JSONValue? = nil, body: [UInt8] = [],
        fields: [(name: String, value: String)] = [], deadline: Duration = .seconds(30)
    ) async throws -> APIAnswer {
        guard let url = base.with(target: path) else { throw BadAddress(text: path) }
        var all = credentials + fields
        if json != nil { all.append((name: "Content-Type", value: "application/json")) }
        let answer = try await client.send(
            ClientRequest(
                method, url, fields: all, body: json?.jsonBytes() ?? body, deadline: deadline))
        return APIAnswer(path: "\(method.text) \(path)", response: answer)
    }

    /// Sends a request that must succeed, and gives the JSON of its answer.
    @discardableResult
    func call(
        _ method: HTTPMethod, _ path: String, _ json: JSONValue? = nil, expecting status: Int? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let answer = try await send(method, path, json)
        let isExpected = status.map { $0 == answer.status } ?? (200...299).contains(answer.status)
        try #require(isExpected, "\(answer)", sourceLocation: sourceLocation)
        return answer.json
    }
}

/// What a server answered.
struct APIAnswer: Sendable, CustomStringConvertible {
    let path: String
    fileprivate let response: ClientResponse

    var status: Int { response.status }
    var body: [UInt8] { response.body }
    /// A header field; the name in lower case.
    func field(_ name: String) -> String? { response.field(name) }
    var text: String { String(decoding: response.body, as: UTF8.self) }
    /// The body; null when it is no JSON.
    var json: JSONValue { (try? JSONParser.parse(response.body)) ?? .null }
    /// The error's code.
    var code: String { json["code"]?.text ?? "" }
    var message: String { json["message"]?.text ?? "" }

    var description: String { "\(path) → \(status) \(text.prefix(2000))" }
}
