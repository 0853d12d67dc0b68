import HTTPClient
import HTTPCore
import JSON
import Synchronization

/// Speaks with one OCI registry, as the distribution specification 1.1 says.
///
/// It answers challenges of the registry itself, Basic and Bearer; the service that gives tokens is
/// reached under the same policy. Whatever is named by a digest is checked against it.
package final class OCIClient: Sendable {
    /// What opens a registry.
    package struct Credentials: Sendable {
        let username: String
        let password: String

        /// A name with its password.
        package init(username: String, password: String) {
            self.username = username
            self.password = password
        }

        var field: String { OutboundRequest.basic(username, password) }
    }

    private let client: OutboundClient
    private let origin: HTTPURL
    private let credentials: Credentials?
    private let trust: OutboundTrust
    /// What was accepted last, by what was asked for.
    private let accepted = Mutex<[String: String]>([:])

    /// - Parameter url: of the registry; its path does not count.
    package init(
        _ url: HTTPURL,
        _ credentials: Credentials?,
        trust: OutboundTrust = .system,
        client: OutboundClient
    ) {
        origin = url
        self.credentials = credentials
        self.trust = trust
        self.client = client
    }

    // MARK: Reading

    /// Sees whether a registry is there and takes the credentials.
    func check() async throws(OutboundError) {
        let answer = try await call(Call(.get, "/v2/", bytesMax: OCILimits.listBytesMax))
        _ = try Self.expect([200], answer)
    }

    /// The names of the registry's repositories, where it lists them.
    ///
    /// - Throws: `.unauthorised` or `.badAnswer` where it does not.
    func repositories() async throws(OutboundError) -> [String] {
        try await list("/v2/_catalog", member: "repositories").filter(OCIName.isRepository)
    }

    /// The tags of a repository; none when there is no such repository.
    func tags(of repository: String) async throws(OutboundError) -> [String] {
        try await list("/v2/\(repository)/tags/list", member: "tags").filter(OCIName.isTag)
    }

    /// Fetches the archive that an artifact holds.
    ///
    /// - Throws: `.badAnswer` also when there is no such tag, or it is of another kind.
    func archive(
        _ kind: OCIArtifact,
        in repository: String,
        tag: String,
        bytesMax: Int
    ) async throws(OutboundError) -> [UInt8] {
        let layers = try await layers(of: tag, in: repository)
        guard let layer = kind.archive(of: layers) else { throw .badAnswer }
        return try await blob(layer, in: repository, bytesMax: bytesMax)
    }

    /// What a tag stands for; nil for neither a pack nor a chart.
    func kind(of tag: String, in repository: String) async throws(OutboundError) -> OCIArtifact? {
        let layers = try await layers(of: tag, in: repository)
        return [OCIArtifact.pack, .chart].first { $0.archive(of: layers) != nil }
    }

    private func layers(
        of tag: String,
        in repository: String
    ) async throws(OutboundError) -> [OCIDescriptor] {
        var manifest = try await manifest(of: tag, in: repository)
        if case .index(let entries) = manifest {
            // Packs and charts are of no platform: an index has one, if any.
            guard let first = entries.first else { throw .badAnswer }
            manifest = try await self.manifest(of: first.digest, in: repository)
        }
        guard case .artifact(_, let layers) = manifest else { throw .badAnswer }
        return layers
    }

    private func manifest(
        of reference: String,
        in repository: String
    ) async throws(OutboundError) -> OCIManifest {
        var call = Call(
            .get,
            "/v2/\(repository)/manifests/\(reference)",
            bytesMax: OCILimits.manifestBytesMax
        )
        call.fields = [("Accept", OCIManifest.accepted.joined(separator: ", "))]
        let answer = try Self.expect([200], try await self.call(call))
        let isNamed = OCIDigest.isValid(reference)
        guard !isNamed || BlobStore.digest(of: answer.body) == reference,
            let manifest = OCIManifest(answer.body)
        else { throw .badAnswer }
        return manifest
    }

    private func blob(
        _ descriptor: OCIDescriptor,
        in repository: String,
        bytesMax: Int
    ) async throws(OutboundError) -> [UInt8] {
        guard descriptor.size <= bytesMax else { throw .tooBig }
        let target = "/v2/\(repository)/blobs/\(descriptor.digest)"
        let call = Call(.get, target, bytesMax: descriptor.size)
        let answer = try Self.expect([200], try await self.call(call))
        guard answer.body.count == descriptor.size,
            BlobStore.digest(of: answer.body) == descriptor.digest
        else { throw .badAnswer }
        return answer.body
    }

    /// A list with all its pages.
    private func list(_ path: String, member: String) async throws(OutboundError) -> [String] {
        var found: [String] = []
        var target: String? = "\(path)?n=\(OCILimits.pageCount)"
        for _ in 0..<OCILimits.pagesMax {
            guard let now = target else { return found }
            let answer = try await call(Call(.get, now, bytesMax: OCILimits.listBytesMax))
            if answer.isMissing { return found }
            _ = try Self.expect([200], answer)
            guard let value = try? JSONParser.parse(answer.body) else { throw .badAnswer }
            // Some write null for an empty list.
            found += (value[member]?.elements ?? []).compactMap(\.text)
            guard found.count <= OCILimits.listedMax else { throw .tooBig }
            target = next(after: now, answer)
        }
        throw .tooBig
    }

    /// The target of the next page: `Link: </v2/…>; rel="next"`, on this registry only.
    private func next(after target: String, _ answer: ClientResponse) -> String? {
        guard let link = answer.field("link"),
            link.contains("rel=\"next\"") || link.contains("rel=next"),
            let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end,
            let url = origin.with(target: target)?.following(
                String(link[link.index(after: start)..<end])
            ),
            isOwn(url)
        else { return nil }
        return url.target
    }

    // MARK: Writing

    /// Writes an artifact of one archive under a tag.
    ///
    /// - Parameters:
    ///   - config: the JSON of its configuration.
    ///   - title: the archive's file name for those who pull it with other tools.
    /// - Returns: false when the very same was there, and nothing was sent.
    func push(
        _ kind: OCIArtifact,
        _ archive: [UInt8],
        config: [UInt8],
        title: String,
        to repository: String,
        tag: String
    ) async throws(OutboundError) -> Bool {
        let target = "/v2/\(repository)/manifests/\(tag)"
        let manifest = Self.manifest(kind, archive, config: config, title: title)
        var known = Call(.get, target, bytesMax: OCILimits.manifestBytesMax)
        known.fields = [("Accept", OCIManifest.mediaType)]
        let answer = try await self.call(known)
        if answer.status == 200, answer.body == manifest { return false }
        for bytes in [config, archive] { try await upload(bytes, to: repository) }
        var call = Call(.put, target, bytesMax: OCILimits.manifestBytesMax)
        call.fields = [("Content-Type", OCIManifest.mediaType)]
        call.body = manifest
        _ = try Self.expect([200, 201], try await self.call(call))
        return true
    }

    private func upload(_ bytes: [UInt8], to repository: String) async throws(OutboundError) {
        let digest = BlobStore.digest(of: bytes)
        let known = Call(.head, "/v2/\(repository)/blobs/\(digest)", bytesMax: 0)
        if try await call(known).status == 200 { return }
        let begin = Call(
            .post,
            "/v2/\(repository)/blobs/uploads/",
            bytesMax: OCILimits.manifestBytesMax
        )
        let begun = try Self.expect([202], try await call(begin))
        guard let location = begun.field("location"), let url = origin.following(location),
            isOwn(url)
        else { throw .badAnswer }
        var put = Call(
            .put,
            url.target + (url.target.contains("?") ? "&" : "?") + "digest="
                + digest.replacing(":", with: "%3A"),
            bytesMax: OCILimits.manifestBytesMax
        )
        put.fields = [("Content-Type", "application/octet-stream")]
        put.body = bytes
        _ = try Self.expect([201], try await call(put))
    }

    /// The same archive and configuration give the same bytes.
    private static func manifest(
        _ kind: OCIArtifact,
        _ archive: [UInt8],
        config: [UInt8],
        title: String
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("schemaVersion", 2)
            writer.field("mediaType", OCIManifest.mediaType)
            writer.field("artifactType", kind.configType)
            writer.field(
                "config",
                object: { writer in
                    writer.field("mediaType", kind.configType)
                    writer.field("digest", BlobStore.digest(of: config))
                    writer.field("size", config.count)
                }
            )
            writer.field(
                "layers",
                array: { writer in
                    writer.object { writer in
                        writer.field("mediaType", kind.layerType)
                        writer.field("digest", BlobStore.digest(of: archive))
                        writer.field("size", archive.count)
                        writer.field(
                            "annotations",
                            object: { writer in
                                writer.field("org.opencontainers.image.title", title)
                            }
                        )
                    }
                }
            )
        }
        return writer.finish()
    }

    // MARK: Calls

    private struct Call {
        let method: HTTPMethod
        let target: String
        let bytesMax: Int
        var fields: [(name: String, value: String)] = []
        var body: [UInt8] = []

        init(_ method: HTTPMethod, _ target: String, bytesMax: Int) {
            self.method = method
            self.target = target
            self.bytesMax = bytesMax
        }

        /// What a credential is good for: reading or writing, in one repository.
        var purpose: String {
            let isReading = method == .get || method == .head
            return "\(isReading) \(target.prefix { $0 != "?" }.split(separator: "/").dropLast(2))"
        }
    }

    private func isOwn(_ url: HTTPURL) -> Bool {
        url.isSecure == origin.isSecure && url.host == origin.host && url.port == origin.port
    }

    private func call(_ call: Call) async throws(OutboundError) -> ClientResponse {
        guard let url = origin.with(target: call.target) else { throw .badAnswer }
        var request = OutboundRequest(url, bytesMax: call.bytesMax)
        request.method = call.method
        request.fields = call.fields
        request.body = call.body
        request.trust = trust
        request.deadline = .seconds(300)
        request.authorization = accepted.withLock { $0[call.purpose] }
        let first = try await client.send(request)
        guard first.wantsCredentials else { return first }
        let challenges = first.fields.filter { $0.name == "www-authenticate" }
        guard let challenge = challenges.lazy.compactMap({ OCIChallenge($0.value) }).first else {
            throw .unauthorised
        }
        let field = try await proof(challenge)
        request.authorization = field
        let second = try await client.send(request)
        guard !second.wantsCredentials else { throw .unauthorised }
        accepted.withLock { accepted in
            if accepted.count >= OCILimits.tokensMax { accepted.removeAll() }
            accepted[call.purpose] = field
        }
        return second
    }

    /// What meets a challenge.
    private func proof(_ challenge: OCIChallenge) async throws(OutboundError) -> String {
        switch challenge {
        case .basic:
            guard let credentials else { throw .unauthorised }
            return credentials.field
        case .bearer(let realm, let service, let scope):
            var query: [String] = []
            if !service.isEmpty { query.append("service=\(Self.encoded(service))") }
            if !scope.isEmpty { query.append("scope=\(Self.encoded(scope))") }
            let mark = realm.contains("?") ? "&" : "?"
            guard let url = HTTPURL(realm + mark + query.joined(separator: "&")) else {
                throw .badAnswer
            }
            // A registry with TLS must not have the password sent in the clear.
            guard url.isSecure || !origin.isSecure else { throw .refusedByPolicy }
            var request = OutboundRequest(url, bytesMax: OCILimits.tokenBytesMax)
            request.authorization = credentials?.field
            request.trust = trust
            let answer = try await client.fetch(request)
            guard let value = try? JSONParser.parse(answer.body),
                let token = value["token"]?.text ?? value["access_token"]?.text, !token.isEmpty
            else { throw .badAnswer }
            return "Bearer \(token)"
        }
    }

    /// Percent-encoded for a query.
    private static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            let isPlain =
                (0x30...0x39) ~= byte || (0x41...0x5A) ~= byte || (0x61...0x7A) ~= byte
                || "-._~".utf8.contains(byte)
            if isPlain {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    private static func expect(
        _ statuses: [Int],
        _ answer: ClientResponse
    ) throws(OutboundError) -> ClientResponse {
        if statuses.contains(answer.status) { return answer }
        throw answer.refusal
    }
}
