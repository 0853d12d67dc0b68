import Archive
import TestSupport

@testable import Packs

/// A pack made up for a test: start with one that is right, then change it.
struct SamplePack {
    var files: [String: [UInt8]]

    /// A pack with one manifest, one chart, presets, schema, readme and logo.
    init(_ name: String = "web", _ version: String = "1.2.3") throws {
        files = [:]
        set(
            "pack.json",
            """
            {"name":"\(name)","displayName":"Web","version":"\(version)","layer":"addon",
             "cloudTypes":["all"],"addonType":"app services","annotations":{"source":"community"},
             "kubeManifests":["manifests/web.yaml"],"charts":["charts/tool-0.1.0.tgz"],
             "ansibleRoles":[],"commit_msg":"made for a test","eol":"","group":""}
            """
        )
        set(
            "values.yaml",
            "pack:\n  namespace: web\nmanifests:\n  web:\n    port: 80\n    api: true\n"
        )
        set(
            "manifests/web.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {{ .Values.n }}\n"
        )
        files["charts/tool-0.1.0.tgz"] = try Self.chart("tool", "0.1.0")
        set(
            "presets.yaml",
            """
            presets:
              - name: api-off
                displayName: No API
                group: API
                remove: ["manifests.web.api"]
                add: |
                  manifests:
                    web:
                      port: 81
              - name: api-on
                displayName: API
                group: API
                remove: []
                add: |
                  manifests:
                    web:
                      api: true
              - name: big
                displayName: Many
                group: Size
                add: |
                  manifests:
                    web:
                      replicas: 3
            """
        )
        set(
            "schema.yaml",
            "manifests.web.port:\n  schema: '{{ required | format \"${number}\" | hints \"The port.\" }}'\n"
        )
        set("README.md", "# Web\n")
        files["logo.png"] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 1, 2, 3]
    }

    /// Only what every pack needs.
    static func minimal(_ name: String, _ version: String) throws -> SamplePack {
        var pack = try SamplePack()
        pack.files = [:]
        pack.set(
            "pack.json",
            """
            {"name":"\(name)","displayName":"\(name)","version":"\(version)","layer":"addon"}
            """
        )
        pack.set("values.yaml", "")
        return pack
    }

    mutating func set(_ path: String, _ text: String) {
        files[path] = Array(text.utf8)
    }

    func text(_ path: String) -> String { String(decoding: files[path] ?? [], as: UTF8.self) }

    static func chart(_ name: String, _ version: String) throws -> [UInt8] {
        var tar = TarWriter()
        try tar.addFile("\(name)/Chart.yaml", Array("name: \(name)\nversion: \(version)\n".utf8))
        try tar.addFile("\(name)/charts/inner/Chart.yaml", Array("name: inner\n".utf8))
        return Gzip.compress(tar.finish())
    }

    /// The pack as `tar czf` of its folder makes it, or of its content when `folder` is empty.
    func archive(in folder: String = "web") throws -> [UInt8] {
        var tar = TarWriter()
        for (path, bytes) in files.sorted(by: { $0.key < $1.key }) {
            try tar.addFile(folder.isEmpty ? path : "\(folder)/\(path)", bytes)
        }
        return Gzip.compress(tar.finish())
    }

    /// Writes the pack's files under a folder that may be there already.
    func write(to folder: String) throws {
        Disk.makeFolder(folder)
        for (path, bytes) in files {
            var parent = folder
            for part in path.split(separator: "/").dropLast() {
                parent += "/" + part
                Disk.makeFolder(parent)
            }
            try Files.atomicWrite(path: folder + "/" + path, bytes: bytes)
        }
    }

    func read() throws -> PackReading { PackManifestReader.read(archive: try archive()) }
}
