import HTTPCore
import JSON

extension Failure.Code {
    /// The status of the answer; the only place that pairs codes with statuses.
    package var status: UInt16 {
        switch self {
        case .reapprovalPending: 202
        case .invalidBody, .invalidRequest, .ruleViolated, .limitExceeded: 400
        case .unauthenticated: 401
        case .operationForbidden: 403
        case .resourceNotFound: 404
        case .methodNotAllowed: 405
        case .duplicateName, .applianceExists, .applianceNotRegistered, .identityConflict, .inUse,
            .conflict, .serverBehind, .staleReport:
            409
        case .preconditionFailed: 412
        case .bodyTooLarge: 413
        case .rangeNotSatisfiable: 416
        case .unsupportedMediaType, .unsupportedContentCoding: 415
        case .unprocessable: 422
        case .tooManyRequests: 429
        case .internalError: 500
        case .unavailable: 503
        case .storageFull: 507
        }
    }
}

extension Failure {
    /// The answer a client sees: the error envelope with the request's id as `ref`.
    package func response(requestID: UInt64) -> Response {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("code")
        writer.string(code.rawValue)
        writer.key("message")
        writer.string(message)
        writer.key("details")
        writer.beginObject()
        if !faults.isEmpty {
            writer.key("errors")
            writer.beginArray()
            for fault in faults {
                writer.beginObject()
                writer.key("pointer")
                writer.string(fault.pointer)
                writer.key("code")
                writer.string(fault.code)
                writer.key("message")
                writer.string(fault.message)
                writer.endObject()
            }
            writer.endArray()
        }
        for member in details {
            writer.key(member.key)
            member.value.write(to: &writer)
        }
        writer.endObject()
        writer.key("ref")
        writer.string(RequestID.text(requestID))
        writer.endObject()
        var response = Response(
            status: code.status,
            contentType: .json,
            body: writer.bytes,
            fields: fields
        )
        if let retryAfterSeconds {
            response.fields.append(("Retry-After", String(retryAfterSeconds)))
        }
        if let rateLimit {
            response.fields.append(("RateLimit-Policy", rateLimit.policy))
            response.fields.append(("RateLimit", rateLimit.state))
        }
        if code == .unauthenticated {
            response.fields.append(("WWW-Authenticate", "Bearer realm=\"easel\", ApiKey"))
        }
        return response
    }
}
