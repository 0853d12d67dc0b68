import JSON

/// `manifest.json` of a system profile's archive: where the profile comes from, how an appliance
/// gets in, and the digest of every other file but its own signature.
package struct ArchiveManifest: Sendable, Hashable, JSONWritable {
    /// The format's name and version; a reader refuses any other.
    package static let format = "easel.systemprofile/v1"
    /// The folder that all files of the archive stand in.
    package static let folder = "systemprofile"
    package static let manifestFile = "manifest.json"
    /// The Ed25519 signature of the manifest's bytes, 64 bytes.
    package static let signatureFile = "manifest.sig"
    package static let profileFile = "profile.json"

    /// One file of the archive; the path is relative to the folder.
    package struct File: Sendable, Hashable {
        package let path: String
        /// 64 hex digits.
        package let sha256: String
        package let size: Int64

        package init(path: String, sha256: String, size: Int64) {
            self.path = path
            self.sha256 = sha256
            self.size = size
        }
    }

    package let profileUID: String
    package let profileName: String
    package let profileVersion: String
    package let revision: Int64
    /// Where the appliance finds the server, such as `https://easel.example:8443`.
    package let serverURL: String
    /// PEM of the server's private authority; `nil` when a public one signed its certificate.
    package let caCertificate: String?
    /// PEM of the key that the manifest's signature is checked with.
    package let signingKey: String
    /// Admits an appliance that an operator has registered.
    package let pairingToken: String
    package let files: [File]

    package init(
        profileUID: String,
        profileName: String,
        profileVersion: String,
        revision: Int64,
        serverURL: String,
        caCertificate: String?,
        signingKey: String,
        pairingToken: String,
        files: [File]
    ) {
        self.profileUID = profileUID
        self.profileName = profileName
        self.profileVersion = profileVersion
        self.revision = revision
        self.serverURL = serverURL
        self.caCertificate = caCertificate
        self.signingKey = signingKey
        self.pairingToken = pairingToken
        self.files = files
    }

    package init(_ value: JSONValue) throws(ContractError) {
        let reader = try ContractReader(value)
        let format = try reader.text("format")
        guard format == Self.format else {
            throw ContractError(
                pointer: "/format",
                reason: "is '\(format)'; this agent reads '\(Self.format)'"
            )
        }
        let profile = try reader.inner("profile")
        profileUID = try profile.text("uid")
        profileName = try profile.text("name")
        profileVersion = try profile.text("version")
        revision = try reader.int("revision")
        let server = try reader.inner("server")
        serverURL = try server.text("url")
        caCertificate = try server.optionalText("caCertificate")
        signingKey = try server.text("signingKey")
        pairingToken = try reader.inner("pairing").text("token")
        files = try reader.list("files") { item throws(ContractError) in
            File(
                path: try item.text("path"),
                sha256: try item.text("sha256"),
                size: try item.int("size")
            )
        }
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("format", Self.format)
        writer.key("profile")
        writer.beginObject()
        writer.field("uid", profileUID)
        writer.field("name", profileName)
        writer.field("version", profileVersion)
        writer.endObject()
        writer.field("revision", revision)
        writer.key("server")
        writer.beginObject()
        writer.field("url", serverURL)
        writer.key("caCertificate")
        if let caCertificate { writer.string(caCertificate) } else { writer.null() }
        writer.field("signingKey", signingKey)
        writer.endObject()
        writer.key("pairing")
        writer.beginObject()
        writer.field("token", pairingToken)
        writer.endObject()
        writer.key("files")
        writer.beginArray()
        for file in files {
            writer.beginObject()
            writer.field("path", file.path)
            writer.field("sha256", file.sha256)
            writer.field("size", file.size)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
