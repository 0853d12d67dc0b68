import AgentContract
import APIKit
import Appliances
import HTTPCore
import JSON
import Primitives
import Storage

extension AgentSync {
    /// Answers what an appliance should be, when that is new to it.
    var follow: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}/desired",
            id: "followDesiredState",
            tag: "Agents",
            summary: "Shows what an appliance should be; with `wait`, once that has changed.",
            document: .agent,
            access: .appliance,
            failures: [.invalidRequest, .resourceNotFound],
            query: [
                QueryParameter(
                    "wait",
                    .integer(0...AgentLimits.waitSecondsMax),
                    "Seconds to hold the request while nothing is new."
                )
            ],
            outputSchema: DesiredAnswer.schema,
            outputContentType: .json,
            examples: DesiredAnswer.examples
        ) { context in try await poll(context) }
        .alsoAnswering(204)
        .servingPaused()
        .answeringAtOnce { request, caller, services in unchanged(request, caller, services) }
        .answeringWithEntityTag()
    }

    /// The answer to a poll that asks for nothing but a change, when there is none.
    ///
    /// Whatever is out of the ordinary is left to ``poll(_:)``.
    private func unchanged(
        _ request: Request,
        _ caller: Principal,
        _ services: RequestContext.Services
    ) -> Response? {
        guard request.query.isEmpty, let known = request.field("if-none-match"),
            case .appliance(let caller) = caller, let entry = caller as? FleetEntry,
            !entry.isSilenced, entry.isCredentialUsed, let stamp = try? PollStamp(request)
        else { return nil }
        let etag = entry.confirm(stamp) { desired in
            guard request.matches(known, desired.etag) else { return false }
            guard let observed = request.field("easel-observed") else { return true }
            return DesiredNumber(text: request.head[observed]) == desired.number
        }
        guard let etag else { return nil }
        entry.touch(at: services.clock.now(), monotonic: monotonic())
        return Response(status: 304, etag: etag)
    }

    private func poll(_ context: RequestContext) async throws -> Response {
        let entry = try await caller(context)
        try await hear(entry, at: context.now)
        let request = context.request
        let call = try PollCall(request, wait: waitSeconds(context))
        try await watch(entry, call.stamp, from: request.peerAddress)
        let current = entry.desired()
        if let observed = call.observed, isAhead(observed, of: current.number, entry) {
            try await pause(entry, observed)
        }
        if mayBeServed(entry, call, current.number) {
            guard Self.knows(request, current.etag) else {
                return try answer(entry, current, context)
            }
            guard call.wait > 0 else { return Response(status: 304, etag: current.etag) }
        } else if call.wait == 0 || entry.pausedReason == Self.cloned {
            throw Self.paused(entry.pausedReason ?? Self.serverBehind)
        }
        // One that waits for an operator is held as well, so that it goes on at once.
        let start = MonotonicTime.now()
        let outcome = await park(entry, current.etag, seconds: call.wait)
        request.parkedNanoseconds = MonotonicTime.now().nanoseconds(since: start)
        if outcome == .revoked { throw revoked(entry) }
        if outcome == .cancelled { return Self.comeBack }
        entry.touch(at: context.now, monotonic: monotonic())
        let desired = entry.desired()
        guard mayBeServed(entry, call, desired.number) else {
            throw Self.paused(entry.pausedReason ?? Self.serverBehind, after: call.wait)
        }
        if Self.knows(request, desired.etag) { return Response(status: 304, etag: desired.etag) }
        return try answer(entry, desired, context)
    }

    /// What a poll that waits is told when the server stops: nothing new, and when to ask again;
    /// spread, so that a fleet does not come back as one.
    private static var comeBack: Response {
        Response(status: 204, fields: [("Retry-After", String(Int.random(in: 1...30)))])
    }

    private static func knows(_ request: Request, _ etag: [UInt8]) -> Bool {
        request.field("if-none-match").map {
            EntityTag.list(request.head[$0], matches: etag)
        } ?? false
    }

    /// Whether this server may tell an agent what it should be.
    private func mayBeServed(
        _ entry: FleetEntry,
        _ call: PollCall,
        _ current: DesiredNumber
    ) -> Bool {
        if let observed = call.observed, isAhead(observed, of: current, entry) { return false }
        return entry.pausedReason(for: call.stamp.run) == nil
    }

    private func park(
        _ entry: FleetEntry,
        _ known: [UInt8],
        seconds: Int64
    ) async -> ParkedPoll.Outcome {
        let poll = ParkedPoll()
        let followed = entry.park(poll)
        defer { entry.unpark(poll, followed) }
        // A change between the comparison above and the parking would go unnoticed otherwise.
        if entry.desired().etag != known { return .changed }
        return await poll.wait(seconds: seconds)
    }

    private func waitSeconds(_ context: RequestContext) throws -> Int64 {
        guard let text = context.query("wait") else { return 0 }
        guard let seconds = Int64(text), (0...AgentLimits.waitSecondsMax).contains(seconds) else {
            throw Failure.fault(
                "query/wait",
                "OutOfRange",
                "'wait' must be a number of seconds from 0 to \(AgentLimits.waitSecondsMax).",
                as: .invalidRequest
            )
        }
        return seconds
    }

    private func answer(
        _ entry: FleetEntry,
        _ desired: FleetEntry.Desired,
        _ context: RequestContext
    ) throws -> Response {
        // The contents are at least as new as the number: one that comes in between is sent twice.
        let contents = entry.followed.map(\.content).filter { !$0.isEmpty }
        let answer = DesiredAnswer(
            number: desired.number,
            applianceUID: entry.uid,
            contents: contents,
            removed: try removedLayers(entry, contents),
            nextPollAt: Self.nextPoll(after: context.now)
        )
        let bytes = answer.jsonBytes(capacity: 512 + contents.reduce(0) { $0 + $1.count })
        return Response(status: 200, contentType: .json, etag: desired.etag, body: bytes)
    }

    /// When the appliance should poll again: spread by a fifth, so that a fleet that was cut off
    /// together does not come back together for ever.
    private static func nextPoll(after now: Timestamp) -> Timestamp {
        let interval = AgentLimits.pollIntervalSeconds * 1000
        return now.adding(
            milliseconds: Int64.random(in: interval * 9 / 10...interval * 11 / 10)
        )
    }

    /// The layers that the appliance last reported as applied and that nothing wants any more.
    private func removedLayers(
        _ entry: FleetEntry,
        _ contents: [[UInt8]]
    ) throws -> [DesiredState.Removed] {
        let stored = try database.read { try AgentStore.observation(of: entry, $0).layers }
        let applied = ObservedLayers(stored: stored).applied
        guard !applied.isEmpty else { return [] }
        var wanted: Set<DesiredState.Removed> = []
        for content in contents {
            let revision = try ProfileRevision(JSONParser.parse(content))
            for layer in revision.layers {
                wanted.insert(DesiredState.Removed(name: layer.name, profileUID: revision.uid))
            }
        }
        return applied.filter { !wanted.contains($0) }
    }
}

/// What an agent says of itself in a poll.
private struct PollCall {
    let stamp: PollStamp
    /// The latest state that it has seen.
    let observed: DesiredNumber?
    /// Seconds for which the poll may be held.
    let wait: Int64

    init(_ request: Request, wait: Int64) throws {
        stamp = try PollStamp(request)
        observed = try request.field("easel-observed").map { range in
            guard let number = DesiredNumber(text: request.head[range]) else {
                throw Failure.fault(
                    "header/Easel-Observed",
                    "Malformed",
                    "'Easel-Observed' must be a state's number, <epoch>.<counter>.",
                    as: .invalidRequest
                )
            }
            return number
        }
        self.wait = wait
    }
}

/// The whole desired state of an appliance.
struct DesiredAnswer: JSONWritable {
    let number: DesiredNumber
    let applianceUID: String
    /// The JSON of each profile's newest revision.
    let contents: [[UInt8]]
    let removed: [DesiredState.Removed]
    let nextPollAt: Timestamp

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("number")
            writer.object { writer in
                writer.field("epoch", number.epoch)
                writer.field("counter", number.counter)
            }
            writer.key("appliance")
            writer.object { writer in writer.field("uid", applianceUID) }
            writer.key("profiles")
            writer.array(contents) { writer, content in writer.raw(content) }
            writer.key("removed")
            writer.array(removed) { writer, layer in
                writer.object { writer in
                    writer.field("name", layer.name)
                    writer.field("profileUid", layer.profileUID)
                }
            }
            // Clusters and day-2 work will add theirs; an agent skips kinds it does not know.
            writer.key("jobs")
            writer.array { _ in }
            writer.field("pollIntervalSeconds", AgentLimits.pollIntervalSeconds)
            writer.field("nextPollAt", nextPollAt)
        }
    }

    static let examples: [JSONValue] = {
        let digest = "sha256:" + String(repeating: "0", count: 64)
        let part = Part(digest: digest, size: 12)
        let layer = LayerRevision(
            name: "fluentbit",
            kind: "spectro",
            layer: "addon",
            registryUID: "65f1c0a4d2b7e81f3c9a4b6d",
            packUID: "65f1c0a4d2b7e81f3c9a4b6e",
            version: "4.0.1",
            tag: "4.x",
            installOrder: 0,
            isVM: false,
            digest: digest,
            values: part,
            manifests: [LayerRevision.Manifest(name: "extra", part: part, isAttached: true)],
            charts: [
                LayerRevision.Chart(name: "fluentbit", file: "fluentbit-4.0.1.tgz", part: part)
            ]
        )
        func revision(_ type: String, tags: [String: String]) -> ProfileRevision {
            ProfileRevision(
                uid: "65f1c0a4d2b7e81f3c9a4b6f",
                name: "edge-\(type)",
                version: "1.0.0",
                type: type,
                cloudType: "edge-native",
                number: 3,
                layers: [layer],
                tags: tags
            )
        }
        let answer = DesiredAnswer(
            number: DesiredNumber(epoch: 1_772_366_400, counter: 17),
            applianceUID: "device-153",
            contents: [
                revision("system", tags: ["site-type": "hospital"]).jsonBytes(),
                revision("add-on", tags: [:]).jsonBytes(),
            ],
            removed: [
                DesiredState.Removed(name: "old", profileUID: "65f1c0a4d2b7e81f3c9a4b6f")
            ],
            nextPollAt: Timestamp(milliseconds: 1_772_366_430_000)
        )
        return [(try? JSONParser.parse(answer.jsonBytes())) ?? .null]
    }()

    static let schema = Schema.inferred(from: examples)
}
