import Glibc
import HTTPCore
import JSON
import TestSupport
import Testing

/// The packs of one walk through the six steps.
struct PackSet: Sendable, CustomTestStringConvertible {
    let folder: String
    /// Where the pack that moves the train comes from.
    let laterFolder: String
    /// The pack on the train `4.x`: its name, the version at first, and the one that comes later.
    let train: (name: String, folders: [String], first: String, later: String)
    /// The pack with presets: its name, the two versions, a preset, and what it brings.
    let preset: (name: String, versions: [String], chosen: String, brings: String)

    var testDescription: String { folder.hasSuffix("Examples/packs") ? "examples" : "real packs" }

    static let examples = PackSet(
        folder: Programs.examples + "/packs", laterFolder: Programs.examples + "/packs-later",
        train: ("log-shipper", ["log-shipper-4.0.3", "log-shipper-4.1.0"], "4.1.0", "4.2.0"),
        preset: (
            "hello-world", ["1.0.0", "1.1.0"], "friendly", "signature: from all of us at the edge"
        ))

    /// The packs in the folder that `EASEL_REAL_PACKS` names.
    static func real(_ folder: String) -> PackSet {
        PackSet(
            folder: folder, laterFolder: folder,
            train: (
                "fluentbit", ["fluentbit-4.0.3", "fluentbit-4.0.7", "fluentbit-4.1.0"], "4.1.0",
                "4.2.3"
            ),
            preset: (
                "hello-universe", ["1.2.0", "1.3.1"], "enable-api", "apiEnabled: true"
            ))
    }

    static var all: [PackSet] {
        [examples] + (getenv("EASEL_REAL_PACKS").map { [real(String(cString: $0))] } ?? [])
    }
}

@Suite("From an empty server to an appliance that follows its profile")
struct SixStepsTests {
    @Test(.timeLimit(.minutes(2)), arguments: PackSet.all)
    func `walks the six steps over TLS`(_ packs: PackSet) async throws {
        let walk = try await Walk(packs)
        try await walk.importPacks()
        try await walk.registerAppliance()
        try await walk.makeProfile()
        let archive = try await walk.download()
        try await walk.startAgent(archive)
        try await walk.changeProfile()
        try await walk.moveTrain()
        #expect(try await walk.agent.stop() == .exit(0), "\(walk.site.log)")
        #expect(try await walk.server.stop() == .exit(0))
    }
}

/// One walk; the steps stand in their order.
private final class Walk {
    let packs: PackSet
    let server: EaselProcess
    let api: API
    let site: SiteFolder
    let agent: AgentProcess
    private var profile = ""
    static let device = "device-153"

    init(_ packs: PackSet) async throws {
        self.packs = packs
        server = try await EaselProcess.start()
        api = try server.api()
        site = try SiteFolder()
        // The agent is there first: it waits for its files.
        agent = try AgentProcess(site)
    }

    private func importPack(_ path: String) async throws {
        let result = try await Programs.easel(
            [
                "packs", "import", path, "--server", server.secureURL, "--api-key",
                try server.signIn().apiKey,
            ],
            environment: ["SSL_CERT_FILE": server.authorityPath])
        #expect(result.ending == .exit(0), "\(result)")
        #expect(result.output.contains("1 imported, 0 unchanged, 0 refused"), "\(result.output)")
    }

    // MARK: 1

    func importPacks() async throws {
        let folders = packs.train.folders + packs.preset.versions.map { "\(packs.preset.name)-\($0)" }
        for folder in folders { try await importPack("\(packs.folder)/\(folder)") }
    }

    // MARK: 2

    func registerAppliance() async throws {
        let labels: JSONValue = ["name": "Ward 3", "site": "hospital-1"]
        let made = try await api.call(
            .post, "/v1/edgehosts",
            [
                "metadata": [
                    "uid": .string(Self.device), "name": .string(Self.device), "labels": labels,
                ],
                "spec": ["archType": "amd64"],
            ], expecting: 201)
        #expect(made["uid"]?.text == Self.device)
        let appliance = try await appliance()
        #expect(appliance["status"]?["state"]?.text == "unpaired")
        #expect(appliance["metadata"]?["name"]?.text == "Ward 3")
        #expect(appliance["metadata"]?["labels"] == labels)
    }

    private func appliance() async throws -> JSONValue {
        try await api.call(.get, "/v1/edgehosts/\(Self.device)")
    }

    // MARK: 3

    func makeProfile() async throws {
        let vm = """
            name: gateway
            image: /images/gateway.qcow2
            hardware: {cpu: 2, memory: 4}
            address: {{ .site.lanIP }}

            """
        let layers: JSONValue = [
            [
                "name": .string(packs.train.name), "type": "spectro", "layer": "addon",
                "tag": "4.x",
            ],
            [
                "name": .string(packs.preset.name), "type": "spectro", "layer": "addon",
                "tag": .string(packs.preset.versions[0]),
                "presets": [.string(packs.preset.chosen)],
            ],
            [
                "name": "gateway", "type": "manifest", "layer": "addon",
                "values":
                    "pack:\n  spectrocloud.com/install-priority: \"30\"\n  vmManifest: true\n",
                "manifests": [
                    ["name": "vm", "content": .string(vm)],
                    ["name": "rules", "content": "kind: ConfigMap\nallow: tcp/443\n"],
                ],
            ],
            [
                "name": "note", "type": "manifest", "layer": "addon",
                "values": "pack:\n  spectrocloud.com/install-priority: \"5\"\n",
                "manifests": [["name": "note", "content": "kind: ConfigMap\nnote: soon\n"]],
            ],
        ]
        let made = try await api.call(
            .post, "/v1/clusterprofiles",
            [
                "metadata": ["name": "hospital-site"],
                "spec": [
                    "version": "1.0.0",
                    "template": ["type": "system", "cloudType": "libvirt", "packs": layers],
                ],
            ], expecting: 201)
        profile = try #require(made["uid"]?.text)
        let early = try await api.send(.get, "/v1/clusterprofiles/\(profile)/spc/download")
        #expect(early.status == 422 || early.status == 404 || early.status == 400, "\(early)")
        try await publish()
        let shown = try await api.call(.get, "/v1/clusterprofiles/\(profile)")
        let published = try #require(shown["spec"]?["published"]?["packs"]?.elements)
        let train = try #require(published.first { $0["name"]?.text == packs.train.name })
        #expect(train["tag"]?.text == "4.x", "\(train)")
        let preset = try #require(published.first { $0["name"]?.text == packs.preset.name })
        #expect(preset["values"]?.text?.contains(packs.preset.brings) == true, "\(preset)")
    }

    private func publish() async throws {
        try await api.call(.patch, "/v1/clusterprofiles/\(profile)/publish")
    }

    func download() async throws -> [UInt8] {
        let first = try await api.send(.get, "/v1/clusterprofiles/\(profile)/spc/download")
        let second = try await api.send(.get, "/v1/clusterprofiles/\(profile)/spc/download")
        #expect(first.status == 200)
        #expect(first.body == second.body)
        let path = try TemporaryDirectory.make() + "/systemprofile.tgz"
        try TestFiles.write(path, first.body)
        let listed = try await Programs.bash("tar --list --gzip --file '\(path)'")
        #expect(listed.output.contains("systemprofile/manifest.json"), "\(listed)")
        return first.body
    }

    // MARK: 4

    func startAgent(_ archive: [UInt8]) async throws {
        try await site.logged("Waiting for unattended.yaml and systemprofile.tgz")
        try site.put(archive: archive)
        try await site.logged("Waiting for unattended.yaml in")
        try site.put(unattended: "device_id: \(Self.device)\nlanIP: [10.0.0.1\n")
        try await site.logged("unattended.yaml, line 3, column ")
        #expect(site.layers.isEmpty)
        try site.put(unattended: "device_id: \(Self.device)\nlanIP: 192.168.100.12\n")
        try await site.logged("Paired with \(server.secureURL) as '\(Self.device)'")
        try await settled([
            packs.train.name: packs.train.first, packs.preset.name: packs.preset.versions[0],
            "gateway": nil, "note": nil,
        ])
        let appliance = try await appliance()
        #expect(appliance["status"]?["state"]?.text == "ready")
        let files = site.layers
        // The order of installation is the order of the folders.
        #expect(files.contains("005-note/manifests/note.yaml"), "\(files)")
        #expect(files.contains("030-gateway/manifests/rules.yaml"), "\(files)")
        let vm = try TestFiles.text(site.path + "/applied/030-gateway/manifests/vm.yaml")
        #expect(vm.contains("address: 192.168.100.12"), "\(vm)")
        #expect(try presetValues().contains(packs.preset.brings))
        #expect(files.contains { $0.hasSuffix("charts/\(packs.train.name)-\(packs.train.first).tgz") })
    }

    private func presetValues() throws -> String {
        let path = try #require(
            site.layers.first { $0.contains(packs.preset.name) && $0.hasSuffix("values.yaml") })
        return try TestFiles.text("\(site.path)/applied/\(path)")
    }

    /// Waits until the operator sees a healthy appliance with exactly these layers applied.
    private func settled(_ wanted: [String: String?]) async throws {
        var last: JSONValue = .null
        do {
            try await Wait.until("the layers \(wanted)", within: .seconds(20)) {
                last = try await appliance()["status"] ?? .null
                guard last["health"]?["state"]?.text == "healthy",
                    let layers = last["packs"]?.elements, layers.count == wanted.count
                else { return false }
                return layers.allSatisfy { layer in
                    guard let version = wanted[layer["name"]?.text ?? ""] else { return false }
                    return layer["condition"]?["status"]?.text == "True"
                        && (version == nil || layer["version"]?.text == version)
                }
            }
        } catch {
            Issue.record("\(error)\n\(String(decoding: last.jsonBytes(), as: UTF8.self))\n\(site.log)")
            throw error
        }
    }

    // MARK: 5

    func changeProfile() async throws {
        let base = "/v1/clusterprofiles/\(profile)/packs"
        let found = try await api.call(
            .get,
            "/v1/packs?filters=spec.name=\(packs.preset.name)ANDspec.version=\(packs.preset.versions[1])")
        let uid = try #require(found["items"]?[0]?["metadata"]?["uid"]?.text)
        try await api.call(
            .put, "\(base)/\(packs.preset.name)",
            [
                "pack": [
                    "name": .string(packs.preset.name), "type": "spectro", "layer": "addon",
                    "tag": .string(packs.preset.versions[1]), "uid": .string(uid),
                    "presets": [.string(packs.preset.chosen)],
                ]
            ])
        try await api.call(.delete, "\(base)/note")
        let manifests = try await api.call(.get, "\(base)/gateway/manifests")
        let vm = try #require(
            manifests["items"]?.elements?.first { $0["metadata"]?["name"]?.text == "vm" })
        let vmUID = try #require(vm["metadata"]?["uid"]?.text)
        try await api.call(
            .put, "\(base)/gateway/manifests/\(vmUID)",
            ["name": "vm", "content": "name: gateway\nhardware: {cpu: 4, memory: 8}\n"])
        let before = site.layers
        // A draft is nobody's state.
        #expect(try await revisions().count == 1)
        #expect(before == site.layers)
        try await publish()
        try await settled([
            packs.train.name: packs.train.first, packs.preset.name: packs.preset.versions[1],
            "gateway": nil,
        ])
        #expect(!site.layers.contains { $0.contains("note") })
        #expect(!TestFiles.exists(site.path + "/applied/005-note"))
        let text = try TestFiles.text(site.path + "/applied/030-gateway/manifests/vm.yaml")
        #expect(text.contains("cpu: 4"))
        try await shows(revision: 2)
    }

    private func revisions() async throws -> [JSONValue] {
        let list = try await api.call(.get, "/v1/clusterprofiles/\(profile)/revisions")
        return try #require((list["items"] ?? list["revisions"])?.elements, "\(list)")
    }

    /// The operator sees which revision each layer of the appliance is of.
    private func shows(revision: Int64) async throws {
        let layers = try await appliance()["status"]?["packs"]?.elements ?? []
        #expect(!layers.isEmpty)
        for layer in layers { #expect(layer["revision"]?.integer == revision, "\(layer)") }
    }

    // MARK: 6

    func moveTrain() async throws {
        try await importPack("\(packs.laterFolder)/\(packs.train.name)-\(packs.train.later)")
        try await settled([
            packs.train.name: packs.train.later, packs.preset.name: packs.preset.versions[1],
            "gateway": nil,
        ])
        let revisions = try await revisions()
        #expect(revisions.count == 3)
        let newest = try #require(revisions.first)
        #expect(newest["cause"]?.text == "relink", "\(newest)")
        try await shows(revision: 3)
        let audit = try DatabaseCopy(of: server.data).audit()
        let relinks = audit.filter { $0.action == "relink" }
        #expect(relinks.count == 1)
        #expect(relinks.first?.uid == profile)
        #expect(relinks.first?.message.contains(packs.train.later) == true, "\(relinks)")
        let publishes = audit.filter { $0.action == "publish" && $0.uid == profile }
        #expect(publishes.count == 2)
        #expect(audit.contains { $0.action == "create" && $0.uid == Self.device })
        #expect(audit.contains { $0.action == "pair" && $0.uid == Self.device })
    }
}
