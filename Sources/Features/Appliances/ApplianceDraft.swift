import APIKit
import JSON

/// What an operator gives to register an appliance: Palette's `v1EdgeHostDeviceEntity`.
package struct ApplianceDraft: WireInput {
    /// What `archType` may be; the first one is meant when it is missing.
    package static let architectures = ["amd64", "arm64"]
    /// What `type` may be; the first one is meant when it is missing.
    package static let types = ["edge-native", "libvirt", "vsphere"]

    /// Kept as text: a draft with faults never becomes an appliance.
    private let uid: String
    private let givenName: String
    package let tags: Tags
    package let annotations: [String: String]
    package let spec: DraftSpec

    package init(from fields: Fields) {
        let metadata: DraftMetadata = fields.object("metadata")
        uid = metadata.uid
        givenName = metadata.metadata.name
        tags = metadata.metadata.tags
        annotations = metadata.metadata.annotations ?? [:]
        spec = fields.optionalObject("spec") ?? DraftSpec()
    }

    /// The ID that the draft asks for.
    package var id: ApplianceID { ApplianceID(stored: uid) }
    /// The name; the ID itself when none was given.
    package var name: String { givenName.isEmpty ? uid : givenName }
}

/// A draft's metadata, whose uid is checked as an appliance's ID.
private struct DraftMetadata: WireInput {
    let metadata: MetadataInput
    var uid: String { metadata.uid }

    init(from fields: Fields) {
        metadata = MetadataInput(from: fields)
        if let fault = ApplianceID.fault(in: metadata.uid) {
            fields.fault("uid", fault.code, fault.message)
        }
    }
}

/// A draft's `spec`.
package struct DraftSpec: WireInput {
    package let architecture: String
    package let type: String
    package let tunnel: TunnelConfig
    package let cloudProperties: JSONObject
    /// Empty when the appliance needs none.
    package let pairingKey: String

    package init(from fields: Fields) {
        architecture =
            fields.optionalText("archType", allowed: ApplianceDraft.architectures)
            ?? ApplianceDraft.architectures[0]
        type =
            fields.optionalText("type", allowed: ApplianceDraft.types)
            ?? ApplianceDraft.types[0]
        let tunnel: TunnelConfigInput? = fields.optionalObject("tunnelConfig")
        self.tunnel = tunnel?.config ?? TunnelConfig()
        let cloud: CloudPropertiesInput? = fields.optionalObject("cloudProperties")
        cloudProperties = cloud?.json ?? JSONObject()
        pairingKey = fields.optionalText("hostPairingKey", bytesMax: 256) ?? ""
    }

    /// What a draft without a `spec` asks for.
    init() {
        self.init(from: Fields(JSONObject(), faults: FaultList()))
    }
}
