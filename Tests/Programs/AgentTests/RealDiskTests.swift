import AgentContract
import Archive
import Glibc
import Testing

@testable import easel_agent

@Suite("On a real disk")
struct RealDiskTests {
    private func folder() throws -> String {
        var template = Array("/tmp/easel-agent-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test func `writes a layer as files, replaces it and removes it`() throws {
        let root = try folder()
        let disk = SystemDisk()
        defer { try? disk.removeTree(root) }
        let applier = DirectoryApplier(disk: disk, root: root + "/applied")
        let site = try SiteProperties(yaml: Array("lanIP: 10.0.0.1\n".utf8))
        for version in ["1.0.0", "2.0.0"] {
            let profile = Samples.profile([
                SampleLayer(
                    name: "a/../b",
                    order: 7,
                    version: version,
                    values: "lan: {{ .site.lanIP }}\n",
                    manifests: ["m": "v: \(version)\n"],
                    charts: ["c.tgz": "bytes"]
                )
            ])
            let wanted = try #require(WantedLayer.list([profile.revision]).first)
            try applier.apply(wanted, site: site, number: nil) { profile.parts[$0.digest] ?? [] }
            let layers = try applier.layers()
            let record = try #require(layers[wanted.folder] ?? nil)
            #expect(layers.count == 1)
            #expect(record.satisfies(wanted, siteDigest: site.digest))
            #expect(!record.satisfies(wanted, siteDigest: "other"))
            let place = "\(root)/applied/\(wanted.folder)"
            #expect(
                try disk.names(in: place) == [".layer", "charts", "manifests", "values.yaml"]
            )
            #expect(
                try disk.read(place + "/values.yaml", bytesMax: 100)
                    == Array("lan: 10.0.0.1\n".utf8)
            )
            #expect(
                try disk.read(place + "/manifests/m.yaml", bytesMax: 100)
                    == Array("v: \(version)\n".utf8)
            )
        }
        for name in try disk.names(in: root + "/applied") { try applier.remove(folder: name) }
        #expect(try applier.layers().isEmpty)
    }

    @Test func `exchanges two folders`() throws {
        let root = try folder()
        let disk = SystemDisk()
        defer { try? disk.removeTree(root) }
        for name in ["a", "b"] {
            try disk.makeFolder("\(root)/\(name)", mode: 0o755)
            try disk.write("\(root)/\(name)/is", Array(name.utf8), mode: 0o644)
        }
        #expect(try disk.exchange(root + "/a", root + "/b"))
        #expect(try disk.read(root + "/a/is", bytesMax: 9) == [UInt8(ascii: "b")])
        #expect(throws: FileError.self) { try disk.exchange(root + "/a", root + "/none") }
    }

    @Test func `keeps the credential from everybody else`() throws {
        let root = try folder()
        let disk = SystemDisk()
        defer { try? disk.removeTree(root) }
        let store = StateStore(disk: disk, root: root + "/state")
        #expect(try store.load() == .nothing)
        try store.save(credential: "easel_agent_x")
        #expect(try store.credential() == "easel_agent_x")
        var status = stat()
        #expect(stat(root + "/state/credential", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func `begins the log anew at its limit and keeps one former file`() throws {
        let root = try folder()
        let disk = SystemDisk()
        defer { try? disk.removeTree(root) }
        let log = EdgeLog(path: root + "/edge.log", bytesMax: 1000, toTerminal: false)
        for index in 0..<100 { log.write(.info, "line \(index)\u{1b}[2J\nnext") }
        #expect(try disk.names(in: root) == ["edge.log", "edge.log.1"])
        let text = String(
            decoding: try #require(try disk.read(root + "/edge.log", bytesMax: 2000)),
            as: UTF8.self
        )
        #expect(text.utf8.count <= 1000 && text.contains("line 99"))
        #expect(!text.contains("\u{1b}") && text.hasSuffix("next\n"))
    }

    @Test func `lets one agent have a root`() throws {
        let root = try folder()
        defer { try? SystemDisk().removeTree(root) }
        let first = try RootLock(root: root)
        #expect(throws: RootLock.Refusal.self) { _ = try RootLock(root: root) }
        withExtendedLifetime(first) {}
        #expect(throws: RootLock.Refusal.self) { _ = try RootLock(root: root + "/none") }
    }
}

@Suite("A sealed document")
struct SealedJSONTests {
    @Test func `opens only as it was sealed`() {
        let content = Array("{\"a\":1}".utf8)
        let sealed = SealedJSON.seal(content)
        #expect(SealedJSON.open(sealed) == content)
        for index in sealed.indices {
            var damaged = sealed
            damaged[index] ^= 1
            #expect(SealedJSON.open(damaged) == nil)
            #expect(SealedJSON.open(Array(sealed.prefix(index))) == nil)
        }
    }
}
