import AgentContract
import Archive
import HTTPCore
import JSON
import Primitives

/// The five things an agent says to its server, as typed calls.
struct ServerLink: Sendable {
    let courier: any Courier
    /// The appliance's ID.
    let uid: String

    /// The kinds of answers that are no success, as far as an agent tells them apart.
    enum Kind: Sendable, Hashable {
        /// No answer came.
        case silence
        /// 202: an operator has to approve first.
        case pending
        /// 400 and its like: the request is refused as it is.
        case refused
        /// 401, 403: the credential, or what should admit the appliance, is not taken.
        case unauthorized
        /// 404: the appliance, or a part, is not there.
        case unknown
        /// 409: the error's code says what the request is at odds with.
        case conflict
        /// 429, 503: later.
        case busy
        /// Anything else, such as 500, or a success that cannot be read.
        case broken

        init(_ number: Int) {
            switch number {
            case 202: self = .pending
            case 401, 403: self = .unauthorized
            case 404, 410: self = .unknown
            case 409: self = .conflict
            case 429, 503: self = .busy
            case 400...499: self = .refused
            default: self = .broken
            }
        }
    }

    private enum Taken {
        static let content = 200
        static let done = 204
        static let part = 206
        static let unchanged = 304
    }

    /// Why a call did not do what it should.
    struct Trouble: Error, Sendable, Hashable {
        /// What kind of answer it was.
        let kind: Kind
        /// The code of the error body, for deciding.
        var code = ""
        /// A sentence, for the log.
        let message: String
        /// Seconds that the server asked to wait.
        var retryAfter: Int64?
        /// What had come of an answer that was cut off.
        var begun: Silence.Begun?

        /// Whether an operator has to look at the appliance before the server goes on with it.
        var saysPaused: Bool { code == "ServerBehind" || code == "IdentityConflict" }
    }

    /// What came of a poll.
    enum Poll: Sendable {
        case unchanged
        case changed(DesiredState, bytes: [UInt8])
        /// The server stops: nothing new, and when it may be asked again.
        case later(seconds: Int64)
    }

    /// What the appliance presents when it pairs.
    struct Introduction: Sendable {
        let machine: Machine
        let fingerprint: String
        let hostAddress: String
        let pairingKey: String
        let token: String
        let profile: ProfileRevision
        /// PKCS#10 in PEM, of an appliance that has a key of its own.
        let certificateRequest: String?
    }

    /// What the appliance has from pairing on.
    struct Admitted: Sendable {
        let credential: String
        /// For the appliance's own key, with its authority's, in PEM.
        let certificate: String?
    }

    /// Pairs.
    func pair(_ introduction: Introduction) async throws -> Admitted {
        let answer = try await ask(
            .post,
            "/v1/edgehosts/register",
            credential: nil,
            body: document(introduction),
            takes: [Taken.content]
        )
        guard let value = try? JSONParser.parse(answer.body),
            let credential = value["status"]?["serviceAuthToken"]?.text, !credential.isEmpty,
            credential.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw Trouble(
                kind: .broken,
                message: "The answer to pairing holds no credential."
            )
        }
        return Admitted(
            credential: credential,
            certificate: value["status"]?["clientCertificate"]?.text
        )
    }

    /// Has a certificate made that stands for the credential; gives it in PEM.
    func renewCertificate(
        _ request: String,
        credential: String,
        stamp: PollStamp
    ) async throws -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("certificateRequest", request)
        writer.endObject()
        let answer = try await ask(
            .post,
            "\(path)/certificate",
            credential: credential,
            stamp: stamp,
            body: writer.finish(),
            takes: [Taken.content]
        )
        guard let chain = (try? JSONParser.parse(answer.body))?["clientCertificate"]?.text else {
            throw Trouble(kind: .broken, message: "The answer holds no certificate.")
        }
        return chain
    }

    /// Asks for the desired state; waits at the server for a change.
    ///
    /// - Parameter stamp: tells this agent from one on a copy of its disk.
    func poll(
        credential: String,
        stamp: PollStamp,
        known: DesiredNumber?,
        seen: DesiredNumber?,
        waitSeconds: Int64
    ) async throws -> Poll {
        var fields: [(name: String, value: String)] = []
        if let known { fields.append(("If-None-Match", "\"\(known.text)\"")) }
        if let seen { fields.append(("Easel-Observed", seen.text)) }
        let query = waitSeconds > 0 ? "?wait=\(waitSeconds)" : ""
        let answer = try await ask(
            .get,
            "\(path)/desired\(query)",
            credential: credential,
            stamp: stamp,
            fields: fields,
            deadline: .seconds(waitSeconds + 30),
            takes: [Taken.content, Taken.done, Taken.unchanged]
        )
        if answer.status == Taken.unchanged { return .unchanged }
        if answer.status == Taken.done { return .later(seconds: Self.retryAfter(answer) ?? 1) }
        do {
            let value = try JSONParser.parse(
                answer.body,
                limits: JSONLimits(bytesMax: 64 << 20)
            )
            return .changed(try DesiredState(value), bytes: answer.body)
        } catch {
            throw Trouble(
                kind: .broken,
                message: "The desired state cannot be read: \(error). Is the agent too old?"
            )
        }
    }

    /// Fetches the bytes behind a digest; the caller checks them.
    ///
    /// - Parameters:
    ///   - begun: what earlier calls received of them, or of their gzipped form.
    ///   - onCutOff: takes what is there when this call is cut off too.
    func fetch(
        _ part: Part,
        after begun: BlobStore.Begun = .init(),
        credential: String,
        stamp: PollStamp,
        onCutOff: (BlobStore.Begun) throws -> Void = { _ in }
    ) async throws -> [UInt8] {
        var fields: [(name: String, value: String)] = []
        if begun.bytes.isEmpty || begun.isGzipped { fields.append(("Accept-Encoding", "gzip")) }
        if !begun.bytes.isEmpty {
            fields.append(("Range", "bytes=\(begun.bytes.count)-"))
            let end = begun.isGzipped ? "-gzip" : ""
            fields.append(("If-Range", "\"\(part.digest)\(end)\""))
        }
        do {
            let answer = try await ask(
                .get,
                "\(path)/blobs/\(Self.encoded(part.digest))",
                credential: credential,
                stamp: stamp,
                fields: fields,
                deadline: .seconds(600),
                takes: [Taken.content, Taken.part]
            )
            var got = BlobStore.Begun(
                bytes: answer.body,
                isGzipped: answer.field("content-encoding") == "gzip"
            )
            if answer.status == Taken.part {
                let range = answer.field("content-range")
                guard range?.hasPrefix("bytes \(begun.bytes.count)-") == true else {
                    throw Trouble(
                        kind: .broken,
                        message: "The server sent another part than asked."
                    )
                }
                got = .init(bytes: begun.bytes + answer.body, isGzipped: begun.isGzipped)
            }
            guard got.isGzipped else { return got.bytes }
            do {
                return try Gzip.decompress(got.bytes, limit: Int(part.size), ratioMax: .max)
            } catch {
                // A beginning that does not belong to the rest would spoil every further call.
                try onCutOff(.init())
                throw Trouble(kind: .broken, message: "What the server sent is not gzip: \(error)")
            }
        } catch let trouble as Trouble {
            if let cut = trouble.begun {
                if cut.status == Taken.part {
                    let bytes = begun.bytes + cut.body
                    try onCutOff(.init(bytes: bytes, isGzipped: begun.isGzipped))
                }
                if cut.status == Taken.content {
                    try onCutOff(.init(bytes: cut.body, isGzipped: cut.isGzipped))
                }
            }
            // Another release of the server may make a shorter form than the one that was begun.
            if trouble.code == "RangeNotSatisfiable" { try onCutOff(.init()) }
            throw trouble
        }
    }

    /// Sends a report.
    func report(_ report: AgentReport, credential: String, stamp: PollStamp) async throws {
        _ = try await ask(
            .post,
            "\(path)/report",
            credential: credential,
            stamp: stamp,
            body: report.jsonBytes(),
            takes: [Taken.done, Taken.content]
        )
    }

    /// Says that all is as it was reported.
    func heartbeat(
        state: String,
        message: String,
        credential: String,
        stamp: PollStamp
    ) async throws {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("state", state)
        writer.field("message", message)
        writer.field("agentVersion", AgentRelease.version)
        writer.endObject()
        _ = try await ask(
            .patch,
            "\(path)/health",
            credential: credential,
            stamp: stamp,
            body: writer.finish(),
            takes: [Taken.done, Taken.content]
        )
    }

    private var path: String { "/v1/edgehosts/\(Self.encoded(uid))" }

    private func ask(
        _ method: HTTPMethod,
        _ target: String,
        credential: String?,
        stamp: PollStamp? = nil,
        fields: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        deadline: Duration = .seconds(60),
        takes: Set<Int>
    ) async throws -> CourierAnswer {
        var request = CourierRequest(
            method: method,
            target: target,
            fields: fields,
            body: body,
            deadline: deadline
        )
        request.fields.append(("traceparent", Self.trace(stamp)))
        if let stamp { request.fields.append(("Easel-Poll", stamp.text)) }
        if let credential { request.fields.append(("Authorization", "Bearer \(credential)")) }
        if !body.isEmpty { request.fields.append(("Content-Type", "application/json")) }
        let answer: CourierAnswer
        do {
            answer = try await courier.send(request)
        } catch let silence as Silence {
            throw Trouble(kind: .silence, message: silence.reason, begun: silence.begun)
        }
        guard takes.contains(answer.status) else { throw Self.trouble(answer) }
        return answer
    }

    /// What the server's log shows of the call (W3C Trace Context): a poll and the calls that follow
    /// it are one trace, each call a span of it.
    private static func trace(_ stamp: PollStamp?) -> String {
        let life = stamp.map { big($0.run) + big($0.count) }
        return
            "00-\(Hex.encode(life ?? RandomBytes.make(16)))-\(Hex.encode(RandomBytes.make(8)))-01"
    }

    private static func big(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    private static func trouble(_ answer: CourierAnswer) -> Trouble {
        let body = try? JSONParser.parse(answer.body)
        return Trouble(
            kind: Kind(answer.status),
            code: body?["code"]?.text ?? "",
            message: body?["message"]?.text ?? "The server answered \(answer.status).",
            retryAfter: retryAfter(answer)
        )
    }

    private static func retryAfter(_ answer: CourierAnswer) -> Int64? {
        answer.field("retry-after").flatMap { Int64($0) }
    }

    /// Everything but unreserved characters as `%XX` (RFC 3986 §2.3).
    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: ":"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }

    /// Palette's device document.
    private func document(_ introduction: Introduction) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.key("metadata")
        writer.beginObject()
        writer.field("name", uid)
        writer.field("uid", uid)
        writer.endObject()
        writer.key("spec")
        writer.beginObject()
        writer.key("host")
        writer.beginObject()
        writer.field("hostUid", uid)
        writer.field("hostAddress", introduction.hostAddress)
        writer.field(
            "macAddress",
            introduction.machine.mainInterface?.hardwareAddress ?? ""
        )
        writer.field("hostChecksum", introduction.fingerprint)
        writer.field("hostPairingKey", introduction.pairingKey)
        writer.field("hostAuthToken", introduction.token)
        writer.endObject()
        writer.field("device", introduction.machine)
        writer.key("service")
        writer.beginObject()
        writer.field("name", "easel-agent")
        writer.field("version", AgentRelease.version)
        writer.endObject()
        writer.key("clusterProfileTemplates")
        writer.beginArray()
        writer.beginObject()
        writer.field("uid", introduction.profile.uid)
        writer.field("name", introduction.profile.name)
        writer.endObject()
        writer.endArray()
        writer.endObject()
        if let request = introduction.certificateRequest {
            writer.field("certificateRequest", request)
        }
        writer.endObject()
        return writer.finish()
    }
}
