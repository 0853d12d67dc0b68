import AgentContract
import Archive
import HTTPCore
import JSON
import Primitives
import Synchronization

@testable import easel_agent

/// A server in memory that keeps the contract, and can be told to be difficult.
final class FakeServer: Courier {
    struct Report: Sendable {
        let sequence: Int64
        let observed: String
        let health: String
        /// `name=action`, in order.
        let layers: [String]
        let revision: Int64?
    }

    struct Inside: Sendable {
        var isRegistered = true
        var token = Samples.token
        var credential: String?
        var pairings = 0
        var fingerprint: String?
        var number = DesiredNumber(epoch: 1, counter: 10)
        var profiles: [SampleProfile] = []
        var isBehind = false
        /// Whether a poll of a paused appliance is held to its end.
        var holdsPaused = false
        /// How often a machine is told to wait for an operator.
        var pendingPairings = 0
        /// What one poll is told by a server that stops.
        var stopsFor: Int64?
        /// `Easel-Poll` of each poll, and when it came.
        var stamps: [String] = []
        /// `traceparent` of each request.
        var traces: [String] = []
        var polledAt: [Int64] = []
        var isSilent = false
        var isBusyFor: Int64?
        /// Digests that are answered with other bytes.
        var liesAbout: Set<String> = []
        var reports: [Report] = []
        var stale = 0
        var heartbeats = 0
        /// After how many bytes the connection is cut when one of these digests is fetched.
        var cutsAfter: [String: Int] = [:]
        var ranges: [String?] = []
        /// Whether parts are gzipped for an agent that takes that.
        var gzips = false
        var fetches: [String] = []
        var polls: [(etag: String?, observed: String?)] = []
        /// What happens when a poll finds nothing new: called with how often that was so.
        var unchangedPolls = 0
        /// Everything that was asked, as `METHOD path`.
        var log: [String] = []
    }

    let inside = Mutex(Inside())
    private let time: FakeTime
    /// Runs when a poll has nothing new; false ends the agent.
    private let onUnchanged: @Sendable (FakeServer, Int) -> Bool

    init(
        _ time: FakeTime,
        onUnchanged: @escaping @Sendable (FakeServer, Int) -> Bool = { _, _ in false }
    ) {
        self.time = time
        self.onUnchanged = onUnchanged
    }

    func publish(_ profiles: SampleProfile...) {
        inside.withLock { inside in
            inside.number = DesiredNumber(
                epoch: inside.number.epoch,
                counter: inside.number.counter + 1
            )
            inside.profiles = profiles
        }
    }

    func send(_ request: CourierRequest) async throws -> CourierAnswer {
        let path = request.target.prefix { $0 != "?" }
        var cut: Silence.Begun?
        let answer = inside.withLock { inside -> CourierAnswer? in
            inside.log.append("\(request.method.text) \(path)")
            inside.traces.append(Self.field(request, "traceparent") ?? "")
            if inside.isSilent { return nil }
            if let seconds = inside.isBusyFor {
                inside.isBusyFor = nil
                return Self.error(503, "ServiceUnavailable", retryAfter: seconds)
            }
            if path == "/v1/edgehosts/register" { return Self.register(request, &inside) }
            guard let credential = inside.credential,
                Self.field(request, "Authorization") == "Bearer \(credential)"
            else { return Self.error(401, "Unauthorized") }
            // Without it a machine that was kept while its copy is paused would be refused.
            guard Self.field(request, "Easel-Poll") != nil else {
                return Self.error(409, "IdentityConflict")
            }
            if path.hasSuffix("/desired") {
                inside.polledAt.append(time.inside.withLock(\.milliseconds))
                return Self.desired(request, &inside)
            }
            if path.hasSuffix("/report") { return Self.report(request, &inside) }
            if path.hasSuffix("/health") {
                inside.heartbeats += 1
                return CourierAnswer(status: 204)
            }
            let digest = String(path.split(separator: "/").last ?? "")
            let whole = Self.blob(digest, request, &inside)
            if let count = inside.cutsAfter[digest] {
                cut = Silence.Begun(
                    status: whole.status,
                    body: Array(whole.body.prefix(count)),
                    isGzipped: whole.field("content-encoding") == "gzip"
                )
                return nil
            }
            return whole
        }
        guard let answer else { throw Silence(reason: "Nobody listens.", begun: cut) }
        let isHeld = answer.status == 409 && inside.withLock(\.holdsPaused)
        if answer.status == 304 || isHeld {
            if let wait = request.target.split(separator: "=").last.flatMap({ Int64($0) }) {
                time.advance(seconds: wait)
            }
            let count = inside.withLock { inside in
                inside.unchangedPolls += 1
                return inside.unchangedPolls
            }
            guard onUnchanged(self, count) else { throw CancellationError() }
        }
        return answer
    }

    private static func field(_ request: CourierRequest, _ name: String) -> String? {
        request.fields.first { $0.name == name }?.value
    }

    static func error(
        _ status: Int,
        _ code: String,
        retryAfter: Int64? = nil
    ) -> CourierAnswer {
        var fields: [(name: String, value: String)] = []
        if let retryAfter { fields.append(("retry-after", String(retryAfter))) }
        let body = "{\"code\":\"\(code)\",\"message\":\"No.\",\"details\":{},\"ref\":\"1\"}"
        return CourierAnswer(status: status, fields: fields, body: Array(body.utf8))
    }

    private static func register(
        _ request: CourierRequest,
        _ inside: inout Inside
    ) -> CourierAnswer {
        guard inside.isRegistered else { return error(404, "ResourceNotFound") }
        if inside.pendingPairings > 0 {
            inside.pendingPairings -= 1
            return error(202, "ReapprovalPending", retryAfter: 40)
        }
        guard let body = try? JSONParser.parse(request.body),
            let host = body["spec"]?["host"], let checksum = host["hostChecksum"]?.text,
            host["hostAuthToken"]?.text == inside.token
        else { return error(401, "Unauthorized") }
        if let known = inside.fingerprint, known != checksum {
            return error(409, "IdentityConflict")
        }
        inside.fingerprint = checksum
        inside.pairings += 1
        inside.credential = "easel_agent_\(inside.pairings)"
        let answer = "{\"status\":{\"serviceAuthToken\":\"easel_agent_\(inside.pairings)\"}}"
        return CourierAnswer(status: 200, body: Array(answer.utf8))
    }

    private static func desired(
        _ request: CourierRequest,
        _ inside: inout Inside
    ) -> CourierAnswer {
        let etag = field(request, "If-None-Match")
        let observed = field(request, "Easel-Observed")
        inside.polls.append((etag, observed))
        inside.stamps.append(field(request, "Easel-Poll") ?? "")
        if let seconds = inside.stopsFor {
            inside.stopsFor = nil
            return CourierAnswer(status: 204, fields: [("retry-after", String(seconds))])
        }
        if inside.isBehind {
            return error(409, "ServerBehind", retryAfter: inside.holdsPaused ? 3 : 90)
        }
        if etag == "\"\(inside.number.text)\"" { return CourierAnswer(status: 304) }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("number")
        writer.beginObject()
        writer.field("epoch", inside.number.epoch)
        writer.field("counter", inside.number.counter)
        writer.endObject()
        writer.key("appliance")
        writer.beginObject()
        writer.field("uid", "device-153")
        writer.endObject()
        writer.key("profiles")
        writer.beginArray()
        for profile in inside.profiles { profile.revision.write(to: &writer) }
        writer.endArray()
        writer.key("jobs")
        writer.beginArray()
        writer.endArray()
        writer.field("pollIntervalSeconds", 30)
        writer.field("nextPollAt", Timestamp(seconds: 1_800_000_000))
        writer.endObject()
        return CourierAnswer(status: 200, body: writer.finish())
    }

    private static func report(
        _ request: CourierRequest,
        _ inside: inout Inside
    ) -> CourierAnswer {
        guard let body = try? JSONParser.parse(request.body),
            let sequence = body["sequence"]?.integer
        else { return error(400, "InvalidBody") }
        if let last = inside.reports.last?.sequence, sequence < last {
            inside.stale += 1
            return error(409, "StaleReport")
        }
        let layers = body["layers"]?.elements ?? []
        let epoch = body["observed"]?["epoch"]?.integer ?? -1
        let counter = body["observed"]?["counter"]?.integer ?? -1
        inside.reports.append(
            Report(
                sequence: sequence,
                observed: "\(epoch).\(counter)",
                health: body["health"]?["state"]?.text ?? "",
                layers: layers.map {
                    "\($0["name"]?.text ?? "")=\($0["action"]?.text ?? "")"
                },
                revision: layers.first?["revision"]?.integer
            )
        )
        return CourierAnswer(status: 204)
    }

    private static func blob(
        _ digest: String,
        _ request: CourierRequest,
        _ inside: inout Inside
    ) -> CourierAnswer {
        let range = field(request, "Range")
        inside.fetches.append(digest)
        inside.ranges.append(range)
        if inside.liesAbout.contains(digest) {
            return CourierAnswer(status: 200, body: Array("something else".utf8))
        }
        for profile in inside.profiles {
            if var bytes = profile.parts[digest] {
                var fields: [(name: String, value: String)] = []
                if inside.gzips, field(request, "Accept-Encoding") == "gzip" {
                    bytes = Gzip.compress(bytes)
                    fields.append(("content-encoding", "gzip"))
                }
                let tag = "\"\(digest)\(fields.isEmpty ? "" : "-gzip")\""
                if let range, field(request, "If-Range") == tag,
                    let start = Int(range.dropFirst("bytes=".count).dropLast())
                {
                    guard start < bytes.count else { return error(416, "RangeNotSatisfiable") }
                    fields.append(
                        ("content-range", "bytes \(start)-\(bytes.count - 1)/\(bytes.count)")
                    )
                    return CourierAnswer(status: 206, fields: fields, body: Array(bytes[start...]))
                }
                return CourierAnswer(status: 200, fields: fields, body: bytes)
            }
        }
        return error(404, "ResourceNotFound")
    }
}

/// A clock that moves when somebody sleeps.
final class FakeTime: Sendable {
    struct Inside: Sendable {
        var milliseconds: Int64 = 1_790_000_000_000
        var slept: Int64 = 0
        /// Ends the agent when it has slept this long.
        var sleepMillisecondsMax: Int64 = 3_600_000
        var lines: [String] = []
        var random = SplitMix(seed: 42)
    }

    let inside = Mutex(Inside())

    func advance(seconds: Int64) { inside.withLock { $0.milliseconds += seconds * 1000 } }

    var lines: [String] { inside.withLock(\.lines) }

    /// Whether a line with all these words was logged.
    func said(_ words: String...) -> Bool {
        lines.contains { line in words.allSatisfy { line.contains($0) } }
    }

    func surroundings(_ disk: any Disk, _ courier: any Courier) -> Surroundings {
        Surroundings(
            disk: disk,
            connect: { _, _ in courier },
            now: { Timestamp(milliseconds: self.inside.withLock(\.milliseconds)) },
            sleep: { duration in
                let milliseconds =
                    duration.components.seconds * 1000
                    + duration.components.attoseconds / 1_000_000_000_000_000
                try self.inside.withLock { inside in
                    inside.milliseconds += milliseconds
                    inside.slept += milliseconds
                    if inside.slept > inside.sleepMillisecondsMax { throw CancellationError() }
                }
            },
            random: { self.inside.withLock { $0.random.next() } },
            log: { level, message in
                self.inside.withLock { $0.lines.append("\(level.rawValue) \(message)") }
            },
            machine: {
                var machine = Machine()
                machine.machineID = "0123456789abcdef"
                machine.interfaces = [
                    Machine.Interface(
                        name: "eth0",
                        hardwareAddress: "52:54:00:00:00:01",
                        address: "192.168.100.12",
                        isDefault: true
                    )
                ]
                return machine
            }
        )
    }
}

/// Random numbers that a seed determines.
struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
