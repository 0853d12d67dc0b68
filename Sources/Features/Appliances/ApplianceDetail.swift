import JSON
import Primitives
import Storage

/// An appliance with all that an answer shows of it.
package struct ApplianceDetail: Sendable {
    package let appliance: Appliance
    package let health: ApplianceHealth
    package let clusters: [HoldingCluster]
    /// What it last reported of the layers; `nil` before the first report.
    package let observation: ApplianceObservation?
    /// The profiles it follows.
    package let templates: [JSONObject]
    /// The project it lies in; `nil` for the tenant's own.
    package let projectName: String?
    /// The credential itself, in the one answer that hands it out.
    package var serviceAuthToken: String?
    /// The certificate that stands for the credential and its authority's, in PEM; in the same
    /// answer, when the machine asked for it.
    package var clientCertificate: String?
}

/// What an appliance last reported of the layers it follows.
package struct ApplianceObservation: Sendable, Hashable {
    package let reportedAt: Timestamp
    /// The desired state that the appliance has taken up, `<epoch>.<counter>`.
    package let number: String
    /// One object per layer, as the agent's contract has them.
    package let layers: [JSONObject]
}

extension Appliances {
    /// Gathers what an answer shows of appliances, in their order.
    package func details(
        _ appliances: [Appliance],
        use: ProfileUse,
        _ tx: borrowing Transaction
    ) throws -> [ApplianceDetail] {
        // A page of appliances usually follows one or two profiles.
        var known: [ApplianceScope: [String: JSONObject]] = [:]
        var projects: [ApplianceScope: String?] = [:]
        var details: [ApplianceDetail] = []
        for appliance in appliances {
            let scope = appliance.scope
            let uids = try ApplianceLinkStore.profileUIDs(of: appliance.key, tx)
            let unknown = uids.filter { known[scope]?[$0] == nil }
            if !unknown.isEmpty {
                let found = try profileTemplates(unknown, use, scope, tx)
                known[scope, default: [:]].merge(found) { $1 }
            }
            if projects[scope] == nil, !scope.projectUID.isEmpty {
                projects[scope] = try ApplianceStore.projectName(
                    scope.projectUID,
                    tenantUID: scope.tenantUID,
                    tx
                )
            }
            details.append(
                ApplianceDetail(
                    appliance: appliance,
                    health: try ApplianceHealthStore.find(appliance.key, tx),
                    clusters: try ApplianceLinkStore.clusters(of: appliance.key, tx),
                    observation: use == .summary
                        ? nil : try ApplianceObservationStore.find(appliance.key, tx),
                    templates: uids.compactMap { known[scope]?[$0] },
                    projectName: projects[scope] ?? nil
                )
            )
        }
        return details
    }
}
