import APIKit
import Appliances
import JSON
import Primitives

/// Palette's `v1EdgeHostDeviceHostCheckSum`.
struct ChecksumInput: WireInput {
    let checksum: String

    init(from fields: Fields) {
        checksum = fields.text("hostCheckSum")
    }
}

/// Palette's `v1SpectroClusterPacksStatusEntity`.
package struct LayersInput: WireInput {
    let layers: [JSONObject]

    package init(from fields: Fields) {
        layers = fields.list(
            "packs",
            of: LayerInput.self,
            countMax: AgentLimits.layersPerReportMax
        ).map(\.json)
    }

    private struct LayerInput: WireInput {
        let json: JSONObject

        init(from fields: Fields) {
            let condition: ConditionInput? = fields.optionalObject("condition")
            var json: JSONObject = [
                "name": .string(fields.text("name")),
                "kind": .string(
                    fields.optionalText("type", allowed: ["spectro", "helm", "manifest", "oci"])
                        ?? "spectro"
                ),
                "version": .string(fields.optionalText("version") ?? ""),
                "profileUid": .string(fields.optionalText("profileUid") ?? ""),
                "action": .string(condition?.action ?? "pending"),
            ]
            if let condition { json["condition"] = .object(condition.json) }
            for name in ["startTime", "endTime"] {
                if let time = fields.optionalTime(name) { json[name] = .string(time.text) }
            }
            self.json = json
        }
    }

    private struct ConditionInput: WireInput {
        let json: JSONObject
        /// What became of the layer, in the words of Easel's own reports.
        let action: String

        init(from fields: Fields) {
            let type = fields.optionalText(
                "type",
                allowed: [
                    "ReadyForInstall", "Installed", "Ready", "Error", "UpgradeAvailable",
                    "WaitingForOtherLayers",
                ]
            )
            let status = fields.optionalText("status") ?? ""
            let isTrue = status == "True" || status == "true"
            switch type ?? "Ready" {
            case "Error": action = isTrue ? "failed" : "pending"
            case "Ready", "Installed": action = isTrue ? "applied" : "pending"
            default: action = "pending"
            }
            json = [
                "type": .string(type ?? "Ready"), "status": .string(status),
                "reason": .string(fields.optionalText("reason") ?? ""),
                "message": .string(
                    fields.optionalText(
                        "message",
                        bytesMax: AgentLimits.reportMessageBytesMax
                    ) ?? ""
                ),
            ]
        }
    }
}

/// Palette's `v1SpectroTunnelStatus`.
///
/// The credentials that it may carry are not read.
struct TunnelStatusInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        let ssh: SSHInput? = fields.optionalObject("ssh")
        json = ssh.map { ["ssh": .object($0.json)] } ?? [:]
    }

    private struct SSHInput: WireInput {
        let json: JSONObject

        init(from fields: Fields) {
            var json = Self.common(
                fields,
                states: ["Initiating", "Created", "Deleting", "Deleted", "Failed"]
            )
            let user: UserInput? = fields.optionalObject("user")
            if let user { json["user"] = .object(user.json) }
            self.json = json
        }

        static func common(_ fields: Fields, states: [String]) -> JSONObject {
            var json: JSONObject = [
                "state": .string(fields.optionalText("state", allowed: states) ?? ""),
                "message": .string(fields.optionalText("message") ?? ""),
            ]
            if let time = fields.optionalTime("lastModifiedTime") {
                json["lastModifiedTime"] = .string(time.text)
            }
            return json
        }
    }

    private struct UserInput: WireInput {
        let json: JSONObject

        init(from fields: Fields) {
            json = SSHInput.common(fields, states: ["Created", "Deleted", "Failed"])
        }
    }
}

/// Palette's `v1EdgeHostConfig`: what the remote shell of an appliance is to do.
struct ConfigAnswer: WireOutput {
    let clusterUIDs: [String]
    let tunnel: TunnelConfig

    static var examples: [ConfigAnswer] {
        [ConfigAnswer(clusterUIDs: ["65f1c0a4d2b7e81f3c9a4b6d"], tunnel: TunnelConfig())]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("clusterUids", clusterUIDs)
            writer.key("tunnelConfig")
            writer.object { writer in
                writer.field("remoteSsh", tunnel.remoteShell)
                writer.field("remoteSshTempUser", tunnel.temporaryUser)
            }
        }
    }
}

/// Palette's `v1Manifest`, as far as published manifests have it.
struct ManifestAnswer: WireOutput {
    let uid: String
    let name: String
    let content: String
    let digest: String

    var entityTag: String? { digest }

    static var examples: [ManifestAnswer] {
        [
            ManifestAnswer(
                uid: "65f1c0a4d2b7e81f3c9a4b6d",
                name: "extra",
                content: "kind: ConfigMap",
                digest: "sha256:…"
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("metadata")
            writer.object { writer in
                writer.field("uid", uid)
                writer.field("name", name)
            }
            writer.key("spec")
            writer.object { writer in
                writer.key("published")
                writer.object { writer in
                    writer.field("content", content)
                    writer.field("digest", digest)
                }
            }
        }
    }
}

/// Palette's `v1SpectroClusterProfileList`.
struct ProfileListAnswer: WireOutput {
    /// Published templates (`v1ClusterProfileTemplate`).
    let templates: [JSONObject]
    /// Whether layers come with their schema and presets.
    let includesMeta: Bool

    static var examples: [ProfileListAnswer] {
        let pack: JSONObject = [
            "name": "fluentbit", "packUid": "65f1c0a4d2b7e81f3c9a4b6e",
            "registryUid": "65f1c0a4d2b7e81f3c9a4b6f", "layer": "addon", "type": "spectro",
            "version": "4.0.1", "values": "", "digest": "sha256:…",
            "annotations": ["source": "public"],
            "manifests": [["kind": "manifest", "name": "m", "uid": "65f1c0a4d2b7e81f3c9a4b70"]],
            "presets": [
                ["name": "p", "displayName": "P", "group": "g", "add": "", "remove": ["a"]]
            ],
            "schema": [
                [
                    "name": "s", "type": "string", "format": "", "regex": "", "required": false,
                    "readonly": false, "hints": ["h"], "listOptions": ["o"],
                ]
            ],
        ]
        let template: JSONObject = [
            "uid": "65f1c0a4d2b7e81f3c9a4b6d", "name": "edge-system", "type": "system",
            "cloudType": "edge-native", "version": 3,
            "packs": [.object(pack), ["name": "hello", "layer": "addon"]],
        ]
        return [ProfileListAnswer(templates: [template], includesMeta: true)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("profiles")
            writer.array(templates) { writer, template in write(template, to: &writer) }
        }
    }

    private func write(_ template: JSONObject, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("metadata")
            writer.object { writer in
                writer.field("uid", template["uid"]?.text ?? "")
                writer.field("name", template["name"]?.text ?? "")
            }
            writer.key("spec")
            writer.object { writer in
                writer.field("type", template["type"]?.text ?? "")
                writer.field("cloudType", template["cloudType"]?.text ?? "")
                writer.field("version", template["version"]?.integer ?? 0)
                writer.key("packs")
                writer.array(template["packs"]?.elements ?? []) { writer, pack in
                    write(pack: pack.members ?? [:], to: &writer)
                }
            }
        }
    }

    private static let packMembers = [
        "name", "layer", "type", "version", "registryUid", "digest", "values", "annotations",
        "manifests",
    ]

    private func write(pack: JSONObject, to writer: inout JSONWriter) {
        var spec = JSONObject()
        for name in Self.packMembers + (includesMeta ? ["presets", "schema"] : []) {
            spec[name] = pack[name]
        }
        let metadata: JSONObject = [
            "uid": pack["packUid"] ?? "", "name": pack["name"] ?? "",
        ]
        writer.object { writer in
            writer.field("metadata", metadata)
            writer.field("spec", spec)
            writer.key("status")
            writer.object { _ in }
        }
    }
}
