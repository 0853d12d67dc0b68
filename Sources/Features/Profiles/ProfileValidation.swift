import APIKit
import HTTPCore
import JSON
import Packs
import Primitives
import Storage

private let tag = "Cluster profiles"

extension Profiles {
    /// Checks that save nothing.
    var validationEndpoints: [Endpoint] { [validatePacks, validatePacksOf] }

    private var validatePacks: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/validate/packs",
            id: "v1ClusterProfilesValidatePacks",
            tag: tag,
            summary: "Checks layers without saving them.",
            access: .user(.profileGet),
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ValidateInput.self,
            output: ValidationOutput.self
        ) { input, context in
            try await validate(input, ProfileCall(context), profile: nil)
        }
    }

    private var validatePacksOf: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/{uid}/validate/packs",
            id: "v1ClusterProfilesUidValidatePacks",
            tag: tag,
            summary: "Checks layers of a profile without saving them.",
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            bodyBytesMax: ProfileLimits.bodyBytes,
            input: ValidateInput.self,
            output: ValidationOutput.self
        ) { input, context in
            let call = try ProfileCall(context)
            let profile = try database.read { tx in try call.fetch(tx) }
            return try await validate(input, call, profile: profile)
        }
    }

    /// - Parameter profile: the one whose layers they are to be; its type and environment stay.
    private func validate(
        _ input: ValidateInput,
        _ call: ProfileCall,
        profile: Profile?
    ) async throws -> ValidationOutput {
        let type = profile?.type ?? input.type
        let cloudType = profile?.cloudType ?? input.cloudType
        let textFaults = try await textFaults(of: input.layers)
        try await fetchCharts(of: input.layers, tenantUID: call.tenantUID)
        let (faults, layers) = try database.read { tx in
            let faults = FaultList(textFaults)
            _ = try ProfileRules.layers(
                input.layers,
                type: type,
                existing: profile?.layers ?? [],
                tenantUID: call.tenantUID,
                faults: faults,
                tx
            )
            // Which variables layers without a profile may refer to is not known.
            if let profile { try ReferenceRules.check(input.layers, of: profile, faults, tx) }
            var layers: [LinkedLayer] = []
            for layer in input.layers {
                layers.append(try LinkedLayer(layer, tenantUID: call.tenantUID, tx))
            }
            return (faults.faults, layers)
        }
        let findings = try await findings(about: layers, type: type, cloudType: cloudType)
        return ValidationOutput(
            input.layers.map { (name: $0.name, pointer: $0.pointer) },
            faults.map { Finding(weight: .error, fault: $0) } + findings
        )
    }
}

/// `v1ClusterProfileValidatorResponse`, with `warnings` beside the `errors` of each layer.
///
/// What is wrong with the profile as a whole stands last, without a name.
struct ValidationOutput: WireOutput {
    private let results: [(name: String, findings: [Finding])]

    init(_ layers: [(name: String, pointer: String)], _ findings: [Finding]) {
        var rest = findings
        var results: [(name: String, findings: [Finding])] = []
        for layer in layers {
            let isOwn = { (finding: Finding) in
                finding.fault.pointer == layer.pointer
                    || finding.fault.pointer.hasPrefix(layer.pointer + "/")
            }
            results.append((layer.name, rest.filter(isOwn)))
            rest.removeAll(where: isOwn)
        }
        if !rest.isEmpty { results.append(("", rest)) }
        self.results = results
    }

    static var examples: [ValidationOutput] {
        [
            ValidationOutput(
                [("log-shipper", "/packs/0")],
                [
                    Finding(
                        weight: .error,
                        fault: Fault("/packs/0/tag", "UnknownPack", "No registry holds it.")
                    ),
                    .example,
                ]
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("packs")
        writer.beginObject()
        writer.key("results")
        writer.beginArray()
        for result in results {
            writer.beginObject()
            writer.field("displayName", result.name)
            writer.field("errors", result.findings.filter { $0.weight == .error })
            writer.field("name", result.name)
            writer.field("warnings", result.findings.filter { $0.weight == .warning })
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        writer.endObject()
    }
}

extension Finding: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("code", fault.code)
        writer.field("message", fault.message)
        writer.field("pointer", fault.pointer)
        writer.field("severity", weight.rawValue)
        writer.endObject()
    }

    static let example = Finding(
        weight: .warning,
        fault: Fault(
            "/packs/0/tag",
            "PackDeprecated",
            "Pack log-shipper 4.0.3 of layer 'log-shipper' is deprecated; choose a newer version."
        )
    )
}
