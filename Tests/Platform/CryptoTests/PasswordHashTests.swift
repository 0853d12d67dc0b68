import Testing

@testable import Crypto

@Suite("Password hashes")
struct PasswordHashTests {
    private static let quick = PasswordHash.Parameters(logN: 10, r: 8, p: 1)

    @Test func `the right password matches and others do not`() throws {
        let right = try hash("correct horse")
        let stored = right.stored()
        #expect(right.matches(stored))
        #expect(try hash("correct horse").matches(stored))
        #expect(try !hash("correct horsf").matches(stored))
        #expect(try !hash("").matches(stored))
        #expect(try !hash("correct horse", account: "b@c.d").matches(stored))
        #expect(try !hash("correct horse", key: [2]).matches(stored))
        #expect(right.stored() != stored)
    }

    @Test func `one run of scrypt serves none, one or several accounts`() throws {
        let stored = try ["one", "two", "three"].map { try hash($0).stored() }
        for known in [[], Array(stored.prefix(1)), stored, [PasswordHash.decoy, stored[0]]] {
            let presented = try hash("two", comparedWith: known.filter { $0 != PasswordHash.decoy })
            #expect(presented.runs == 1)
            #expect(known.map(presented.matches) == known.map { $0 == stored[1] })
        }
    }

    @Test func `a hash of other parameters is still compared with`() throws {
        let stored = try hash("one").stored()
        let other = PasswordHash.Parameters(logN: 11, r: 8, p: 1)
        let presented = try PasswordHash("one", account: "a@b.c", key: [1], other, [stored])
        #expect(presented.runs == 2)
        #expect(presented.matches(stored))
        #expect(presented.matches(presented.stored()))
    }

    private func hash(
        _ password: String,
        account: String = "a@b.c",
        key: [UInt8] = [1],
        comparedWith stored: [String] = []
    ) throws -> PasswordHash {
        try PasswordHash(password, account: account, key: key, Self.quick, stored)
    }

    @Test func `today's parameters stand in the stored text`() throws {
        let presented = try PasswordHash("pässword", account: "a@b.c", key: [1])
        let stored = presented.stored()
        #expect(stored.hasPrefix("$scrypt$ln=15,r=8,p=1$"))
        #expect(presented.matches(stored))
        #expect(!PasswordHash.needsRehash(stored))
        #expect(PasswordHash.needsRehash(try hash("x").stored()))
    }

    private static let decoy = PasswordHash.decoy

    @Test func `nothing matches the decoy`() throws {
        let empty = try PasswordHash("", account: "a@b.c", key: [1], comparedWith: [Self.decoy])
        #expect(empty.runs == 1)
        #expect(!empty.matches(Self.decoy))
        #expect(!PasswordHash.needsRehash(PasswordHash.decoy))
    }

    @Test(arguments: [
        "", "$", "plain", "$scrypt$", "$scrypt$ln=10,r=8,p=1$AAAA$AAAA",
        "$scrypt$ln=31,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=17,r=16,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=-1,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=99999999999999999999,r=8,p=1$AA$AA", "$scrypt$r=8,ln=10,p=1$AA$AA",
    ])
    func `a malformed or absurd stored text matches nothing`(stored: String) throws {
        let presented = try hash("", comparedWith: [stored])
        #expect(presented.runs == 1)
        #expect(!presented.matches(stored))
        #expect(PasswordHash.needsRehash(stored))
    }

    @Test func `an overlong password is refused`() {
        let long = String(repeating: "x", count: PasswordHash.passwordBytesMax + 1)
        #expect(throws: OpenSSLFailure.self) { try hash(long) }
    }
}
