import Identity
import Storage

extension Appliances {
    /// What of this folder lives in a project; Identity asks before it deletes one.
    package static let projectReferrers: ProjectReferrers = { projectUID, countMax, tx in
        try AppliancesProjectStore.referrers(projectUID, countMax, tx)
    }
}

/// The statement behind it.
enum AppliancesProjectStore {
    static func referrers(
        _ projectUID: String, _ countMax: Int, _ tx: borrowing Transaction
    ) throws -> [Referrer] {
        try tx.all(
            "SELECT uid, display_name FROM appliance WHERE project_uid = $1 ORDER BY uid LIMIT $2",
            .text(projectUID), .int(countMax)
        ) { Referrer("edgehost", uid: $0.text(0), name: $0.text(1)) }
    }
}
