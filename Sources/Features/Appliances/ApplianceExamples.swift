import APIKit
import JSON
import Primitives

// What the API's document shows. The full example has every member that an answer can have.
extension ApplianceDetail {
    static var examples: [ApplianceDetail] { [fullExample, sparseExample, minimalExample] }

    private static let moment = Timestamp(milliseconds: 1_772_366_400_000)

    private static var minimalExample: ApplianceDetail {
        let id = ApplianceID(stored: "device-154")
        return ApplianceDetail(
            appliance: Appliance(
                key: 2,
                id: id,
                scope: ApplianceScope(tenantUID: tenantUID, projectUID: ""),
                ownerUID: "",
                name: id.text,
                tags: Tags(),
                annotations: [:],
                state: .unpaired,
                architecture: "amd64",
                type: "edge-native",
                machine: .unknown(id, architecture: "amd64"),
                tunnel: TunnelConfig(),
                tunnelStatus: Array("{}".utf8),
                pairingKeyDigest: nil,
                credentialDigest: nil,
                isCredentialUsed: false,
                fingerprint: nil,
                reapprovalSince: nil,
                pausedReason: nil,
                keptRun: nil,
                desiredCounter: 2,
                version: 2,
                createdAt: moment,
                modifiedAt: moment,
                pairedAt: nil
            ),
            health: ApplianceHealth(),
            clusters: [],
            observation: nil,
            templates: [["uid": .string(profileUID), "name": "edge-system"]],
            projectName: nil
        )
    }

    private static let tenantUID = "65f1c0a4d2b7e81f3c9a4b6d"
    private static let profileUID = "65f1c0a4d2b7e81f3c9a4b6e"
    private static let clusterUID = "65f1c0a4d2b7e81f3c9a4b6f"

    private static var fullExample: ApplianceDetail {
        var detail = ApplianceDetail(
            appliance: pairedExample("device-153", machineExample, tunnelStatusExample),
            health: ApplianceHealth(state: .healthy, message: "", agentVersion: "1.0.0"),
            clusters: [HoldingCluster(uid: clusterUID, name: "store-12")],
            observation: ApplianceObservation(
                reportedAt: moment,
                number: "1709238702.17",
                layers: [layerExample]
            ),
            templates: [templateExample],
            projectName: "Default"
        )
        detail.serviceAuthToken = "easel_agent_…"
        detail.clientCertificate = "-----BEGIN CERTIFICATE-----\n…"
        return detail
    }

    /// A machine that tells as little as it may: what is missing here is optional.
    private static var sparseExample: ApplianceDetail {
        ApplianceDetail(
            appliance: pairedExample("device-155", sparseMachineExample, ["ssh": ["user": [:]]]),
            health: ApplianceHealth(),
            clusters: [],
            observation: ApplianceObservation(
                reportedAt: moment,
                number: "1709238702.3",
                layers: [sparseLayerExample]
            ),
            templates: [],
            projectName: "Default"
        )
    }

    private static func pairedExample(
        _ uid: String,
        _ machine: JSONObject,
        _ tunnelStatus: JSONObject
    ) -> Appliance {
        let id = ApplianceID(stored: uid)
        let spec = DeviceSpecInput(from: Fields(machine, faults: FaultList()))
        return Appliance(
            key: 1,
            id: id,
            scope: ApplianceScope(tenantUID: tenantUID, projectUID: clusterUID),
            ownerUID: tenantUID,
            name: id.text,
            tags: Tags(["name": "Store 12", "region": "north"]),
            annotations: ["description": "Till server"],
            state: .inUse,
            architecture: "amd64",
            type: "libvirt",
            machine: MachineDescription.unknown(id, architecture: "amd64")
                .replacing(with: spec, of: id, architecture: "amd64"),
            tunnel: TunnelConfig(),
            tunnelStatus: tunnelStatus.jsonBytes(),
            pairingKeyDigest: nil,
            credentialDigest: nil,
            isCredentialUsed: false,
            fingerprint: nil,
            reapprovalSince: uid == "device-153" ? moment : nil,
            pausedReason: uid == "device-153" ? "server-behind" : nil,
            keptRun: nil,
            desiredCounter: 1,
            version: 1,
            createdAt: moment,
            modifiedAt: moment,
            pairedAt: moment
        )
    }

    private static let machineExample: JSONObject = [
        "host": [
            "hostAddress": "192.0.2.15", "macAddress": "52:54:00:12:34:56",
            "hostChecksum": "4c4c4544-0042", "project": ["uid": .string(clusterUID)],
            "hostIdentity": ["mode": "local", "socketPath": "/run/libvirt", "caCert": "…"],
        ],
        "device": [
            "cpu": ["cores": 8], "memory": ["sizeInMB": 32_768],
            "disks": [
                [
                    "controller": "sda", "size": 480, "vendor": "ACME",
                    "partitions": [
                        [
                            "fileSystemType": "ext4", "mountPoint": "/", "freeSpace": 200,
                            "totalSpace": 400, "usedSpace": 200,
                        ]
                    ],
                ]
            ],
            "nics": [
                [
                    "nicName": "eth0", "ip": "192.0.2.15", "subnet": "255.255.255.0",
                    "gateway": "192.0.2.1", "macAddr": "52:54:00:12:34:56", "isDefault": true,
                    "dns": ["192.0.2.53"],
                ]
            ],
            "gpus": [
                [
                    "vendor": "ACME", "model": "G1", "memory": "16Gi", "gpuCount": 1,
                    "migCapable": false, "migStrategy": "none",
                    "addresses": ["0": "0000:01:00.0"],
                ]
            ],
            "os": [
                "family": "debian", "version": "12", "kernel": "Linux", "kernelVersion": "6.1",
            ],
            "hostState": "registration", "hostType": "appliance", "secureBoot": false,
        ],
        "properties": [
            "networks": [["networkName": "br0", "networkType": "bridge"]],
            "storagePools": [["name": "ehl_images"]],
        ],
        "service": ["name": "easel-agent", "version": "1.0.0"],
        "cloudProperties": [
            "vsphere": [
                "datacenters": [
                    [
                        "name": "dc1", "folders": ["vms"],
                        "computeClusters": [
                            [
                                "name": "c1", "datastores": ["ds1"], "networks": ["n1"],
                                "resourcePools": ["r1"],
                            ]
                        ],
                    ]
                ]
            ]
        ],
    ]

    private static let sparseMachineExample: JSONObject = [
        "host": ["hostIdentity": [:]],
        "device": [
            "cpu": [:], "memory": [:], "disks": [["partitions": [[:]]]], "nics": [[:]],
            "gpus": [[:]], "os": [:],
        ],
        "cloudProperties": ["vsphere": ["datacenters": [["computeClusters": [[:]]]]]],
    ]

    private static let tunnelStatusExample: JSONObject = [
        "ssh": [
            "state": "Created", "message": "", "lastModifiedTime": "2026-03-01T12:00:00.000Z",
            "user": [
                "state": "Created", "message": "",
                "lastModifiedTime": "2026-03-01T12:00:00.000Z",
            ],
        ]
    ]

    private static let layerExample: JSONObject = [
        "name": "fluentbit", "version": "4.0.1", "kind": "spectro",
        "profileUid": .string(profileUID), "revision": 3,
        "condition": ["type": "Ready", "status": "True", "reason": "Applied", "message": ""],
    ]

    /// As Palette's own agents report it: they know of no revisions.
    private static let sparseLayerExample: JSONObject = {
        var layer = layerExample
        layer["revision"] = nil
        return layer
    }()

    private static let templateExample: JSONObject = [
        "uid": .string(profileUID), "name": "edge-system", "type": "system",
        "cloudType": "edge-native", "profileVersion": "1.0.0", "version": 3,
        "packServerRefs": [["kind": "registry", "name": "Public Repo", "uid": "u"]],
        "packServerSecret": "", "relatedObject": ["kind": "edgehost", "name": "n", "uid": "u"],
        "packs": [
            [
                "name": "fluentbit", "packUid": .string(clusterUID),
                "registryUid": .string(tenantUID), "layer": "addon", "type": "spectro",
                "tag": "4.x", "version": "4.0.1", "values": "", "digest": "sha256:…",
                "annotations": ["source": "public"], "inValidReason": "", "isInvalid": false,
                "logo": "", "server": "", "params": JSONValue.object(JSONObject()),
                "manifests": [["kind": "manifest", "name": "m", "uid": "u"]],
                "presets": [
                    [
                        "name": "p", "displayName": "P", "group": "g", "add": "",
                        "remove": ["a"],
                    ]
                ],
                "schema": [
                    [
                        "name": "s", "type": "string", "format": "", "regex": "",
                        "required": false, "readonly": false, "hints": ["h"],
                        "listOptions": ["o"],
                    ]
                ],
            ],
            ["name": "hello", "layer": "addon"],
        ],
    ]
}

extension DeviceAnswer {
    package static var examples: [DeviceAnswer] { ApplianceDetail.examples.map(DeviceAnswer.init) }
}
