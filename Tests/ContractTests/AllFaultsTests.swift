import APIKit
import HTTPCore
import JSON
import TestSupport
import Testing

/// A caller mends a body once: what breaks a rule is told beside what does not fit.
@Suite("A body with faults of shape and broken rules")
struct AllFaultsTests {
    /// Operations with rules of their own that cannot stand beside a fault of shape, and why.
    static let apart: Set<String> = [
        // Their one member is the one that the rule is about.
        "v1ApiKeysUidActiveState", "v1ApiKeysUidState", "v1EdgeHostDevicesUidPacksStatusPatch",
        "renewCertificate",
        // Rules are told only to machines that something admits, which a body that does not fit
        // does not show.
        "v1EdgeHostDevicesRegister",
        // Nothing is fetched for a body that does not fit.
        "V1RegistriesPackValidate", "v1RegistriesPackCreate", "v1RegistriesPackUidUpdate",
        "V1RegistriesHelmValidate", "v1RegistriesHelmCreate", "v1RegistriesHelmUidUpdate",
        "v1BasicOciRegistriesValidate", "v1BasicOciRegistriesCreate",
        "v1BasicOciRegistriesUidUpdate",
        // The rule is about what is copied, and no member of the body.
        "v1ClusterProfilesUidClone",
        // Published profiles are resolved only with macros that can be read, all of them.
        "v1ProjectsUidMacrosCreate", "v1ProjectsUidMacrosUpdate",
        "v1ProjectsUidMacrosUpdateByMacroName", "v1ProjectsUidMacrosDeleteByMacroName",
        "v1TenantsUidMacrosCreate", "v1TenantsUidMacrosUpdate",
        "v1TenantsUidMacrosUpdateByMacroName", "v1TenantsUidMacrosDeleteByMacroName",
        "v1UsersSystemMacrosCreate", "v1UsersSystemMacrosUpdate",
        "v1UsersSystemMacrosUpdateByMacroName", "v1UsersSystemMacrosDeleteByMacroName",
    ]

    struct Case {
        let id: String
        let method: HTTPMethod
        let target: String
        var inProject = true
        let body: JSONValue
        let faults: Set<String>
    }

    private static let past: JSONValue = "2000-01-01T00:00:00.000Z"

    private static func cases(_ place: Place) -> [Case] {
        identityCases(place) + applianceCases(place) + profileCases(place) + layerCases(place)
            + variableCases(place)
    }

    private static func identityCases(_ place: Place) -> [Case] {
        let key: JSONValue = ["metadata": ["name": 5], "spec": ["expiry": past]]
        let keyFaults: Set = ["/metadata/name WrongType", "/spec/expiry InThePast"]
        let token: JSONValue = [
            "metadata": ["name": 5],
            "spec": ["expiry": past, "defaultProjectUid": "nowhere"],
        ]
        let tokenFaults = keyFaults.union(["/spec/defaultProjectUid UnknownProject"])
        let (keys, tokens) = ("/v1/apiKeys", "/v1/edgehosts/tokens")
        return [
            Case(
                id: "v1ApiKeysCreate",
                method: .post,
                target: keys,
                inProject: false,
                body: key,
                faults: keyFaults
            ),
            Case(
                id: "v1ApiKeysUidUpdate",
                method: .put,
                target: "\(keys)/\(place.spareKeyUID)",
                inProject: false,
                body: key,
                faults: keyFaults
            ),
            Case(
                id: "v1EdgeTokensCreate",
                method: .post,
                target: tokens,
                inProject: false,
                body: token,
                faults: tokenFaults
            ),
            Case(
                id: "v1EdgeTokensUidUpdate",
                method: .put,
                target: "\(tokens)/\(place.tokenUID)",
                inProject: false,
                body: token,
                faults: tokenFaults
            ),
        ]
    }

    private static func applianceCases(_ place: Place) -> [Case] {
        let host = "/v1/edgehosts/\(place.applianceUID)"
        let metadata: JSONValue = ["metadata": ["uid": "another", "name": 5]]
        let faults: Set = ["/metadata/uid Immutable", "/metadata/name WrongType"]
        return [
            Case(
                id: "v1EdgeHostDevicesUidUpdate",
                method: .put,
                target: host,
                body: metadata,
                faults: faults
            ),
            Case(
                id: "v1EdgeHostDevicesUidMetaUpdate",
                method: .put,
                target: host + "/meta",
                body: metadata,
                faults: faults
            ),
            Case(
                id: "v1EdgeHostDevicesUidProfilesUpdate",
                method: .put,
                target: host + "/profiles",
                body: [
                    "profiles": [
                        7, ["uid": .string(place.draftUID)], ["uid": "nowhere"], ["uid": 5],
                    ]
                ],
                faults: [
                    "/profiles/0 WrongType", "/profiles/1/uid NotPublished",
                    "/profiles/2/uid UnknownProfile", "/profiles/3/uid WrongType",
                ]
            ),
        ]
    }

    /// Layers with a fault of each kind.
    private static let packs: JSONValue = [
        ["name": "web", "tag": "9.x", "values": "a: ["], 7,
        ["name": "vms", "type": "manifest", "values": 5],
    ]

    private static func packFaults(at place: String) -> Set<String> {
        [
            place + "/0/tag UnknownPack", place + "/0/values InvalidYAML", place + "/1 WrongType",
            place + "/2/values WrongType", place + "/2/manifests Required",
        ]
    }

    private static func variableCases(_ place: Place) -> [Case] {
        let writes: [(String, HTTPMethod)] = [("Put", .put), ("Patch", .patch)]
        return writes.map { verb, method in
            Case(
                id: "V1ClusterProfilesUidVariables\(verb)",
                method: method,
                target: "/v1/clusterprofiles/\(place.profileUID)/variables",
                body: ["variables": [["name": 5], ["name": "a"], ["name": "a", "regex": "("]]],
                faults: [
                    "/variables/0/name WrongType", "/variables/2/name DuplicateName",
                    "/variables/2/regex InvalidPattern",
                ]
            )
        }
    }

    private static func profileCases(_ place: Place) -> [Case] {
        let created: JSONValue = [
            "metadata": ["name": 5],
            "spec": ["version": "one", "template": ["type": "system", "packs": packs]],
        ]
        let replaced: JSONValue = [
            "metadata": ["name": 5],
            "spec": [
                "version": "one",
                "template": ["type": "infra", "cloudType": "edge", "packs": packs],
            ],
        ]
        let both: Set = ["/metadata/name WrongType", "/spec/version InvalidVersion"]
        let faults = both.union(packFaults(at: "/spec/template/packs"))
        return [
            Case(
                id: "v1ClusterProfilesCreate",
                method: .post,
                target: "/v1/clusterprofiles",
                body: created,
                faults: faults
            ),
            Case(
                id: "v1ClusterProfilesImport",
                method: .post,
                target: "/v1/clusterprofiles/import",
                body: created,
                faults: faults
            ),
            Case(
                id: "v1ClusterProfilesImportValidate",
                method: .post,
                target: "/v1/clusterprofiles/import/validate",
                body: created,
                // What is missing here is shown, not refused.
                faults: faults.filter {
                    !$0.hasSuffix("UnknownPack") && !$0.hasSuffix("manifests Required")
                }
            ),
            Case(
                id: "v1ClusterProfilesUpdate",
                method: .put,
                target: "/v1/clusterprofiles/\(place.profileUID)",
                body: replaced,
                faults: faults.union([
                    "/spec/template/type Immutable", "/spec/template/cloudType Immutable",
                ])
            ),
        ]
    }

    private static func layerCases(_ place: Place) -> [Case] {
        let packs = "/v1/clusterprofiles/\(place.profileUID)/packs"
        let layer: JSONValue = [
            "pack": [
                "name": "web", "tag": "9.x", "values": "a: [", "layer": "attic",
            ]
        ]
        let layerFaults: Set = [
            "/pack/tag UnknownPack", "/pack/values InvalidYAML", "/pack/layer NotAllowed",
        ]
        let manifest: JSONValue = ["name": 5, "content": "a: ["]
        let manifestFaults: Set = ["/name WrongType", "/content InvalidYAML"]
        return [
            Case(
                id: "v1ClusterProfilesUidPacksAdd",
                method: .post,
                target: packs,
                body: layer,
                faults: layerFaults
            ),
            Case(
                id: "v1ClusterProfilesUidPacksNameUpdate",
                method: .put,
                target: packs + "/web",
                body: layer,
                faults: layerFaults
            ),
            Case(
                id: "v1ClusterProfilesUidPacksNameManifestsAdd",
                method: .post,
                target: packs + "/vms/manifests",
                body: manifest,
                faults: manifestFaults
            ),
            Case(
                id: "v1ClusterProfilesUidPacksNameManifestsUidUpdate",
                method: .put,
                target: "\(packs)/vms/manifests/\(place.manifestUID)",
                body: manifest,
                faults: manifestFaults
            ),
        ]
    }

    @Test func `is told both at once, by every write`() async throws {
        let world = try await World.shared.value
        let before = try world.snapshot()
        for one in Self.cases(world.own) {
            let answer = try await world.api.call(
                one.method,
                one.target,
                as: world.own.key,
                project: one.inProject ? world.own.projectUID : nil,
                body: one.body
            )
            #expect(answer.status == 400, "\(one.id): \(answer.text)")
            #expect(answer.code == "InvalidBody", "\(one.id)")
            #expect(Set(answer.faults) == one.faults, "\(one.id): \(answer.faults)")
            #expect(answer.faults.count == one.faults.count, "\(one.id): \(answer.faults)")
        }
        #expect(try world.snapshot().changes(since: before) == [])
    }

    @Test func `is tried on every write that has rules of its own`() async throws {
        let world = try await World.shared.value
        let ruled = world.endpoints.filter {
            $0.inputSchema != nil && $0.failures.contains(.ruleViolated)
        }
        let tried = Set(Self.cases(world.own).map(\.id)).union(Self.apart)
        #expect(tried.symmetricDifference(ruled.map(\.id)).sorted() == [])
    }
}
