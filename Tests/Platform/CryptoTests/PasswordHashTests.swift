import Testing

@testable import Crypto

@Suite("Password hashes")
struct PasswordHashTests {
    private static let quick = PasswordHash.Parameters(logN: 10, r: 8, p: 1)

    @Test func `the right password matches and others do not`() throws {
        let stored = try PasswordHash.hash("correct horse", Self.quick)
        #expect(PasswordHash.verify("correct horse", stored))
        #expect(!PasswordHash.verify("correct horsf", stored))
        #expect(!PasswordHash.verify("", stored))
        #expect(try PasswordHash.hash("correct horse", Self.quick) != stored)
    }

    @Test func `today's parameters stand in the stored text`() throws {
        let stored = try PasswordHash.hash("pässword")
        #expect(stored.hasPrefix("$scrypt$ln=15,r=8,p=1$"))
        #expect(PasswordHash.verify("pässword", stored))
        #expect(!PasswordHash.needsRehash(stored))
        #expect(PasswordHash.needsRehash(try PasswordHash.hash("x", Self.quick)))
    }

    @Test func `nothing matches the decoy, which costs a full hash`() {
        #expect(!PasswordHash.verify("", PasswordHash.decoy))
        #expect(!PasswordHash.needsRehash(PasswordHash.decoy))
    }

    @Test(arguments: [
        "", "$", "plain", "$scrypt$", "$scrypt$ln=10,r=8,p=1$AAAA$AAAA",
        "$scrypt$ln=31,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=17,r=16,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=-1,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=99999999999999999999,r=8,p=1$AA$AA", "$scrypt$r=8,ln=10,p=1$AA$AA",
    ])
    func `a malformed or absurd stored text matches nothing`(stored: String) {
        #expect(!PasswordHash.verify("", stored))
        #expect(PasswordHash.needsRehash(stored))
    }

    @Test func `an overlong password is refused`() {
        let long = String(repeating: "x", count: PasswordHash.passwordBytesMax + 1)
        #expect(throws: OpenSSLFailure.self) { try PasswordHash.hash(long, Self.quick) }
    }
}
