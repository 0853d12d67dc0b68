import APIKit
import HTTPCore
import Storage

extension Packs {
    /// The operations on OCI registries.
    var ociRegistryEndpoints: [Endpoint] {
        [
            ociSummary, validateOCI, createOCI, ociRegistry, updateOCI, deleteOCI, syncOCI,
            ociSyncStatus,
        ]
    }

    private var ociSummary: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/oci/summary",
            id: "v1OciRegistriesSummary",
            tag: "registries-oci",
            summary: "Lists the OCI registries that the tenant may use, in short.",
            access: .user(.registryList),
            output: OCIRegistriesWire.self
        ) { _, context in
            let registries = try database.read { tx in
                try RegistryStore.visible(context.tenantUID, tx)
            }
            return OCIRegistriesWire(registries: registries.filter { $0.kind == .oci })
        }
    }

    private var validateOCI: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/oci/basic/validate",
            id: "v1BasicOciRegistriesValidate",
            tag: "registries-oci",
            summary: "Sees whether an OCI registry can be read; stores nothing.",
            access: .user(.registryCreate),
            failures: [.ruleViolated, .unavailable],
            input: OCIRegistryInput.Spec.self
        ) { input, _ in
            try await content.check(.oci, input.common.spec, input.common.secret)
        }
    }

    private var createOCI: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/oci/basic",
            id: "v1BasicOciRegistriesCreate",
            tag: "registries-oci",
            summary: "Adds an OCI registry once it could be read, and begins to take it over.",
            access: .user(.registryCreate),
            success: 201,
            failures: [.ruleViolated, .duplicateName, .limitExceeded, .unavailable],
            query: [
                QueryParameter("skipPackSync", .boolean, "Leaves the first run to the schedule.")
            ],
            input: OCIRegistryInput.self,
            output: UIDAnswer.self
        ) { input, context in
            try await create(
                .oci,
                input.registry,
                skipsSync: context.flag("skipPackSync"),
                context
            )
        }.takingIdempotencyKey()
    }

    private var ociRegistry: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/oci/{uid}/basic",
            id: "v1BasicOciRegistriesUidGet",
            tag: "registries-oci",
            summary: "Shows one OCI registry.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: OCIRegistryWire.self
        ) { _, context in
            OCIRegistryWire(registry: try Self.registry(.oci, of: database, context))
        }
    }

    private var updateOCI: Endpoint {
        Endpoint(
            .put,
            "/v1/registries/oci/{uid}/basic",
            id: "v1BasicOciRegistriesUidUpdate",
            tag: "registries-oci",
            summary: "Replaces the name of an OCI registry and how it is reached; credentials "
                + "that the body leaves out stay.",
            access: .user(.registryUpdate),
            failures: [
                .ruleViolated, .resourceNotFound, .duplicateName, .conflict, .preconditionFailed,
                .unavailable,
            ],
            input: OCIRegistryInput.self
        ) { input, context in
            try await update(.oci, input.registry, context)
        }
    }

    private var deleteOCI: Endpoint {
        Endpoint(
            .delete,
            "/v1/registries/oci/{uid}/basic",
            id: "v1BasicOciRegistriesUidDelete",
            tag: "registries-oci",
            summary: "Deletes an OCI registry that no layer comes from.",
            access: .user(.registryDelete),
            failures: [.resourceNotFound, .inUse, .preconditionFailed]
        ) { _, context in
            try await delete(.oci, context)
        }
    }

    private var syncOCI: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/oci/{uid}/basic/sync",
            id: "v1BasicOciRegistriesUidSync",
            tag: "registries-oci",
            summary: "Begins to bring an OCI registry up to date; one run goes on at a time.",
            access: .user(.registryUpdate),
            success: 202,
            failures: [.resourceNotFound, .ruleViolated, .conflict],
            query: [Self.forceQuery]
        ) { _, context in
            try await beginSync(.oci, context)
        }.takingIdempotencyKey()
    }

    private var ociSyncStatus: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/oci/{uid}/basic/sync/status",
            id: "v1BasicOciRegistriesUidSyncStatus",
            tag: "registries-oci",
            summary: "Shows how the last run of an OCI registry ended, or that one goes on.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: SyncStatusWire.self
        ) { _, context in
            SyncStatusWire(registry: try Self.registry(.oci, of: database, context))
        }
    }
}
