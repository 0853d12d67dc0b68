import APIKit
import JSON

/// An appliance in a list: Palette's `v1EdgeHostsMetadata`.
struct SummaryItem: JSONWritable, Sendable {
    let detail: ApplianceDetail

    init(_ detail: ApplianceDetail) {
        self.detail = detail
    }

    func write(to writer: inout JSONWriter) {
        let appliance = detail.appliance
        let host = (try? JSONParser.parse(appliance.machine.host)) ?? .null
        writer.object { writer in
            writer.field("metadata", appliance.wireMetadata)
            writer.key("spec")
            writer.object { writer in
                writer.field("type", appliance.type)
                writer.field("device", raw: appliance.machine.device)
                writer.key("host")
                writer.object { writer in
                    writer.field("hostAddress", host["hostAddress"]?.text ?? "")
                    writer.field("macAddress", host["macAddress"]?.text ?? "")
                }
                writer.key("projectMeta")
                writer.object { writer in
                    writer.field("uid", appliance.scope.projectUID)
                    writer.field("name", detail.projectName ?? "")
                }
                writer.field("clusterProfileTemplates", detail.templates)
            }
            writer.key("status")
            writer.object(detail.writeState)
        }
    }

    /// The examples with profiles as lists show them.
    static var examples: [SummaryItem] {
        let summary: JSONObject = [
            "uid": "65f1c0a4d2b7e81f3c9a4b6e", "name": "edge-system", "type": "system",
            "cloudType": "edge-native", "version": "1.0.0",
            "packs": [
                [
                    "name": "fluentbit", "displayName": "Fluent Bit", "type": "spectro",
                    "packUid": "65f1c0a4d2b7e81f3c9a4b6f", "layer": "addon", "version": "4.0.1",
                    "tag": "4.x", "addonType": "logging", "logoUrl": "",
                    "annotations": ["source": "public"],
                ],
                ["name": "hello"],
            ],
        ]
        return ApplianceDetail.examples.map { example in
            SummaryItem(
                ApplianceDetail(
                    appliance: example.appliance,
                    health: example.health,
                    clusters: example.clusters,
                    observation: nil,
                    templates: example.clusters.isEmpty ? [["name": "edge-system"]] : [summary],
                    projectName: example.projectName
                )
            )
        }
    }
}

/// Palette's `v1EdgeHostsSearchSummary`.
struct SearchAnswer: WireOutput {
    let items: [SummaryItem]
    let listMeta: ListMeta

    static var examples: [SearchAnswer] {
        [SearchAnswer(items: SummaryItem.examples, listMeta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("items", items)
            writer.key("listmeta")
            listMeta.write(to: &writer)
        }
    }
}

/// Palette's `v1EdgeHostDevices`.
struct DeviceListAnswer: WireOutput {
    let items: [DeviceAnswer]
    let listMeta: ListMeta

    static var examples: [DeviceListAnswer] {
        [DeviceListAnswer(items: DeviceAnswer.examples, listMeta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("items", items)
            writer.key("listmeta")
            listMeta.write(to: &writer)
        }
    }
}

/// Palette's `v1EdgeHostsMetadataSummary`, which knows no pages.
struct MetadataListAnswer: WireOutput {
    let items: [SummaryItem]

    static var examples: [MetadataListAnswer] {
        [MetadataListAnswer(items: SummaryItem.examples)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in writer.field("items", items) }
    }
}

/// Palette's `v1EdgeHostMeta`.
struct QuickItem: JSONWritable, Sendable {
    let appliance: Appliance
    let health: ApplianceHealth

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("uid", appliance.id.text)
            writer.field("name", appliance.displayName)
            writer.field("state", appliance.state.rawValue)
            writer.field("healthState", health.state.rawValue)
            writer.field("archType", appliance.architecture)
            writer.field("edgeHostType", appliance.type)
        }
    }
}

/// Palette's `v1EdgeHostsMeta`.
struct QuickListAnswer: WireOutput {
    let items: [QuickItem]

    static var examples: [QuickListAnswer] {
        [
            QuickListAnswer(
                items: ApplianceDetail.examples.map {
                    QuickItem(appliance: $0.appliance, health: $0.health)
                }
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in writer.field("edgeHosts", items) }
    }
}

/// Palette's `v1EdgeHostsTags`.
struct TagsAnswer: WireOutput {
    let tags: [String]

    static var examples: [TagsAnswer] { [TagsAnswer(tags: ["name:Store 12", "till"])] }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in writer.field("tags", tags) }
    }
}

/// What a search may name: Palette's `v1SearchFilterSchemaSpec`.
struct SearchSchemaAnswer: WireOutput {
    static var examples: [SearchSchemaAnswer] { [SearchSchemaAnswer()] }

    private static let properties:
        [(name: String, type: String, title: String, allowed: [String])] = [
            ("name", "string", "Name", []),
            ("uid", "string", "ID", []),
            ("state", "string", "State", ApplianceState.allCases.map(\.rawValue)),
            ("healthState", "string", "Health", ["healthy", "unhealthy"]),
            ("architecture", "string", "Architecture", ApplianceDraft.architectures),
            ("type", "string", "Type", ApplianceDraft.types),
            ("agentVersion", "string", "Agent version", []),
            ("tags", "keyValue", "Tags", []),
            ("cpuCores", "int", "CPU cores", []),
            ("memoryInMB", "int", "Memory in MB", []),
            ("isPaired", "bool", "Paired", []),
            ("isPaused", "bool", "Paused", []),
            ("creationTimestamp", "date", "Registered", []),
            ("lastModifiedTimestamp", "date", "Changed", []),
            ("lastSeenTimestamp", "date", "Last seen", []),
        ]

    /// The names that a search may sort by, and the properties it may compare.
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("schema")
            writer.object { writer in
                writer.key("properties")
                writer.array(Self.properties) { writer, property in
                    writer.object { writer in
                        writer.field("name", property.name)
                        writer.field("type", property.type)
                        writer.field("displayName", property.title)
                        writer.field("default", "")
                        writer.field("hideDisplay", false)
                        writer.field("enum", property.allowed)
                    }
                }
            }
        }
    }
}
