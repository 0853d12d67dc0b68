import APIKit
import JSON

/// Palette's `v1DeviceSpec`: what the machine is made of.
package struct DevicePartInput: WireInput {
    /// `amd64` or `arm64`; `nil` when the machine does not say.
    package let architecture: String?
    let cpuCores: Int64?
    let memoryMB: Int64?
    private let json: JSONObject

    package init(from fields: Fields) {
        architecture = fields.optionalText("archType", allowed: ApplianceDraft.architectures)
        let cpu: CPUInput? = fields.optionalObject("cpu")
        let memory: MemoryInput? = fields.optionalObject("memory")
        cpuCores = cpu?.cores
        memoryMB = memory?.sizeMB
        var json = JSONObject()
        json.put("cpu", cpu?.json)
        json.put("memory", memory?.json)
        json.put("disks", fields.list("disks", of: DiskInput.self, countMax: 256).map(\.json))
        json.put("nics", fields.list("nics", of: NicInput.self, countMax: 256).map(\.json))
        json.put("gpus", fields.list("gpus", of: GPUInput.self, countMax: 256).map(\.json))
        let os: OSInput? = fields.optionalObject("os")
        json.put("os", os?.json)
        json.put(
            "hostState",
            fields.optionalText("hostState", allowed: ["registration", "cluster", "recovery"])
        )
        json.put(
            "hostType",
            fields.optionalText("hostType", allowed: ["appliance", "agent-mode"])
        )
        json.put("secureBoot", fields.optionalFlag("secureBoot"))
        self.json = json
    }

    /// The part as it is stored and shown.
    func stored(architecture: String) -> JSONObject {
        var stored = JSONObject()
        stored.put("archType", architecture)
        for member in json { stored[member.key] = member.value }
        return stored
    }
}

/// The bounds of counts and sizes of hardware.
private let hardwareRange: ClosedRange<Int64> = 0...(1 << 50)

private struct CPUInput: WireInput {
    let cores: Int64?
    let json: JSONObject

    init(from fields: Fields) {
        cores = fields.optionalInt("cores", in: 0...(1 << 20))
        var json = JSONObject()
        json.put("cores", cores)
        self.json = json
    }
}

private struct MemoryInput: WireInput {
    let sizeMB: Int64?
    let json: JSONObject

    init(from fields: Fields) {
        sizeMB = fields.optionalInt("sizeInMB", in: hardwareRange)
        var json = JSONObject()
        json.put("sizeInMB", sizeMB)
        self.json = json
    }
}

private struct DiskInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("controller", fields.optionalText("controller"))
        json.put("size", fields.optionalInt("size", in: hardwareRange))
        json.put("vendor", fields.optionalText("vendor"))
        json.put(
            "partitions",
            fields.list("partitions", of: PartitionInput.self, countMax: 256).map(\.json)
        )
        self.json = json
    }
}

private struct PartitionInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("fileSystemType", fields.optionalText("fileSystemType"))
        json.put("mountPoint", fields.optionalText("mountPoint"))
        json.put("freeSpace", fields.optionalInt("freeSpace", in: hardwareRange))
        json.put("totalSpace", fields.optionalInt("totalSpace", in: hardwareRange))
        json.put("usedSpace", fields.optionalInt("usedSpace", in: hardwareRange))
        self.json = json
    }
}

private struct NicInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("nicName", fields.optionalText("nicName"))
        json.put("ip", fields.optionalText("ip"))
        json.put("subnet", fields.optionalText("subnet"))
        json.put("gateway", fields.optionalText("gateway"))
        json.put("macAddr", fields.optionalText("macAddr"))
        json.put("isDefault", fields.optionalFlag("isDefault"))
        json.put("dns", fields.texts("dns", countMax: 64))
        self.json = json
    }
}

private struct GPUInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("vendor", fields.optionalText("vendor"))
        json.put("model", fields.optionalText("model"))
        json.put("memory", fields.optionalText("memory"))
        json.put("gpuCount", fields.optionalInt("gpuCount", in: hardwareRange))
        json.put("migCapable", fields.optionalFlag("migCapable"))
        json.put("migStrategy", fields.optionalText("migStrategy"))
        json.put("addresses", fields.textMap("addresses"))
        self.json = json
    }
}

private struct OSInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("family", fields.optionalText("family"))
        json.put("version", fields.optionalText("version"))
        json.put("kernel", fields.optionalText("kernel"))
        json.put("kernelVersion", fields.optionalText("kernelVersion"))
        self.json = json
    }
}

/// Palette's `v1EdgeHostProperties`: the networks and storage pools that pickers offer.
package struct PropertiesInput: WireInput {
    let json: JSONObject

    package init(from fields: Fields) {
        var json = JSONObject()
        json.put(
            "networks",
            fields.list("networks", of: NetworkInput.self, countMax: 256).map(\.json)
        )
        json.put(
            "storagePools",
            fields.list("storagePools", of: StoragePoolInput.self, countMax: 256).map(\.json)
        )
        self.json = json
    }
}

private struct NetworkInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("networkName", fields.text("networkName"))
        json.put("networkType", fields.text("networkType", allowed: ["default", "bridge"]))
        self.json = json
    }
}

private struct StoragePoolInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("name", fields.text("name"))
        self.json = json
    }
}

/// Palette's `v1ServiceSpec`: the agent's service.
package struct ServiceInput: WireInput {
    let json: JSONObject

    package init(from fields: Fields) {
        var json = JSONObject()
        json.put("name", fields.optionalText("name"))
        json.put("version", fields.optionalText("version"))
        self.json = json
    }
}

/// Palette's `v1EdgeHostCloudProperties`: what an appliance on vSphere sees there.
package struct CloudPropertiesInput: WireInput {
    let json: JSONObject

    package init(from fields: Fields) {
        var json = JSONObject()
        let vsphere: VsphereInput? = fields.optionalObject("vsphere")
        json.put("vsphere", vsphere?.json)
        self.json = json
    }
}

/// Palette's `v1EdgeHostVsphereCloudProperties`.
package struct VsphereInput: WireInput {
    package let json: JSONObject

    package init(from fields: Fields) {
        var json = JSONObject()
        json.put(
            "datacenters",
            fields.list("datacenters", of: DatacenterInput.self, countMax: 256).map(\.json)
        )
        self.json = json
    }
}

private struct DatacenterInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("name", fields.optionalText("name"))
        json.put("folders", fields.texts("folders"))
        json.put(
            "computeClusters",
            fields.list("computeClusters", of: ComputeClusterInput.self, countMax: 256)
                .map(\.json)
        )
        self.json = json
    }
}

private struct ComputeClusterInput: WireInput {
    let json: JSONObject

    init(from fields: Fields) {
        var json = JSONObject()
        json.put("name", fields.optionalText("name"))
        json.put("datastores", fields.texts("datastores"))
        json.put("networks", fields.texts("networks"))
        json.put("resourcePools", fields.texts("resourcePools"))
        self.json = json
    }
}
