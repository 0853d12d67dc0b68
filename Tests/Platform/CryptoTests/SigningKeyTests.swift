import Primitives
import Testing

@testable import Crypto

@Suite("Signatures of files")
struct SigningKeyTests {
    /// RFC 8032 §7.1, test 3.
    @Test func `are those of the standard's example`() throws {
        let seed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
        let key = try SigningKey(seed: try #require(Hex.decode(seed)))
        let signature = try key.sign([0xAF, 0x82])
        #expect(
            Hex.encode(signature)
                == "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                + "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        )
        #expect(key.publicKey.verifies(signature, of: [0xAF, 0x82]))
    }

    @Test func `hold for their bytes and their key only`() throws {
        let key = try SigningKey(seed: Array(repeating: 1, count: 32))
        let other = try SigningKey(seed: Array(repeating: 2, count: 32))
        let signature = try key.sign([1, 2, 3])
        let read = try VerifyingKey(pem: Array(key.publicKey.pem.utf8))
        #expect(read.verifies(signature, of: [1, 2, 3]))
        #expect(!read.verifies(signature, of: [1, 2]))
        #expect(!read.verifies(Array(signature.dropLast()), of: [1, 2, 3]))
        #expect(!read.verifies([], of: [1, 2, 3]))
        #expect(!other.publicKey.verifies(signature, of: [1, 2, 3]))
        for index in signature.indices {
            var changed = signature
            changed[index] ^= 1
            #expect(!read.verifies(changed, of: [1, 2, 3]))
        }
    }

    @Test func `take no seed of another length and no key of another kind`() throws {
        #expect(throws: CertificateError.self) { try SigningKey(seed: [1]) }
        #expect(throws: CertificateError.self) { try VerifyingKey(pem: Array("none".utf8)) }
        let private256 = try PrivateKey().pem()
        #expect(throws: CertificateError.self) { try VerifyingKey(pem: private256) }
        // P-256, as `openssl ecparam -name prime256v1 -genkey | openssl ec -pubout` writes it.
        let curve = """
            -----BEGIN PUBLIC KEY-----
            MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQlBtzOiq8OZ5f7xkHNSMijuQR586
            4RYEZWjd/JAGpUydxTKVJcoQCfclIo+ezopYHIBB+0R8Oj2GRCETBn9DFg==
            -----END PUBLIC KEY-----

            """
        let error = #expect(throws: CertificateError.self) {
            try VerifyingKey(pem: Array(curve.utf8))
        }
        #expect(error?.description.contains("not of Ed25519") == true)
    }
}
