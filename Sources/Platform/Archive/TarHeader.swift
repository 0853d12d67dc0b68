/// The fields of one header block that matter here.
struct TarHeader {
    let path: [UInt8]
    let size: Int
    let type: UInt8
    let isExecutable: Bool

    /// Reads a block of 512 bytes.
    init(_ block: ArraySlice<UInt8>) throws(ArchiveError) {
        func field(_ range: Range<Int>) -> ArraySlice<UInt8> {
            block[(block.startIndex + range.lowerBound)..<(block.startIndex + range.upperBound)]
        }
        let name = field(TarFormat.name).prefix { $0 != 0 }
        let shown = String(decoding: name, as: UTF8.self)
        guard let checksum = Self.octal(field(TarFormat.checksum)),
            checksum == TarFormat.sum(of: block)
        else {
            throw ArchiveError(.malformed, "The checksum of a header is wrong.", entry: shown)
        }
        let magic = field(TarFormat.magic)
        let isPOSIX = magic.elementsEqual(TarFormat.posixMagic)
        guard isPOSIX || magic.elementsEqual(TarFormat.gnuMagic) else {
            throw ArchiveError(.malformed, "The header is not a ustar header.", entry: shown)
        }
        // In GNU's older form the bytes of the prefix hold other things.
        let prefix = isPOSIX ? field(TarFormat.prefix).prefix { $0 != 0 } : []
        path = prefix.isEmpty ? Array(name) : prefix + [UInt8(ascii: "/")] + name
        guard let size = Self.number(field(TarFormat.size)) else {
            throw ArchiveError(.malformed, "The size of an entry is not a number.", entry: shown)
        }
        self.size = size
        type = block[block.startIndex + TarFormat.type]
        isExecutable = (Self.number(field(TarFormat.mode)) ?? 0) & 0o100 != 0
    }

    /// A number in octal, or in GNU's base 256 when it is not negative and fits.
    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        guard let first = field.first, first & 0x80 != 0 else { return octal(field) }
        guard first == 0x80 else { return nil }
        var number = 0
        for byte in field.dropFirst() {
            guard number <= Int.max >> 8 else { return nil }
            number = number << 8 | Int(byte)
        }
        return number
    }

    /// Blanks, octal digits, then blanks or zero bytes to the end of the field.
    private static func octal(_ field: ArraySlice<UInt8>) -> Int? {
        let text = field.drop { $0 == 0x20 }
        let digits = text.prefix { (0x30...0x37).contains($0) }
        let rest = text.dropFirst(digits.count)
        // Twelve octal digits, the longest field, fit an Int by far.
        guard !digits.isEmpty, rest.allSatisfy({ $0 == 0 || $0 == 0x20 }) else { return nil }
        return digits.reduce(0) { $0 << 3 | Int($1 - 0x30) }
    }
}
