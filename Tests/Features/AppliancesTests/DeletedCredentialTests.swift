import Storage
import TestSupport
import Testing

@testable import Appliances

@Suite("The credentials of deleted appliances") struct DeletedCredentialTests {
    @Test func `are remembered up to a number for each tenant, the newest of them`() async throws {
        let site = try Site()
        let credentials = ["admin": ["a1", "a2", "a3", "a4", "a5"], "other-admin": ["b1", "b2"]]
        for (admin, uids) in credentials {
            for uid in uids {
                try await site.register(uid, as: admin)
                try site.pair(uid)
                try await site.database.write { tx in
                    let appliance = try #require(try ApplianceStore.findAnywhere(uid, tx))
                    try DeletedCredentialStore.insert(appliance, perTenantMax: 3, tx)
                }
            }
        }
        let kept = try site.database.read { tx in
            try tx.all("SELECT appliance_uid FROM deleted_credential ORDER BY 1") { $0.text(0) }
        }
        #expect(kept == ["a3", "a4", "a5", "b1", "b2"])
    }
}
