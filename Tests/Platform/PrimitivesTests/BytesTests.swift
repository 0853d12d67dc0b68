import Primitives
import Testing

@Suite("Text forms of bytes")
struct BytesTests {
    /// RFC 4648 §10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
    func `base64 follows the vectors of its RFC`(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(text) == Array(plain.utf8))
        let unpadded = String(text.prefix { $0 != "=" })
        #expect(Base64.encode(Array(plain.utf8), .url) == unpadded)
        #expect(Base64.decode(unpadded, .url) == Array(plain.utf8))
        #expect(Base64.decode(text, .url) == Array(plain.utf8))
    }

    @Test func `each alphabet has its own last two characters`() {
        #expect(Base64.encode([0xFB, 0xFF]) == "+/8=")
        #expect(Base64.encode([0xFB, 0xFF], .url) == "-_8")
        #expect(Base64.decode("-_8=") == nil)
        #expect(Base64.decode("+/8", .url) == nil)
    }

    @Test(arguments: [
        "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Z===", "====", "=", "Zg==Zg==", "Zm 8=",
        "Zm8=\n", "Zm9v=", "Zm9v====", "Zé==",
    ])
    func `base64 refuses every other spelling`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test(arguments: ["Z", "Zg=", "Zh", "Zm9", "Zm9v=", "Zg==="])
    func `base64 for URLs refuses every other spelling`(text: String) {
        #expect(Base64.decode(text, .url) == nil)
    }

    @Test(arguments: 0...67)
    func `random bytes read back from every form`(count: Int) {
        let bytes = RandomBytes.make(count)
        #expect(bytes.count == count)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.decode(Hex.encode(bytes).uppercased()) == bytes)
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        #expect(Base64.decode(Base64.encode(bytes, .url), .url) == bytes)
    }

    @Test(arguments: ["0", "0g", "0x", " 00", "é0"])
    func `hex refuses anything but pairs of digits`(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func `hex is lower case`() {
        #expect(Hex.encode([0x00, 0xAB, 0xFF]) == "00abff")
    }

    @Test func `random bytes differ from call to call`() {
        #expect(RandomBytes.make(32) != RandomBytes.make(32))
        #expect(RandomBytes.make(0).isEmpty)
        var bytes = [UInt8](repeating: 0, count: 64)
        RandomBytes.fill(&bytes)
        #expect(bytes.contains { $0 != 0 })
    }

    @Test func `constant-time comparison agrees with the plain one`() {
        #expect(constantTimeEqual([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEqual([1, 2, 3], [0, 2, 3]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2]))
        #expect(constantTimeEqual([UInt8](), []))
        #expect(constantTimeEqual("key", "key"))
        #expect(!constantTimeEqual("key", "kez"))
    }
}
