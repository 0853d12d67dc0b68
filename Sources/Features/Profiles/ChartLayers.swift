import APIKit
import Identity
import Packs
import Storage

extension Profiles {
    /// Fetches the charts that layers name, before the write that checks the layers: nothing is
    /// fetched within a transaction.
    ///
    /// - Throws: `.ruleViolated` naming every layer whose chart cannot be had.
    func fetchCharts(of layers: [LayerInput], tenantUID: String) async throws {
        var faults: [Fault] = []
        for layer in layers where layer.kind == .helm || layer.kind == .oci {
            let chart = WantedChart(
                name: ProfileRules.packName(layer.name),
                registryUID: layer.registryUID,
                packUID: layer.packUID,
                tag: layer.tag,
                pointer: layer.pointer
            )
            do {
                try await prepareChart(chart, tenantUID)
            } catch {
                // What is of no one layer, such as a full disk, has no faults.
                guard let failure = error as? Failure, failure.code == .ruleViolated else {
                    throw error
                }
                let at = layer.pointer + "/tag"
                faults +=
                    failure.faults.isEmpty
                    ? [Fault(at, "ChartNotFetched", failure.message)] : failure.faults
            }
        }
        try Failure.refuse([], and: faults)
    }

    /// The profiles with layers of a registry; Packs asks before it deletes one.
    package static let registryReferrers: RegistryReferrers = { registry, countMax, tx in
        guard let tenantUID = registry.tenantUID else { return [] }
        return try ProfileStore.registryReferrers(
            registry.uid,
            tenantUID: tenantUID,
            countMax,
            tx
        )
    }
}
