import Identity
import Storage

extension Profiles {
    /// What of this folder lives in a project; Identity asks before it deletes one.
    package static let projectReferrers: ProjectReferrers = { projectUID, countMax, tx in
<<<<<<< HEAD
        try ProfileStore.projectReferrers(projectUID, countMax, tx)
=======
        try ProfilesProjectStore.referrers(projectUID, countMax, tx)
    }
}

/// The statement behind it.
enum ProfilesProjectStore {
    static func referrers(
        _ projectUID: String,
        _ countMax: Int,
        _ tx: borrowing Transaction
    ) throws -> [Referrer] {
        try tx.all(
            "SELECT uid, name FROM profile WHERE project_uid = $1 ORDER BY uid LIMIT $2",
            .text(projectUID),
            .int(countMax)
        ) { Referrer("clusterprofile", uid: $0.text(0), name: $0.text(1)) }
>>>>>>> 25b1f5b8d05e85e1fa570cbe38f89b562d4ad556
    }
}
