import Archive
import Crypto

/// A Helm repository as `helm repo index` writes one.
package struct HelmSite {
    /// What a web server would hold.
    package private(set) var files: [String: [UInt8]] = [:]
    private var entries: [(name: String, text: String)] = []

    /// A repository without charts.
    package init() {}

    /// Packs a chart and lists it.
    ///
    /// - Parameters:
    ///   - digest: what the index says instead of the archive's digest.
    ///   - more: further lines of the entry.
    package mutating func add(
        _ name: String,
        _ version: String,
        values: String = "# how many\nreplicas: 1\n",
        digest: String? = nil,
        more: String = ""
    ) throws {
        var tar = TarWriter()
        try tar.addFile("\(name)/Chart.yaml", Array("name: \(name)\nversion: \(version)\n".utf8))
        try tar.addFile("\(name)/values.yaml", Array(values.utf8))
        try tar.addFile("\(name)/README.md", Array("# \(name)\n".utf8))
        let bytes = Gzip.compress(tar.finish())
        let file = "charts/\(name)-\(version).tgz"
        files[file] = bytes
        let digest = digest ?? SHA256.digest(bytes).hex
        entries.append(
            (
                name,
                """
                  - apiVersion: v2
                    created: "2026-01-01T00:00:00Z"
                    description: |-
                      What it is:
                        a chart
                    digest: \(digest)
                    name: \(name)
                \(more)    urls:
                    - \(file)
                    version: \(version)

                """
            )
        )
        var index = "apiVersion: v1\nentries:\n"
        for name in Set(entries.map(\.name)).sorted() {
            index += "  \(name):\n"
            for entry in entries where entry.name == name { index += entry.text }
        }
        index += "generated: \"2026-01-01T00:00:00Z\"\n"
        files["index.yaml"] = Array(index.utf8)
    }
}
