import APIKit
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import Testing
import TestSupport

@Suite("A call with an Idempotency-Key")
struct IdempotencyTests {
    private struct Wish: WireInput {
        let name: String

        init(from fields: Fields) { name = fields.text("name") }
    }

    private let clock = TestClock()
    private let database: Database
    private let sealing = SealingKey()
    private let path: String

    init() throws {
        let options = try TestDatabase.options(clock: clock.clock)
        path = options.path
        database = try Database.open(options)
    }

    /// Each call that has an effect answers the next number.
    private func api(
        _ database: Database,
        limits: Idempotency.Limits = .init(),
        atWork: @escaping @Sendable () async -> Void = {}
    ) -> TestDispatcher {
        TestDispatcher(
            [
                Endpoint(
                    .post,
                    "/v1/things/{uid}",
                    id: "make",
                    tag: "things",
                    summary: "Makes.",
                    access: .user(Permission("thing.create")),
                    success: 201,
                    failures: [.ruleViolated],
                    input: Wish.self,
                    output: UIDAnswer.self
                ) { wish, context in
                    await atWork()
                    guard wish.name != "bad" else { throw Failure(.ruleViolated, "It is bad.") }
                    return try await context.write(database) { tx in
                        UIDAnswer(uid: "\(try tx.nextCounter())")
                    }
                }.takingIdempotencyKey(),
                Endpoint(
                    .post,
                    "/v1/acts",
                    id: "act",
                    tag: "things",
                    summary: "Acts.",
                    access: .user(Permission("thing.create"))
                ) { _, context in
                    try await context.write(database) { tx in _ = try tx.nextCounter() }
                }.takingIdempotencyKey(),
            ],
            clock: clock.clock,
            idempotency: Idempotency(database: database, sealing: sealing, limits: limits)
        )
    }

    private func make(
        _ api: TestDispatcher,
        key: String?,
        name: String = "a",
        at uid: String = "x",
        as credential: String = "admin",
        project: String? = nil
    ) async throws -> TestAnswer {
        try await api.call(
            .post,
            "/v1/things/\(uid)",
            as: credential,
            project: project,
            headers: key.map { [("Idempotency-Key", $0)] } ?? [],
            body: ["name": .string(name)]
        )
    }

    private func rowCount() throws -> Int64 {
        try database.read { tx in
            try tx.first("SELECT COUNT(*) FROM idempotency") { $0.int(0) } ?? -1
        }
    }

    @Test func `is carried out once, and answered alike each time`() async throws {
        let api = api(database)
        let first = try await make(api, key: "\"k1\"")
        #expect(first.status == 201)
        #expect(first.header("Idempotency-Replayed") == nil)
        let again = try await make(api, key: "\"k1\"")
        #expect(again.status == 201)
        #expect(again.response.body == first.response.body)
        #expect(again.header("Idempotency-Replayed") == "true")
        // The same key without its quotes, as many clients send it.
        #expect(try await make(api, key: "k1").text == first.text)
        let other = try await make(api, key: "\"k2\"")
        #expect(other.text != first.text)
        #expect(try await make(api, key: nil).text != first.text)
    }

    @Test func `that answers without a body is answered so again`() async throws {
        let api = api(database)
        for replayed in [nil, "true"] {
            let answer = try await api.call(
                .post,
                "/v1/acts",
                headers: [("Idempotency-Key", "\"k\"")]
            )
            #expect(answer.status == 204)
            #expect(answer.header("Idempotency-Replayed") == replayed)
        }
    }

    @Test func `is refused when the key stood on another request`() async throws {
        let api = api(database)
        _ = try await make(api, key: "\"k\"")
        for answer in [
            try await make(api, key: "\"k\"", name: "b"),
            try await make(api, key: "\"k\"", at: "y"),
            try await make(api, key: "\"k\"", project: "p1"),
        ] {
            #expect(answer.status == 422)
            #expect(answer.code == "Unprocessable")
        }
    }

    @Test func `has nothing to do with the same key of another caller`() async throws {
        let api = api(database)
        let mine = try await make(api, key: "\"k\"")
        let theirs = try await make(api, key: "\"k\"", as: "other-admin")
        #expect(theirs.status == 201)
        #expect(theirs.text != mine.text)
    }

    @Test func `may be made again after a refusal, which did nothing`() async throws {
        let api = api(database)
        #expect(try await make(api, key: "\"k\"", name: "bad").status == 400)
        #expect(try rowCount() == 0)
        #expect(try await make(api, key: "\"k\"", name: "good").status == 201)
    }

    @Test func `is refused while its twin runs`() async throws {
        let (entered, hasEntered) = AsyncStream<Void>.makeStream()
        let (leave, mayLeave) = AsyncStream<Void>.makeStream()
        let api = api(database) {
            hasEntered.yield()
            for await _ in leave { break }
        }
        async let first = make(api, key: "\"k\"")
        for await _ in entered { break }
        let second = try await make(api, key: "\"k\"")
        #expect(second.status == 409)
        #expect(second.header("Retry-After") == "1")
        mayLeave.yield()
        #expect(try await first.status == 201)
        let third = try await make(api, key: "\"k\"")
        #expect(third.header("Idempotency-Replayed") == "true")
    }

    @Test func `is remembered after a restart, for a day`() async throws {
        let first = try await make(api(database), key: "\"k\"")
        database.close()
        let reopened = try Database.open(
            DatabaseOptions(path: path, synchronous: .off, clock: clock.clock)
        )
        let api = api(reopened)
        clock.advance(seconds: 24 * 3600 - 1)
        let again = try await make(api, key: "\"k\"")
        #expect(again.text == first.text)
        clock.advance(seconds: 2)
        let fresh = try await make(api, key: "\"k\"")
        #expect(fresh.status == 201)
        #expect(fresh.text != first.text)
    }

    @Test func `leaves no answer to be read without the server's key`() async throws {
        let answer = try await make(api(database), key: "\"k\"")
        let stored = try database.read { tx in
            try tx.all("SELECT answer FROM idempotency") { $0.bytes(0) }
        }
        #expect(stored.count == 1)
        let text = String(decoding: stored.joined(), as: UTF8.self)
        #expect(!text.contains(answer.text))
    }

    @Test func `makes room: outdated answers go, and a tenant's oldest beyond its number`()
        async throws
    {
        var limits = Idempotency.Limits()
        limits.answersPerTenant = 3
        let api = api(database, limits: limits)
        var answers: [String] = []
        for number in 0..<5 {
            answers.append(try await make(api, key: "\"k\(number)\"").text)
            clock.advance(seconds: 1)
        }
        #expect(try rowCount() == 3)
        #expect(try await make(api, key: "\"k4\"").text == answers[4])
        #expect(try await make(api, key: "\"k0\"").text != answers[0])
        clock.advance(seconds: 25 * 3600)
        _ = try await make(api, key: "\"late\"")
        #expect(try rowCount() == 1)
    }

    @Test(arguments: [
        "", "\"\"", "\"open", "\"a\"b", "\"\u{7F}\"", "\"ä\"", "a b", "a,b", "a;b", "\"a\\b\"",
        "\"" + String(repeating: "k", count: 256) + "\"",
    ])
    func `needs a key that is one`(key: String) async throws {
        let answer = try await make(api(database), key: key)
        #expect(answer.status == 400)
        #expect(answer.faults == ["header/Idempotency-Key InvalidKey"])
    }

    @Test(arguments: [
        "\"a b\"", "\"a\\\"b\\\\\"", "8e03978e-40d5-43dd-bc93-6894a57f9324", "a:b/c+d=",
        "\"" + String(repeating: "k", count: 255) + "\"",
    ])
    func `takes the keys that clients send`(key: String) async throws {
        let api = api(database)
        let answers = [try await make(api, key: key), try await make(api, key: key)]
        #expect(answers.map(\.status) == [201, 201])
        #expect(answers[0].text == answers[1].text)
    }

    @Test func `carries one key`() async throws {
        let answer = try await api(database).call(
            .post,
            "/v1/acts",
            headers: [("Idempotency-Key", "\"a\""), ("Idempotency-Key", "\"a\"")]
        )
        #expect(answer.status == 400)
    }
}
