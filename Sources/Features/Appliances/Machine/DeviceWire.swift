import APIKit
import JSON

/// The parts of Palette's `v1EdgeHostDevice` that a machine or a person may write.
///
/// `status`, `aclmeta` and members that no schema has are not read at all.
package struct DeviceInput: WireInput {
    package let metadata: MetadataInput?
    package let spec: DeviceSpecInput?

    /// Who takes the document adds what its rules say.
    package static var leavesFaultsToHandler: Bool { true }

    package init(from fields: Fields) {
        metadata = fields.optionalObject("metadata")
        spec = fields.optionalObject("spec")
    }
}

/// Names, tags and annotations of a body.
package struct MetadataInput: WireInput {
    package let uid: String
    package let name: String
    package let tags: Tags
    /// `nil` when the body has none: they stay as they are.
    package let annotations: [String: String]?

    package init(from fields: Fields) {
        uid = fields.optionalText("uid", bytesMax: 16_384) ?? ""
        name = fields.optionalText("name", bytesMax: 256) ?? ""
        if let flaw = NameRule.flaw(in: name) { fields.fault("name", "InvalidCharacter", flaw) }
        let pairs = fields.textMap("labels", countMax: 1000, bytesMax: 16_384)
        for fault in Tags.faults(in: pairs) {
            fields.fault("labels", key: fault.key, fault.code, fault.message)
        }
        tags = Tags(pairs)
        let texts = fields.annotations()
        annotations = fields.has("annotations") ? texts : nil
    }
}

extension Fields {
    /// Notes a fault of one entry of a map, or of the map itself when the key is empty.
    func fault(_ map: String, key: String, _ code: String, _ message: String) {
        if key.isEmpty {
            fault(map, code, message)
        } else {
            Fields(JSONObject(), pointer: pointer(to: map), faults: faults)
                .fault(key, code, message)
        }
    }
}

/// Palette's `v1EdgeHostDeviceSpec`; every part may be missing.
package struct DeviceSpecInput: WireInput {
    package let host: HostInput?
    package let device: DevicePartInput?
    package let properties: PropertiesInput?
    package let service: ServiceInput?
    package let cloudProperties: CloudPropertiesInput?
    package let tunnel: TunnelConfigInput?
    package let type: String?

    package init(from fields: Fields) {
        host = fields.optionalObject("host")
        device = fields.optionalObject("device")
        properties = fields.optionalObject("properties")
        service = fields.optionalObject("service")
        cloudProperties = fields.optionalObject("cloudProperties")
        tunnel = fields.optionalObject("tunnelConfig")
        type = fields.optionalText("type", allowed: ApplianceDraft.types)
    }

    /// Whether the document speaks of the machine itself.
    var describesMachine: Bool {
        host != nil || device != nil || properties != nil || service != nil
    }
}

/// Palette's `v1EdgeHost`.
///
/// The secrets in it are handed to who checks them and never stored here.
package struct HostInput: WireInput {
    package let hostUID: String
    /// The one-time key that a registered appliance proves itself with.
    package let pairingKey: String
    /// The registration token that admits an appliance nobody registered.
    package let authToken: String
    package let checksum: String
    package let macAddress: String
    /// The project the machine asks to be registered in.
    package let projectUID: String
    package let disableAutoRegister: Bool
    private let address: String
    private let remoteShell: String
    private let identity: HostIdentityInput?

    package init(from fields: Fields) {
        hostUID = fields.optionalText("hostUid") ?? ""
        pairingKey = fields.optionalText("hostPairingKey") ?? ""
        authToken = fields.optionalText("hostAuthToken") ?? ""
        checksum = fields.optionalText("hostChecksum") ?? ""
        macAddress = fields.optionalText("macAddress") ?? ""
        let project: ReferenceInput? = fields.optionalObject("project")
        projectUID = project?.uid ?? ""
        disableAutoRegister = fields.optionalFlag("disableAutoRegister") ?? false
        address = fields.optionalText("hostAddress") ?? ""
        remoteShell =
            fields.optionalText("remoteSsh", allowed: TunnelConfigInput.states)
            ?? "disabled"
        identity = fields.optionalObject("hostIdentity")
    }

    /// The part as it is stored and shown: members that clients read always there, secrets empty.
    func stored(for id: ApplianceID) -> JSONObject {
        var json = JSONObject()
        json.put("hostUid", id.text)
        json.put("hostAddress", address)
        json.put("macAddress", macAddress)
        json.put("hostChecksum", checksum)
        json.put("hostPairingKey", "")
        json.put("hostAuthToken", "")
        json.put("disableAutoRegister", disableAutoRegister)
        json.put("remoteSsh", remoteShell)
        json.put("hostIdentity", identity?.json)
        json["project"] = ["uid": .string(projectUID)]
        return json
    }

    /// The part of an appliance of which nothing is known.
    static func empty(_ id: ApplianceID) -> JSONObject {
        HostInput(from: Fields(JSONObject(), faults: FaultList())).stored(for: id)
    }
}

/// A reference by uid; the name that comes with it is not read.
package struct ReferenceInput: WireInput {
    package let uid: String

    package init(from fields: Fields) {
        uid = fields.optionalText("uid") ?? ""
    }
}

/// Palette's `v1EdgeHostIdentity`, without the private key that it may carry.
package struct HostIdentityInput: WireInput {
    let json: JSONObject

    package init(from fields: Fields) {
        var json = JSONObject()
        json.put("mode", fields.optionalText("mode"))
        json.put("socketPath", fields.optionalText("socketPath"))
        json.put("caCert", fields.optionalText("caCert", bytesMax: 16_384))
        self.json = json
    }
}

/// Palette's `v1SpectroTunnelConfig`.
package struct TunnelConfigInput: WireInput {
    static let states = ["enabled", "disabled"]
    package let remoteShell: String?
    package let temporaryUser: String?

    package init(from fields: Fields) {
        remoteShell = fields.optionalText("remoteSsh", allowed: Self.states)
        temporaryUser = fields.optionalText("remoteSshTempUser", allowed: Self.states)
        if temporaryUser == "enabled", remoteShell != "enabled" {
            fields.fault(
                "remoteSshTempUser",
                "NeedsRemoteSsh",
                "A temporary user can be enabled only together with 'remoteSsh'."
            )
        }
    }

    /// The configuration; what the body leaves out is disabled.
    package var config: TunnelConfig {
        TunnelConfig(
            remoteShell: remoteShell ?? "disabled",
            temporaryUser: temporaryUser ?? "disabled"
        )
    }
}
