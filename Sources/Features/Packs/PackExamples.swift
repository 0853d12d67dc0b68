import Primitives

// The values that the OpenAPI document shows and reads its schemas off.

extension FilledPack {
    static var example: FilledPack {
        FilledPack(
            pack: PackVersion(
                uid: "65f1c0a4d2b7e81f3c9a4b6d",
                registryUID: Registry.example.uid,
                name: "hello-universe",
                version: "1.2.0",
                displayName: "Hello Universe",
                layer: .addon,
                addonType: "app services",
                addonSubType: "",
                group: "",
                cloudTypes: ["all"],
                annotations: ["source": "community"],
                presets: [
                    Preset(
                        name: "disable-api",
                        displayName: "Disable the API",
                        group: "Backend",
                        remove: ["manifests.hello-universe.api"],
                        add: "manifests:\n  hello-universe:\n    apiEnabled: false\n"
                    )
                ],
                schema: """
                    manifests.hello-universe.port:
                      schema: '{{ required | format "${number}" | hints "The port." }}'
                    manifests.hello-universe.mode:
                      schema: '{{ format "${list:[a,b]}" }}'
                    """,
                constraints: nil,
                manifests: [
                    PackManifest(
                        name: "hello-universe",
                        digest: BlobStore.digest(of: []),
                        size: 0
                    )
                ],
                charts: [],
                valuesDigest: BlobStore.digest(of: []),
                valuesSize: 0,
                readmeDigest: BlobStore.digest(of: []),
                logoDigest: BlobStore.digest(of: []),
                digest: BlobStore.digest(of: []),
                eol: "",
                state: .active,
                createdAt: Timestamp(seconds: 1_700_000_000)
            ),
            values: "manifests:\n  hello-universe:\n    port: 8080\n",
            readme: "# Hello Universe\n"
        )
    }

    /// A pack without anything that may be left out.
    static var exampleMinimal: FilledPack {
        FilledPack(
            pack: PackVersion(
                uid: "65f1c0a4d2b7e81f3c9a4b6e",
                registryUID: Registry.example.uid,
                name: "tools",
                version: "1.0.0",
                displayName: "Tools",
                layer: .addon,
                addonType: "",
                addonSubType: "",
                group: "",
                cloudTypes: [],
                annotations: [:],
                presets: [],
                schema: "",
                constraints: nil,
                manifests: [],
                charts: [],
                valuesDigest: BlobStore.digest(of: []),
                valuesSize: 0,
                readmeDigest: nil,
                logoDigest: nil,
                digest: BlobStore.digest(of: []),
                eol: "",
                state: .active,
                createdAt: Timestamp(seconds: 1_700_000_000)
            ),
            values: "",
            readme: nil
        )
    }
}

extension PackSummary {
    static func example(of pack: PackVersion) -> PackSummary {
        PackSummary(
            uid: pack.uid,
            registryUID: pack.registryUID,
            name: pack.name,
            version: pack.version,
            displayName: pack.displayName,
            layer: pack.layer.rawValue,
            addonType: pack.addonType,
            addonSubType: pack.addonSubType,
            group: pack.group,
            cloudTypes: pack.cloudTypes,
            annotations: pack.annotations,
            hasLogo: pack.logoDigest != nil,
            state: pack.state,
            createdAt: pack.createdAt
        )
    }
}

extension Registry {
    /// A registry as the documents show one.
    package static var example: Registry {
        Registry(
            uid: "65f1c0a4d2b7e81f3c9a4b60",
            tenantUID: nil,
            name: embeddedName,
            kind: .pack,
            isDefault: true,
            createdAt: Timestamp(seconds: 1_700_000_000),
            modifiedAt: Timestamp(seconds: 1_700_000_000)
        )
    }

    /// A registry of a tenant, with all that one may say.
    static var exampleRemote: Registry {
        var spec = RegistrySpec()
        spec.endpoint = "https://packs.example/central"
        spec.auth = .basic
        spec.username = "reader"
        spec.ca = "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"
        spec.certificate = spec.ca
        spec.isTLSEnabled = true
        var sync = SyncState(nextAt: example.modifiedAt)
        sync.status = .success
        sync.message = "3 packs are new."
        sync.finishedAt = example.modifiedAt
        return Registry(
            uid: "65f1c0a4d2b7e81f3c9a4b61",
            tenantUID: "65f1c0a4d2b7e81f3c9a4b62",
            name: "Central",
            kind: .pack,
            isDefault: false,
            spec: spec,
            version: 17,
            createdAt: example.createdAt,
            modifiedAt: example.modifiedAt,
            sync: sync
        )
    }

    static var examples: [Registry] { [example, exampleRemote] }
}
