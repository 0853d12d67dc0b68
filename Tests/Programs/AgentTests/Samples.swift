import AgentContract
import Archive
import Crypto
import JSON

@testable import easel_agent

/// A profile with the bytes of its parts.
struct SampleProfile: Sendable {
    var revision: ProfileRevision
    var parts: [String: [UInt8]]
}

/// One layer to make a profile of.
struct SampleLayer: Sendable {
    var name: String
    var order: Int64 = 0
    var version = "1.0.0"
    var values = "a: 1\n"
    var manifests: [String: String] = [:]
    var charts: [String: String] = [:]
    var isVM = false
}

enum Samples {
    static let authority: String? = nil
    static let signer = Result { try SigningKey(seed: Array(repeating: 1, count: 32)) }
    static let otherSigner = Result { try SigningKey(seed: Array(repeating: 2, count: 32)) }
    static let token = "easel_reg_archive"

    static func part(_ text: String, _ parts: inout [String: [UInt8]]) -> Part {
        let bytes = Array(text.utf8)
        let digest = BlobStore.digest(of: bytes)
        parts[digest] = bytes
        return Part(digest: digest, size: Int64(bytes.count))
    }

    static func profile(
        _ layers: [SampleLayer],
        number: Int64 = 1,
        uid: String = "65f0c0ffee00000000000001"
    ) -> SampleProfile {
        var parts: [String: [UInt8]] = [:]
        let revisions = layers.map { sample -> LayerRevision in
            let values = part(sample.values, &parts)
            let manifests = sample.manifests.sorted { $0.key < $1.key }.map {
                LayerRevision.Manifest(
                    name: $0.key,
                    part: part($0.value, &parts),
                    isAttached: false
                )
            }
            let charts = sample.charts.sorted { $0.key < $1.key }.map {
                LayerRevision.Chart(name: $0.key, file: $0.key, part: part($0.value, &parts))
            }
            let all =
                [sample.version, values.digest] + manifests.map(\.part.digest)
                + charts.map(\.part.digest)
            return LayerRevision(
                name: sample.name,
                kind: "manifest",
                layer: "addon",
                registryUID: "",
                packUID: "",
                version: sample.version,
                tag: sample.version,
                installOrder: sample.order,
                isVM: sample.isVM,
                digest: "sha256:" + SHA256.digest(all.joined(separator: "|")).hex,
                values: values,
                manifests: manifests,
                charts: charts
            )
        }
        return SampleProfile(
            revision: ProfileRevision(
                uid: uid,
                name: "site",
                version: "1.0.0",
                type: "system",
                cloudType: "libvirt",
                number: number,
                layers: revisions
            ),
            parts: parts
        )
    }

    /// The files of an archive, `manifest.json` left out.
    static func archiveFiles(_ profile: SampleProfile) -> [(path: String, bytes: [UInt8])] {
        var files = [("profile.json", profile.revision.jsonBytes())]
        for (index, layer) in profile.revision.layers.enumerated() {
            let folder = "layers/\(index)-\(layer.name)"
            files.append(("\(folder)/values.yaml", profile.parts[layer.values.digest] ?? []))
            for manifest in layer.manifests {
                files.append(
                    (
                        "\(folder)/manifests/\(manifest.name).yaml",
                        profile.parts[manifest.part.digest] ?? []
                    )
                )
            }
        }
        return files
    }

    static func manifest(
        _ profile: SampleProfile,
        _ files: [(path: String, bytes: [UInt8])],
        server: String = "https://easel.example:8443",
        signer: SigningKey
    ) -> ArchiveManifest {
        ArchiveManifest(
            profileUID: profile.revision.uid,
            profileName: "site",
            profileVersion: "1.0.0",
            revision: profile.revision.number,
            serverURL: server,
            caCertificate: authority,
            signingKey: signer.publicKey.pem,
            pairingToken: token,
            files: files.map {
                ArchiveManifest.File(
                    path: $0.path,
                    sha256: SHA256.digest($0.bytes).hex,
                    size: Int64($0.bytes.count)
                )
            }
        )
    }

    /// A whole archive; `edit` may damage its files after the manifest was made.
    static func archive(
        _ profile: SampleProfile,
        signer: Result<SigningKey, any Error> = signer,
        edit: (inout [(path: String, bytes: [UInt8])]) -> Void = { _ in }
    ) throws -> [UInt8] {
        var files = archiveFiles(profile)
        let signer = try signer.get()
        let manifest = manifest(profile, files, signer: signer).jsonBytes()
        files.insert(("manifest.json", manifest), at: 0)
        files.append(("manifest.sig", try signer.sign(manifest)))
        edit(&files)
        var writer = TarWriter()
        for file in files {
            try writer.addFile("\(ArchiveManifest.folder)/\(file.path)", file.bytes)
        }
        return Gzip.compress(writer.finish())
    }

    /// The folder tree that a profile must become, records left out.
    static func tree(_ profile: SampleProfile, _ site: SiteProperties) throws -> [String: [UInt8]] {
        var tree: [String: [UInt8]] = [:]
        for wanted in WantedLayer.list([profile.revision]) {
            let files = try DirectoryApplier.files(of: wanted.layer, site) { part in
                profile.parts[part.digest] ?? []
            }
            for file in files { tree["\(wanted.folder)/\(file.path)"] = file.bytes }
        }
        return tree
    }
}
