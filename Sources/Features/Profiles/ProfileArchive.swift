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

    /// What an archive is made of, read in one snapshot.
    package struct Parts: Sendable {
        let revision: ProfileRevision
        let content: [UInt8]
        let token: String
        let blobs: [String: [UInt8]]
    }

    /// Makes the token that the archive of a system profile carries, if it has none yet.
    func ensureToken(for profile: Profile, _ tx: borrowing Transaction) throws {
        guard profile.type == .system else { return }
        _ = try tokens.valueForProfile(
            profile.uid,
            named: profile.name,
            scope: ApplianceScope(tenantUID: profile.tenantUID, projectUID: profile.projectUID),
            tx
        )
    }

    /// Reads what the archive of a profile holds.
    ///
    /// - Throws: `.ruleViolated` when the profile is no system profile or was never published.
    func parts(of profile: Profile, _ tx: borrowing Transaction) throws -> Parts {
        guard profile.type == .system else {
            throw Failure(
                .ruleViolated,
                "Profile '\(profile.name)' is of type '\(profile.type.rawValue)'; only system "
                    + "profiles are downloaded as an archive."
            )
        }
        guard let number = profile.publishedNumber,
            let stored = try ProfileStore.revision(number, of: profile.uid, tx),
            let token = try tokens.findForProfile(profile.uid, tenantUID: profile.tenantUID, tx)
        else {
            throw Failure(
                .ruleViolated,
                "Profile '\(profile.name)' is not published yet; publish it first."
            )
        }
        let revision = try ProfileRevision(JSONParser.parse(stored.content))
        var blobs: [String: [UInt8]] = [:]
        for layer in revision.layers {
            let digests =
                [layer.values.digest] + layer.manifests.map(\.part.digest)
                + layer.charts.map(\.part.digest)
            for digest in digests where blobs[digest] == nil {
                blobs[digest] = try BlobStore.get(digest, tx)
            }
        }
        return Parts(revision: revision, content: stored.content, token: token, blobs: blobs)
    }

    /// The archive of a profile that an appliance follows.
    package func parts(
        ofProfile uid: String,
        _ tx: borrowing Transaction
    ) throws -> Parts {
        guard let profile = try ProfileStore.find(uid, tx) else {
            throw Failure.notFound("Cluster profile", uid)
        }
        return try parts(of: profile, tx)
    }

    /// The answer with the archive, or 304 when the caller has it.
    package func response(_ parts: Parts, _ context: RequestContext) async throws -> Response {
        let archive = try await runSlow { [self] in try bytes(parts) }
        let etag = Array("\"sha256:\(SHA256.digest(archive).hex)\"".utf8)
        if let known = context.request.field("if-none-match"),
            EntityTag.list(context.request.head[known], matches: etag)
        {
            return Response(status: 304, etag: etag)
        }
        return Response(
            status: 200,
            contentType: .octetStream,
            etag: etag,
            body: archive,
            fields: [("Content-Disposition", "attachment; filename=systemprofile.tgz")]
        )
    }

    /// The gzip-compressed tar.
    func bytes(_ parts: Parts) throws -> [UInt8] {
        var files: [(path: String, bytes: [UInt8])] = [
            (ArchiveManifest.profileFile, parts.content)
        ]
        for (position, layer) in parts.revision.layers.enumerated() {
            let number = position < 9 ? "0\(position + 1)" : "\(position + 1)"
            let folder = "layers/\(number)-\(Self.fileName(layer.name))"
            files.append(("\(folder)/values.yaml", parts.blobs[layer.values.digest] ?? []))
            for manifest in layer.manifests {
                files.append(
                    (
                        "\(folder)/manifests/\(Self.fileName(manifest.name)).yaml",
                        parts.blobs[manifest.part.digest] ?? []
                    )
                )
            }
            for chart in layer.charts {
                files.append(
                    (
                        "\(folder)/charts/\(Self.fileName(chart.file))",
                        parts.blobs[chart.part.digest] ?? []
                    )
                )
            }
        }
        let manifest = ArchiveManifest(
            profileUID: parts.revision.uid,
            profileName: parts.revision.name,
            profileVersion: parts.revision.version,
            revision: parts.revision.number,
            serverURL: serverURL(),
            caCertificate: caCertificate,
            pairingToken: parts.token,
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
        return safe
    }
}
