/// Builds archives that no honest writer makes.
struct TarBlocks {
    private(set) var bytes: [UInt8] = []

    /// What one header says; the checksum is right unless `checksum` says otherwise.
    struct Header {
        var name: [UInt8]
        var type: Character = "0"
        var size = 0
        var sizeField: [UInt8]?
        var prefix = ""
        var link = ""
        var magic = "ustar\u{0}00"
        var checksum: Int?

        init(_ name: String, type: Character = "0", size: Int = 0) {
            self.name = Array(name.utf8)
            self.type = type
            self.size = size
        }
    }

    mutating func add(_ header: Header, _ data: [UInt8] = []) {
        var block = [UInt8](repeating: 0, count: 512)
        put(header.name, 0)
        put(Array("0000644\0".utf8), 100)
        put(header.sizeField ?? octal(header.size), 124)
        put(Array("        ".utf8), 148)
        put(Array(String(header.type).utf8), 156)
        put(Array(header.link.utf8), 157)
        put(Array(header.magic.utf8), 257)
        put(Array(header.prefix.utf8), 345)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(octal(header.checksum ?? sum).suffix(7), 148)
        bytes += block + data + [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)

        func put(_ value: some Sequence<UInt8>, _ at: Int) {
            for (offset, byte) in value.enumerated() { block[at + offset] = byte }
        }
    }

    mutating func add(_ name: String, type: Character = "0", text: String = "") {
        add(Header(name, type: type, size: text.utf8.count), Array(text.utf8))
    }

    mutating func end() { bytes += [UInt8](repeating: 0, count: 1024) }

    private func octal(_ number: Int) -> [UInt8] {
        let digits = String(number, radix: 8)
        return Array((String(repeating: "0", count: max(0, 11 - digits.count)) + digits).utf8) + [0]
    }

    static func archive(_ build: (inout TarBlocks) -> Void) -> [UInt8] {
        var blocks = TarBlocks()
        build(&blocks)
        blocks.end()
        return blocks.bytes
    }
}
