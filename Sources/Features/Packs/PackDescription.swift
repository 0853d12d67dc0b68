import APIKit
import JSON

/// What stands in `pack.json` (BEHAVIOUR 4.1); unknown members are ignored.
struct PackDescription: WireInput, Equatable {
    let name: String
    let displayName: String
    let version: String
    let layer: PackLayer
    let cloudTypes: [String]
    let addonType: String
    let addonSubType: String
    let group: String
    let annotations: [String: String]
    let eol: String
    let manifests: [String]
    let charts: [String]
    /// As it stands in the file; its members are checked all the same.
    let constraints: JSONValue?

    /// The environments that Palette's packs name.
    ///
    /// Others are kept too, with a warning: the list grows with every release of the clients.
    static let knownCloudTypes: Set<String> = [
        "all", "aws", "azure", "gcp", "vsphere", "openstack", "baremetal", "maas", "aks", "eks",
        "gke", "tke", "edge", "libvirt", "edge-native", "coxedge", "nested", "generic",
    ]

    init(from fields: Fields) {
        name = fields.text("name", bytesMax: PackLimits.nameBytesMax)
        if !name.isEmpty, !PackName.isValid(name) {
            fields.fault(
                "name",
                "InvalidName",
                "'name' must be made of letters, digits and any of . _ - +, and begin and end with "
                    + "a letter or digit."
            )
        }
        displayName = fields.text("displayName", bytesMax: PackLimits.textBytesMax)
        version = fields.text("version", bytesMax: PackLimits.versionBytesMax)
        if !version.isEmpty, SemanticVersion(version) == nil {
            fields.fault(
                "version",
                "InvalidVersion",
                "'version' must be a semantic version such as 1.4.0 or 2.0.0-rc.1, not "
                    + "'\(version)'."
            )
        }
        let layers = PackLayer.allCases.map(\.rawValue)
        layer = PackLayer(rawValue: fields.text("layer", allowed: layers)) ?? .addon
        cloudTypes = fields.texts(
            "cloudTypes",
            countMax: PackLimits.cloudTypeCountMax,
            bytesMax: PackLimits.nameBytesMax
        )
        addonType = fields.optionalText("addonType", bytesMax: PackLimits.textBytesMax) ?? ""
        addonSubType = fields.optionalText("addonSubType", bytesMax: PackLimits.textBytesMax) ?? ""
        group = fields.optionalText("group", bytesMax: PackLimits.textBytesMax) ?? ""
        annotations = fields.textMap("annotations", countMax: PackLimits.annotationCountMax)
        eol = fields.optionalText("eol", bytesMax: PackLimits.textBytesMax) ?? ""
        manifests = fields.texts(
            "kubeManifests",
            countMax: PackLimits.manifestCountMax,
            bytesMax: PackLimits.pathBytesMax
        ).map(PackName.withoutDot)
        charts = fields.texts(
            "charts",
            countMax: PackLimits.chartCountMax,
            bytesMax: PackLimits.pathBytesMax
        ).map(PackName.withoutDot)
        constraints = fields.any("constraints")
        _ = fields.optionalObject("constraints", as: PackConstraints.self)
    }
}

/// The `constraints` of `pack.json` (BEHAVIOUR 4.2).
struct PackConstraints: WireInput {
    let dependencies: [PackDependency]
    let resources: [Resource]

    init(from fields: Fields) {
        dependencies = fields.list("dependencies", countMax: PackLimits.constraintCountMax)
        resources = fields.list("resources", countMax: PackLimits.constraintCountMax)
    }

    struct Resource: WireInput {
        let type: String

        init(from fields: Fields) {
            type = fields.text("type", allowed: ["cpu", "memory", "diskSize"])
            _ = fields.optionalNumber("minLimit")
            let _: [Component] = fields.list("components", countMax: PackLimits.constraintCountMax)
        }
    }

    struct Component: WireInput {
        init(from fields: Fields) {
            _ = fields.optionalText("resourceRequestParamRef")
            _ = fields.optionalText("replicaCountParamRef")
            _ = fields.optionalText(
                "scheduleType",
                allowed: ["all", "master", "control-plane", "worker"]
            )
        }
    }
}

/// The rules for names that become parts of paths in archives and on appliances.
enum PackName {
    /// Letters, digits, `.`, `_`, `-`, `+` inside; a letter or digit at both ends.
    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, let last = name.utf8.last,
            name.utf8.count <= PackLimits.nameBytesMax
        else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && name.utf8.allSatisfy { byte in
                isAlphanumeric(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
            }
    }

    /// The last part of a path.
    static func file(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// The last part of a path without its ending.
    static func stem(_ path: String) -> String {
        let file = file(path)
        for ending in [".yaml", ".yml", ".json"] where file.hasSuffix(ending) {
            return String(file.dropLast(ending.count))
        }
        return file
    }

    static func withoutDot(_ path: String) -> String {
        path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}

extension PackVersion {
    /// The environments that are known, `all` among them; a pack may name others.
    package static var knownCloudTypes: Set<String> { PackDescription.knownCloudTypes }
}
