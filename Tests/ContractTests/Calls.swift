import APIKit
import HTTPCore
import JSON
import TestSupport

/// One call of one operation.
struct Call: Sendable, CustomStringConvertible {
    enum Caller: Sendable { case admin, appliance, nobody }

    /// The operation's id.
    let id: String
    let method: HTTPMethod
    let target: String
    /// Whether the call is in the place's project.
    var inProject = false
    var caller = Caller.admin
    var body: JSONValue?
    /// A body that is no JSON.
    var raw: [UInt8]?
    var headers: [(String, String)] = []

    var description: String { "\(id): \(method.text) \(target)" }
}

extension World {
    /// Sends a call.
    ///
    /// - Parameter credential: instead of the caller's own; the whole value of a header.
    func send(
        _ call: Call,
        of place: Place,
        method: HTTPMethod? = nil,
        credential: (String, String)?? = nil,
        project: String?? = nil,
        raw: [UInt8]? = nil,
        headers extra: [(String, String)] = []
    ) async throws -> TestAnswer {
        var headers = call.headers + extra
        let own: (String, String)? =
            switch call.caller {
            case .admin: ("ApiKey", place.key)
            case .appliance: ("Authorization", "Bearer \(place.credential)")
            case .nobody: nil
            }
        if let presented = credential ?? own { headers.append(presented) }
        let bytes = raw ?? call.raw ?? call.body?.jsonBytes() ?? []
        if call.body != nil, !headers.contains(where: { $0.0 == "Content-Type" }) {
            headers.append(("Content-Type", "application/json"))
        }
        let answer = try await api.call(
            method ?? call.method,
            call.target,
            as: nil,
            project: project ?? (call.inProject ? place.projectUID : nil),
            headers: headers,
            raw: bytes
        )
        // What a call began in the background is over before the next is judged.
        await settle()
        return answer
    }

    /// One successful call of every operation, in an order in which each finds what it needs and
    /// nothing that a later one needs is gone.
    func calls(of place: Place) throws -> [Call] {
        try reads(of: place) + identityWrites(of: place) + registryWrites(of: place)
            + profileWrites(of: place) + agentWrites(of: place) + applianceWrites(of: place)
            + deletes(of: place)
    }

    private func reads(of p: Place) -> [Call] {
        let host = "/v1/edgehosts/\(p.applianceUID)"
        let profile = "/v1/clusterprofiles/\(p.profileUID)"
        func get(_ id: String, _ target: String, project: Bool = false) -> Call {
            Call(id: id, method: .get, target: target, inProject: project)
        }
        func open(_ id: String, _ target: String) -> Call {
            Call(id: id, method: .get, target: target, caller: .nobody)
        }
        func search(_ id: String, _ target: String, project: Bool = false) -> Call {
            Call(id: id, method: .post, target: target, inProject: project, body: [:])
        }
        return [
            open("getLiveness", "/livez"), open("getReadiness", "/readyz"),
            open("getMetrics", "/metrics"), open("getOpenAPI", "/openapi.json"),
            open("getSystemProfilePublicKey", "/v1/clusterprofiles/spc/publickey"),
            get("v1UsersInfoGet", "/v1/users/info"), get("v1UsersList", "/v1/users"),
            get("v1ApiKeysList", "/v1/apiKeys"),
            get("v1ApiKeysUidGet", "/v1/apiKeys/\(p.spareKeyUID)"),
            get("v1ProjectsMetadata", "/v1/dashboard/projects/metadata"),
            get("v1ProjectsList", "/v1/projects"),
            search("v1ProjectsFilterSummary", "/v1/dashboard/projects"),
            get("v1ProjectsUidGet", "/v1/projects/\(p.emptyProjectUID)"),
            get("v1EdgeHostDevicesList", "/v1/edgehosts", project: true),
            get("v1EdgeHostsMetadataQuickFilterGet", "/v1/edgehosts/metadata", project: true),
            get("v1EdgeHostsTagsGet", "/v1/edgehosts/tags", project: true),
            get("v1DashboardEdgehostsSearchSchemaGet", "/v1/dashboard/edgehosts/search/schema"),
            search("v1DashboardEdgehostsSearch", "/v1/dashboard/edgehosts/search", project: true),
            search("v1EdgeHostsMetadata", "/v1/dashboard/appliances/metadata", project: true),
            get("v1EdgeHostDevicesUidGet", host, project: true),
            get("listApplianceEvents", host + "/events", project: true),
            get("v1EdgeHostDevicesUidConfigGet", host + "/config", project: true),
            get("v1EdgeHostDevicesUidProfilesGet", host + "/profiles", project: true),
            get(
                "v1EdgeHostDevicesUidPackManifestsUidGet",
                host + "/pack/manifests/\(p.manifestUID)",
                project: true
            ),
            get("v1EdgeHostDevicesUidSpcDownload", host + "/spc/download", project: true),
            get("v1EdgeTokensList", "/v1/edgehosts/tokens"),
            get("v1EdgeTokensUidGet", "/v1/edgehosts/tokens/\(p.tokenUID)"),
            get("v1ClusterProfilesList", "/v1/clusterprofiles", project: true),
            get(
                "v1ClusterProfilesMetadata",
                "/v1/dashboard/clusterprofiles/metadata",
                project: true
            ),
            get(
                "v1ClusterProfilesValidateNameVersion",
                "/v1/clusterprofiles/validate/name?name=free&version=1.0.0",
                project: true
            ),
            get("v1ClusterProfilesGet", profile, project: true),
            search(
                "v1ClusterProfilesFilterSummary",
                "/v1/dashboard/clusterprofiles",
                project: true
            ),
            get(
                "v1ClusterProfilesUidSummary",
                "/v1/dashboard/clusterprofiles/\(p.profileUID)",
                project: true
            ),
            get("listClusterProfileRevisions", profile + "/revisions", project: true),
            get("V1ClusterProfilesUidExport", profile + "/export?format=yaml", project: true),
            get("getClusterProfileRevision", profile + "/revisions/1", project: true),
            get("diffClusterProfileRevisions", profile + "/revisions/diff", project: true),
            get(
                "blameClusterProfile",
                profile + "/revisions/blame?layer=vms&manifest=vm",
                project: true
            ),
            get("listClusterProfileTrains", profile + "/trains", project: true),
            get("previewTrains", "/v1/clusterprofiles/trains/preview?packName=web", project: true),
            get("v1ClusterProfilesUidSpcDownload", profile + "/spc/download", project: true),
            get("v1ClusterProfilesUidPacksGet", profile + "/packs", project: true),
            get(
                "v1ClusterProfilesUidPacksManifestsGet",
                profile + "/packs/manifests",
                project: true
            ),
            get("V1ClusterProfilesUidPacksNameGet", profile + "/packs/vms", project: true),
            get(
                "v1ClusterProfilesUidPacksUidManifests",
                profile + "/packs/vms/manifests",
                project: true
            ),
            get(
                "v1ClusterProfilesUidPacksNameManifestsUidGet",
                profile + "/packs/vms/manifests/\(p.manifestUID)",
                project: true
            ),
            get("V1ClusterProfilesUidVariablesGet", profile + "/variables", project: true),
            get("v1MacrosList", "/v1/clusterprofiles/macros", project: true),
            get("v1ProjectsUidMacrosList", "/v1/projects/\(p.projectUID)/macros"),
            get("v1TenantsUidMacrosList", "/v1/tenants/\(p.tenantUID)/macros"),
            get("v1UsersSystemMacrosList", "/v1/users/system/macros"),
            get("v1PacksSummaryList", "/v1/packs"), search("v1PacksSearch", "/v1/packs/search"),
            get("v1PacksUid", "/v1/packs/\(p.packUID)"),
            get("v1PacksUidReadme", "/v1/packs/\(p.packUID)/readme"),
            get("v1PacksPackUidLogo", "/v1/packs/\(p.packUID)/logo"),
            get("v1PacksNameRegistryUidList", "/v1/packs/private/registries/\(p.registryUID)"),
            get("v1RegistriesMetadata", "/v1/registries/metadata?scope="),
            get("v1RegistriesPackList", "/v1/registries/pack"),
            get("v1RegistriesPackSummaryList", "/v1/registries/pack/summary"),
            get("v1RegistriesPackUidGet", "/v1/registries/pack/\(p.registryUID)"),
            get(
                "v1RegistriesPackUidSyncStatus",
                "/v1/registries/pack/\(p.registryUID)/sync/status"
            ),
            get("v1RegistriesHelmUidGet", "/v1/registries/helm/\(p.registryUID)"),
            get("v1RegistriesHelmList", "/v1/registries/helm"),
            get("v1RegistriesHelmSummaryList", "/v1/registries/helm/summary"),
            get("v1RegistriesHelmUidSyncStatus", "/v1/registries/helm/\(p.helmUID)/sync/status"),
            get("v1OciRegistriesSummary", "/v1/registries/oci/summary"),
            get("v1BasicOciRegistriesUidGet", "/v1/registries/oci/\(p.ociUID)/basic"),
            get(
                "v1BasicOciRegistriesUidSyncStatus",
                "/v1/registries/oci/\(p.ociUID)/basic/sync/status"
            ),
        ]
    }

    private func identityWrites(of p: Place) throws -> [Call] {
        let key = "/v1/apiKeys/\(p.spareKeyUID)"
        let token = "/v1/edgehosts/tokens/\(p.tokenUID)"
        return [
            Call(
                id: "v1Authenticate",
                method: .post,
                target: "/v1/auth/authenticate",
                caller: .nobody,
                body: ["emailId": .string(p.email), "password": .string(p.password)]
            ),
            Call(
                id: "v1ApiKeysCreate",
                method: .post,
                target: "/v1/apiKeys",
                body: ["metadata": ["name": "new"], "spec": ["userUid": .string(p.memberUID)]]
            ),
            Call(
                id: "v1ApiKeysUidUpdate",
                method: .put,
                target: key,
                body: ["metadata": ["name": "renamed"]]
            ),
            Call(
                id: "v1ApiKeysUidActiveState",
                method: .patch,
                target: key,
                body: ["isActive": false]
            ),
            Call(
                id: "v1ApiKeysUidState",
                method: .put,
                target: key + "/state",
                body: ["isActive": true]
            ),
            Call(
                id: "v1UsersCreate",
                method: .post,
                target: "/v1/users",
                body: ["spec": ["emailId": "new@example.com", "password": "First-pass-1"]]
            ),
            Call(
                id: "v1ProjectsCreate",
                method: .post,
                target: "/v1/projects",
                body: ["metadata": ["name": "Made"]]
            ),
            Call(
                id: "v1ProjectsUidUpdate",
                method: .put,
                target: "/v1/projects/\(p.emptyProjectUID)",
                body: ["metadata": ["name": "Other"]]
            ),
            Call(
                id: "v1EdgeTokensCreate",
                method: .post,
                target: "/v1/edgehosts/tokens",
                body: [
                    "metadata": ["name": "made"],
                    "spec": ["defaultProjectUid": .string(p.projectUID)],
                ]
            ),
            Call(
                id: "v1EdgeTokensUidUpdate",
                method: .put,
                target: token,
                body: [
                    "metadata": ["name": "renamed"],
                    "spec": ["defaultProjectUid": .string(p.projectUID)],
                ]
            ),
            Call(
                id: "v1EdgeTokensUidState",
                method: .put,
                target: token + "/state",
                body: ["isActive": true]
            ),
            Call(
                id: "importPack",
                method: .post,
                target: "/v1/registries/pack/\(p.registryUID)/packs",
                raw: try PlaceMaker.pack("imported", "1.0.0"),
                headers: [("Content-Type", "application/gzip")]
            ),
        ]
    }

    private func profileWrites(of p: Place) -> [Call] {
        let profile = "/v1/clusterprofiles/\(p.profileUID)"
        let manifest = profile + "/packs/vms/manifests/\(p.manifestUID)"
        func call(_ id: String, _ method: HTTPMethod, _ target: String, _ body: JSONValue?) -> Call
        {
            Call(id: id, method: method, target: target, inProject: true, body: body)
        }
        let template = Bodies.template(registryUID)
        return [
            call(
                "v1ClusterProfilesCreate",
                .post,
                "/v1/clusterprofiles",
                Bodies.profile("made", registry: registryUID)
            ),
            call(
                "v1ClusterProfilesValidatePacks",
                .post,
                "/v1/clusterprofiles/validate/packs",
                template
            ),
            call(
                "v1ClusterProfilesUidValidatePacks",
                .post,
                profile + "/validate/packs",
                template
            ),
            call(
                "v1ClusterProfilesUidMetadataUpdate",
                .patch,
                profile + "/metadata",
                ["metadata": ["name": "edge", "annotations": ["description": "changed"]]]
            ),
            call(
                "v1ClusterProfilesUidPacksAdd",
                .post,
                profile + "/packs",
                ["pack": Bodies.layer("more")]
            ),
            call(
                "v1ClusterProfilesUidPacksNameUpdate",
                .put,
                profile + "/packs/vms",
                ["pack": ["name": "vms", "type": "manifest", "values": "a: 1\n"]]
            ),
            call(
                "v1ClusterProfilesUidPacksNameManifestsAdd",
                .post,
                profile + "/packs/vms/manifests",
                ["name": "third", "content": "kind: C\n"]
            ),
            call(
                "v1ClusterProfilesUidPacksNameManifestsUidUpdate",
                .put,
                manifest,
                ["name": "vm", "content": "kind: Changed\n"]
            ),
            call(
                "V1ClusterProfilesUidVariablesPut",
                .put,
                profile + "/variables",
                ["variables": [["name": "zone", "defaultValue": "a"]]]
            ),
            call(
                "V1ClusterProfilesUidVariablesPatch",
                .patch,
                profile + "/variables",
                ["variables": [["name": "zone", "defaultValue": "b"]]]
            ),
            call("v1ClusterProfilesPublish", .patch, profile + "/publish", nil),
            call("rollBackClusterProfile", .post, profile + "/revisions/1/rollback", nil),
            call("holdClusterProfilePack", .patch, profile + "/packs/web/hold", nil),
            call("releaseClusterProfilePack", .patch, profile + "/packs/web/release", nil),
            call("pinClusterProfilePack", .patch, profile + "/packs/web/pin", nil),
        ] + profileCopies(of: p) + macroWrites(of: p)
    }

    private func profileCopies(of p: Place) -> [Call] {
        let profile = "/v1/clusterprofiles/\(p.profileUID)"
        func call(_ id: String, _ target: String, _ body: JSONValue) -> Call {
            Call(id: id, method: .post, target: target, inProject: true, body: body)
        }
        return [
            call(
                "v1ClusterProfilesUidClone",
                profile + "/clone",
                ["metadata": ["name": "edge", "version": "2.0.0"]]
            ),
            call(
                "v1ClusterProfilesUidCloneValidate",
                profile + "/clone/validate",
                ["name": "edge", "version": "3.0.0"]
            ),
            call(
                "v1ClusterProfilesImportValidate",
                "/v1/clusterprofiles/import/validate",
                Bodies.profile("carried", registry: registryUID)
            ),
            call(
                "v1ClusterProfilesImport",
                "/v1/clusterprofiles/import",
                Bodies.profile("carried", registry: registryUID)
            ),
            Call(
                id: "v1ClusterProfilesImportFile",
                method: .post,
                target: "/v1/clusterprofiles/import/file",
                inProject: true,
                raw: Bodies.form(Bodies.profile("filed", registry: registryUID).jsonBytes()),
                headers: [("Content-Type", "multipart/form-data; boundary=edge")]
            ),
        ]
    }

    private func macroWrites(of p: Place) -> [Call] {
        let places = [
            ("v1ProjectsUidMacros", "/v1/projects/\(p.projectUID)/macros"),
            ("v1TenantsUidMacros", "/v1/tenants/\(p.tenantUID)/macros"),
            ("v1UsersSystemMacros", "/v1/users/system/macros"),
        ]
        return places.flatMap { name, target in
            let writes: [(String, HTTPMethod, String)] = [
                ("Create", .post, "1"), ("UpdateByMacroName", .patch, "2"), ("Update", .put, "3"),
                ("DeleteByMacroName", .delete, ""),
            ]
            return writes.map { verb, method, value in
                Call(
                    id: name + verb,
                    method: method,
                    target: target,
                    body: ["macros": [["name": "contract", "value": .string(value)]]]
                )
            }
        }
    }

    private func agentWrites(of p: Place) -> [Call] {
        let host = "/v1/edgehosts/\(p.applianceUID)"
        func call(_ id: String, _ method: HTTPMethod, _ target: String, _ body: JSONValue?) -> Call
        {
            Call(id: id, method: method, target: target, caller: .appliance, body: body)
        }
        return [
            Call(
                id: "v1EdgeHostDevicesRegister",
                method: .post,
                target: "/v1/edgehosts/register",
                caller: .nobody,
                body: Bodies.pairing("auto-" + p.applianceUID, token: p.token)
            ),
            Call(
                id: "edgeServiceLogin",
                method: .post,
                target: "/v1/auth/services/edge/login",
                caller: .nobody,
                body: [
                    "edgeHostUid": .string(p.applianceUID), "authToken": .string(p.credential),
                ]
            ),
            call("followDesiredState", .get, host + "/desired", nil),
            call("fetchBlob", .get, host + "/blobs/\(p.digest)", nil),
            call(
                "renewCertificate",
                .post,
                host + "/certificate",
                ["certificateRequest": .string(Bodies.certificateRequest)]
            ),
            call("reportObservation", .post, host + "/report", Bodies.report(1)),
            call(
                "v1EdgeHostDevicesHealthUpdate",
                .patch,
                host + "/health",
                ["state": "healthy", "message": "", "agentVersion": "1.0.0"]
            ),
            call(
                "v1EdgeHostDeviceHostCheckSumUpdate",
                .patch,
                host + "/hostCheckSum",
                ["hostCheckSum": "machine-1"]
            ),
            call(
                "v1EdgeHostDevicesUidPacksStatusPatch",
                .patch,
                host + "/packs/status",
                [
                    "packs": [
                        [
                            "name": "web", "type": "spectro", "version": "1.1.0",
                            "condition": ["type": "Ready", "status": "True"],
                        ]
                    ]
                ]
            ),
            call(
                "v1EdgeHostDevicesUidTunnelStatusUpdate",
                .patch,
                host + "/tunnelStatus",
                ["ssh": ["state": "Created", "message": ""]]
            ),
            call(
                "v1EdgeHostDevicesUidVspherePropertiesUpdate",
                .put,
                host + "/vsphere/properties",
                ["datacenters": [["name": "dc", "folders": ["f"], "computeClusters": []]]]
            ),
        ]
    }

    private func applianceWrites(of p: Place) -> [Call] {
        let host = "/v1/edgehosts/\(p.applianceUID)"
        func call(_ id: String, _ method: HTTPMethod, _ target: String, _ body: JSONValue?) -> Call
        {
            Call(id: id, method: method, target: target, inProject: true, body: body)
        }
        return [
            call(
                "v1EdgeHostDevicesCreate",
                .post,
                "/v1/edgehosts",
                ["metadata": ["uid": .string("made-" + p.applianceUID)]]
            ),
            call(
                "v1EdgeHostDevicesUidUpdate",
                .put,
                host,
                ["metadata": ["name": "renamed", "labels": ["a": "b"]]]
            ),
            call(
                "v1EdgeHostDevicesUidMetaUpdate",
                .put,
                host + "/meta",
                ["metadata": ["name": "again", "labels": ["name": "Shop"]]]
            ),
            call(
                "v1EdgeHostDevicesUidProfilesUpdate",
                .put,
                host + "/profiles",
                ["profiles": [["uid": .string(p.profileUID)]]]
            ),
            call("V1EdgeHostsUidReset", .put, host + "/reset", nil),
            call(
                "v1EdgeHostDevicesUidTunnelConfigUpdate",
                .patch,
                host + "/tunnelConfig",
                ["remoteSsh": "enabled"]
            ),
            call(
                "v1EdgeHostDevicesUidClusterAssociate",
                .patch,
                host + "/cluster/associate",
                ["clusterUid": "65f1c0a4d2b7e81f3c9a4b6d"]
            ),
            call(
                "v1EdgeHostDevicesUidClusterDeassociate",
                .delete,
                host + "/cluster/associate",
                nil
            ),
            call(
                "v1EdgeHostDeviceHostPairingKeyUpdate",
                .patch,
                host + "/hostPairingKey",
                ["hostPairingKey": "a-new-key"]
            ),
            call("resumeAppliance", .post, "/v1/edgehosts/\(p.waitingUID)/resume", nil),
            call(
                "replaceApplianceHost",
                .post,
                host + "/replace",
                ["makePairingKey": true]
            ),
        ]
    }

    private func deletes(of p: Place) -> [Call] {
        let profile = "/v1/clusterprofiles/\(p.profileUID)"
        func call(_ id: String, _ target: String, project: Bool = true) -> Call {
            Call(id: id, method: .delete, target: target, inProject: project)
        }
        return [
            call(
                "v1ClusterProfilesUidPacksNameManifestsUidDelete",
                profile + "/packs/vms/manifests/\(p.manifestUID)"
            ),
            call("v1ClusterProfilesUidPacksNameDelete", profile + "/packs/vms"),
            Call(
                id: "v1ClusterProfilesUpdate",
                method: .put,
                target: profile,
                inProject: true,
                body: Bodies.profile("edge", registry: registryUID)
            ),
            call("v1EdgeHostDevicesUidDelete", "/v1/edgehosts/\(p.applianceUID)"),
            call("v1ClusterProfilesDelete", profile),
            Call(
                id: "v1ClusterProfilesBulkDelete",
                method: .delete,
                target: "/v1/clusterprofiles/bulk",
                body: ["uids": [.string(p.draftUID)]]
            ),
            call(
                "v1RegistriesPackUidDelete",
                "/v1/registries/pack/\(p.remoteUID)",
                project: false
            ),
            call(
                "v1RegistriesHelmUidDelete",
                "/v1/registries/helm/\(p.helmUID)",
                project: false
            ),
            call(
                "v1BasicOciRegistriesUidDelete",
                "/v1/registries/oci/\(p.ociUID)/basic",
                project: false
            ),
            call("v1EdgeTokensUidDelete", "/v1/edgehosts/tokens/\(p.tokenUID)", project: false),
            call("v1ApiKeysUidDelete", "/v1/apiKeys/\(p.spareKeyUID)", project: false),
            Call(
                id: "v1ProjectsUidDelete",
                method: .delete,
                target: "/v1/projects/\(p.emptyProjectUID)",
                body: [:]
            ),
        ]
    }
}
