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
    /// Signs the manifest, whose sums cover every other file.
    let signingKey: SigningKey
    let tokens: RegistrationTokens
    private let made = MadeArchives()
    /// Runs work that would hold up a loop.
    let runSlow: @Sendable (@escaping @Sendable () throws -> [UInt8]) async throws -> [UInt8]

    package init(
        serverURL: @escaping @Sendable () -> String,
        caCertificate: String?,
        signingKey: SigningKey,
        tokens: RegistrationTokens,
        runSlow:
            @escaping @Sendable (@escaping @Sendable () throws -> [UInt8]) async throws -> [UInt8]
    ) {
        self.serverURL = serverURL
        self.caCertificate = caCertificate
        self.signingKey = signingKey
        self.tokens = tokens
        self.runSlow = runSlow
    }

    /// What names an archive.
    struct Wanted: Sendable {
        let profileUID: String
        /// The number of the published revision; a revision never changes.
        let revision: Int64
        /// Tells it from a revision that had the number before a restore.
        let revisionDigest: String
        let token: String
    }

    /// What an archive is made of.
    struct Order: Sendable {
        let revision: ProfileRevision
        /// The revision as its JSON stands in the database.
        let content: [UInt8]
        let token: String
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

    /// Reads what names the archive of a profile; its layers, which may be large, are left alone.
    ///
    /// - Throws: `.ruleViolated` when the profile is no system profile or was never published.
    func wanted(of profile: ArchivedProfile, _ tx: borrowing Transaction) throws -> Wanted {
        guard profile.type == .system else {
            throw Failure(
                .ruleViolated,
                "Profile '\(profile.name)' is of type '\(profile.type.rawValue)'; only system "
                    + "profiles are downloaded as an archive."
            )
        }
        guard let newest = try ProfileStore.newestRevision(of: profile.uid, tx) else {
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
        return Wanted(
            profileUID: profile.uid,
            revision: newest.number,
            revisionDigest: newest.digest,
            token: token
        )
    }

    /// A digest of all that the archive is made from.
    private func name(of wanted: Wanted) -> Digest {
        let parts = [
            wanted.profileUID, String(wanted.revision), wanted.revisionDigest, serverURL(),
            wanted.token, signingKey.publicKey.pem, caCertificate ?? "",
        ]
        return SHA256.digest(parts.joined(separator: "\n"))
    }

    /// The answer with the archive, or 304 when the caller has it.
    ///
    /// The parts are read and packed away from the loop: charts are large.
    func response(
        _ wanted: Wanted,
        from database: Database,
        _ context: RequestContext
    ) async throws -> Response {
        let name = name(of: wanted)
        if let digest = made.digest(of: name), context.hasCurrent(Self.etag(digest)) {
            return Response(status: 304, etag: Self.etag(digest))
        }
        let archive = try await archive(wanted, name, from: database)
        let etag = Self.etag(archive.digest)
        if context.hasCurrent(etag) { return Response(status: 304, etag: etag) }
        return Response(
            status: 200,
            contentType: .octetStream,
            etag: etag,
            body: archive.bytes,
            fields: [
                ("Content-Disposition", "attachment; filename=systemprofile.tgz"),
                // RFC 9530: lets a reader check what it got without knowing the entity tag's form.
                ("Repr-Digest", "sha-256=:\(Base64.encode(Array(archive.digest.bytes))):"),
                (Self.signatureField, "ed25519=:\(Base64.encode(archive.signature)):"),
            ]
        )
    }

    /// The archive, packed once for all who download it.
    private func archive(
        _ wanted: Wanted,
        _ name: Digest,
        from database: Database
    ) async throws -> MadeArchives.Archive {
        if let archive = made[name] { return archive }
        let content = try database.read { tx in
            try ProfileStore.revisionContent(wanted.revision, of: wanted.profileUID, tx)
        }
        guard let content else { throw MissingPart(digest: wanted.revisionDigest) }
        let order = Order(
            revision: try ProfileRevision(JSONParser.parse(content, limits: .stored)),
            content: content,
            token: wanted.token
        )
        let manifest = manifest(of: order)
        let signature = try signingKey.sign(manifest)
        let bytes = try await runSlow { [self] in
            // The first of the sites that ask together may have packed it meanwhile.
            if let archive = made[name] { return archive.bytes }
            let packed = try database.read { tx in
                try Self.bytes(order, manifest, signature) { try BlobStore.get($0, tx) }
            }
            let digest = SHA256.digest(packed)
            made.keep(.init(digest: digest, bytes: packed, signature: signature), as: name)
            return packed
        }
        // One that is too large to be kept.
        return made[name]
            ?? .init(digest: SHA256.digest(bytes), bytes: bytes, signature: signature)
    }

    /// The field with the signature of the manifest, the same as the file in the archive.
    static let signatureField = "Easel-Manifest-Signature"

    private static func etag(_ digest: Digest) -> [UInt8] {
        Array("\"sha256:\(digest.hex)\"".utf8)
    }

    /// A part that a revision names is not in the database.
    struct MissingPart: Error {
        let digest: String
    }

    /// The bytes of `manifest.json`.
    func manifest(of order: Order) -> [UInt8] {
        let profile = ArchiveManifest.File(
            path: ArchiveManifest.profileFile,
            sha256: SHA256.digest(order.content).hex,
            size: Int64(order.content.count)
        )
        let parts = Self.files(of: order.revision).map { path, part in
            ArchiveManifest.File(
                path: path,
                sha256: String(part.digest.dropFirst("sha256:".count)),
                size: part.size
            )
        }
        return ArchiveManifest(
            profileUID: order.revision.uid,
            profileName: order.revision.name,
            profileVersion: order.revision.version,
            revision: order.revision.number,
            serverURL: serverURL(),
            caCertificate: caCertificate,
            signingKey: signingKey.publicKey.pem,
            pairingToken: order.token,
            files: [profile] + parts
        ).jsonBytes()
    }

    /// The gzip-compressed tar.
    ///
    /// - Parameter part: the bytes behind a digest.
    static func bytes(
        _ order: Order,
        _ manifest: [UInt8],
        _ signature: [UInt8],
        part: (_ digest: String) throws -> [UInt8]?
    ) throws -> [UInt8] {
        var tar = TarWriter()
        let root = ArchiveManifest.folder
        try tar.addFile("\(root)/\(ArchiveManifest.manifestFile)", manifest)
        try tar.addFile("\(root)/\(ArchiveManifest.signatureFile)", signature)
        try tar.addFile("\(root)/\(ArchiveManifest.profileFile)", order.content)
        for (path, named) in files(of: order.revision) {
            guard let bytes = try part(named.digest) else {
                throw MissingPart(digest: named.digest)
            }
            try tar.addFile("\(root)/\(path)", bytes)
        }
        return Gzip.compress(tar.finish())
    }

    /// Where the parts of a revision stand, in the order of the archive.
    static func files(of revision: ProfileRevision) -> [(path: String, part: Part)] {
        var files: [(path: String, part: Part)] = []
        for (position, layer) in revision.layers.enumerated() {
            let number = position < 9 ? "0\(position + 1)" : "\(position + 1)"
            let folder = "layers/\(number)-\(fileName(layer.name))"
            files.append(("\(folder)/values.yaml", layer.values))
            var names: Set<String> = []
            for manifest in layer.manifests {
                // An attached manifest may have the name of one of the pack's own.
                var name = fileName(manifest.name)
                if !names.insert(name).inserted { name += "=attached" }
                files.append(("\(folder)/manifests/\(name).yaml", manifest.part))
            }
            for chart in layer.charts {
                files.append(("\(folder)/charts/\(fileName(chart.file))", chart.part))
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
