import HTTPCore
import JSON
import Storage

/// How an operation answers `?dryRun=true`: it is carried out, looked at and taken back.
struct DryRun: Sendable {
    /// Under which the document shows the shape of the answer.
    let name: String
    let schema: @Sendable () -> Schema
    /// The body of the answer to a call whose content is refused.
    let refusal: @Sendable (Failure) -> [UInt8]
    let rehearsal: @Sendable (RequestContext) throws -> Rehearsal

    /// Tries the call.
    ///
    /// - Throws: what refuses the caller and not the content: no right to it, no such resource.
    func answer(_ context: RequestContext) async throws -> Response {
        do {
            _ = try await Rehearsal.$current.withValue(rehearsal(context)) {
                try await context.endpoint.run(context)
            }
        } catch let finding as Rehearsal.Finding {
            return Response(status: 200, contentType: .json, body: finding.bytes)
        } catch let failure as Failure where failure.isOfContent {
            return Response(status: 200, contentType: .json, body: refusal(failure))
        }
        throw Failure(.internalError, "The operation wrote nothing that could be looked at.")
    }

    /// The document of the answer, beside that of a success of the same status.
    func response(beside success: JSONValue?) -> JSONValue {
        let other = success?["content"]?["application/json"]?["schema"]
        let own: JSONValue = ["$ref": .string("#/components/schemas/\(name)")]
        let schema = other.map { one -> JSONValue in ["oneOf": [one, own]] } ?? own
        return [
            "description": "What a dry run found.",
            "content": ["application/json": ["schema": schema]],
        ]
    }
}

extension RequestContext {
    /// How the call is to be tried; nil when it is meant.
    ///
    /// Whoever asks for a dry run that there is none of must not get the real thing.
    ///
    /// - Throws: `.invalidRequest`.
    var dryRun: DryRun? {
        get throws {
            guard query("dryRun") != nil else { return nil }
            guard let dryRun = endpoint.dryRun else {
                throw Failure.fault(
                    "query/dryRun",
                    "NotTaken",
                    "This operation has no dry run; leave out 'dryRun' to carry it out.",
                    as: .invalidRequest
                )
            }
            return flag("dryRun") ? dryRun : nil
        }
    }
}

extension Failure {
    /// Whether it is what the caller wants that is refused, in words that say what to change.
    fileprivate var isOfContent: Bool {
        switch code {
        case .invalidBody, .ruleViolated, .duplicateName, .limitExceeded, .inUse, .conflict: true
        default: false
        }
    }
}
