import APIKit
import Packs

/// The rules about which layers stand together in one profile (BEHAVIOUR 3.2, 4.2).
struct LayerComposition {
    let type: ProfileType
    let cloudType: String
    let layers: [LinkedLayer]
    /// Where the template stands that holds the layers.
    let pointer: String
    /// The versions of the draft before, by the packs' names.
    var formerVersions: [String: String] = [:]

    /// The layers that Infra and Full profiles have exactly one of.
    static let core = PackLayer.allCases.filter(\.isCore).map(\.rawValue)

    private static let layerNames = [
        "os": "an operating system", "k8s": "a Kubernetes", "cni": "a network",
        "csi": "a storage",
    ]

    /// Everything that the layers' kinds, packs and versions make wrong or odd.
    func findings() -> [Finding] {
        var findings = coreFindings()
        if let fault = environmentFault { findings.append(Finding(weight: .error, fault: fault)) }
        for layer in layers {
            guard let pack = layer.pack else { continue }
            findings += stateFindings(layer, pack)
            if let finding = environmentFinding(layer, pack) { findings.append(finding) }
            for dependency in pack.dependencies where dependency.hasRange {
                if let finding = check(dependency, of: layer, pack) { findings.append(finding) }
            }
        }
        return findings + duplicateFindings()
    }

    /// What is missing cannot be said when it is not known what some layer is.
    private var hasUnknownPacks: Bool {
        layers.contains { $0.pack == nil && $0.kind != .manifest }
    }

    /// What is wrong with the profile's environment, whatever its layers are; `nil` for nothing.
    var environmentFault: Fault? {
        let known = PackVersion.knownCloudTypes
        guard known.contains(cloudType) else {
            return Fault(
                pointer + "/cloudType",
                "UnknownEnvironment",
                "No environment is called '\(cloudType)'; there are "
                    + known.sorted().joined(separator: ", ") + "."
            )
        }
        guard type.takesCoreLayers, cloudType == "all" else { return nil }
        return Fault(
            pointer + "/cloudType",
            "EnvironmentRequired",
            "A profile of type '\(type.rawValue)' is for one environment, such as libvirt, edge "
                + "or edge-native; 'all', which is meant when 'cloudType' is left out, is for "
                + "add-ons and system profiles."
        )
    }

    // MARK: - Core layers

    private func coreFindings() -> [Finding] {
        guard type.takesCoreLayers else { return [] }
        var findings: [Finding] = []
        for core in Self.core {
            let found = layers.filter { $0.layer == core }
            for extra in found.dropFirst() {
                findings.append(
                    error(
                        extra.pointer + "/layer",
                        "DuplicateCoreLayer",
                        "A profile has one layer of kind '\(core)'; '\(found[0].name)' is it, so "
                            + "'\(extra.name)' cannot be."
                    )
                )
            }
            if found.isEmpty, !hasUnknownPacks {
                findings.append(
                    error(
                        pointer + "/packs",
                        "CoreLayerMissing",
                        "A profile of type '\(type.rawValue)' needs "
                            + "\(Self.layerNames[core] ?? "a") layer (\(core))."
                    )
                )
            }
        }
        guard type == .infra else { return findings }
        for layer in layers where layer.layer == "addon" && layer.name != agentConfigLayer {
            findings.append(
                warning(
                    layer.pointer + "/layer",
                    "AddOnInInfra",
                    "Layer '\(layer.name)' is an add-on; those belong into profiles of type "
                        + "'cluster' or 'add-on'."
                )
            )
        }
        return findings
    }

    // MARK: - Packs one by one

    private func stateFindings(_ layer: LinkedLayer, _ pack: PackVersion) -> [Finding] {
        switch pack.state {
        case .active: []
        case .deprecated:
            [
                warning(
                    layer.pointer + "/tag",
                    "PackDeprecated",
                    "Pack \(pack.name) \(pack.version) of layer '\(layer.name)' is deprecated; "
                        + "choose a newer version."
                )
            ]
        case .disabled, .deleted:
            [
                error(
                    layer.pointer + "/tag",
                    "PackDisabled",
                    "Pack \(pack.name) \(pack.version) of layer '\(layer.name)' is "
                        + "\(pack.state.rawValue) and cannot be used anew; choose another version."
                )
            ]
        }
    }

    private func environmentFinding(_ layer: LinkedLayer, _ pack: PackVersion) -> Finding? {
        let all = "all"
        let fits =
            cloudType == all || pack.cloudTypes.isEmpty || pack.cloudTypes.contains(all)
            || pack.cloudTypes.contains(cloudType)
        if fits { return nil }
        return error(
            layer.pointer + "/name",
            "WrongEnvironment",
            "Pack \(pack.name) \(pack.version) of layer '\(layer.name)' is for "
                + "\(pack.cloudTypes.joined(separator: ", ")), not for '\(cloudType)'."
        )
    }

    /// Two layers of one pack need names to be told apart on the cluster.
    private func duplicateFindings() -> [Finding] {
        var findings: [Finding] = []
        let byPack = Dictionary(grouping: layers.filter { $0.pack != nil }) { $0.pack?.name ?? "" }
        for layer in layers {
            guard let name = layer.pack?.name, let others = byPack[name], others.count > 1 else {
                continue
            }
            let own = PackSettings(values: layer.values).displayName
            let isUnique =
                !own.isEmpty
                && others.allSatisfy {
                    $0.name == layer.name || PackSettings(values: $0.values).displayName != own
                }
            if isUnique { continue }
            findings.append(
                error(
                    layer.pointer + "/values",
                    "DuplicatePack",
                    "Pack '\(name)' is in the profile more than once: give each of its layers a "
                        + "name of its own, such as 'second--\(name)', and layer '\(layer.name)' "
                        + "a 'spectrocloud.com/display-name' of its own under 'pack:'."
                )
            )
        }
        return findings
    }

    // MARK: - Dependencies

    private func check(
        _ dependency: PackDependency,
        of layer: LinkedLayer,
        _ pack: PackVersion
    ) -> Finding? {
        let own = "Pack \(pack.name) \(pack.version) of layer '\(layer.name)'"
        let others = layers.filter { other in
            (other.pack?.name ?? ProfileRules.packName(other.name)) == dependency.packName
                && (dependency.layer.map { $0.rawValue == other.layer } ?? true)
        }
        guard !others.isEmpty else {
            guard dependency.kind == .required, isExpectedHere(dependency) else { return nil }
            return error(
                layer.pointer,
                "DependencyMissing",
                "\(own) needs pack \(dependency.packName) \(dependency.rangeInWords) in the "
                    + "profile."
            )
        }
        for other in others.compactMap(\.pack) {
            let isInside = dependency.contains(other.version)
            switch dependency.kind {
            case .notSupported where isInside:
                return error(
                    layer.pointer,
                    "DependencyNotSupported",
                    "\(own) does not work with pack \(other.name) \(other.version); not supported "
                        + "is \(dependency.rangeInWords)."
                )
            case .upgrade where (formerVersions[pack.name] ?? pack.version) == pack.version:
                continue
            case .required where !isInside, .optional where !isInside, .upgrade where !isInside:
                return error(
                    layer.pointer,
                    "DependencyVersion",
                    "\(own) needs pack \(other.name) \(dependency.rangeInWords), and the profile "
                        + "has \(other.version)."
                )
            default: continue
            }
        }
        return nil
    }

    /// Whether what is missing must be in this profile: an add-on's Kubernetes, and the add-ons of
    /// an infrastructure, come from other profiles of the cluster.
    private func isExpectedHere(_ dependency: PackDependency) -> Bool {
        switch dependency.layer {
        case nil, .addon: type != .infra
        default: type.takesCoreLayers
        }
    }

    private func error(_ pointer: String, _ code: String, _ message: String) -> Finding {
        Finding(weight: .error, fault: Fault(pointer, code, message))
    }

    private func warning(_ pointer: String, _ code: String, _ message: String) -> Finding {
        Finding(weight: .warning, fault: Fault(pointer, code, message))
    }
}

/// A later generation's convention: a manifest layer of this name configures what installs the
/// rest, so it comes first.
let agentConfigLayer = "palette-agent-config"
