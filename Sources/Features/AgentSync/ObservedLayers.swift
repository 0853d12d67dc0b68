import AgentContract
import JSON
import Primitives

/// The layers that an appliance reported, as they are stored: one JSON object each, with the
/// `condition` that readers see.
struct ObservedLayers {
    private(set) var layers: [JSONObject]

    init(stored: [UInt8]) {
        let elements = (try? JSONParser.parse(stored))?.elements ?? []
        layers = elements.compactMap(\.members)
    }

    /// The layers of a report.
    ///
    /// Removed ones are gone: the report says all that there is.
    init(_ reported: [AgentReport.Layer]) {
        layers = reported.filter { $0.action != "removed" }.map(Self.json)
    }

    private static func json(_ layer: AgentReport.Layer) -> JSONObject {
        let isReady = layer.action == "applied"
        return [
            "name": .string(layer.name), "kind": .string(layer.kind),
            "version": .string(layer.version), "profileUid": .string(layer.profileUID),
            "revision": .int(layer.revision), "digest": .string(layer.digest),
            "action": .string(layer.action),
            "condition": [
                "type": "Ready", "status": .string(isReady ? "True" : "False"),
                "reason": .string(layer.reason), "message": .string(layer.message),
            ],
        ]
    }

    /// The layers that were applied.
    var applied: [DesiredState.Removed] {
        layers.compactMap { layer in
            guard layer["action"]?.text == "applied" else { return nil }
            return DesiredState.Removed(
                name: layer["name"]?.text ?? "",
                profileUID: layer["profileUid"]?.text ?? ""
            )
        }
    }

    /// Puts these layers in place of those of the same name and profile.
    mutating func merge(_ changed: [JSONObject]) {
        func identity(_ layer: JSONObject) -> String {
            "\(layer["profileUid"]?.text ?? "")/\(layer["name"]?.text ?? "")"
        }
        var places: [String: Int] = [:]
        for (place, layer) in layers.enumerated() { places[identity(layer)] = place }
        for layer in changed {
            if let place = places[identity(layer)] {
                layers[place] = layer
            } else {
                places[identity(layer)] = layers.count
                layers.append(layer)
            }
        }
    }

    var stored: [UInt8] { layers.jsonBytes(capacity: 256 * (layers.count + 1)) }
}
