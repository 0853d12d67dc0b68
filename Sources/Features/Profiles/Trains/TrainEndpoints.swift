import APIKit
import HTTPCore
import JSON
import Packs
import Primitives
import Storage

private let tag = "Version trains"

extension Profiles {
    /// What one can do with the trains that layers follow; Palette's API has nothing of the kind.
    var trainEndpoints: [Endpoint] {
        [listTrains, previewTrains, pinTrain, holdTrain, releaseTrain]
    }

    private var listTrains: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/trains",
            id: "listClusterProfileTrains",
            tag: tag,
            summary: "Lists the published layers that follow a train, and where each stands.",
            document: .agent,
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: TrainListOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            return try database.read { tx in
                let trains = try FollowedTrain.all(of: call.fetch(tx), tx)
                return TrainListOutput(
                    items: try trains.map { ($0, try $0.newest(tx)?.version ?? "") }
                )
            }
        }
    }

    private var previewTrains: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/trains/preview",
            id: "previewTrains",
            tag: tag,
            summary: "Says which profiles, layers and appliances would get a version of a pack.",
            document: .agent,
            access: .user(.profileList),
            failures: [.invalidRequest],
            query: [
                QueryParameter("packName", .string(), "The pack's name; required."),
                QueryParameter("registryUid", .string(), "Its registry; any when missing."),
                QueryParameter(
                    "version",
                    .string(),
                    "A version that is or may come to be; the newest of each train when missing."
                ),
            ],
            output: TrainPreviewOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            let wanted = try TrainQuery(context)
            return try await awayFromLoop {
                try database.read { tx in
                    let uids = try TrainStore.profiles(
                        following: wanted.packName,
                        tenantUID: call.tenantUID,
                        projectUID: call.projectUID,
                        tx
                    )
                    var items: [TrainPreviewOutput.Item] = []
                    for uid in uids {
                        if let item = try preview(uid, wanted, call, tx) { items.append(item) }
                    }
                    return TrainPreviewOutput(items: items)
                }
            }
        }
    }

    private func preview(
        _ uid: String,
        _ wanted: TrainQuery,
        _ call: ProfileCall,
        _ tx: borrowing Transaction
    ) throws -> TrainPreviewOutput.Item? {
        guard let profile = try ProfileStore.find(uid, tx) else { return nil }
        var layers: [(train: FollowedTrain, next: String)] = []
        for train in try FollowedTrain.all(of: profile, tx)
        where train.packName == wanted.packName
            && (wanted.registryUID.isEmpty || train.registryUID == wanted.registryUID)
            // What is held gets nothing until it is released.
            && train.hold == nil
        {
            if let next = try train.next(with: wanted.version, tx) { layers.append((train, next)) }
        }
        guard !layers.isEmpty else { return nil }
        return TrainPreviewOutput.Item(
            name: .init(uid: uid, name: profile.name, version: profile.profileVersion),
            layers: layers,
            appliances: try RevisionStore.followers(
                of: uid,
                projectUID: call.projectUID,
                limit: Followers.shownMax,
                tx
            )
        )
    }

    private var pinTrain: Endpoint {
        Endpoint(
            .patch,
            "/v1/clusterprofiles/{uid}/packs/{packName}/pin",
            id: "pinClusterProfilePack",
            tag: tag,
            summary: "Replaces the train of a layer by the version that it stands for.",
            document: .agent,
            access: .user(.profileUpdate),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed]
        ) { _, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            try await database.write { tx in try pin(name, call, tx) }
        }
    }

    private var holdTrain: Endpoint {
        Endpoint(
            .patch,
            "/v1/clusterprofiles/{uid}/packs/{packName}/hold",
            id: "holdClusterProfilePack",
            tag: tag,
            summary: "Keeps a layer at its version, whatever its train gains.",
            document: .agent,
            access: .user(.profileUpdate),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed]
        ) { _, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            try await database.write { tx in try hold(name, call, tx) }
        }
    }

    private var releaseTrain: Endpoint {
        Endpoint(
            .patch,
            "/v1/clusterprofiles/{uid}/packs/{packName}/release",
            id: "releaseClusterProfilePack",
            tag: tag,
            summary: "Lets a held layer follow its train again, at once.",
            document: .agent,
            access: .user(.profilePublish),
            failures: [.resourceNotFound, .ruleViolated, .preconditionFailed]
        ) { _, context in
            let call = try ProfileCall(context)
            let name = try context.parameter("packName")
            try await database.write { tx in try release(name, call, tx) }
        }
    }
}

/// Which version of which pack a preview is asked for.
private struct TrainQuery: Sendable {
    let packName: String
    let registryUID: String
    /// Nil for the newest of each train.
    let version: SemanticVersion?

    init(_ context: RequestContext) throws {
        packName = context.query("packName") ?? ""
        registryUID = context.query("registryUid") ?? ""
        let text = context.query("version") ?? ""
        version = SemanticVersion(text)
        var faults: [Fault] = []
        if packName.isEmpty {
            faults.append(Fault("query/packName", "Required", "'packName' is required."))
        }
        if version == nil, !text.isEmpty {
            let message = "'version' must be a semantic version such as 4.2.3."
            faults.append(Fault("query/version", "InvalidVersion", message))
        }
        if let first = faults.first {
            throw Failure(.invalidRequest, first.message, faults: faults)
        }
    }
}
