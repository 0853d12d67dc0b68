import Crypto

/// Names from outside made fit for a file: letters, digits, `.`, `_` and `-`, no dot in front.
enum SafeName {
    /// The longest result in bytes, far below what file systems take.
    static let bytesMax = 120

    /// The same text for a fit name; otherwise one that no other name turns into.
    static func make(_ name: String) -> String {
        var safe = name.utf8.map { isFit($0) ? $0 : UInt8(ascii: "-") }
        if safe.first == UInt8(ascii: ".") { safe[0] = UInt8(ascii: "-") }
        let text = String(decoding: safe.prefix(bytesMax), as: UTF8.self)
        guard text != name || name.isEmpty else { return name }
        return "\(text)-\(mark(name))"
    }

    /// Eight digits that tell texts apart.
    static func mark(_ text: String) -> String { String(SHA256.digest(text).hex.prefix(8)) }

    private static func isFit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }
}
