import APIKit
import Crypto
import HTTPClient

/// Reads the files of one registry over HTTP, with its credentials.
struct RegistryReader: Sendable {
    /// A file as it was read.
    struct File: Sendable {
        let bytes: [UInt8]
        /// The entity tag of the answer; empty when it has none.
        let validator: String
    }

    private let client: OutboundClient
    private let base: HTTPURL
    private let authorization: String?
    private let trust: OutboundTrust

    /// - Throws: `.badAnswer` when the endpoint is no URL, `.badCertificates`.
    init(
        _ spec: RegistrySpec,
        _ secret: RegistrySecret,
        _ client: OutboundClient
    ) throws(OutboundError) {
        guard let url = HTTPURL(spec.endpoint.hasSuffix("/") ? spec.endpoint : spec.endpoint + "/")
        else { throw .badAnswer }
        self.client = client
        base = url
        switch spec.auth {
        case .none: authorization = nil
        case .basic: authorization = OutboundRequest.basic(spec.username, secret.password)
        case .token: authorization = "Bearer \(secret.token)"
        }
        trust = try Self.trust(spec)
    }

    /// Whose certificates count for a registry.
    ///
    /// - Throws: `.badCertificates`.
    static func trust(_ spec: RegistrySpec) throws(OutboundError) -> OutboundTrust {
        try OutboundTrust(
            certificatesPEM: Array((spec.ca + "\n" + spec.certificate).utf8).trimmed,
            skipsCheck: spec.skipsVerification
        )
    }

    /// Reads a text of the registry unless it is the one that is known already.
    ///
    /// - Returns: nil when the text has not changed since it had this validator.
    func index(
        _ name: String,
        bytesMax: Int,
        unless validator: String = ""
    ) async throws(OutboundError) -> File? {
        guard let url = base.following(name) else { throw .badAnswer }
        var request = request(url, bytesMax: bytesMax)
        request.acceptsGzip = true
        if !validator.isEmpty { request.fields.append(("If-None-Match", validator)) }
        let answer = try await client.fetch(request)
        if answer.status == 304 { return nil }
        let tag = answer.field("etag") ?? ""
        return File(bytes: answer.body, validator: tag.utf8.count <= 256 ? tag : "")
    }

    /// Reads an archive.
    ///
    /// - Parameter location: as the index names it: relative to the endpoint, or a URL.
    func file(_ location: String, bytesMax: Int) async throws(OutboundError) -> [UInt8] {
        guard let url = base.following(location) else { throw .badAnswer }
        return try await client.fetch(request(url, bytesMax: bytesMax)).body
    }

    private func request(_ url: HTTPURL, bytesMax: Int) -> OutboundRequest {
        var request = OutboundRequest(url, bytesMax: bytesMax)
        // An index may name files of other servers: they never see what opens this one.
        let isSameServer =
            url.isSecure == base.isSecure && url.host == base.host && url.port == base.port
        if isSameServer { request.authorization = authorization }
        request.trust = trust
        request.deadline = PackLimits.fetchTimeout
        return request
    }
}

extension [UInt8] {
    /// Nothing when there is nothing but line ends.
    fileprivate var trimmed: [UInt8] {
        allSatisfy { $0 == UInt8(ascii: "\n") } ? [] : self
    }
}
