import AgentContract
import APIKit
import Appliances
import Archive
import Crypto
import HTTPCore
import JSON
import Packs
import Primitives
import Storage
import Synchronization

/// Makes `systemprofile.tgz`: all that a site needs to pair and to begin.
///
/// One revision gives the same bytes every time: the entries stand in a fixed order, nothing in
/// them depends on the time, and the pairing token is made once per profile.
package struct ProfileArchives: Sendable {
    /// Where agents find the server; known once it listens, as port 0 means any.
    package let serverURL: @Sendable () -> String
    /// PEM of the private authority that signed the server's certificate.
    package let caCertificate: String?
    let tokens: RegistrationTokens
    private let made = MadeArchives()
    /// Runs work that would hold up a loop.
    let runSlow: @Sendable (@escaping @Sendable () throws -> [UInt8]) async throws -> [UInt8]

    package init(
        serverURL: @escaping @Sendable () -> String,
        caCertificate: String?,
        tokens: RegistrationTokens,
        runSlow:
            @escaping @Sendable (@escaping @Sendable () throws -> [UInt8]) async throws -> [UInt8]
    ) {
        self.serverURL = serverURL
        self.caCertificate = caCertificate
        self.tokens = tokens
        self.runSlow = runSlow
    }

    /// What an archive is made of.
    struct Order: Sendable {
        let revision: ProfileRevision
        /// The revision as its JSON stands in the database.
        let content: [UInt8]
        let token: String

        /// A digest of all that the archive is made from: the content names the rest by digest.
        func name(_ serverURL: String, _ caCertificate: String?) -> Digest {
            let rest = [serverURL, caCertificate ?? "", token].joined(separator: "\n")
            return SHA256.digest(content + Array(rest.utf8))
        }
    }

    /// Makes the token that the archive of a system profile carries, if it has none yet.
    ///
    /// - Returns: whether it had none.
    func ensureToken(for profile: Profile, _ tx: borrowing Transaction) throws -> Bool {
        guard profile.type == .system,
            try tokens.findForProfile(profile.uid, tenantUID: profile.tenantUID, tx) == nil
        else { return false }
        _ = try tokens.valueForProfile(
            profile.uid,
            named: profile.name,
            scope: ApplianceScope(tenantUID: profile.tenantUID, projectUID: profile.projectUID),
            tx
        )
        return true
    }

    /// Reads what the archive of a profile is made of.
    ///
    /// - Throws: `.ruleViolated` when the profile is no system profile or was never published.
    func order(of profile: Profile, _ tx: borrowing Transaction) throws -> Order {
        guard profile.type == .system else {
            throw Failure(
                .ruleViolated,
                "Profile '\(profile.name)' is of type '\(profile.type.rawValue)'; only system "
                    + "profiles are downloaded as an archive."
            )
        }
        guard let number = profile.publishedNumber,
            let stored = try ProfileStore.revision(number, of: profile.uid, tx)
        else {
            throw Failure(
                .ruleViolated,
                "Profile '\(profile.name)' is not published yet; publish it first."
            )
        }
        guard let token = try tokens.findForProfile(profile.uid, tenantUID: profile.tenantUID, tx)
        else {
            throw Failure(
                .ruleViolated,
                "The pairing token of profile '\(profile.name)' was deleted; publish the profile "
                    + "again to get a new one."
            )
        }
        return Order(
            revision: try ProfileRevision(JSONParser.parse(stored.content, limits: .stored)),
            content: stored.content,
            token: token
        )
    }

    /// The answer with the archive, or 304 when the caller has it.
    ///
    /// The parts are read and packed away from the loop: charts are large.
    func response(
        _ order: Order,
        from database: Database,
        _ context: RequestContext
    ) async throws -> Response {
        let known = context.request.field("if-none-match").map { context.request.head[$0] }
        let name = order.name(serverURL(), caCertificate)
        let archive = try await archive(order, name, from: database)
        let etag = Self.etag(archive.digest)
        if let known, EntityTag.list(known, matches: etag) {
            return Response(status: 304, etag: etag)
        }
        return Response(
            status: 200,
            contentType: .octetStream,
            etag: etag,
            body: archive.bytes,
            fields: [
                ("Content-Disposition", "attachment; filename=systemprofile.tgz"),
                // RFC 9530: lets a reader check what it got without knowing the entity tag's form.
                ("Repr-Digest", "sha-256=:\(Base64.encode(Array(archive.digest.bytes))):"),
            ]
        )
    }

    /// The archive, packed once for all who download it.
    private func archive(
        _ order: Order,
        _ name: Digest,
        from database: Database
    ) async throws -> MadeArchives.Archive {
        if let archive = made[name] { return archive }
        let archive = try await runSlow { [self] in
            // The first of the sites that ask together may have packed it meanwhile.
            if let archive = made[name] { return archive.bytes }
            let packed = try database.read { tx in
                try bytes(order) { digest in try BlobStore.get(digest, tx) }
            }
            made.keep(MadeArchives.Archive(digest: SHA256.digest(packed), bytes: packed), as: name)
            return packed
        }
        // One that is too large to be kept.
        return made[name]
            ?? MadeArchives.Archive(digest: SHA256.digest(archive), bytes: archive)
    }

    private static func etag(_ digest: Digest) -> [UInt8] {
        Array("\"sha256:\(digest.hex)\"".utf8)
    }

    /// A part that a revision names is not in the database.
    struct MissingPart: Error {
        let digest: String
    }

    /// The gzip-compressed tar.
    ///
    /// - Parameter part: the bytes behind a digest.
    func bytes(
        _ order: Order,
        part: (_ digest: String) throws -> [UInt8]?
    ) throws -> [UInt8] {
        var files: [(path: String, bytes: [UInt8])] = [
            (ArchiveManifest.profileFile, order.content)
        ]
        for file in Self.files(of: order.revision) {
            guard let bytes = try part(file.digest) else {
                throw MissingPart(digest: file.digest)
            }
            files.append((file.path, bytes))
        }
        let manifest = ArchiveManifest(
            profileUID: order.revision.uid,
            profileName: order.revision.name,
            profileVersion: order.revision.version,
            revision: order.revision.number,
            serverURL: serverURL(),
            caCertificate: caCertificate,
            pairingToken: order.token,
            files: files.map {
                .init(
                    path: $0.path,
                    sha256: SHA256.digest($0.bytes).hex,
                    size: Int64($0.bytes.count)
                )
            }
        )
        var tar = TarWriter()
        let root = ArchiveManifest.folder
        try tar.addFile("\(root)/\(ArchiveManifest.manifestFile)", manifest.jsonBytes())
        for file in files { try tar.addFile("\(root)/\(file.path)", file.bytes) }
        return Gzip.compress(tar.finish())
    }

    /// Where the parts of a revision stand, in the order of the archive.
    static func files(of revision: ProfileRevision) -> [(path: String, digest: String)] {
        var files: [(path: String, digest: String)] = []
        for (position, layer) in revision.layers.enumerated() {
            let number = position < 9 ? "0\(position + 1)" : "\(position + 1)"
            let folder = "layers/\(number)-\(fileName(layer.name))"
            files.append(("\(folder)/values.yaml", layer.values.digest))
            var names: Set<String> = []
            for manifest in layer.manifests {
                // An attached manifest may have the name of one of the pack's own.
                var name = fileName(manifest.name)
                if !names.insert(name).inserted { name += "=attached" }
                files.append(("\(folder)/manifests/\(name).yaml", manifest.part.digest))
            }
            for chart in layer.charts {
                files.append(("\(folder)/charts/\(fileName(chart.file))", chart.part.digest))
            }
        }
        return files
    }

    /// Longer names are cut, and told apart by a digest.
    private static let nameBytesMax = 120

    /// A name as one safe path segment: what is not a letter, digit, dot, dash or underscore is
    /// escaped by its code, so that two names never meet.
    static func fileName(_ name: String) -> String {
        var safe = ""
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                safe.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where !safe.isEmpty:
                safe += "."
            default:
                safe += "=" + Hex.encode([byte])
            }
        }
        guard safe.utf8.count > nameBytesMax else { return safe }
        return String(safe.prefix(nameBytesMax - 24)) + "=x" + SHA256.digest(name).hex.prefix(16)
    }
}
