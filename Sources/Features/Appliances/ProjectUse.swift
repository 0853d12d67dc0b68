import Identity
import Storage

extension Appliances {
    /// What of this folder lives in a project; Identity asks before it deletes one.
    package static let projectReferrers: ProjectReferrers = { projectUID, countMax, tx in
        try ApplianceStore.projectReferrers(projectUID, countMax, tx)
    }
}
