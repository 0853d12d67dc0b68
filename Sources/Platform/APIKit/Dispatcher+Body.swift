import Archive
import EventLoop
import HTTPCore
import JSON

// What is read of a body, and how.
extension Dispatcher {
    /// How many bytes of a body are worth reading.
    ///
    /// - Throws: for a body that no operation of the kind takes, before it is sent.
    static func bodyBytesMax(_ context: RequestContext) throws -> Int {
        let (request, endpoint) = (context.request, context.endpoint)
        guard endpoint.bodyBytesMax > 0 else {
            if case .length(let length) = request.bodyFraming, length > Endpoint.noBodyBytesMax {
                throw noBodyTaken
            }
            return Endpoint.noBodyBytesMax
        }
        context.hasGzippedBody = try hasGzippedBody(context)
        return endpoint.bodyBytesMax
    }

    /// Whether the body has to be inflated.
    ///
    /// Only of callers that are known, as inflating costs far more than sending; and not where the
    /// body is an archive, which is gzipped already.
    ///
    /// - Throws: `.unsupportedContentCoding` for any other coding, or several.
    private static func hasGzippedBody(_ context: RequestContext) throws -> Bool {
        let request = context.request
        guard request.field("content-encoding") != nil else { return false }
        let codings = request.values(of: "content-encoding").map {
            request.text($0).lowercased()
        }.filter { !$0.isEmpty && $0 != "identity" }
        guard let coding = codings.first else { return false }
        var takesGzip = context.endpoint.makeInputSchema != nil
        if case .anonymous = context.principal { takesGzip = false }
        if takesGzip, codings.count == 1, ["gzip", "x-gzip"].contains(coding) { return true }
        throw Failure(
            .unsupportedContentCoding,
            takesGzip
                ? "Send the body as it is or gzipped, not encoded as \(coding)."
                : "Send the body as it is, not encoded as \(coding).",
            // RFC 9110 §15.5.16: tells a wrong coding from a wrong media type.
            fields: [("Accept-Encoding", takesGzip ? "gzip" : "identity")]
        )
    }

    /// Inflates a gzipped body, under the limit that holds for one that is sent as it is.
    func inflateBody(_ context: RequestContext) async throws {
        guard context.hasGzippedBody else { return }
        let request = context.request
        let (coded, limit) = (request.body, context.endpoint.bodyBytesMax)
        do {
            if let workers, limit > Endpoint.bodyBytesMaxDefault {
                request.body = try await workers.run { try Gzip.decompress(coded, limit: limit) }
            } else {
                request.body = try Gzip.decompress(coded, limit: limit)
            }
        } catch let error as ArchiveError {
            guard error.kind != .tooLarge else {
                throw Failure(
                    .bodyTooLarge,
                    "The body inflates to more than is allowed here: \(limit) bytes."
                )
            }
            throw Failure.fault(
                "",
                "InvalidGzip",
                "The body is not the gzip text that Content-Encoding says: \(error.reason)",
                as: .invalidBody
            )
        } catch {
            throw Failure(
                .unavailable,
                "The server is busy; try again.",
                retryAfterSeconds: Int.random(in: 1...4),
                cause: error
            )
        }
    }

    /// Refuses a body where none is taken, but for an object: SDKs send one for none, and what it
    /// holds are members that nobody knows.
    static func refuseBody(_ request: Request, _ endpoint: Endpoint) throws {
        guard endpoint.bodyBytesMax == 0, !request.body.isEmpty else { return }
        guard case .object? = try? JSONParser.parse(request.body) else { throw noBodyTaken }
    }

    private static var noBodyTaken: Failure {
        .fault(
            "",
            "NoBodyTaken",
            "This operation takes no body; send none, or a JSON object.",
            as: .invalidBody
        )
    }
}
