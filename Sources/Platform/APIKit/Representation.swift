import Archive
import Crypto
import EventLoop
import HTTPCore
import Synchronization

/// Fits answers to their callers: entity tag, part of the bytes, content coding (RFC 9110 §8, §12
/// to §14).
///
/// It stands between endpoints and protocols, so that it holds for each of these.
final class Representation: Sendable {
    /// Shorter bodies are sent as they are: they fit a packet either way.
    static let codedBytesMin = 1024
    /// Longer bodies are gzipped away from the loop: on it, polls would wait for them.
    static let codedAtOnceBytesMax = 16 * 1024
    /// Longer bodies are sent as they are.
    static let codedBytesMax = 32 << 20
    /// Bodies that are gzipped away from the loop at a time, which bounds the work that callers can
    /// ask for.
    ///
    /// While so many are, others are sent as they are.
    static let codedAtOnceMax = 8
    /// Quick: three times the speed of zlib's own choice for a fifth more bytes.
    static let level = 2
    /// What is gzipped once and kept is worth zlib's own choice.
    static let keptLevel = 6

    private let workers: WorkerPool?
    private let underWay = Atomic(0)
    private let kept = KeptForms()

    /// - Parameter workers: where large bodies are gzipped; without it they are sent as they are.
    init(workers: WorkerPool?) {
        self.workers = workers
    }

    /// The answer as this caller gets it.
    func fit(_ response: Response, _ context: RequestContext) async -> Response {
        guard response.status == 304 || (200...299).contains(response.status) else {
            return response
        }
        var response = response
        Self.tag(&response, context)
        if context.endpoint.keepsGzipped || !context.endpoint.answersRanges {
            response = await coded(response, context)
        }
        // A part is one of the form that the caller takes: its tag says which that is.
        return context.endpoint.answersRanges ? Self.part(of: response, context) : response
    }

    // MARK: Entity tag

    /// Gives an answer that has no version of its own a digest for a tag.
    private static func tag(_ response: inout Response, _ context: RequestContext) {
        guard context.endpoint.answersNotModified, response.status == 200, response.etag.isEmpty
        else { return }
        let etag = Array("\"\(SHA256.digest(response.body).hex.prefix(32))\"".utf8)
        if context.hasCurrent(etag) {
            response = Response(status: 304, etag: etag)
        } else {
            response.etag = etag
        }
    }

    // MARK: Ranges

    private static func part(of whole: Response, _ context: RequestContext) -> Response {
        guard whole.status == 200 else { return whole }
        var response = whole
        response.fields.append(("Accept-Ranges", "bytes"))
        let request = context.request
        // RFC 9110 §14.2: defined for GET alone.
        guard request.method == .get, let field = request.field("range") else { return response }
        // A date says nothing here: answers have none. A weak tag never matches.
        if let condition = request.field("if-range"),
            !request.head[condition].elementsEqual(whole.etag)
        {
            return response
        }
        let length = whole.body.count
        switch ByteRange(request.head[field], length: length) {
        case .whole: return response
        case .part(let range):
            response.status = 206
            response.body = Array(whole.body[range])
            response.fields.append(
                ("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)")
            )
            return response
        case .unsatisfiable:
            return Failure(
                .rangeNotSatisfiable,
                "The range begins behind the end; there are \(length) bytes.",
                fields: [("Content-Range", "bytes */\(length)")]
            ).response(requestID: request.id)
        }
    }

    // MARK: Content coding

    private func coded(_ whole: Response, _ context: RequestContext) async -> Response {
        let isKept = context.endpoint.keepsGzipped
        guard context.endpoint.isCompressible || isKept else { return whole }
        // What else appliances ask for by the thousand is short.
        if case .appliance = context.principal, !isKept { return whole }
        var response = whole
        response.fields.append(("Vary", "Accept-Encoding"))
        guard AcceptedCodings(context.request).prefersGzip else { return response }
        if response.status == 304 {
            let coded = EntityTag.gzipped(whole.etag)
            if let known = context.request.field("if-none-match"),
                EntityTag.list(context.request.head[known], holds: { $0.elementsEqual(coded) })
            {
                response.etag = coded
            }
            response.fields.removeAll { $0.name == "Content-Encoding" }
            return response
        }
        if whole.fields.contains(where: { $0.name == "Content-Encoding" }) {
            response.etag = EntityTag.gzipped(whole.etag)
            return response
        }
        guard (Self.codedBytesMin...Self.codedBytesMax).contains(whole.body.count),
            let bytes = await isKept ? gzippedOnce(whole) : gzipped(whole.body, level: Self.level),
            bytes.count < whole.body.count
        else { return response }
        response.body = bytes
        response.etag = EntityTag.gzipped(whole.etag)
        response.fields.append(("Content-Encoding", "gzip"))
        return response
    }

    /// The gzipped form of an answer whose tag is a digest, made at the first request.
    ///
    /// - Returns: nil when it would not be smaller by a tenth, as with charts, which are gzip
    ///   already.
    private func gzippedOnce(_ whole: Response) async -> [UInt8]? {
        if let kept = kept[whole.etag] { return kept.isEmpty ? nil : kept }
        guard let bytes = await gzipped(whole.body, level: Self.keptLevel) else { return nil }
        let pays = bytes.count < whole.body.count / 10 * 9
        kept.keep(pays ? bytes : [], as: whole.etag)
        return pays ? bytes : nil
    }

    private func gzipped(_ bytes: [UInt8], level: Int) async -> [UInt8]? {
        if bytes.count <= Self.codedAtOnceBytesMax {
            return Gzip.compress(bytes, level: level)
        }
        guard let workers else { return nil }
        defer { underWay.subtract(1, ordering: .relaxed) }
        guard underWay.add(1, ordering: .relaxed).newValue <= Self.codedAtOnceMax else {
            return nil
        }
        // A pool with too much to do leaves the body as it is.
        return try? await workers.run { Gzip.compress(bytes, level: level) }
    }
}
