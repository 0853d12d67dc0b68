/// Where the fields of a ustar header lie (POSIX.1-2017, pax, "ustar Interchange Format").
enum TarFormat {
    static let blockBytes = 512
    static let name = 0..<100
    static let mode = 100..<108
    static let userID = 108..<116
    static let groupID = 116..<124
    static let size = 124..<136
    static let time = 136..<148
    static let checksum = 148..<156
    static let type = 156
    static let magic = 257..<265
    static let prefix = 345..<500

    static let posixMagic = Array("ustar\u{0}00".utf8)
    static let gnuMagic = Array("ustar  \u{0}".utf8)

    /// The length rounded up to whole blocks.
    static func padded(_ size: Int) -> Int {
        size + (blockBytes - size % blockBytes) % blockBytes
    }

    /// The sum of a header's bytes with blanks in place of the checksum.
    static func sum(of header: ArraySlice<UInt8>) -> Int {
        var sum = checksum.count * 0x20
        for byte in header { sum += Int(byte) }
        for at in checksum { sum -= Int(header[header.startIndex + at]) }
        return sum
    }
}
