import AgentContract
import Crypto
import JSON

/// Writes each layer as a folder of files: `values.yaml`, `manifests/*.yaml`, `charts/*.tgz`.
///
/// A layer is written into a folder beside its place and takes that place by one rename, with
/// `.layer` inside saying what it is.
struct DirectoryApplier: Applier {
    let disk: any Disk
    /// Where the layers stand; this folder belongs to the agent.
    let root: String

    static let recordName = ".layer"
    private static let fileBytesMax = 512 << 20
    /// Being written, or the former layer after the exchange: never needed again.
    private static let fresh = ".new-"
    /// The former layer on file systems that cannot exchange: goes back when its place is empty.
    private static let former = ".old-"
    /// On its way out.
    private static let gone = ".gone-"

    func layers() throws -> [String: AppliedLayer?] {
        try tidy()
        var layers: [String: AppliedLayer?] = [:]
        for name in try disk.names(in: root) {
            layers.updateValue(try readRecord(name), forKey: name)
        }
        return layers
    }

    func apply(
        _ layer: WantedLayer,
        site: SiteProperties,
        number: DesiredNumber?,
        part: (Part) throws -> [UInt8]
    ) throws {
        let files = try Self.files(of: layer.layer, site, part)
        let stage = path(Self.fresh + layer.folder)
        try disk.makeFolder(root, mode: 0o755)
        try disk.removeTree(stage)
        try disk.makeFolder(stage, mode: 0o755)
        for folder in Set(files.compactMap(\.folder)).sorted() {
            try disk.makeFolder(stage + "/" + folder, mode: 0o755)
        }
        var written: [AppliedLayer.File] = []
        for file in files {
            // What is rendered may hold secrets of the site or the profile.
            try disk.write(stage + "/" + file.path, file.bytes, mode: 0o640)
            written.append(
                AppliedLayer.File(path: file.path, sha256: SHA256.digest(file.bytes).hex)
            )
        }
        let record = AppliedLayer(
            layer,
            siteDigest: files.contains(where: \.usesSite) ? site.digest : "",
            number: number,
            files: written
        )
        try disk.write(
            stage + "/" + Self.recordName,
            SealedJSON.seal(record.jsonBytes()),
            mode: 0o644
        )
        try disk.sync(folder: stage)
        try place(layer.folder)
    }

    func remove(folder: String) throws {
        guard try disk.kind(of: path(folder)) != nil else { return }
        let aside = path(Self.gone + folder)
        try disk.removeTree(aside)
        try disk.rename(path(folder), to: aside)
        try disk.sync(folder: root)
        try disk.removeTree(aside)
    }

    private func path(_ name: String) -> String { root + "/" + name }

    /// Puts the finished folder in its place.
    private func place(_ folder: String) throws {
        let stage = path(Self.fresh + folder)
        let former = path(Self.former + folder)
        if try disk.kind(of: path(folder)) == nil {
            try disk.rename(stage, to: path(folder))
            try disk.sync(folder: root)
        } else if try disk.exchange(stage, path(folder)) {
            try disk.sync(folder: root)
            try disk.removeTree(stage)
        } else {
            try disk.removeTree(former)
            try disk.rename(path(folder), to: former)
            try disk.rename(stage, to: path(folder))
            try disk.sync(folder: root)
            try disk.removeTree(former)
        }
    }

    /// Finishes or takes back what a cut left half done.
    private func tidy() throws {
        for name in try disk.names(in: root) {
            if name.hasPrefix(Self.former) {
                let place = path(String(name.dropFirst(Self.former.count)))
                if try disk.kind(of: place) == nil {
                    try disk.rename(path(name), to: place)
                } else {
                    try disk.removeTree(path(name))
                }
            } else if name.hasPrefix(Self.fresh) || name.hasPrefix(Self.gone) {
                try disk.removeTree(path(name))
            }
        }
    }

    /// What a folder says about itself; nil unless every file is as it says.
    private func readRecord(_ folder: String) throws -> AppliedLayer? {
        guard try disk.kind(of: path(folder)) == .folder,
            let bytes = try? disk.read(
                path(folder) + "/" + Self.recordName,
                bytesMax: 16 << 20
            ),
            let content = SealedJSON.open(bytes),
            let record = (try? JSONParser.parse(content)).flatMap(AppliedLayer.init)
        else { return nil }
        for file in record.files {
            guard
                let bytes = try? disk.read(
                    path(folder) + "/" + file.path,
                    bytesMax: Self.fileBytesMax
                ),
                SHA256.digest(bytes).hex == file.sha256
            else { return nil }
        }
        return record
    }
}

// What files a layer becomes.
extension DirectoryApplier {
    struct File {
        let path: String
        let bytes: [UInt8]
        let usesSite: Bool

        /// The folder it stands in, if it is not the layer's own.
        var folder: String? {
            path.contains("/") ? String(path.prefix { $0 != "/" }) : nil
        }
    }

    /// The files of a layer; site properties stand in its values and in manifests of machines.
    static func files(
        of layer: LayerRevision,
        _ site: SiteProperties,
        _ part: (Part) throws -> [UInt8]
    ) throws -> [File] {
        var files = [
            try rendered("values.yaml", part(layer.values), site)
        ]
        var taken: Set<String> = []
        for manifest in layer.manifests {
            let bytes = try part(manifest.part)
            let isYAML = manifest.name.hasSuffix(".yaml") || manifest.name.hasSuffix(".yml")
            let path = unused(
                "manifests/",
                SafeName.make(manifest.name + (isYAML ? "" : ".yaml")),
                &taken
            )
            files.append(
                layer.isVM
                    ? try rendered(path, bytes, site)
                    : File(path: path, bytes: bytes, usesSite: false)
            )
        }
        for chart in layer.charts {
            let path = unused("charts/", SafeName.make(chart.file), &taken)
            files.append(File(path: path, bytes: try part(chart.part), usesSite: false))
        }
        return files
    }

    private static func rendered(
        _ path: String,
        _ bytes: [UInt8],
        _ site: SiteProperties
    ) throws -> File {
        do throws(SiteTemplate.Refusal) {
            let rendered = try SiteTemplate.render(bytes, site.values)
            return File(path: path, bytes: rendered.bytes, usesSite: rendered.usesSite)
        } catch {
            throw LayerFailure(reason: error.reason, message: "\(path): \(error.description)")
        }
    }

    /// A path that no other file of the layer has; a second one of a name is numbered.
    private static func unused(
        _ folder: String,
        _ name: String,
        _ taken: inout Set<String>
    ) -> String {
        var path = folder + name
        var number = 2
        while !taken.insert(path).inserted {
            path = "\(folder)\(number)-\(name)"
            number += 1
        }
        return path
    }
}
