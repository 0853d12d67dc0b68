import AgentContract
import APIKit
import HTTPCore
import JSON
import Primitives

/// Answers polls: what an appliance should be, when that is new to it.
struct Follow: Sendable {
    /// The longest time a poll is parked, below the idle time-outs of ordinary proxies' defaults
    /// times two.
    static let waitSecondsMax: Int64 = 120
    static let pollIntervalSeconds: Int64 = 30

    let index: FleetIndex
    /// The counter that the database stood at when its epoch began.
    let epochStartCounter: Int64
    /// Writes down that an appliance has seen a later state than this server knows.
    let pause: @Sendable (FleetEntry, DesiredNumber) async throws -> Void
    /// The layers that the appliance last reported as applied.
    let observedLayers: @Sendable (FleetEntry) throws -> [DesiredState.Removed]

    /// `GET /v1/edgehosts/{uid}/desired`.
    func answer(_ context: RequestContext) async throws -> Response {
        guard case .appliance(let appliance) = context.principal,
            let entry = index.entry(uid: appliance.uid), entry.key == appliance.key
        else {
            throw Failure.notFound("Edge host", context.request.text(context.firstParameter))
        }
        entry.touch(at: context.now, monotonic: MonotonicTime.now())
        let request = context.request
        if let range = request.field("easel-observed"),
            let observed = DesiredNumber(text: request.head[range])
        {
            try await refuseIfAhead(entry, observed)
        }
        if let reason = entry.pausedReason { throw Self.paused(reason) }
        let known = request.field("if-none-match").map { request.head[$0] }
        var desired = entry.desired()
        guard let known, EntityTag.list(known, matches: desired.etag) else {
            return try state(entry, desired, context)
        }
        let wait = try waitSeconds(context)
        guard wait > 0 else { return Response(status: 304, etag: desired.etag) }
        let knownTag = Array(known)
        let outcome = await park(entry, knownTag, seconds: wait)
        if outcome == .revoked {
            throw Failure(.unauthenticated, "The credential of this appliance was replaced.")
        }
        entry.touch(at: context.now, monotonic: MonotonicTime.now())
        if let reason = entry.pausedReason { throw Self.paused(reason) }
        desired = entry.desired()
        if EntityTag.list(knownTag[...], matches: desired.etag) {
            return Response(status: 304, etag: desired.etag)
        }
        return try state(entry, desired, context)
    }

    private func park(
        _ entry: FleetEntry, _ known: [UInt8], seconds: Int64
    ) async -> ParkedPoll.Outcome {
        let poll = ParkedPoll()
        entry.park(poll)
        defer { entry.unpark(poll) }
        // A change between the comparison above and the parking would go unnoticed otherwise.
        if !EntityTag.list(known[...], matches: entry.desired().etag) { return .changed }
        return await poll.wait(seconds: seconds)
    }

    private func waitSeconds(_ context: RequestContext) throws -> Int64 {
        guard let text = context.query("wait") else { return 0 }
        guard let seconds = Int64(text), (0...Self.waitSecondsMax).contains(seconds) else {
            throw Failure.fault(
                "query/wait", "OutOfRange",
                "'wait' must be a number of seconds from 0 to \(Self.waitSecondsMax).",
                as: .invalidRequest)
        }
        return seconds
    }

    /// Refuses an appliance that has seen a later state than this server knows: a restored
    /// database must not drive it backwards.
    private func refuseIfAhead(_ entry: FleetEntry, _ observed: DesiredNumber) async throws {
        guard
            Self.isAhead(
                observed, of: entry.desired().number, epochStartCounter: epochStartCounter)
        else { return }
        if entry.pausedReason == nil { try await pause(entry, observed) }
        throw Self.paused("server-behind")
    }

    /// Whether an observed number lies beyond what this server ever handed out.
    static func isAhead(
        _ observed: DesiredNumber, of current: DesiredNumber, epochStartCounter: Int64
    ) -> Bool {
        if observed.epoch == current.epoch { return observed.counter > current.counter }
        // An earlier epoch's numbers are known up to where the restored copy was taken.
        return observed.epoch > current.epoch || observed.counter > epochStartCounter
    }

    private static func paused(_ reason: String) -> Failure {
        switch reason {
        case "server-behind":
            Failure(
                .serverBehind,
                "This appliance has seen a later state than the server knows; it is paused until "
                    + "an operator has looked at it.",
                retryAfterSeconds: Int.random(in: 60...120))
        default:
            Failure(
                .identityConflict, "This appliance is paused: \(reason).",
                retryAfterSeconds: Int.random(in: 60...120))
        }
    }

    private func state(
        _ entry: FleetEntry, _ desired: (number: DesiredNumber, etag: [UInt8]),
        _ context: RequestContext
    ) throws -> Response {
        let contents = entry.followed.map(\.content).filter { !$0.isEmpty }
        var writer = JSONWriter(capacity: 512 + contents.reduce(0) { $0 + $1.count })
        writer.beginObject()
        writer.key("number")
        writer.beginObject()
        writer.field("epoch", desired.number.epoch)
        writer.field("counter", desired.number.counter)
        writer.endObject()
        writer.key("appliance")
        writer.beginObject()
        writer.field("uid", entry.uid)
        writer.endObject()
        writer.key("profiles")
        writer.beginArray()
        for content in contents { writer.raw(content) }
        writer.endArray()
        writer.key("removed")
        writer.beginArray()
        for removed in try removedLayers(entry, contents) {
            writer.beginObject()
            writer.field("name", removed.name)
            writer.field("profileUid", removed.profileUID)
            writer.endObject()
        }
        writer.endArray()
        // Clusters and day-2 work will add theirs; an agent skips kinds it does not know.
        writer.key("jobs")
        writer.beginArray()
        writer.endArray()
        writer.field("pollIntervalSeconds", Self.pollIntervalSeconds)
        writer.field("nextPollAt", nextPoll(after: context.now))
        writer.endObject()
        return Response(
            status: 200, contentType: .json, etag: desired.etag, body: writer.finish())
    }

    /// When the appliance should poll again: spread by a fifth, so that a fleet that was cut off
    /// together does not come back together for ever.
    private func nextPoll(after now: Timestamp) -> Timestamp {
        let interval = Self.pollIntervalSeconds * 1000
        return Timestamp(
            milliseconds: now.milliseconds + Int64.random(in: interval * 9 / 10...interval * 11 / 10))
    }

    private func removedLayers(
        _ entry: FleetEntry, _ contents: [[UInt8]]
    ) throws -> [DesiredState.Removed] {
        let observed = try observedLayers(entry)
        guard !observed.isEmpty else { return [] }
        var wanted: Set<DesiredState.Removed> = []
        for content in contents {
            let revision = try ProfileRevision(JSONParser.parse(content))
            for layer in revision.layers {
                wanted.insert(.init(name: layer.name, profileUID: revision.uid))
            }
        }
        return observed.filter { !wanted.contains($0) }
    }
}
