import Archive
import YAML

/// A Helm chart's archive, opened to learn the chart's name.
struct ChartArchive {
    /// Why the archive is no chart.
    struct Invalid: Error {
        let place: String
        let code: String
        let reason: String
    }

    let name: String
    let version: String
    /// The bytes of the chart's own `values.yaml`; empty when it has none.
    let values: [UInt8]
    /// The bytes of the chart's own `README.md`.
    let readme: [UInt8]?

    /// - Throws: `ArchiveError` when the archive cannot be read, `Invalid` when it is no chart.
    init(_ bytes: [UInt8]) throws {
        guard Gzip.isGzip(bytes) else {
            throw Invalid(
                place: "",
                code: "MalformedArchive",
                reason: "A chart must be a gzip archive."
            )
        }
        let archive = try TarReader.read(
            bytes,
            limits: ArchiveLimits(
                entriesMax: PackLimits.chartFileCountMax,
                bytesMax: PackLimits.chartUnpackedBytesMax
            )
        )
        // A chart is one folder; charts it depends on lie deeper.
        let path = archive.entries.first { entry in
            let parts = entry.path.split(separator: "/")
            return entry.kind == .file && parts.count == 2 && parts[1] == "Chart.yaml"
        }?.path
        guard let path, let yaml = archive.contents(at: path) else {
            throw Invalid(
                place: "",
                code: "NotAChart",
                reason: "The archive holds no <chart>/Chart.yaml."
            )
        }
        guard yaml.count <= PackLimits.chartYAMLBytesMax else {
            throw Invalid(
                place: path,
                code: "TooLarge",
                reason: "is \(yaml.count) bytes long; at most \(PackLimits.chartYAMLBytesMax)."
            )
        }
        let chart: YAMLNode?
        do throws(YAMLError) {
            chart = try PackYAML.node(yaml)
        } catch {
            throw Invalid(place: path, code: "InvalidYAML", reason: "\(error)")
        }
        guard let name = chart?["name"]?.text, PackName.isValid(name) else {
            throw Invalid(
                place: path,
                code: "InvalidName",
                reason: "'name' must be there and be made of letters, digits and any of . _ - +."
            )
        }
        guard let version = chart?["version"]?.text, !version.isEmpty else {
            throw Invalid(place: path, code: "Required", reason: "'version' is required.")
        }
        self.name = name
        self.version = version
        let folder = path.dropLast("Chart.yaml".count)
        values = archive.contents(at: folder + "values.yaml") ?? []
        readme = archive.contents(at: folder + "README.md").flatMap {
            $0.count <= PackLimits.readmeBytesMax ? $0 : nil
        }
    }
}
