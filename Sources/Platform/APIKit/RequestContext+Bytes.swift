import HTTPCore

extension RequestContext {
    /// The answer of a download: the bytes, or 304 when the caller already has them.
    ///
    /// - Parameters:
    ///   - entityTag: the version of the bytes, without quotes.
    ///   - bytes: asked for only when they are sent.
    package func answer(
        _ contentType: ContentType,
        entityTag: String,
        fields: [(name: String, value: String)] = [],
        bytes: () throws -> [UInt8]
    ) rethrows -> Response {
        let etag = Array("\"\(entityTag)\"".utf8)
        if hasCurrent(etag) { return Response(status: 304, etag: etag, fields: fields) }
        return Response(
            status: endpoint.success,
            contentType: contentType,
            etag: etag,
            body: try bytes(),
            fields: fields
        )
    }
}
