import APIKit
import Crypto
import HTTPCore
import Storage

extension AgentSync {
    var fetchBlob: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}/blobs/{digest}",
            id: "fetchBlob",
            tag: "Agents",
            summary: "Gives the bytes behind a digest of what the appliance follows.",
            document: .agent,
            access: .appliance,
            failures: [.resourceNotFound],
            outputSchema: .binary,
            outputContentType: .octetStream
        ) { context in
            let entry = try await caller(context)
            let digest = try context.parameter("digest")
            entry.touch(at: context.now, monotonic: monotonic())
            return try blob(digest, of: entry, context)
        }.answeringWithEntityTag().answeringRanges().keepingGzipped()
    }

    private func blob(
        _ digest: String,
        of entry: FleetEntry,
        _ context: RequestContext
    ) throws -> Response {
        let followed = entry.followed
        let etag = Array("\"\(digest)\"".utf8)
        let isKnown = context.request.field("if-none-match").map {
            EntityTag.list(context.request.head[$0], matches: etag)
        }
        let bytes = try database.read { tx -> [UInt8]? in
            guard Self.isDigest(digest) else { return nil }
            for profile in followed where try profiles.holds(digest, profile.uid, tx) {
                return isKnown == true ? [] : try profiles.blob(digest, tx)
            }
            return nil
        }
        // One answer for what does not exist and for what others follow.
        guard let bytes else { throw Failure.notFound("Blob", digest) }
        if isKnown == true { return Response(status: 304, etag: etag) }
        return Response(
            status: 200,
            contentType: .octetStream,
            etag: etag,
            body: bytes,
            fields: [("Cache-Control", "private, max-age=31536000, immutable")]
        )
    }

    private static func isDigest(_ text: String) -> Bool {
        text.hasPrefix("sha256:") && Digest(hex: String(text.dropFirst(7))) != nil
    }
}
