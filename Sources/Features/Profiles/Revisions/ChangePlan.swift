import AgentContract
import APIKit
import JSON
import Primitives
import Storage

/// What a write of profiles would change, or all that is wrong with it: the answer to a dry run.
struct ChangePlan: WireOutput {
    /// More are not looked at: one write touches more profiles only when many are deleted.
    static let profilesMax = 50

    var faults: [Fault] = []
    var profiles: [ProfilePlan] = []

    /// A call that is refused for what it asks.
    init(refusing failure: Failure) {
        faults =
            failure.faults.isEmpty
            ? [Fault("", failure.code.rawValue, failure.message)] : failure.faults
    }

    init(_ profiles: [ProfilePlan]) {
        self.profiles = profiles
    }

    static var examples: [ChangePlan] {
        [
            ChangePlan([.example, .exampleOfDraft]),
            ChangePlan(
                refusing: .fault("/pack/tag", "UnknownPack", "No registry holds this version.")
            ),
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("faults")
            writer.array(faults) { writer, fault in Self.write(fault, to: &writer) }
            writer.field("isValid", faults.isEmpty)
            writer.field("profiles", profiles)
        }
    }

    fileprivate static func write(_ fault: Fault, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("code", fault.code)
            writer.field("message", fault.message)
            writer.field("pointer", fault.pointer)
        }
    }
}

/// What a write would change of one profile and of the sites that follow it.
struct ProfilePlan: JSONWritable, Sendable {
    enum Change: String { case created, changed, deleted }

    let name: RevisionStore.Name
    let change: Change
    /// The revision that the write makes; nil when sites change only with the next publish.
    let revision: Int64?
    let layers: [LayerChange]
    /// Why what is written could not be published as it is.
    let problems: [Fault]
    let appliances: Followers
    let bytesPerSite: Int64

    static let example = ProfilePlan(
        name: .init(uid: "65f1c0a4d2b7e81f3c9a4b6d", name: "hospital-site", version: "1.0.0"),
        change: .changed,
        revision: 4,
        layers: [
            LayerChange(old: .example("4.2.1"), new: .example("4.2.3")),
            LayerChange(old: nil, new: .example("4.2.3")),
            LayerChange(old: .example("4.2.1"), new: nil),
        ],
        problems: [],
        appliances: .example,
        bytesPerSite: 200
    )

    static let exampleOfDraft = ProfilePlan(
        name: .init(uid: "65f1c0a4d2b7e81f3c9a4b6e", name: "shop-site", version: "1.0.0"),
        change: .created,
        revision: nil,
        layers: [],
        problems: [Fault("/spec/draft/packs", "Required", "A profile without layers…")],
        appliances: .none,
        bytesPerSite: 0
    )

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("appliances", appliances)
            writer.field("bytesPerSite", bytesPerSite)
            writer.field("change", change.rawValue)
            // No cluster follows a profile yet.
            writer.field("clusters", Followers.none)
            writer.key("layers")
            writer.array(layers) { writer, layer in
                writer.object { writer in layer.writeHead(to: &writer) }
            }
            writer.field("name", name.name)
            writer.key("problems")
            writer.array(problems) { writer, fault in ChangePlan.write(fault, to: &writer) }
            writer.optionalField("revision", revision)
            let isNow = revision != nil || change == .deleted
            writer.field("takesEffect", isNow ? "now" : "onPublish")
            writer.field("uid", name.uid)
            writer.field("version", name.version)
        }
    }
}

extension Profiles {
    /// Looks at a tenant's profiles before a write and gives what finds out what it has changed.
    func plan(
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> @Sendable (borrowing Transaction) throws -> ChangePlan {
        let counter = try RevisionStore.counter(tx)
        let former = try RevisionStore.names(tenantUID, tx)
        return { tx in
            let now = Set(try RevisionStore.names(tenantUID, tx).map(\.uid))
            let known = Set(former.map(\.uid))
            let changed = try RevisionStore.changed(
                since: counter,
                tenantUID: tenantUID,
                limit: ChangePlan.profilesMax,
                tx
            )
            var plans: [ProfilePlan] = []
            for uid in changed {
                guard let profile = try ProfileStore.find(uid, tx) else { continue }
                let change: ProfilePlan.Change = known.contains(uid) ? .changed : .created
                plans.append(
                    try plan(profile, change, since: counter, projectUID: projectUID, tx)
                )
            }
            for name in former where !now.contains(name.uid) {
                guard plans.count < ChangePlan.profilesMax else { break }
                plans.append(
                    ProfilePlan(
                        name: name,
                        change: .deleted,
                        revision: nil,
                        layers: [],
                        problems: [],
                        appliances: .none,
                        bytesPerSite: 0
                    )
                )
            }
            return ChangePlan(plans)
        }
    }

    /// Compares what sites have with what they get: now, or once the draft is published.
    private func plan(
        _ profile: Profile,
        _ change: ProfilePlan.Change,
        since counter: Int64,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> ProfilePlan {
        let old = try RevisionStore.content(of: profile.uid, at: counter, tx)
            .map { try ProfileRevision(JSONParser.parse($0, limits: .stored)) }
        let newest = try profile.publishedNumber.flatMap {
            try ProfileStore.revision($0, of: profile.uid, tx)
        }
        var revision: Int64?
        var new = old?.layers ?? []
        var problems: [Fault] = []
        if let newest, newest.counter > counter {
            revision = newest.number
            new = try ProfileRevision(JSONParser.parse(newest.content, limits: .stored)).layers
        } else {
            do {
                new = try publisher.content(of: profile, tx).layers
            } catch let failure as Failure {
                problems = ChangePlan(refusing: failure).faults
            }
        }
        let layers = LayerChange.changes(from: old?.layers ?? [], to: new)
        let changesSites = layers.contains { $0.effect != .none }
        return ProfilePlan(
            name: .init(uid: profile.uid, name: profile.name, version: profile.profileVersion),
            change: change,
            revision: revision,
            layers: layers,
            problems: problems,
            appliances: changesSites
                ? try RevisionStore.followers(
                    of: profile.uid,
                    // A project's profile is followed in that project alone.
                    projectUID: profile.projectUID.isEmpty ? projectUID : "",
                    limit: Followers.shownMax,
                    tx
                ) : .none,
            bytesPerSite: LayerChange.bytes(from: old?.layers ?? [], to: new)
        )
    }
}
