import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Synchronization

/// Carries out an operation with an `Idempotency-Key` once, and repeats its answer to whoever asks
/// again (draft-ietf-httpapi-idempotency-key-header).
///
/// The answer is written in the transaction of what was done, so that after a crash both are there
/// or neither. A refusal did nothing and is not kept: the call may be made again.
package final class Idempotency: Sendable {
    /// How much is kept, and for how long.
    package struct Limits: Sendable {
        /// How long an answer is repeated.
        package var hoursKept: Int64 = 24
        /// The answers of one tenant; beyond them the oldest go first.
        package var answersPerTenant = 20_000
        /// The length of a key, without its quotes.
        package var keyBytesMax = 255
        /// The outdated answers that one write clears away: more than it adds.
        package var purgedPerWrite = 16

        package init() {}
    }

    private let database: Database
    private let sealing: SealingKey
    private let limits: Limits
    /// One process has the database, so what runs is known here.
    private let running = Mutex<Set<Digest>>([])

    /// - Parameter sealing: the key that kept answers are sealed under.
    package init(database: Database, sealing: SealingKey, limits: Limits = Limits()) {
        self.database = database
        self.sealing = sealing
        self.limits = limits
    }

    /// One keyed call, as far as its write has to know it.
    struct Call: Sendable {
        /// Names caller, operation and key.
        let id: Digest
        /// Of all that the call asks for.
        let requestDigest: Digest
        let tenantUID: String
        fileprivate let sealing: SealingKey
        fileprivate let limits: Limits

        /// Keeps the answer of the call, in the write's own transaction.
        func keep(_ body: [UInt8], status: UInt16, _ tx: borrowing Transaction) throws {
            try IdempotencyStore.purge(
                before: limits.oldest(at: tx.now),
                countMax: limits.purgedPerWrite,
                tx
            )
            let row = IdempotencyStore.Row(
                requestDigest: requestDigest.bytes,
                status: status,
                answer: try sealing.seal(body, context: context)
            )
            try IdempotencyStore.put(row, as: id, tenantUID: tenantUID, tx)
            try IdempotencyStore.trim(
                tenantUID: tenantUID,
                to: limits.answersPerTenant,
                countMax: limits.purgedPerWrite,
                tx
            )
        }

        fileprivate var context: String { "idempotency:\(id.hex)" }
    }

    /// The keyed call that a request makes; `nil` when it carries no key or the operation takes
    /// none.
    ///
    /// - Throws: `.invalidRequest` for what is no key.
    func call(of context: RequestContext) throws -> Call? {
        guard context.endpoint.takesIdempotencyKey, case .user(let user) = context.principal,
            context.request.field("idempotency-key") != nil
        else { return nil }
        let request = context.request
        let fields = request.values(of: "idempotency-key")
        guard fields.count == 1, let field = fields.first,
            let key = Self.key(request.head[field], bytesMax: limits.keyBytesMax)
        else {
            throw Failure.fault(
                "header/Idempotency-Key",
                "InvalidKey",
                "The Idempotency-Key must be one text of 1 to \(limits.keyBytesMax) visible ASCII "
                    + "characters in double quotes, such as a fresh UUID.",
                as: .invalidRequest
            )
        }
        return Call(
            id: Self.digest(
                [user.tenantUID, user.uid, context.endpoint.id].map { Array($0.utf8) }
                    + [key]
            ),
            requestDigest: Self.digest([
                Array(request.head[request.path]), Array(request.head[request.query]),
                Array((context.scope.projectUID ?? "").utf8), request.body,
            ]),
            tenantUID: user.tenantUID,
            sealing: sealing,
            limits: limits
        )
    }

    /// Repeats the answer of the call, or has it carried out.
    ///
    /// - Throws: `.conflict` while the same call is under way, `.unprocessable` when the key was
    ///   used for another request.
    func answer(
        _ call: Call,
        carryOut: () async throws -> Response
    ) async throws -> Response {
        guard running.withLock({ $0.insert(call.id).inserted }) else {
            throw Failure(
                .conflict,
                "A call with this Idempotency-Key is being carried out; ask again in a moment.",
                retryAfterSeconds: 1
            )
        }
        defer { running.withLock { _ = $0.remove(call.id) } }
        // Read after the call is noted: whoever was noted before has committed or failed.
        let kept = try database.read { tx in
            try IdempotencyStore.find(call.id, notBefore: limits.oldest(at: tx.now), tx)
        }
        guard let kept else { return try await carryOut() }
        guard kept.requestDigest == call.requestDigest.bytes else {
            throw Failure(
                .unprocessable,
                "This Idempotency-Key was used for another request; take a fresh one."
            )
        }
        let body = try sealing.open(kept.answer, context: call.context)
        return Response(
            status: kept.status,
            contentType: body.isEmpty ? nil : .json,
            body: body,
            fields: [("Idempotency-Replayed", "true")]
        )
    }

    /// The text of a key: a Structured Fields string (RFC 9651 §3.3.3), or the same without quotes
    /// and blanks, as many clients send it.
    static func key(_ field: ArraySlice<UInt8>, bytesMax: Int) -> [UInt8]? {
        let quote = UInt8(ascii: "\"")
        let backslash = UInt8(ascii: "\\")
        guard field.first == quote else {
            let isBare = field.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != quote && $0 != backslash
                    && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: ";")
            }
            return isBare && (1...bytesMax).contains(field.count) ? Array(field) : nil
        }
        var key: [UInt8] = []
        var isEscaped = false
        var rest = field.dropFirst()
        while let byte = rest.popFirst() {
            if isEscaped {
                guard byte == quote || byte == backslash else { return nil }
                key.append(byte)
                isEscaped = false
            } else if byte == backslash {
                isEscaped = true
            } else if byte == quote {
                return rest.isEmpty && (1...bytesMax).contains(key.count) ? key : nil
            } else {
                guard (0x20...0x7E).contains(byte) else { return nil }
                key.append(byte)
            }
        }
        return nil
    }

    /// One digest of several texts, which cannot be cut another way: each has its length before it.
    private static func digest(_ parts: [[UInt8]]) -> Digest {
        var whole: [UInt8] = []
        whole.reserveCapacity(parts.reduce(0) { $0 + $1.count + 8 })
        for part in parts {
            withUnsafeBytes(of: UInt64(part.count).littleEndian) { whole += $0 }
            whole += part
        }
        return SHA256.digest(whole)
    }
}

extension Idempotency.Limits {
    fileprivate func oldest(at now: Timestamp) -> Timestamp {
        Timestamp(milliseconds: now.milliseconds - hoursKept * 3_600_000)
    }
}

extension RequestContext {
    /// Makes the one write of an operation and gives its answer, which is kept in the same
    /// transaction when the call carries an `Idempotency-Key`.
    package func write<Output: WireOutput>(
        _ database: Database,
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Output
    ) async throws -> Output {
        guard let call = keyed else { return try await database.write(body) }
        let status = endpoint.success
        return try await database.write { tx in
            let output = try body(tx)
            try call.keep(output.jsonBytes(), status: status, tx)
            return output
        }
    }

    /// As the other `write`, for an answer that is known before.
    ///
    /// - Parameter output: the answer; `nil` for one without a body.
    package func write(
        _ database: Database,
        answering output: (any WireOutput)? = nil,
        _ body: @escaping @Sendable (borrowing Transaction) throws -> Void
    ) async throws {
        guard let call = keyed else { return try await database.write(body) }
        let status = endpoint.success
        try await database.write { tx in
            try body(tx)
            try call.keep(output?.jsonBytes() ?? [], status: status, tx)
        }
    }
}
