import Archive
import YAML

// Manifests and charts: the parts that become layers of profiles.
extension PackManifestReader {
    mutating func manifests(of description: PackDescription) -> [PackManifest] {
        var manifests: [PackManifest] = []
        for (index, path) in description.manifests.enumerated() {
            let place = "/kubeManifests/\(index)"
            guard
                let part = named(
                    path,
                    at: place,
                    nameOf: PackName.stem,
                    bytesMax: PackLimits.manifestBytesMax
                )
            else { continue }
            let name = PackName.stem(path)
            if manifests.contains(where: { $0.name == name }) {
                duplicate(place, "manifest", name)
                continue
            }
            checkManifest(part.bytes, path)
            parts.append(part)
            manifests.append(
                PackManifest(name: name, digest: part.digest, size: part.bytes.count)
            )
        }
        return manifests
    }

    /// A manifest that is no template must be YAML; most are templates, and those need not be.
    private mutating func checkManifest(_ bytes: [UInt8], _ path: String) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            findings.fault(path, "NotUTF8", "is not valid UTF-8.")
            return
        }
        if text.contains("{{") { return }
        do throws(YAMLError) {
            try PackYAML.check(bytes)
        } catch {
            findings.fault(path, error.place, "InvalidYAML", error.reason)
        }
    }

    mutating func charts(of description: PackDescription) -> [PackChart] {
        var charts: [PackChart] = []
        for (index, path) in description.charts.enumerated() {
            let place = "/charts/\(index)"
            guard
                let part = named(
                    path,
                    at: place,
                    nameOf: PackName.file,
                    bytesMax: PackLimits.chartBytesMax
                )
            else { continue }
            guard let name = chartName(part.bytes, path) else { continue }
            let file = PackName.file(path)
            if charts.contains(where: { $0.name == name || $0.file == file }) {
                duplicate(place, "chart", name)
                continue
            }
            parts.append(part)
            charts.append(
                PackChart(name: name, file: file, digest: part.digest, size: part.bytes.count)
            )
        }
        return charts
    }

    /// The name in the `Chart.yaml` of a chart archive; nil, and a fault, when the archive is none.
    private mutating func chartName(_ bytes: [UInt8], _ path: String) -> String? {
        do {
            return try ChartArchive(bytes).name
        } catch let error as ChartArchive.Invalid {
            findings.fault(path, error.place, error.code, error.reason)
        } catch let error as ArchiveError {
            findings.add(PackFault(error, in: path))
        } catch {
            findings.fault(path, "MalformedArchive", "cannot be read as a chart archive.")
        }
        return nil
    }

    private mutating func duplicate(_ place: String, _ what: String, _ name: String) {
        findings.fault(
            "pack.json",
            place,
            "Duplicate",
            "Another \(what) of the pack is named '\(name)' too."
        )
    }
}
