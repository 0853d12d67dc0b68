import Audit
import Glibc
import HTTPCore
import JSON
import Packs
import TestSupport
import Testing

@testable import Profiles

/// Profiles made of published packs, when a folder of them is named by `EASEL_REAL_PACKS`.
@Suite("Profiles of published packs", .enabled(if: getenv("EASEL_REAL_PACKS") != nil))
struct RealPackProfileTests {
    @Test func `they validate, resolve and are published`() async throws {
        let bench = try Bench()
        try await bench.importCorePacks()
        let folder = String(cString: try #require(getenv("EASEL_REAL_PACKS")))
        let report = try await bench.packs.importFolder(folder, by: AuditActor(tenantUID: "t1"))
        let newest = Dictionary(grouping: report.results, by: \.name)
            .compactMapValues { $0.map(\.version).max() }
        let core = ["ovn-kubernetes": "cni", "csi-driver-nfs": "csi"]
        func layer(_ name: String) throws -> JSONValue {
            ["name": .string(name), "tag": .string(try #require(newest[name]))]
        }
        let infra = try Bench.coreLayers.prefix(2) + core.keys.sorted().map(layer)
        let addOns = try newest.keys.sorted().filter { core[$0] == nil && !$0.hasPrefix("csi-") }
            .map(layer)
        #expect(addOns.count >= 5)
        for (name, type, layers) in [
            ("infra", "infra", Array(infra)), ("more", "add-on", addOns),
            ("full", "cluster", infra + addOns), ("site", "system", addOns),
        ] {
            let answer = try await bench.api.call(
                .post,
                "/v1/clusterprofiles/validate/packs",
                body: [
                    "type": .string(type), "cloudType": "libvirt", "packs": .array(layers),
                ]
            )
            for result in answer.json.at("packs/results")?.elements ?? [] {
                #expect(result["errors"] == [], "\(name): \(result)")
            }
            let uid = try await bench.create(
                name,
                type: type,
                cloudType: "libvirt",
                packs: layers,
                publish: true
            )
            let published = try await bench.get(uid).at("spec/published/packs")?.elements ?? []
            #expect(published.count == layers.count)
            #expect(published.allSatisfy { !($0["packUid"]?.text ?? "").isEmpty })
        }
    }
}
