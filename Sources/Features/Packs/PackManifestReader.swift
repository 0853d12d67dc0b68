import APIKit
import Archive
import JSON
import YAML

/// Reads the files of a pack (BEHAVIOUR 4.1) and reports everything that is wrong with them, not
/// only the first thing.
package struct PackManifestReader {
    private let files: PackFiles
    var findings = PackFindings()
    /// The digests of the files that belong to the pack.
    private var digests: [String: String] = [:]
    var parts: [PackDraft.Part] = []

    /// Reads a pack from an archive: gzip or plain tar.
    package static func read(archive bytes: [UInt8]) -> PackReading {
        do throws(ArchiveError) {
            return read(try TarReader.read(bytes, limits: PackFiles.limits))
        } catch {
            return refused(error)
        }
    }

    /// Reads a pack from a folder.
    package static func read(folder path: String) -> PackReading {
        do throws(ArchiveError) {
            return read(try FolderReader.read(path, limits: PackFiles.limits))
        } catch {
            return refused(error)
        }
    }

    /// Reads a pack from files that are in memory already.
    package static func read(_ archive: Archive) -> PackReading {
        var reader = PackManifestReader(files: PackFiles(archive))
        return reader.reading()
    }

    private static func refused(_ error: ArchiveError) -> PackReading {
        PackReading(
            draft: nil,
            name: "",
            version: "",
            faults: [PackFault(error)],
            warnings: []
        )
    }

    private init(files: PackFiles) {
        self.files = files
    }

    private mutating func reading() -> PackReading {
        let description = description()
        let values = values()
        let manifests = description.map { self.manifests(of: $0) } ?? []
        let charts = description.map { self.charts(of: $0) } ?? []
        let presets = presets()
        let schema = schema()
        let readme = readme()
        let logo = logo()
        warnAboutLeftovers()
        var draft: PackDraft?
        if let description, let values, findings.faults.isEmpty {
            draft = PackDraft(
                description: description,
                presets: presets,
                schema: schema,
                manifests: manifests,
                charts: charts,
                values: values,
                readme: readme,
                logo: logo,
                parts: parts,
                digest: PackDraft.digest(of: digests)
            )
        }
        return PackReading(
            draft: draft,
            name: description?.name ?? "",
            version: description?.version ?? "",
            faults: findings.faults,
            warnings: findings.warnings
        )
    }

    // MARK: - pack.json

    private mutating func description() -> PackDescription? {
        guard let part = required("pack.json", bytesMax: PackLimits.packJSONBytesMax) else {
            return nil
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(part.bytes)
        } catch {
            findings.fault(
                "pack.json",
                "line \(error.line), column \(error.column)",
                "InvalidJSON",
                error.reason
            )
            return nil
        }
        guard let members = value.members else {
            findings.fault(
                "pack.json",
                "WrongType",
                "must be a JSON object, not \(value.kindWithArticle)."
            )
            return nil
        }
        let list = FaultList()
        let description = PackDescription(from: Fields(members, faults: list))
        findings.add(list, in: "pack.json")
        for (index, type) in description.cloudTypes.enumerated()
        where !PackDescription.knownCloudTypes.contains(type) {
            findings.warn(
                "pack.json",
                "/cloudTypes/\(index)",
                "UnknownCloudType",
                "'\(type)' is no environment that is known here; it is kept."
            )
        }
        return description
    }

    // MARK: - Values, presets, schema

    private mutating func values() -> PackDraft.Part? {
        guard let part = required("values.yaml", bytesMax: PackLimits.valuesBytesMax) else {
            return nil
        }
        do throws(YAMLError) {
            if let root = try PackYAML.node(part.bytes), root.pairs == nil, !root.isNull {
                findings.fault(
                    "values.yaml",
                    root.place,
                    "WrongType",
                    "must be a mapping such as 'pack: …', not \(root.kindWithArticle)."
                )
            }
        } catch {
            findings.fault("values.yaml", error.place, "InvalidYAML", error.reason)
        }
        return part
    }

    private mutating func presets() -> [Preset] {
        guard let part = optional("presets.yaml", bytesMax: PackLimits.presetsBytesMax),
            let value = yaml(part.bytes, in: "presets.yaml"), value != .null
        else { return [] }
        guard let members = value.members else {
            findings.fault(
                "presets.yaml",
                "WrongType",
                "must be a mapping with 'presets', not \(value.kindWithArticle)."
            )
            return []
        }
        let list = FaultList()
        let presets = PresetList(from: Fields(members, faults: list)).presets
        findings.add(list, in: "presets.yaml")
        var seen: Set<String> = []
        for (index, preset) in presets.enumerated() {
            let place = "/presets/\(index)"
            if !preset.name.isEmpty, !seen.insert(preset.name).inserted {
                findings.fault(
                    "presets.yaml",
                    place + "/name",
                    "Duplicate",
                    "'\(preset.name)' is the name of another preset too."
                )
            }
            check(preset, at: place)
        }
        return presets
    }

    private mutating func check(_ preset: Preset, at place: String) {
        do throws(YAMLError) {
            let added = try PackYAML.value(Array(preset.add.utf8))
            if added != .null, added.members == nil {
                findings.fault(
                    "presets.yaml",
                    place + "/add",
                    "WrongType",
                    "must be the text of a YAML mapping, not \(added.kindWithArticle)."
                )
            }
        } catch {
            findings.fault(
                "presets.yaml",
                place + "/add",
                "InvalidYAML",
                "\(error)"
            )
        }
    }

    private mutating func schema() -> String {
        guard let part = optional("schema.yaml", bytesMax: PackLimits.schemaBytesMax),
            let value = yaml(part.bytes, in: "schema.yaml"), value != .null
        else { return "" }
        guard let members = value.members else {
            findings.fault(
                "schema.yaml",
                "WrongType",
                "must be a mapping of value paths, not \(value.kindWithArticle)."
            )
            return ""
        }
        guard members.count <= PackLimits.schemaPathCountMax else {
            findings.fault(
                "schema.yaml",
                "TooMany",
                "has \(members.count) paths; at most \(PackLimits.schemaPathCountMax)."
            )
            return ""
        }
        for (name, rule) in members.map({ ($0.key, $0.value) }) {
            let read = rule["schema"]?.text.flatMap { SchemaRule(path: name, $0) }
            if read?.hasReadableFormat == true { continue }
            findings.warn(
                "schema.yaml",
                "/" + name,
                "UnreadableRule",
                "The rule is not of the form '{{ required | format \"${string}\" }}'; it is kept "
                    + "and not applied."
            )
        }
        return String(decoding: part.bytes, as: UTF8.self)
    }

    // MARK: - Readme and logo

    private mutating func readme() -> PackDraft.Part? {
        guard let part = optional("README.md", bytesMax: PackLimits.readmeBytesMax) else {
            return nil
        }
        if String(validating: part.bytes, as: UTF8.self) == nil {
            findings.fault("README.md", "NotUTF8", "is not valid UTF-8.")
        }
        return part
    }

    private mutating func logo() -> PackDraft.Part? {
        guard files.contains("logo.png") else {
            findings.warn("logo.png", "Missing", "A pack of one's own should have a logo.")
            return nil
        }
        guard let part = optional("logo.png", bytesMax: PackLimits.logoBytesMax) else {
            return nil
        }
        if LogoType(part.bytes) == nil {
            findings.fault("logo.png", "NotAnImage", "is no PNG, GIF or JPEG image.")
        }
        return part
    }

    // MARK: - Files

    private mutating func required(_ path: String, bytesMax: Int) -> PackDraft.Part? {
        guard files.contains(path) else {
            findings.fault(path, "Required", "is missing; every pack needs it.")
            return nil
        }
        return optional(path, bytesMax: bytesMax)
    }

    private mutating func optional(_ path: String, bytesMax: Int) -> PackDraft.Part? {
        guard let size = files.size(path) else { return nil }
        guard size <= bytesMax else {
            findings.fault(path, "TooLarge", "is \(size) bytes long; at most \(bytesMax).")
            return nil
        }
        guard let bytes = files.contents(path) else { return nil }
        let part = PackDraft.Part(bytes)
        digests[path] = part.digest
        return part
    }

    /// A file that `pack.json` names; a fault there when it is not in the pack.
    mutating func named(
        _ path: String,
        at place: String,
        nameOf name: (String) -> String,
        bytesMax: Int
    ) -> PackDraft.Part? {
        guard files.contains(path) else {
            findings.fault(
                "pack.json",
                place,
                "FileMissing",
                "'\(path)' is not among the pack's files."
            )
            return nil
        }
        guard PackName.isValid(name(path)) else {
            findings.fault(
                "pack.json",
                place,
                "InvalidName",
                "The file name '\(name(path))' must be made of letters, digits and any of "
                    + ". _ - +, and begin and end with a letter or digit."
            )
            return nil
        }
        return optional(path, bytesMax: bytesMax)
    }

    /// The value of a YAML file; nil, and a fault, when it is none.
    private mutating func yaml(_ bytes: [UInt8], in file: String) -> JSONValue? {
        do throws(YAMLError) {
            return try PackYAML.value(bytes)
        } catch {
            findings.fault(file, error.place, "InvalidYAML", error.reason)
            return nil
        }
    }

    private mutating func warnAboutLeftovers() {
        for path in files.paths where digests[path] == nil {
            let isManifest = path.hasPrefix("manifests/")
            guard isManifest || (path.hasPrefix("charts/") && path.hasSuffix(".tgz")) else {
                continue
            }
            if findings.faults.contains(where: { $0.file == path }) { continue }
            findings.warn(
                path,
                "Unused",
                "is not named under '\(isManifest ? "kubeManifests" : "charts")' in pack.json; it "
                    + "is left out."
            )
        }
    }
}
