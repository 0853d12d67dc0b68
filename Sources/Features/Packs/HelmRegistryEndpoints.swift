import APIKit
import Audit
import HTTPCore
import Storage

extension Packs {
    /// The operations on Helm repositories.
    var helmRegistryEndpoints: [Endpoint] {
        [
            helmRegistries, helmSummary, validateHelm, createHelm, helmRegistry, updateHelm,
            deleteHelm, syncHelm, helmSyncStatus,
        ]
    }

    private var helmRegistries: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/helm",
            id: "v1RegistriesHelmList",
            tag: "registries-helm",
            summary: "Lists the Helm repositories that the tenant may use.",
            access: .user(.registryList),
            failures: [.invalidRequest, .unprocessable],
            query: [Self.scopeQuery] + QueryParameter.paging + Self.listQuery,
            output: HelmRegistriesWire.self
        ) { _, context in
            let (items, meta) = try Self.page(of: .helm, database, context)
            return HelmRegistriesWire(
                page: PageWire(items: items.map { HelmRegistryWire(registry: $0) }, meta: meta)
            )
        }
    }

    private var helmSummary: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/helm/summary",
            id: "v1RegistriesHelmSummaryList",
            tag: "registries-helm",
            summary: "Lists the Helm repositories that the tenant may use, in short.",
            access: .user(.registryList),
            failures: [.invalidRequest, .unprocessable],
            query: [Self.scopeQuery] + QueryParameter.paging + Self.listQuery,
            output: HelmRegistriesSummaryWire.self
        ) { _, context in
            let (items, meta) = try Self.page(of: .helm, database, context)
            let wires = items.map { RegistrySummaryWire(registry: $0, shape: .helm) }
            return HelmRegistriesSummaryWire(page: PageWire(items: wires, meta: meta))
        }
    }

    private var validateHelm: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/helm/validate",
            id: "V1RegistriesHelmValidate",
            tag: "registries-helm",
            summary: "Sees whether a Helm repository can be read; stores nothing.",
            access: .user(.registryCreate),
            failures: [.ruleViolated, .unavailable],
            input: HelmRegistryInput.Spec.self
        ) { input, _ in
            try await content.check(.helm, input.common.spec, input.common.secret)
        }
    }

    private var createHelm: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/helm",
            id: "v1RegistriesHelmCreate",
            tag: "registries-helm",
            summary: "Adds a Helm repository once its index could be read; a private one is not "
                + "synchronised, and its charts are named by their versions.",
            access: .user(.registryCreate),
            success: 201,
            failures: [.ruleViolated, .duplicateName, .limitExceeded, .unavailable],
            query: [Self.scopeQuery],
            input: HelmRegistryInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let answer = try await create(
                .helm,
                input.registry,
                skipsSync: input.createOption?.skipsSync ?? false,
                context
            )
            fetch(input.createOption?.charts ?? [], from: answer.uid, context.tenantUID)
            return answer
        }.takingIdempotencyKey()
    }

    /// Fetches charts that a new repository names, while its author goes on: the first profile
    /// need not wait for them, and fetches what could not be had here.
    private func fetch(
        _ charts: [HelmRegistryInput.Chart],
        from registryUID: String,
        _ tenantUID: String
    ) {
        guard !charts.isEmpty else { return }
        Task.detached { [content] in
            for chart in charts {
                let wanted = WantedChart(
                    name: chart.name,
                    registryUID: registryUID,
                    packUID: "",
                    tag: chart.version,
                    pointer: ""
                )
                try? await content.prepare(wanted, tenantUID: tenantUID)
            }
        }
    }

    /// Answers for registries of every kind: a real client asks here whatever kind it was given
    /// (CONVENTIONS §11).
    private var helmRegistry: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/helm/{uid}",
            id: "v1RegistriesHelmUidGet",
            tag: "registries-helm",
            summary: "Shows one registry in the shape of a Helm registry, whatever its kind.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: HelmRegistryWire.self
        ) { _, context in
            HelmRegistryWire(registry: try Self.found(of: database, context))
        }
    }

    private var updateHelm: Endpoint {
        Endpoint(
            .put,
            "/v1/registries/helm/{uid}",
            id: "v1RegistriesHelmUidUpdate",
            tag: "registries-helm",
            summary: "Replaces the name of a Helm repository and how it is reached; credentials "
                + "that the body leaves out stay.",
            access: .user(.registryUpdate),
            failures: [
                .ruleViolated, .resourceNotFound, .duplicateName, .conflict, .preconditionFailed,
                .unavailable,
            ],
            input: HelmRegistryInput.self
        ) { input, context in
            try await update(.helm, input.registry, context)
        }
    }

    private var deleteHelm: Endpoint {
        Endpoint(
            .delete,
            "/v1/registries/helm/{uid}",
            id: "v1RegistriesHelmUidDelete",
            tag: "registries-helm",
            summary: "Deletes a Helm repository that no layer comes from.",
            access: .user(.registryDelete),
            failures: [.resourceNotFound, .inUse, .preconditionFailed]
        ) { _, context in
            try await delete(.helm, context)
        }
    }

    private var syncHelm: Endpoint {
        Endpoint(
            .post,
            "/v1/registries/helm/{uid}/sync",
            id: "v1RegistriesHelmUidSync",
            tag: "registries-helm",
            summary: "Begins to bring a Helm repository up to date; one run goes on at a time.",
            access: .user(.registryUpdate),
            success: 202,
            failures: [.resourceNotFound, .ruleViolated, .conflict],
            query: [Self.forceQuery]
        ) { _, context in
            try await beginSync(.helm, context)
        }.takingIdempotencyKey()
    }

    private var helmSyncStatus: Endpoint {
        Endpoint(
            .get,
            "/v1/registries/helm/{uid}/sync/status",
            id: "v1RegistriesHelmUidSyncStatus",
            tag: "registries-helm",
            summary: "Shows how the last run of a Helm repository ended, or that one goes on.",
            access: .user(.registryGet),
            failures: [.resourceNotFound],
            output: SyncStatusWire.self
        ) { _, context in
            SyncStatusWire(registry: try Self.registry(.helm, of: database, context))
        }
    }
}
