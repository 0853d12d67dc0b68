import HTTPCore
import JSON

/// Writes the OpenAPI 3.1 document of a set of endpoints.
///
/// Everything in it comes from the `Endpoint` values that the router serves, in a fixed order, so
/// that equal endpoints give equal bytes.
package enum OpenAPIDocument {
    /// - Parameters:
    ///   - title: the document's name.
    ///   - summary: a sentence about the whole document.
    ///   - version: the server's version.
    package static func make(
        title: String,
        summary: String,
        version: String,
        endpoints: [Endpoint]
    ) -> JSONValue {
        var info = JSONObject()
        info["title"] = .string(title)
        info["summary"] = .string(summary)
        info["version"] = .string(version)
        info["license"] = ["name": "Apache-2.0", "identifier": "Apache-2.0"]
        var paths = JSONObject()
        for (path, group) in Dictionary(grouping: endpoints, by: \.path)
            .sorted(by: { $0.key < $1.key })
        {
            var item = JSONObject()
            for endpoint in group.sorted(by: { $0.method.rawValue < $1.method.rawValue }) {
                item[endpoint.method.text.lowercased()] = operation(endpoint)
            }
            paths[path] = .object(item)
        }
        var document = JSONObject()
        document["openapi"] = "3.1.0"
        document["info"] = .object(info)
        document["servers"] = [["url": "/"]]
        document["tags"] = .array(
            Set(endpoints.map(\.tag)).sorted().map { .object(["name": .string($0)]) }
        )
        document["paths"] = .object(paths)
        document["components"] = components(of: endpoints)
        return .object(document)
    }

    /// The parts that operations share, the answers to dry runs among them.
    private static func components(of endpoints: [Endpoint]) -> JSONValue {
        guard var all = components.members, var schemas = all["schemas"]?.members else {
            return components
        }
        for dryRun in endpoints.compactMap(\.dryRun) { schemas[dryRun.name] = dryRun.schema().json }
        all["schemas"] = .object(schemas)
        return .object(all)
    }

    private static func operation(_ endpoint: Endpoint) -> JSONValue {
        var operation = JSONObject()
        operation["operationId"] = .string(endpoint.id)
        operation["summary"] = .string(endpoint.summary)
        operation["tags"] = [.string(endpoint.tag)]
        let parameters = parameters(endpoint)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if !endpoint.bodyMediaTypes.isEmpty {
            let media: JSONValue = ["schema": (endpoint.inputSchema ?? .binary).json]
            var content = JSONObject()
            for type in endpoint.bodyMediaTypes { content[type] = media }
            operation["requestBody"] = [
                "required": .bool(!endpoint.isBodyOptional), "content": .object(content),
            ]
        }
        operation["responses"] = responses(endpoint)
        operation["security"] = security(endpoint.access)
        switch endpoint.access {
        case .user(let permission), .applianceOrUser(let permission):
            operation["x-permission"] = .string(permission.text)
        case .open, .signedIn, .appliance: break
        }
        return .object(operation)
    }

    private static func parameters(_ endpoint: Endpoint) -> [JSONValue] {
        var parameters: [JSONValue] = endpoint.pathParameters.map { name in
            .object([
                "name": .string(name), "in": "path", "required": true,
                "schema": Schema.string().json,
            ])
        }
        parameters += endpoint.query.map { parameter in
            .object([
                "name": .string(parameter.name), "in": "query",
                "description": .string(parameter.summary), "schema": parameter.schema.json,
            ])
        }
        switch endpoint.access {
        case .user, .applianceOrUser:
            parameters.append(["$ref": "#/components/parameters/ProjectUid"])
        case .open, .signedIn, .appliance: break
        }
        if endpoint.answersNotModified {
            parameters.append(["$ref": "#/components/parameters/IfNoneMatch"])
        }
        if endpoint.failures.contains(.preconditionFailed) {
            parameters.append(["$ref": "#/components/parameters/IfMatch"])
        }
        if endpoint.takesIdempotencyKey {
            parameters.append(["$ref": "#/components/parameters/IdempotencyKey"])
        }
        if endpoint.answersRanges {
            parameters.append(["$ref": "#/components/parameters/Range"])
            parameters.append(["$ref": "#/components/parameters/IfRange"])
        }
        return parameters
    }

    private static func responses(_ endpoint: Endpoint) -> JSONValue {
        var success = JSONObject()
        success["description"] = .string(endpoint.success == 204 ? "Done." : "The answer.")
        let entityTag: JSONValue = ["ETag": ["$ref": "#/components/headers/ETag"]]
        var headers = JSONObject()
        if endpoint.hasEntityTag { headers["ETag"] = ["$ref": "#/components/headers/ETag"] }
        if endpoint.takesIdempotencyKey {
            headers["Idempotency-Replayed"] = ["$ref": "#/components/headers/IdempotencyReplayed"]
        }
        if endpoint.answersRanges { headers["Accept-Ranges"] = ["schema": ["type": "string"]] }
        if !headers.isEmpty { success["headers"] = .object(headers) }
        if let type = endpoint.outputContentType {
            var media = JSONObject()
            media["schema"] = (endpoint.outputSchema ?? .binary).json
            if let example = endpoint.examples.first { media["example"] = example }
            var content = JSONObject()
            content[type.text] = .object(media)
            success["content"] = .object(content)
        }
        var byStatus: [UInt16: [String]] = [:]
        for code in endpoint.failures + always(endpoint) {
            byStatus[code.status, default: []].append(code.rawValue)
        }
        var responses = JSONObject()
        for status in ([endpoint.success] + endpoint.otherSuccesses).sorted() {
            // What answers a body else may have none to give.
            responses[String(status)] =
                status == 204 ? ["description": "Done."] : .object(success)
        }
        if let dryRun = endpoint.dryRun {
            responses["200"] = dryRun.response(beside: responses["200"])
        }
        if endpoint.answersRanges {
            var part = success
            part["description"] = "The part that was asked for."
            headers["Content-Range"] = ["schema": ["type": "string"]]
            part["headers"] = .object(headers)
            responses["206"] = .object(part)
        }
        if endpoint.answersNotModified {
            responses["304"] = [
                "description": "The caller has the answer already.", "headers": entityTag,
            ]
        }
        for (status, codes) in byStatus.sorted(by: { $0.key < $1.key }) {
            var response: JSONObject = [
                "description": .string(Set(codes).sorted().joined(separator: ", ")),
                "content": [
                    "application/json": ["schema": ["$ref": "#/components/schemas/Failure"]]
                ],
            ]
            if status == Failure.Code.tooManyRequests.status {
                var fields = JSONObject()
                for name in ["Retry-After", "RateLimit-Policy", "RateLimit"] {
                    fields[name] = ["$ref": .string("#/components/headers/\(name)")]
                }
                response["headers"] = .object(fields)
            }
            responses[String(status)] = .object(response)
        }
        return .object(responses)
    }

    /// The refusals that every endpoint of a kind can answer.
    fileprivate static func always(_ endpoint: Endpoint) -> [Failure.Code] {
        var codes: [Failure.Code] = [
            .internalError, .unavailable, .storageFull, .invalidRequest, .invalidBody,
        ]
        if !endpoint.pathParameters.isEmpty { codes.append(.resourceNotFound) }
        if endpoint.access != .open {
            codes += [.unauthenticated, .operationForbidden, .tooManyRequests]
        }
        switch endpoint.access {
        case .appliance, .applianceOrUser: codes += [.serverBehind, .identityConflict]
        default: break
        }
        if endpoint.checksSecrets { codes.append(.tooManyRequests) }
        if endpoint.bodyBytesMax > 0 {
            codes += [.bodyTooLarge, .unsupportedMediaType, .unsupportedContentCoding]
        }
        if endpoint.answersRanges { codes.append(.rangeNotSatisfiable) }
        if endpoint.takesIdempotencyKey { codes += [.conflict, .unprocessable] }
        return codes
    }

    private static func security(_ access: Access) -> JSONValue {
        switch access {
        case .open: []
        case .signedIn, .user: [["ApiKey": []], ["Authorization": []]]
        case .appliance: [["ApplianceCredential": []]]
        case .applianceOrUser:
            [["ApiKey": []], ["Authorization": []], ["ApplianceCredential": []]]
        }
    }

    private static let components: JSONValue = [
        "securitySchemes": [
            "ApiKey": ["type": "apiKey", "in": "header", "name": "ApiKey"],
            "Authorization": ["type": "apiKey", "in": "header", "name": "Authorization"],
            "ApplianceCredential": ["type": "http", "scheme": "bearer"],
        ],
        "parameters": [
            "ProjectUid": [
                "name": "ProjectUid", "in": "header", "required": false,
                "description": "The project to work in; without it the call is in the tenant.",
                "schema": ["type": "string"],
            ],
            "IfMatch": [
                "name": "If-Match", "in": "header", "required": false,
                "description":
                    "Entity tags; the change is made only when the resource has one of them.",
                "schema": ["type": "string"],
            ],
            "IdempotencyKey": [
                "name": "Idempotency-Key", "in": "header", "required": false,
                "description": .string(
                    "A fresh text in double quotes, such as a UUID. The call is carried out once: "
                        + "for 24 hours the same call under the same key gets the first answer "
                        + "again. Another request under the key is answered 422, a second one "
                        + "while the first runs 409."
                ),
                "schema": ["type": "string"],
            ],
            "Range": [
                "name": "Range", "in": "header", "required": false,
                "description": "One range of bytes, such as `bytes=1000-`.",
                "schema": ["type": "string"],
            ],
            "IfRange": [
                "name": "If-Range", "in": "header", "required": false,
                "description": "The entity tag of the bytes that the caller has a part of.",
                "schema": ["type": "string"],
            ],
            "IfNoneMatch": [
                "name": "If-None-Match", "in": "header", "required": false,
                "description":
                    "Entity tags that the caller has; 304 when the answer has one of them.",
                "schema": ["type": "string"],
            ],
        ],
        "headers": [
            "ETag": [
                "description": "The entity tag of what is answered.",
                "schema": ["type": "string"],
            ],
            "IdempotencyReplayed": [
                "description": "`true` when the answer is that of an earlier call.",
                "schema": ["type": "string"],
            ],
            "Retry-After": [
                "description": "Seconds to wait; spread, so that clients do not return together.",
                "schema": ["type": "integer"],
            ],
            "RateLimit-Policy": [
                "description":
                    "The limit that was met: its name, quota `q` and window `w` in seconds.",
                "schema": ["type": "string"],
            ],
            "RateLimit": [
                "description":
                    "What is left of it, `r`, and after how many seconds to go on, `t`.",
                "schema": ["type": "string"],
            ],
        ],
        "schemas": [
            "Failure": [
                "type": "object",
                "required": ["code", "message", "details", "ref"],
                "properties": [
                    "code": [
                        "type": "string",
                        "enum": .array(Failure.Code.allCases.map { .string($0.rawValue) }),
                    ],
                    "message": ["type": "string"],
                    "details": [
                        "type": "object",
                        "properties": [
                            "errors": [
                                "type": "array",
                                "items": [
                                    "type": "object",
                                    "required": ["pointer", "code", "message"],
                                    "properties": [
                                        "pointer": ["type": "string"],
                                        "code": ["type": "string"],
                                        "message": ["type": "string"],
                                    ],
                                ],
                            ]
                        ],
                    ],
                    "ref": ["type": "string"],
                ],
            ]
        ],
    ]
}

extension Endpoint {
    /// Every status that the document says the operation answers with.
    package var documentedStatuses: Set<UInt16> {
        let refusals = failures + OpenAPIDocument.always(self)
        let successes =
            [success] + otherSuccesses + (answersNotModified ? [304] : [])
            + (answersRanges ? [206] : []) + (dryRun == nil ? [] : [200])
        return Set(successes + refusals.map(\.status))
    }
}

extension Failure {
    /// What the document says every refusal looks like; a code may add members to `details`.
    package static let schema = Schema.object(
        properties: [
            "code": .string(), "message": .string(), "details": .map(of: .any), "ref": .string(),
        ],
        required: ["code", "message", "details", "ref"]
    )
}

extension ContentType {
    /// The value of the `Content-Type` field.
    var text: String {
        switch self {
        case .json: "application/json"
        case .octetStream: "application/octet-stream"
        case .plainText: "text/plain; charset=utf-8"
        case .metrics: "text/plain; version=0.0.4; charset=utf-8"
        case .other(let text): text
        }
    }
}
