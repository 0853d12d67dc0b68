import Crypto
import Primitives
import Testing

@Suite("Digests and authentication codes")
struct DigestTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `gives the digests of FIPS 180-4`(text: String, expected: String) {
        #expect(SHA256.digest(text).hex == expected)
        #expect(SHA256.digest(Array(text.utf8)).hex == expected)
        #expect(SHA256.digest(Array(text.utf8).span).hex == expected)
    }

    @Test func `pieces give the digest of the whole`() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for step in [1, 7, 63, 64, 65, 999] {
            var hasher = SHA256Hasher()
            for start in stride(from: 0, to: bytes.count, by: step) {
                hasher.update(Array(bytes[start..<min(start + step, bytes.count)]))
            }
            #expect(hasher.finish() == SHA256.digest(bytes))
        }
    }

    @Test func `a digest survives its text form, and nothing else is one`() throws {
        let digest = SHA256.digest("x")
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(hex: digest.hex.uppercased()) == digest)
        #expect(Digest(bytes: digest.bytes) == digest)
        #expect(Digest(hex: String(digest.hex.dropLast())) == nil)
        #expect(Digest(hex: digest.hex + "00") == nil)
        #expect(Digest(hex: "g" + digest.hex.dropFirst()) == nil)
        #expect(Digest(bytes: [1, 2, 3]) == nil)
    }

    // RFC 4231 §4.2, §4.3, §4.4 and §4.7 (a key longer than a block).
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func `gives the codes of RFC 4231`(key: [UInt8], text: [UInt8], expected: String) {
        #expect(HMACSHA256(key: key).code(text).hex == expected)
    }

    @Test func `compares digests`() {
        #expect(ConstantTime.equal(SHA256.digest("a"), SHA256.digest("a")))
        #expect(!ConstantTime.equal(SHA256.digest("a"), SHA256.digest("b")))
    }

    @Test func `secrets are long, unlike each other, and found again by digest`() {
        let secret = Secret.make(prefix: "easel_")
        #expect(secret.hasPrefix("easel_"))
        #expect(secret.utf8.count == 6 + 43)
        #expect(secret != Secret.make(prefix: "easel_"))
        let stored = SecretDigest(presented: secret)
        #expect(SecretDigest(hex: stored.hex) == stored)
        #expect(SecretDigest(presented: Array(secret.utf8).span) == stored)
        #expect(SecretDigest(presented: secret + " ") != stored)
    }
}
