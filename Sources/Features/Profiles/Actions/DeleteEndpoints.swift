import APIKit
import Appliances
import Audit
import HTTPCore
import Identity
import JSON
import Storage

private let tag = "Cluster profiles"

extension Profiles {
    /// What takes profiles away.
    var deleteEndpoints: [Endpoint] { [delete, deleteMany] }

    private var delete: Endpoint {
        Endpoint(
            .delete,
            "/v1/clusterprofiles/{uid}",
            id: "v1ClusterProfilesDelete",
            tag: tag,
            summary: "Deletes a profile that nobody follows.",
            access: .user(.profileDelete),
            failures: [.resourceNotFound, .inUse, .preconditionFailed]
        ) { _, context in
            let call = try ProfileCall(context)
            try await database.write { tx in
                try remove(call.fetchForWrite(tx, "clusterProfile.delete"), call, tx)
            }
        }
    }

    private var deleteMany: Endpoint {
        Endpoint(
            .delete,
            "/v1/clusterprofiles/bulk",
            id: "v1ClusterProfilesBulkDelete",
            tag: tag,
            summary: "Deletes each of several profiles that nobody follows, such as all versions "
                + "of one; the others stay and are told under 'failures'.",
            access: .user(.profileDelete),
            input: BulkDeleteInput.self,
            output: BulkDeleteOutput.self
        ) { input, context in
            let (call, isRehearsed) = (try ProfileCall(context), context.flag("dryRun"))
            return try await database.write { tx in
                var output = BulkDeleteOutput()
                var faults: [Fault] = []
                for (index, uid) in input.uids {
                    let profile = try ProfileStore.find(
                        uid,
                        tenantUID: call.tenantUID,
                        projectUID: call.projectUID,
                        tx
                    )
                    do {
                        guard let profile else { throw Failure.notFound("Cluster profile", uid) }
                        guard profile.projectUID == call.projectUID else {
                            throw ProfileCall.belongsToTenant("clusterProfile.delete")
                        }
                        try remove(profile, call, tx)
                        output.deletedCount += 1
                    } catch let failure as Failure {
                        output.failures.append(
                            .init(uid: uid, name: profile?.name ?? "", message: failure.message)
                        )
                        faults.append(
                            Fault("/uids/\(index)", failure.code.rawValue, failure.message)
                        )
                    }
                }
                // A rehearsal is good when all of it would be done.
                if isRehearsed, let first = faults.first {
                    throw Failure(.ruleViolated, first.message, faults: faults)
                }
                return output
            }
        }
    }

    /// Takes a profile away with its revisions and the token of its archive.
    ///
    /// - Throws: `.inUse` with those that follow it, before anything is written.
    private func remove(
        _ profile: Profile,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws {
        let followers = try ProfileStore.followers(profile.uid, tx)
        guard followers.count == 0 else {
            throw Failure(
                .inUse,
                followers.count == 1
                    ? "An appliance follows profile '\(profile.name)'; take it from that first."
                    : "\(followers.count) appliances follow profile '\(profile.name)'; take it "
                        + "from them first.",
                details: ["referrers": .array(followers.some.map(\.json))]
            )
        }
        try ProfileStore.delete(profile.uid, tx)
        try RegistrationTokenStore.delete(
            profileUID: profile.uid,
            tenantUID: profile.tenantUID,
            tx
        )
        try AuditStore.record(
            .delete,
            AuditResource("clusterprofile", uid: profile.uid, name: profile.name),
            "Deleted profile '\(profile.name)' \(profile.profileVersion)." + call.noteText,
            by: call.actor,
            tx
        )
        tx.afterCommit { [onDelete] in onDelete(profile.uid) }
    }
}

/// `v1BulkDeleteRequest`.
struct BulkDeleteInput: WireInput {
    /// Each once, with its place in the list.
    let uids: [(index: Int, uid: String)]

    init(from fields: Fields) {
        var seen: Set<String> = []
        uids = fields.texts("uids", bytesMax: 64).enumerated()
            .filter { seen.insert($0.element).inserted }.map { ($0.offset, $0.element) }
        if !fields.mentions("uids") {
            fields.fault("uids", "Required", "'uids' is required.")
        }
    }
}

/// `v1BulkDeleteResponse`.
struct BulkDeleteOutput: WireOutput {
    struct Stayed: Sendable {
        let uid: String
        /// Empty when nothing of this uid is known here.
        let name: String
        let message: String
    }

    var deletedCount = 0
    var failures: [Stayed] = []

    private var message: String {
        let all = deletedCount + failures.count
        return failures.isEmpty
            ? "Deleted \(deletedCount) profiles."
            : "Deleted \(deletedCount) of \(all) profiles."
    }

    static var examples: [BulkDeleteOutput] {
        [
            BulkDeleteOutput(
                deletedCount: 1,
                failures: [
                    Stayed(
                        uid: "65f1c0a4d2b7e81f3c9a4b6d",
                        name: "hospital-site",
                        message: "12 appliances follow profile 'hospital-site'; take it from them "
                            + "first."
                    )
                ]
            )
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("deletedCount", deletedCount)
            writer.key("failures")
            writer.array(failures) { writer, failure in
                writer.object { writer in
                    writer.field("errMsg", failure.message)
                    writer.field("name", failure.name)
                    writer.field("uid", failure.uid)
                }
            }
            writer.field("isSucceeded", failures.isEmpty)
            writer.field("message", message)
        }
    }
}
