import APIKit
import Crypto
import HTTPCore
import JSON
import Primitives
import Storage
import TestSupport
import Testing

@testable import Identity

@Suite("Making a tenant")
struct BootstrapTests {
    @Test func `gives all that the first hour needs`() async throws {
        let site = try Site()
        #expect(
            try site.audit() == ["create tenant", "create project", "create user", "create apikey"]
        )
        let info = try await site.api.call(.get, "/v1/users/info", as: site.acme.apiKey)
        #expect(info.json["orgName"]?.text == "Acme")
        #expect(info.json["tenantUid"]?.text == site.acme.tenantUID)
        #expect(info.json["userUid"]?.text == site.acme.userUID)
        let projects = try await site.api.call(
            .get,
            "/v1/dashboard/projects/metadata",
            as: site.acme.apiKey
        )
        #expect(
            projects.text == #"{"items":[{"metadata":{"name":"Default","uid":""#
                + site.acme.projectUID + #""}}]}"#
        )
        #expect(try await site.logIn().status == 200)
        #expect(
            Array(site.acme.jsonBytes()).starts(
                with: #"{"tenantUid":"\#(site.acme.tenantUID)","projectUid":"#.utf8
            )
        )
    }

    @Test func `makes a password that works, once`() throws {
        let database = try TestDatabase.make()
        let hasher = try PasswordHasher.scrypt(in: database, sealedUnder: SealingKey())
        #expect(try !Bootstrap.hasTenant(in: database))
        let made = try Bootstrap.create(
            organisation: "Acme",
            email: " Admin@ACME.example ",
            password: nil,
            in: database,
            hasher: hasher
        )
        #expect(try Bootstrap.hasTenant(in: database))
        #expect(made.email == "admin@acme.example")
        #expect(PasswordPolicy.faults(of: made.password, at: "").isEmpty)
        let hash = try database.read {
            try $0.first("SELECT password_hash FROM account") { $0.text(0) }
        }
        let stored = try #require(hash)
        #expect(hasher.matching(made.password, made.email, [stored]) == [stored])
        #expect(hasher.matching(made.password + "x", made.email, [stored]) == [])
    }

    @Test func `refuses an organisation that exists, and leaves nothing`() throws {
        let site = try Site()
        let before = try site.audit().count
        #expect {
            try Bootstrap.create(
                organisation: "Acme",
                email: "b@acme.example",
                password: "Correct-horse-2",
                in: site.database,
                hasher: site.hasher.hasher
            )
        } throws: { ($0 as? Failure)?.code == .duplicateName }
        #expect(try site.audit().count == before)
        #expect(
            try site.database.read {
                try $0.first("SELECT COUNT(*) FROM account") { $0.int(0) }
            } == 2
        )
    }

    @Test(
        arguments: [
            ("", "no", "weak", ["/org", "/email", "/password"]),
            (" Acme", "a@b.c", "Correct-horse-1", ["/org"]),
            ("A\nB", "a@b.c", "Correct-horse-1", ["/org"]),
            (String(repeating: "x", count: 129), "a@b.c", "Correct-horse-1", ["/org"]),
            ("Acme", "a@b.c", "Correct-horse", ["/password"]),
        ] as [(String, String, String, [String])]
    )
    func `names every fault`(
        organisation: String,
        email: String,
        password: String,
        pointers: [String]
    ) throws {
        do {
            _ = try Bootstrap(
                organisation: organisation,
                email: email,
                password: password,
                hasher: CountingHasher().hasher
            )
            Issue.record("taken")
        } catch let failure as Failure {
            #expect(failure.code == .ruleViolated)
            var found: [String] = []
            for fault in failure.faults where found.last != fault.pointer {
                found.append(fault.pointer)
            }
            #expect(found == pointers)
            #expect(!failure.message.contains(password))
        }
    }

    @Test func `the token key survives a restart and needs its key file`() async throws {
        let site = try Site()
        let token = try await site.token()
        let restarted = try Identity(
            database: site.database,
            sealingKey: site.sealingKey,
            clock: site.clock.clock,
            slowWork: ImmediateWork()
        )
        let api = TestDispatcher(
            restarted.endpoints,
            authenticator: restarted.authenticator,
            clock: site.clock.clock
        )
        let answer = try await api.call(
            .get,
            "/v1/users/info",
            as: nil,
            headers: [("Authorization", token)]
        )
        #expect(answer.status == 200)
        #expect(throws: SealingError.otherKey) {
            try Identity(
                database: site.database,
                sealingKey: SealingKey(),
                slowWork: ImmediateWork()
            )
        }
    }
}
