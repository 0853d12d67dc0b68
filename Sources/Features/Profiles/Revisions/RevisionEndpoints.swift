import AgentContract
import APIKit
import HTTPCore
import JSON
import Packs
import Primitives
import Storage

private let tag = "Profile revisions"

extension Profiles {
    /// What one can do with the history of a profile; Palette's API has nothing of the kind.
    var revisionEndpoints: [Endpoint] {
        [listRevisions, compareRevisions, getRevision, rollBack, blame]
    }

    private var listRevisions: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/revisions",
            id: "listClusterProfileRevisions",
            tag: tag,
            summary: "Lists a profile's published revisions, the newest first.",
            document: .agent,
            access: .user(.profileGet),
            failures: [.resourceNotFound, .invalidRequest],
            query: QueryParameter.paging,
            output: RevisionListOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            let page = try context.page()
            return try database.read { tx in
                let profile = try call.fetch(tx)
                let revisions = try RevisionStore.list(of: profile.uid, page, tx)
                return RevisionListOutput(
                    revisions: revisions,
                    meta: context.listMeta(
                        page,
                        shown: revisions.count,
                        total: try RevisionStore.count(of: profile.uid, tx),
                        last: revisions.last.map { String($0.number) }
                    )
                )
            }
        }
    }

    private var getRevision: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/revisions/{number}",
            id: "getClusterProfileRevision",
            tag: tag,
            summary: "Shows a revision with its layers, their values and manifests.",
            document: .agent,
            access: .user(.profileGet),
            failures: [.resourceNotFound],
            output: RevisionOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            let number = try context.revisionNumber()
            return try database.read { tx in
                let profile = try call.fetch(tx)
                guard let summary = try RevisionStore.find(number, of: profile.uid, tx),
                    let revision = try ProfileStore.revision(number, of: profile.uid, tx)
                else { throw Failure.notFound("Revision", String(number)) }
                return try RevisionOutput(summary, revision, tx)
            }
        }
    }

    private var compareRevisions: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/revisions/diff",
            id: "diffClusterProfileRevisions",
            tag: tag,
            summary: "Compares two revisions layer by layer; secrets are masked.",
            document: .agent,
            access: .user(.profileGet),
            failures: [.resourceNotFound, .invalidRequest],
            query: [
                QueryParameter(
                    "from",
                    .integer(1...Int64.max),
                    "The earlier revision; the one before 'to' when missing."
                ),
                QueryParameter(
                    "to",
                    .integer(1...Int64.max),
                    "The later revision; the published one when missing."
                ),
            ],
            output: RevisionDiffOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            let from = try context.revisionNumber(query: "from")
            let to = try context.revisionNumber(query: "to")
            return try await awayFromLoop {
                try database.read { tx in
                    let profile = try call.fetch(tx)
                    let to = to ?? profile.publishedNumber ?? 0
                    return try Self.difference(from: from ?? to - 1, to: to, of: profile, tx)
                }
            }
        }
    }

    private static func difference(
        from: Int64,
        to: Int64,
        of profile: Profile,
        _ tx: borrowing Transaction
    ) throws -> RevisionDiffOutput {
        func revision(
            _ number: Int64,
            _ tx: borrowing Transaction
        ) throws -> (layers: [LayerRevision], variables: JSONValue) {
            guard let revision = try ProfileStore.revision(number, of: profile.uid, tx) else {
                throw Failure.notFound("Revision", String(number))
            }
            let content = try JSONParser.parse(revision.content, limits: .stored)
            return (try ProfileRevision(content).layers, revision.variables)
        }
        // Before the first revision there was nothing.
        let new = try revision(to, tx)
        let old = from == 0 ? ([], .null) : try revision(from, tx)
        let hidden = SensitiveValues(old.variables, new.variables)
        var compared: [RevisionDiffOutput.Layer] = []
        for change in LayerChange.changes(from: old.layers, to: new.layers) {
            compared.append(try difference(change, hiding: hidden, tx))
        }
        return RevisionDiffOutput(from: from, to: to, layers: compared)
    }

    private static func difference(
        _ change: LayerChange,
        hiding hidden: SensitiveValues,
        _ tx: borrowing Transaction
    ) throws -> RevisionDiffOutput.Layer {
        func unified(_ old: Part?, _ new: Part?, _ tx: borrowing Transaction) throws -> String {
            guard old != new else { return "" }
            return LineDiff.unified(
                try old.flatMap { try BlobStore.text($0.digest, tx) } ?? "",
                try new.flatMap { try BlobStore.text($0.digest, tx) } ?? "",
                hiding: hidden
            )
        }
        let (old, new) = (change.old?.manifests ?? [], change.new?.manifests ?? [])
        var manifests: [(name: String, change: String, diff: String)] = []
        for manifest in new {
            let former = old.first {
                $0.name == manifest.name && $0.isAttached == manifest.isAttached
            }
            guard former?.part != manifest.part else { continue }
            let diff = try unified(former?.part, manifest.part, tx)
            manifests.append((manifest.name, former == nil ? "added" : "changed", diff))
        }
        for manifest in old
        where !new.contains(where: {
            $0.name == manifest.name && $0.isAttached == manifest.isAttached
        }) {
            manifests.append((manifest.name, "removed", try unified(manifest.part, nil, tx)))
        }
        return RevisionDiffOutput.Layer(
            change: change,
            values: try unified(change.old?.values, change.new?.values, tx),
            manifests: manifests
        )
    }

    private var rollBack: Endpoint {
        Endpoint(
            .post,
            "/v1/clusterprofiles/{uid}/revisions/{number}/rollback",
            id: "rollBackClusterProfile",
            tag: tag,
            summary: "Publishes what a revision held, as a new revision.",
            document: .agent,
            access: .user(.profilePublish),
            success: 201,
            failures: [.resourceNotFound, .conflict, .ruleViolated, .preconditionFailed],
            output: RollBackOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            let number = try context.revisionNumber()
            return try await context.write(database) { tx in
                let profile = try call.fetchForWrite(tx, "clusterProfile.publish")
                let made = try publisher.rollBack(profile, to: number, call, tx)
                return RollBackOutput(number: made)
            }
        }.takingIdempotencyKey()
    }

    private var blame: Endpoint {
        Endpoint(
            .get,
            "/v1/clusterprofiles/{uid}/revisions/blame",
            id: "blameClusterProfile",
            tag: tag,
            summary: "Says which revision brought each line, or one value, of what is published.",
            document: .agent,
            access: .user(.profileGet),
            failures: [.resourceNotFound, .invalidRequest],
            query: [
                QueryParameter("layer", .string(), "The layer's name; required."),
                QueryParameter("manifest", .string(), "One of its manifests; else its values."),
                QueryParameter("line", .integer(1...Int64(Int32.max)), "One line alone."),
                QueryParameter("path", .string(), "One value alone, such as `/pack/namespace`."),
            ],
            output: BlameOutput.self
        ) { _, context in
            let call = try ProfileCall(context)
            _ = try database.read { tx in try call.fetch(tx) }
            let wanted = try BlameQuery(context)
            return try await awayFromLoop {
                try database.read { tx in
                    let profile = try call.fetch(tx)
                    let blame = try Blame(
                        of: profile.uid,
                        layer: wanted.layer,
                        manifest: wanted.manifest,
                        tx
                    )
                    return BlameOutput(
                        layer: wanted.layer,
                        manifest: wanted.manifest,
                        items: try wanted.lines(of: blame)
                    )
                }
            }
        }
    }
}

/// What a call asks the history for.
private struct BlameQuery: Sendable {
    let layer: String
    let manifest: String
    private let line: Int?
    private let path: JSONPointer?

    init(_ context: RequestContext) throws {
        layer = context.query("layer") ?? ""
        manifest = context.query("manifest") ?? ""
        line = context.query("line").map { Int($0) ?? 0 }
        path = context.query("path").flatMap(JSONPointer.init(parsing:))
        var faults: [Fault] = []
        if layer.isEmpty { faults.append(Fault("query/layer", "Required", "'layer' is required.")) }
        if let line, line < 1 {
            faults.append(Fault("query/line", "OutOfRange", "'line' must be a number from 1 up."))
        }
        if path == nil, context.query("path") != nil {
            let message = "'path' must be a JSON pointer such as /pack/namespace."
            faults.append(Fault("query/path", "InvalidPointer", message))
        }
        if let first = faults.first {
            throw Failure(.invalidRequest, first.message, faults: faults)
        }
    }

    /// - Throws: `.resourceNotFound` for a line or a value that is not there.
    func lines(of blame: Blame) throws -> [Blame.Line] {
        if let path {
            guard let found = try blame.value(at: path) else {
                throw Failure.notFound("Value", path.text)
            }
            return [found]
        }
        guard let line else { return blame.lines }
        guard let found = blame.lines.first(where: { $0.number == line }) else {
            throw Failure.notFound("Line", String(line))
        }
        return [found]
    }
}

extension RequestContext {
    /// The revision that the path names.
    ///
    /// - Throws: `.resourceNotFound` for what is no number.
    fileprivate func revisionNumber() throws -> Int64 {
        let text = try parameter("number")
        guard let number = Int64(text), number > 0 else {
            throw Failure.notFound("Revision", text)
        }
        return number
    }

    /// The revision that a query parameter names; nil for none.
    fileprivate func revisionNumber(query name: String) throws -> Int64? {
        guard let text = query(name), !text.isEmpty else { return nil }
        guard let number = Int64(text), number > 0 else {
            let message = "'\(name)' must be the number of a revision."
            throw Failure.fault("query/\(name)", "OutOfRange", message, as: .invalidRequest)
        }
        return number
    }
}
