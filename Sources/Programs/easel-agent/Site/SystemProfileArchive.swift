import AgentContract
import Archive
import Crypto
import JSON
import Telemetry

/// What `systemprofile.tgz` holds: where the server is, what admits the appliance, and the profile
/// with all its parts.
struct SystemProfileArchive: Sendable {
    static let fileName = "systemprofile.tgz"
    /// The largest archive that is read, compressed.
    static let bytesMax = 512 << 20
    static let limits = ArchiveLimits(entriesMax: 20_000, bytesMax: 512 << 20)

    /// Why an archive is not used; the description is a sentence for whoever copied it here.
    struct Refusal: Error, Hashable, CustomStringConvertible {
        let description: String
    }

    let manifest: ArchiveManifest
    let profile: ProfileRevision
    /// The key that signed the manifest; whether it is to be trusted is not said here.
    let signingKey: VerifyingKey
    /// Tells archives apart.
    let digest: String
    private let archive: Archive
    /// The path of each file by its digest, as `sha256:<hex>`.
    private let paths: [String: String]

    /// Reads an archive and checks every file in it before anything is used.
    init(_ bytes: [UInt8]) throws(Refusal) {
        do throws(ArchiveError) {
            archive = try TarReader.read(bytes, limits: Self.limits)
        } catch {
            throw Refusal(description: "\(Self.fileName) cannot be read: \(error)")
        }
        digest = SHA256.digest(bytes).hex
        let manifest = try Self.manifest(archive)
        signingKey = try Self.checkSignature(archive, manifest)
        paths = try Self.check(archive, against: manifest)
        self.manifest = manifest
        let path = "\(ArchiveManifest.folder)/\(ArchiveManifest.profileFile)"
        profile = try Self.document(archive, path) { value throws(ContractError) in
            try ProfileRevision(value)
        }
    }

    /// The bytes behind a digest, when the archive holds them.
    func contents(of digest: String) -> [UInt8]? {
        paths[digest].flatMap { archive.contents(at: $0) }
    }

    /// Says why an archive is not from the server that this appliance belongs to.
    ///
    /// - Parameter trusted: PEM of the only key that may have signed it; empty while none is known.
    func requireSigner(_ trusted: String) throws(Refusal) {
        guard trusted.isEmpty || trusted == signingKey.pem else {
            throw Refusal(
                description: "\(Self.fileName) is refused: it is signed with another key than this "
                    + "appliance trusts; if the server's key was changed, write the new one as "
                    + "archiveKey into \(SiteProperties.fileName)."
            )
        }
    }

    /// The manifest's key, once its signature was found good.
    private static func checkSignature(
        _ archive: Archive,
        _ manifest: ArchiveManifest
    ) throws(Refusal) -> VerifyingKey {
        let folder = ArchiveManifest.folder
        let path = "\(folder)/\(ArchiveManifest.manifestFile)"
        guard let signature = archive.contents(at: "\(folder)/\(ArchiveManifest.signatureFile)")
        else {
            throw Refusal(
                description: "\(fileName) is not signed; download the system profile again."
            )
        }
        let key: VerifyingKey
        do throws(CertificateError) {
            key = try VerifyingKey(pem: Array(manifest.signingKey.utf8))
        } catch {
            throw Refusal(description: "\(fileName): its signing key cannot be used: \(error)")
        }
        guard key.verifies(signature, of: archive.contents(at: path) ?? []) else {
            throw Refusal(
                description: "\(fileName) was changed: the signature of \(path) is not good; "
                    + "download the system profile again."
            )
        }
        return key
    }

    private static func manifest(_ archive: Archive) throws(Refusal) -> ArchiveManifest {
        let path = "\(ArchiveManifest.folder)/\(ArchiveManifest.manifestFile)"
        let manifest = try document(archive, path) { value throws(ContractError) in
            try ArchiveManifest(value)
        }
        if let reason = SiteRules.endpoint(manifest.serverURL), !manifest.serverURL.isEmpty {
            throw Refusal(description: "\(fileName): the server's address \(reason)")
        }
        guard !manifest.serverURL.isEmpty else {
            throw Refusal(description: "\(fileName) does not say where the server is.")
        }
        return manifest
    }

    private static func document<Value>(
        _ archive: Archive,
        _ path: String,
        _ read: (JSONValue) throws(ContractError) -> Value
    ) throws(Refusal) -> Value {
        guard let bytes = archive.contents(at: path) else {
            throw Refusal(
                description: "\(fileName) has no \(path); download the system profile again."
            )
        }
        do {
            return try read(JSONParser.parse(bytes, limits: JSONLimits(bytesMax: 64 << 20)))
        } catch {
            throw Refusal(description: "\(fileName): \(path) cannot be used: \(error)")
        }
    }

    /// Holds the archive against its manifest: every file there, each as described, none besides.
    private static func check(
        _ archive: Archive,
        against manifest: ArchiveManifest
    ) throws(Refusal) -> [String: String] {
        var paths: [String: String] = [:]
        var known: Set<String> = [
            "\(ArchiveManifest.folder)/\(ArchiveManifest.manifestFile)",
            "\(ArchiveManifest.folder)/\(ArchiveManifest.signatureFile)",
        ]
        for file in manifest.files {
            let path = "\(ArchiveManifest.folder)/\(file.path)"
            guard known.insert(path).inserted else {
                throw Refusal(description: "\(fileName): the manifest names \(path) twice.")
            }
            guard let bytes = archive.contents(at: path) else {
                throw Refusal(
                    description: "\(fileName) lacks \(path), which its manifest names; "
                        + "download the system profile again."
                )
            }
            let digest = SHA256.digest(bytes).hex
            guard digest == file.sha256, Int64(bytes.count) == file.size else {
                throw Refusal(
                    description: "\(fileName) is damaged: \(path) does not have the SHA-256 that "
                        + "its manifest names; download the system profile again."
                )
            }
            paths["sha256:\(digest)"] = path
        }
        for entry in archive.entries where entry.kind == .file && !known.contains(entry.path) {
            throw Refusal(
                description:
                    "\(fileName) holds \(LogLines.printable(entry.path)), which its manifest does not "
                    + "name."
            )
        }
        guard known.contains("\(ArchiveManifest.folder)/\(ArchiveManifest.profileFile)") else {
            throw Refusal(description: "\(fileName): the manifest does not name profile.json.")
        }
        return paths
    }
}
