import APIKit
import JSON

/// What a machine told about itself, as the JSON that readers get.
///
/// Each part is written by one place in one order, so that equal descriptions are equal bytes, and
/// is copied into answers as it is. No secret is ever in it.
package struct MachineDescription: Sendable, Hashable {
    package var host: [UInt8]
    package var device: [UInt8]
    package var properties: [UInt8]
    package var service: [UInt8]
    package var cloudProperties: [UInt8]
    /// Taken out of `device` for searches; 0 when it is not known.
    package var cpuCores: Int64
    /// In MiB, as the wire has it; 0 when it is not known.
    package var memoryMB: Int64

    package init(
        host: [UInt8],
        device: [UInt8],
        properties: [UInt8],
        service: [UInt8],
        cloudProperties: [UInt8],
        cpuCores: Int64,
        memoryMB: Int64
    ) {
        self.host = host
        self.device = device
        self.properties = properties
        self.service = service
        self.cloudProperties = cloudProperties
        self.cpuCores = cpuCores
        self.memoryMB = memoryMB
    }

    /// The description of an appliance of which nothing is known yet.
    package static func unknown(
        _ id: ApplianceID,
        architecture: String,
        cloudProperties: JSONObject = JSONObject()
    ) -> MachineDescription {
        let nothing = Fields(JSONObject(), faults: FaultList())
        return MachineDescription(
            host: HostInput.empty(id).jsonBytes(),
            device: DevicePartInput(from: nothing).stored(architecture: architecture).jsonBytes(),
            properties: PropertiesInput(from: nothing).json.jsonBytes(),
            service: JSONObject().jsonBytes(),
            cloudProperties: cloudProperties.jsonBytes(),
            cpuCores: 0,
            memoryMB: 0
        )
    }

    /// This description with the parts that a document has in place of the former ones.
    package func replacing(
        with spec: DeviceSpecInput,
        of id: ApplianceID,
        architecture: String
    ) -> MachineDescription {
        var result = self
        if let host = spec.host { result.host = host.stored(for: id).jsonBytes() }
        if let device = spec.device {
            result.device = device.stored(architecture: architecture).jsonBytes()
            result.cpuCores = device.cpuCores ?? 0
            result.memoryMB = device.memoryMB ?? 0
        }
        if let properties = spec.properties { result.properties = properties.json.jsonBytes() }
        if let service = spec.service { result.service = service.json.jsonBytes() }
        if let cloud = spec.cloudProperties { result.cloudProperties = cloud.json.jsonBytes() }
        return result
    }

    /// The checksum by which the machine is told from a copy of it; empty when it gave none.
    package var checksum: String {
        guard let value = try? JSONParser.parse(host) else { return "" }
        return value["hostChecksum"]?.text ?? ""
    }

    /// This description with another checksum, by which the machine is told from a copy of it.
    package func withChecksum(_ checksum: String) -> MachineDescription {
        var result = self
        guard let value = try? JSONParser.parse(host), case .object(var object) = value else {
            return self
        }
        object["hostChecksum"] = .string(checksum)
        result.host = object.jsonBytes()
        return result
    }
}
