import APIKit
import JSON
import Primitives

/// One appliance as readers see it: Palette's `v1EdgeHostDevice`.
package struct DeviceAnswer: WireOutput {
    package let detail: ApplianceDetail

    package init(_ detail: ApplianceDetail) {
        self.detail = detail
    }

    /// The version of the row.
    package var entityTag: String? { String(detail.appliance.version) }
    /// What agents and profiles change shows, and leaves the row as it is.
    package var showsMoreThanVersion: Bool { true }

    package func write(to writer: inout JSONWriter) {
        let appliance = detail.appliance
        writer.beginObject()
        writer.field("metadata", appliance.wireMetadata)
        writer.key("aclmeta")
        writer.object { writer in
            writer.field("ownerUid", appliance.ownerUID)
            writer.field("projectUid", appliance.scope.projectUID)
            writer.field("tenantUid", appliance.scope.tenantUID)
        }
        writer.key("spec")
        writer.object(writeSpec)
        writer.key("status")
        writer.object(writeStatus)
        writer.endObject()
    }

    private func writeSpec(to writer: inout JSONWriter) {
        let appliance = detail.appliance
        writer.field("type", appliance.type)
        writer.field("host", raw: appliance.machine.host)
        writer.field("device", raw: appliance.machine.device)
        writer.field("properties", raw: appliance.machine.properties)
        writer.field("service", raw: appliance.machine.service)
        writer.field("cloudProperties", raw: appliance.machine.cloudProperties)
        writer.key("tunnelConfig")
        writer.object { writer in
            writer.field("remoteSsh", appliance.tunnel.remoteShell)
            writer.field("remoteSshTempUser", appliance.tunnel.temporaryUser)
        }
        writer.field("clusterProfileTemplates", detail.templates)
    }

    private func writeStatus(to writer: inout JSONWriter) {
        detail.writeState(to: &writer)
        writer.key("packs")
        writer.array(detail.observation?.layers ?? []) { writer, layer in
            writePack(layer, to: &writer)
        }
        writer.key("profileStatus")
        writer.object { writer in writer.field("hasUserMacros", false) }
        writer.field("tunnelStatus", raw: detail.appliance.tunnelStatus)
        writer.optionalField("serviceAuthToken", detail.serviceAuthToken)
        writer.optionalField("clientCertificate", detail.clientCertificate)
        writer.optionalField("pausedReason", detail.appliance.pausedReason)
        // Easel's own: a machine like the paired one asks for a new credential since then.
        writer.optionalField("reapprovalPendingSince", detail.appliance.reapprovalSince)
        if let observation = detail.observation { writeObserved(observation, to: &writer) }
    }

    /// Easel's own: which state and which revision of each profile the appliance runs.
    private func writeObserved(_ observation: ApplianceObservation, to writer: inout JSONWriter) {
        var revisions: [(uid: String, number: Int64)] = []
        for layer in observation.layers {
            guard let uid = layer["profileUid"]?.text, let number = layer["revision"]?.integer
            else { continue }
            if let known = revisions.firstIndex(where: { $0.uid == uid }) {
                // While a change is under way the layers are of two revisions: the oldest counts.
                revisions[known].number = min(revisions[known].number, number)
            } else {
                revisions.append((uid, number))
            }
        }
        writer.key("observed")
        writer.object { writer in
            writer.field("number", observation.number)
            writer.key("profiles")
            writer.array(revisions) { writer, revision in
                writer.object { writer in
                    writer.field("uid", revision.uid)
                    writer.field("revision", revision.number)
                }
            }
        }
    }

    /// A reported layer as Palette's `v1ClusterPackStatus`.
    private func writePack(_ layer: JSONObject, to writer: inout JSONWriter) {
        func text(_ name: String) -> String { layer[name]?.text ?? "" }
        let condition = layer["condition"]
        writer.object { writer in
            writer.field("name", text("name"))
            writer.field("version", text("version"))
            writer.field("type", text("kind"))
            writer.field("profileUid", text("profileUid"))
            // Easel's own: which published revision of the profile this layer is of.
            writer.optionalField("revision", layer["revision"]?.integer)
            writer.key("condition")
            writer.object { writer in
                writer.field("type", condition?["type"]?.text ?? "Ready")
                writer.field("status", condition?["status"]?.text ?? "Unknown")
                writer.field("reason", condition?["reason"]?.text ?? "")
                writer.field("message", condition?["message"]?.text ?? "")
                writer.field("lastProbeTime", detail.observation?.reportedAt ?? .never)
            }
        }
    }
}

extension ApplianceDetail {
    /// Writes the members of `status` that every list shows too.
    func writeState(to writer: inout JSONWriter) {
        writer.field("state", appliance.state.rawValue)
        // Always there, as clients wait for the pair of both states.
        writer.key("health")
        writer.object { writer in
            writer.field("state", health.state.rawValue)
            writer.field("message", health.message)
            writer.field("agentVersion", health.agentVersion)
        }
        for name in ["inUseClusters", "inUseClustersRef"] {
            writer.key(name)
            writer.array(clusters) { writer, cluster in
                writer.object { writer in
                    writer.field("uid", cluster.uid)
                    writer.field("name", cluster.name)
                }
            }
        }
    }
}

/// Palette's `v1ObjectMeta`.
struct WireMetadata: JSONWritable, Sendable {
    let uid: String
    let name: String
    let labels: [String: String]
    let annotations: [String: String]
    let createdAt: Timestamp
    let modifiedAt: Timestamp

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("uid", uid)
            writer.field("name", name)
            writer.field("labels", labels)
            writer.field("annotations", annotations)
            writer.field("creationTimestamp", createdAt)
            writer.field("lastModifiedTimestamp", modifiedAt)
            writer.field("deletionTimestamp", Timestamp.never)
        }
    }
}

extension Appliance {
    var wireMetadata: WireMetadata {
        WireMetadata(
            uid: id.text,
            name: displayName,
            labels: tags.pairs,
            annotations: annotations,
            createdAt: createdAt,
            modifiedAt: modifiedAt
        )
    }
}
