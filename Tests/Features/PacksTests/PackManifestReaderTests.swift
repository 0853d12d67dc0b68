import Archive
import Testing

@testable import Packs

@Suite("Reading a pack")
struct PackManifestReaderTests {
    @Test(arguments: ["web", "", "a/b"])
    func `a right pack has no faults and all its parts`(folder: String) throws {
        // Two folders deep is not found: an archive holds the pack or the pack's folder.
        let reading = PackManifestReader.read(archive: try SamplePack().archive(in: folder))
        if folder == "a/b" {
            #expect(reading.draft == nil)
            return
        }
        #expect(reading.faults.isEmpty)
        #expect(reading.warnings.isEmpty)
        let draft = try #require(reading.draft)
        #expect(draft.name == "web")
        #expect(draft.manifests.map(\.name) == ["web"])
        #expect(draft.charts.map(\.name) == ["tool"])
        #expect(draft.charts.map(\.file) == ["tool-0.1.0.tgz"])
        #expect(draft.presets.map(\.name) == ["api-off", "api-on", "big"])
        #expect(draft.readme != nil && draft.logo != nil)
        #expect(draft.blobs.count == 5)
    }

    @Test func `the digest counts the pack's files and nothing else`() throws {
        let plain = try #require(try SamplePack().read().draft?.digest)
        var pack = try SamplePack()
        pack.set("notes.txt", "left by an editor")
        pack.set("._pack.json", "litter")
        #expect(try pack.read().draft?.digest == plain)
        pack.set("values.yaml", "pack: {}\n")
        #expect(try pack.read().draft?.digest != plain)
        #expect(
            PackManifestReader.read(archive: try SamplePack().archive(in: "")).draft?.digest
                == plain
        )
    }

    @Test func `an empty values file and a pack of two files are enough`() throws {
        let reading = try SamplePack.minimal("tools", "1.0.0").read()
        #expect(reading.faults.isEmpty)
        #expect(
            reading.warnings.map(\.description) == [
                "logo.png: A pack of one's own should have a logo."
            ]
        )
        #expect(reading.draft?.values.bytes == [])
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout SamplePack) throws -> Void
        /// File, place and code of each fault.
        let faults: [String]

        init(
            _ name: String,
            _ faults: [String],
            _ change: @escaping @Sendable (inout SamplePack) throws -> Void
        ) {
            testDescription = name
            self.change = change
            self.faults = faults
        }

        /// A pack.json in which one text stands for another.
        init(_ name: String, replacing old: String, with new: String, _ faults: [String]) {
            self.init(name, faults) { pack in
                let text = pack.text("pack.json")
                let parts = text.split(
                    separator: old,
                    maxSplits: 1,
                    omittingEmptySubsequences: false
                )
                #expect(parts.count == 2, "\(old) is in the sample")
                pack.set("pack.json", parts.joined(separator: new))
            }
        }
    }

    static let bad: [Bad] = [
        Bad("no pack.json", ["pack.json||Required"]) { $0.files["pack.json"] = nil },
        Bad("no values.yaml", ["values.yaml||Required"]) { $0.files["values.yaml"] = nil },
        Bad("pack.json is no JSON", ["pack.json|line 1, column 9|InvalidJSON"]) {
            $0.set("pack.json", "{\"name\":}")
        },
        Bad("pack.json is a list", ["pack.json||WrongType"]) { $0.set("pack.json", "[]") },
        Bad(
            "pack.json is empty of everything",
            [
                "pack.json|/name|Required", "pack.json|/displayName|Required",
                "pack.json|/version|Required", "pack.json|/layer|Required",
            ]
        ) { $0.set("pack.json", "{}") },
        Bad(
            "several members of the wrong type",
            [
                "pack.json|/name|WrongType", "pack.json|/version|WrongType",
                "pack.json|/cloudTypes|WrongType", "pack.json|/annotations/a|WrongType",
                "pack.json|/charts/0|WrongType",
            ]
        ) {
            $0.set(
                "pack.json",
                """
                {"name":1,"displayName":"x","version":2,"layer":"addon","cloudTypes":"all",
                 "annotations":{"a":1},"charts":[3]}
                """
            )
        },
        Bad(
            // CHK-4.1.
            "unknown layer",
            replacing: "\"layer\":\"addon\"",
            with: "\"layer\":\"foo\"",
            ["pack.json|/layer|NotAllowed"]
        ),
        Bad(
            "version is not strict",
            replacing: "1.2.3",
            with: "1.2",
            ["pack.json|/version|InvalidVersion"]
        ),
        Bad(
            "version with v",
            replacing: "1.2.3",
            with: "v1.2.3",
            ["pack.json|/version|InvalidVersion"]
        ),
        Bad(
            "name leads upwards",
            replacing: "\"name\":\"web\"",
            with: "\"name\":\"../web\"",
            ["pack.json|/name|InvalidName"]
        ),
        Bad(
            "name with shell characters",
            replacing: "\"name\":\"web\"",
            with: "\"name\":\"w;rm$b\"",
            ["pack.json|/name|InvalidName"]
        ),
        Bad(
            "manifest not there",
            replacing: "manifests/web.yaml",
            with: "manifests/other.yaml",
            ["pack.json|/kubeManifests/0|FileMissing"]
        ),
        Bad(
            "manifest outside",
            replacing: "manifests/web.yaml",
            with: "../../etc/passwd",
            ["pack.json|/kubeManifests/0|FileMissing"]
        ),
        Bad(
            "chart not there",
            replacing: "charts/tool-0.1.0.tgz",
            with: "charts/none.tgz",
            ["pack.json|/charts/0|FileMissing"]
        ),
        Bad(
            "manifest named twice",
            replacing: "[\"manifests/web.yaml\"]",
            with: "[\"manifests/web.yaml\",\"manifests/web.yaml\"]",
            ["pack.json|/kubeManifests/1|Duplicate"]
        ),
        Bad(
            "constraints",
            replacing: "\"eol\":\"\"",
            with:
                "\"constraints\":{\"dependencies\":[{\"type\":\"maybe\"}],\"resources\":[{\"type\":\"luck\"}]}",
            [
                "pack.json|/constraints/dependencies/0/packName|Required",
                "pack.json|/constraints/dependencies/0/type|NotAllowed",
                "pack.json|/constraints/resources/0/type|NotAllowed",
            ]
        ),
        Bad("values are no YAML", ["values.yaml|line 2, column 3|InvalidYAML"]) {
            $0.set("values.yaml", "a: b\n c: [\n")
        },
        Bad("values are a list", ["values.yaml|line 1, column 1|WrongType"]) {
            $0.set("values.yaml", "- a\n")
        },
        Bad("two documents of values", ["values.yaml|line 3, column 1|InvalidYAML"]) {
            $0.set("values.yaml", "a: 1\n---\nb: 2\n")
        },
        Bad("an alias bomb in values", ["values.yaml|*|InvalidYAML"]) {
            var text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
            for level in 1..<10 {
                let inner = "*a\(level - 1)"
                text +=
                    "a\(level): &a\(level) ["
                    + Array(repeating: inner, count: 10).joined(separator: ",") + "]\n"
            }
            $0.set("values.yaml", text)
        },
        Bad("a custom tag in values", ["values.yaml|*|InvalidYAML"]) {
            $0.set("values.yaml", "a: !!python/object/apply:os.system [id]\n")
        },
        Bad("a manifest that is no template and no YAML", ["manifests/web.yaml|*|InvalidYAML"]) {
            $0.set("manifests/web.yaml", "a: [\n")
        },
        Bad("a manifest that is no text", ["manifests/web.yaml||NotUTF8"]) {
            $0.files["manifests/web.yaml"] = [0xFF, 0xFE, 0]
        },
        Bad("a chart that is no archive", ["charts/tool-0.1.0.tgz||MalformedArchive"]) {
            $0.set("charts/tool-0.1.0.tgz", "not a chart")
        },
        Bad("a chart cut off", ["charts/tool-0.1.0.tgz||MalformedArchive"]) {
            $0.files["charts/tool-0.1.0.tgz"]?.removeLast(12)
        },
        Bad("a chart without Chart.yaml", ["charts/tool-0.1.0.tgz||NotAChart"]) {
            var tar = TarWriter()
            try tar.addFile("tool/values.yaml", [])
            $0.files["charts/tool-0.1.0.tgz"] = Gzip.compress(tar.finish())
        },
        Bad("a chart without a name", ["charts/tool-0.1.0.tgz|tool/Chart.yaml|InvalidName"]) {
            var tar = TarWriter()
            try tar.addFile("tool/Chart.yaml", Array("version: 1.0.0\n".utf8))
            $0.files["charts/tool-0.1.0.tgz"] = Gzip.compress(tar.finish())
        },
        Bad("a logo that is a script", ["logo.png||NotAnImage"]) { $0.set("logo.png", "<svg>") },
        Bad("a readme that is no text", ["README.md||NotUTF8"]) { $0.files["README.md"] = [0xC3] },
        Bad("presets are a list", ["presets.yaml||WrongType"]) { $0.set("presets.yaml", "- a\n") },
        Bad(
            "presets with faults",
            [
                "presets.yaml|/presets/0/group|Required", "presets.yaml|/presets/1/name|Required",
                "presets.yaml|/presets/2/remove|WrongType",
                "presets.yaml|/presets/0/add|InvalidYAML",
                "presets.yaml|/presets/1/add|WrongType", "presets.yaml|/presets/2/name|Duplicate",
            ]
        ) {
            $0.set(
                "presets.yaml",
                """
                presets:
                  - {name: a, add: "x: ["}
                  - {group: g, add: "- list"}
                  - {name: a, group: g, remove: 3}
                """
            )
        },
        Bad("schema is a list", ["schema.yaml||WrongType"]) { $0.set("schema.yaml", "- a\n") },
        Bad("readme too large", ["README.md||TooLarge"]) {
            var random = SeededNumbers(seed: 3)
            $0.files["README.md"] = (0...PackLimits.readmeBytesMax).map { _ in
                UInt8(0x21 + random.next() % 90)
            }
        },
        Bad(
            "faults in four files",
            [
                "pack.json|/layer|NotAllowed", "values.yaml||Required", "schema.yaml||WrongType",
                "logo.png||NotAnImage",
            ]
        ) {
            $0.set("pack.json", $0.text("pack.json").replacingAddon(with: "foo"))
            $0.files["values.yaml"] = nil
            $0.set("schema.yaml", "text")
            $0.set("logo.png", "text")
        },
    ]

    @Test(arguments: bad)
    func `names file, place and rule of every fault`(_ bad: Bad) throws {
        var pack = try SamplePack()
        try bad.change(&pack)
        let reading = try pack.read()
        #expect(reading.draft == nil)
        let found = reading.faults.map { "\($0.file)|\($0.place)|\($0.code)" }
        let wanted = bad.faults.map { $0.replacingStar(in: found) }
        #expect(Set(found) == Set(wanted), "\(reading.faults.map(\.description))")
        for fault in reading.faults { #expect(fault.message.hasSuffix("."), "\(fault)") }
    }

    @Test func `unknown environments, unused files and odd rules are only warned of`() throws {
        var pack = try SamplePack()
        pack.set(
            "pack.json",
            "{\"name\":\"w\",\"displayName\":\"W\",\"version\":\"1.0.0\",\"layer\":\"cni\",\"cloudTypes\":[\"moon\"]}"
        )
        pack.set("schema.yaml", "a.b:\n  schema: 'whatever'\n")
        let reading = try pack.read()
        #expect(reading.draft?.description.cloudTypes == ["moon"])
        #expect(
            Set(reading.warnings.map { "\($0.file)|\($0.place)|\($0.code)" }) == [
                "pack.json|/cloudTypes/0|UnknownCloudType", "schema.yaml|/a.b|UnreadableRule",
                "manifests/web.yaml||Unused", "charts/tool-0.1.0.tgz||Unused",
            ]
        )
    }

    @Test func `a template that is no YAML is taken, and one that is YAML is checked`() throws {
        var pack = try SamplePack()
        pack.set("manifests/web.yaml", "{{- if .Values.on }}\n  : [\n{{ end }}")
        #expect(try pack.read().faults.isEmpty)
        pack.set("manifests/web.yaml", "a: 1\n---\nb: 2\n---\n")
        #expect(try pack.read().faults.isEmpty)
    }

    @Test func `a flood of faults is cut off`() throws {
        var pack = try SamplePack()
        let types = (0..<500).map { _ in "1" }.joined(separator: ",")
        pack.set(
            "pack.json",
            "{\"name\":\"w\",\"displayName\":\"W\",\"version\":\"1.0.0\",\"layer\":\"cni\",\"kubeManifests\":[\(types)]}"
        )
        #expect(try pack.read().faults.count <= PackLimits.faultCountMax)
    }
}

extension String {
    fileprivate func replacingAddon(with word: String) -> String {
        split(separator: "\"addon\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\(word)\"")
    }

    /// A place written `*` is whatever place was found for that file and rule.
    fileprivate func replacingStar(in found: [String]) -> String {
        let parts = split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1] == "*" else { return self }
        return found.first { $0.hasPrefix("\(parts[0])|line ") && $0.hasSuffix("|\(parts[2])") }
            ?? self
    }
}
