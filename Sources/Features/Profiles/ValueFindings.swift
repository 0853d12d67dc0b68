import APIKit
import JSON
import Packs
import Primitives
import YAML

/// What is wrong or odd in the values of layers, by the packs' schemas and by experience.
///
/// Nothing stored is asked.
struct ValueFindings {
    private let cloudType: String
    private var findings: [Finding] = []

    /// Everything about these layers, in their order.
    static func of(_ layers: [LinkedLayer], cloudType: String) -> [Finding] {
        var checks = ValueFindings(cloudType: cloudType)
        var stages = StageNames()
        for layer in layers {
            // What is no YAML is told with the texts, or holds macros and is none yet.
            guard let documents = try? YAML.parse(layer.values) else { continue }
            checks.checkSchema(layer, documents.first)
            // Only core layers hold what is advised about.
            guard LayerComposition.core.contains(layer.layer) else { continue }
            let tree = ValueTree(documents.first)
            switch layer.layer {
            case "os": checks.checkOS(layer, tree)
            case "k8s": checks.checkNetworks(layer, tree)
            case "csi": checks.checkRook(layer, tree)
            default: break
            }
            for (entry, other) in stages.repeated(tree, of: layer.name) {
                checks.warn(
                    layer,
                    entry.path,
                    "DuplicateStage",
                    "the cloud-init step '\(entry.node.text ?? "")' has the name of one of layer "
                        + "'\(other)' in the same stage; only one of them runs."
                )
            }
        }
        return checks.findings
    }

    private init(cloudType: String) { self.cloudType = cloudType }

    private mutating func add(
        _ weight: Finding.Weight,
        _ layer: LinkedLayer,
        _ path: [String],
        _ code: String,
        _ message: String
    ) {
        let place = path.map { JSONPointer($0).text }.joined()
        let text = "Layer '\(layer.name)': \(message)"
        let fault = Fault(layer.pointer + "/values" + place, code, text)
        findings.append(Finding(weight: weight, fault: fault))
    }

    private mutating func warn(
        _ layer: LinkedLayer,
        _ path: [String],
        _ code: String,
        _ message: String
    ) {
        add(.warning, layer, path, code, message)
    }

    private mutating func checkSchema(_ layer: LinkedLayer, _ root: YAMLNode?) {
        guard let pack = layer.pack else { return }
        let faults = pack.schemaFaults(
            of: root,
            defaults: layer.defaults,
            pointer: layer.pointer + "/values"
        )
        for fault in faults {
            let named = Fault(
                fault.pointer,
                fault.code,
                "Layer '\(layer.name)': \(fault.message)"
            )
            findings.append(Finding(weight: .error, fault: named))
        }
        for fault in MaskedSecrets.faults(in: layer.values, of: pack, layer.name, layer.pointer) {
            findings.append(Finding(weight: .error, fault: fault))
        }
    }

    // MARK: - Networks

    private static let podKeys: Set<String> = [
        "podCIDR", "podCidr", "podSubnet", "cluster-cidr", "clusterCIDR",
    ]
    private static let serviceKeys: Set<String> = [
        "serviceClusterIpRange", "serviceSubnet", "service-cidr", "serviceCIDR",
        "service-cluster-ip-range",
    ]

    /// The networks of pods and services must lie apart.
    private mutating func checkNetworks(_ layer: LinkedLayer, _ tree: ValueTree) {
        let services = ranges(tree.all(Self.serviceKeys), layer)
        for pod in ranges(tree.all(Self.podKeys), layer) {
            for service in services where pod.range.overlaps(service.range) {
                add(
                    .error,
                    layer,
                    pod.path,
                    "NetworksOverlap",
                    "the network of pods, \(pod.text), overlaps that of services, \(service.text); "
                        + "give them ranges apart from each other and from every network of the "
                        + "site."
                )
            }
        }
    }

    private struct NamedRange {
        let path: [String]
        let text: String
        let range: AddressRange
    }

    /// The networks of these entries: one each, or one for each address family.
    private mutating func ranges(_ entries: [ValueTree.Entry], _ layer: LinkedLayer) -> [NamedRange]
    {
        var found: [NamedRange] = []
        for entry in entries {
            let texts = (entry.node.elements ?? [entry.node]).compactMap(\.text)
            for part in texts.flatMap({ $0.split(separator: ",") }) {
                let text = String(part.filter { !$0.isWhitespace })
                // A macro is known only when it is put in.
                if text.isEmpty || text.contains("{") || text == "null" || text == "~" { continue }
                if let range = AddressRange(text) {
                    found.append(NamedRange(path: entry.path, text: text, range: range))
                } else {
                    add(
                        .error,
                        layer,
                        entry.path,
                        "InvalidNetwork",
                        "'\(entry.key)' must be a network such as 192.168.0.0/16."
                    )
                }
            }
        }
        return found
    }

    // MARK: - Storage

    /// Rook-Ceph as it is advised for the environment: disks that are all its own on virtual
    /// machines, named disks on machines of iron.
    private mutating func checkRook(_ layer: LinkedLayer, _ tree: ValueTree) {
        let name = layer.pack?.name ?? ProfileRules.packName(layer.name)
        guard name.contains("rook") else { return }
        for storage in tree.all(["storage"]) {
            guard let takesAll = storage.node["useAllDevices"]?.bool else { continue }
            let path = storage.path + ["useAllDevices"]
            if cloudType == "libvirt", !takesAll {
                warn(
                    layer,
                    path,
                    "RookDevices",
                    "virtualized clusters need no change of 'useAllDevices'; leave it true and add "
                        + "disks to the nodes of the worker pool."
                )
            }
            guard cloudType == "edge" else { continue }
            if takesAll {
                warn(
                    layer,
                    path,
                    "RookDevices",
                    "containerized clusters share the machine's disks; set 'useAllDevices' to "
                        + "false and name three added disks by 'deviceFilter', such as "
                        + "^sd[d-f]."
                )
                continue
            }
            if storage.node["deviceFilter"]?.text?.isEmpty ?? true {
                warn(
                    layer,
                    storage.path,
                    "RookDevices",
                    "'useAllDevices' is false and no 'deviceFilter' names the disks to take, such "
                        + "as ^sd[d-f]."
                )
            }
            if let count = storage.node["config"]?["osdsPerDevice"]?.text, count != "1" {
                warn(
                    layer,
                    storage.path + ["config", "osdsPerDevice"],
                    "RookDevices",
                    "one OSD for each disk is advised: set 'osdsPerDevice' to \"1\"."
                )
            }
        }
    }

    // MARK: - Operating system

    private mutating func checkOS(_ layer: LinkedLayer, _ tree: ValueTree) {
        checkCertificates(layer, tree)
        let users = tree.all(["users"]).flatMap { $0.node.elements ?? [] }
        let canSignIn = users.contains { user in
            let hasKey = !(user["ssh_authorized_keys"]?.elements ?? []).isEmpty
            let hasPassword = !(user["passwd"]?.text ?? "").isEmpty
            return hasKey || hasPassword && user["lock_passwd"]?.bool != true
        }
        if let first = tree.all(["users"]).first, !canSignIn, !hasKeysElsewhere(tree) {
            warn(
                layer,
                first.path,
                "NoLogin",
                "no user has a key or a password, so nobody can sign in at the machine when it "
                    + "cannot be reached over the network."
            )
        }
    }

    /// Cloud-init gives keys to the users of a stage beside their list, too.
    private func hasKeysElsewhere(_ tree: ValueTree) -> Bool {
        tree.all(["authorized_keys", "ssh_authorized_keys"]).contains { entry in
            !(entry.node.elements ?? []).isEmpty || !(entry.node.pairs ?? []).isEmpty
        }
    }

    private static let certificateFolder = "/usr/local/share/ca-certificates/"

    /// A certificate of one's own authority takes a file and commands that make it known.
    private mutating func checkCertificates(_ layer: LinkedLayer, _ tree: ValueTree) {
        let files = tree.all(["files"]).flatMap { entry in
            (entry.node.elements ?? []).enumerated().map {
                (path: entry.path + ["\($0.offset)"], node: $0.element)
            }
        }
        let certificates = files.filter { file in
            file.node["targetPath"]?.text?.hasPrefix(Self.certificateFolder) == true
        }
        guard let first = certificates.first else { return }
        for file in certificates { checkCertificate(file.node, file.path, layer) }
        let commands = tree.all(["preKubeadmCommands"]).flatMap { $0.node.elements ?? [] }
            .compactMap(\.text)
        let wanted: [(what: String, isThere: Bool)] = [
            ("run update-ca-certificates", commands.contains { $0.contains("update-ca-cert") }),
            (
                "restart containerd",
                commands.contains { $0.contains("restart") && $0.contains("containerd") }
            ),
            (
                "wait for containerd's socket",
                commands.contains { $0.contains("containerd.sock") }
            ),
        ]
        for (what, isThere) in wanted where !isThere {
            warn(
                layer,
                first.path,
                "CertificateCommands",
                "a custom certificate is written, and no command under 'preKubeadmCommands' makes "
                    + "it known: \(what)."
            )
        }
    }

    private mutating func checkCertificate(
        _ file: YAMLNode,
        _ path: [String],
        _ layer: LinkedLayer
    ) {
        let content = file["content"]?.text ?? ""
        let isTemplate = content.contains("{{")
        let rules: [(key: String, isRight: Bool, wanted: String)] = [
            (
                "targetPath", file["targetPath"]?.text?.hasSuffix(".crt") == true,
                "a name that ends in .crt; others are not taken up"
            ),
            ("targetOwner", file["targetOwner"]?.text == "root:root", "\"root:root\""),
            ("targetPermissions", file["targetPermissions"]?.text == "0644", "\"0644\""),
            (
                "content",
                isTemplate
                    || content.contains("-----BEGIN CERTIFICATE-----")
                        && content.contains("-----END CERTIFICATE-----"),
                "a certificate in PEM, from its BEGIN to its END line"
            ),
        ]
        for rule in rules where !rule.isRight {
            warn(
                layer,
                path + [rule.key],
                "CertificateFile",
                "'\(rule.key)' of a custom certificate must be \(rule.wanted)."
            )
        }
    }
}

/// The names of cloud-init's steps, to find those that are given twice.
private struct StageNames {
    private var owners: [String: String] = [:]

    /// The steps whose name their stage has already, each with the layer that has it.
    mutating func repeated(
        _ tree: ValueTree,
        of layer: String
    ) -> [(entry: ValueTree.Entry, owner: String)] {
        var found: [(ValueTree.Entry, String)] = []
        for stages in tree.all(["stages"]) {
            for stage in stages.node.pairs ?? [] {
                for (index, step) in (stage.value.elements ?? []).enumerated() {
                    guard let node = step["name"], let name = node.text else { continue }
                    let stageName = stage.key.text ?? ""
                    if let owner = owners.updateValue(layer, forKey: stageName + "\n" + name) {
                        let path = stages.path + [stageName, "\(index)", "name"]
                        found.append((.init(path: path, key: "name", node: node), owner))
                    }
                }
            }
        }
        return found
    }
}
