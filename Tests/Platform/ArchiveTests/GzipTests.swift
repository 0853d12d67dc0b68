import Archive
import Testing

@Suite("Gzip and streaming inflation")
struct GzipTests {
    @Test func `round trips, whatever the splits`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var source = SampleSource(seed: seed)
        for round in 0..<60 {
            let plain = source.bytes(round < 4 ? round : source.below(200_000))
            let packed = Gzip.compress(plain, level: source.below(11))
            #expect(try Gzip.decompress(packed, limit: plain.count) == plain, "seed \(seed)")
            var inflater = try Inflater(.gzip, bytesMax: plain.count)
            var output: [UInt8] = []
            var at = 0
            while at < packed.count {
                let count = min(source.below(3_000), packed.count - at)
                try inflater.feed(packed[at..<at + count].span, into: &output)
                at += count
            }
            try inflater.finish()
            #expect(output == plain, "seed \(seed)")
        }
    }

    @Test func `has a header without time, name and system`() {
        #expect(
            Array(Gzip.compress([1, 2, 3]).prefix(10)) == [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        )
    }

    @Test func `reads the zlib form`() throws {
        // Python: zlib.compress(b"hello hello hello")
        let packed: [UInt8] = [
            0x78, 0x9C, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x57, 0xC8, 0x40, 0x90, 0x00, 0x3A, 0x2E,
            0x06, 0x7D,
        ]
        var inflater = try Inflater(.zlib, bytesMax: 100)
        var output: [UInt8] = []
        try inflater.feed(packed.span, into: &output)
        try inflater.finish()
        #expect(output == Array("hello hello hello".utf8))
    }

    @Test func `refuses what is cut off, damaged or followed by something`() {
        let plain = Array("a text that is compressed, a text".utf8)
        let packed = Gzip.compress(plain)
        for count in 0..<packed.count {
            #expect(throws: ArchiveError.self) {
                try Gzip.decompress(Array(packed[..<count]), limit: 1_000)
            }
        }
        for tail in [[0], packed] as [[UInt8]] {
            let error = #expect(throws: ArchiveError.self) {
                try Gzip.decompress(packed + tail, limit: 1_000)
            }
            #expect(error?.kind == .malformed)
        }
        for at in packed.indices where ![4, 5, 6, 7, 8, 9].contains(at) {
            var damaged = packed
            damaged[at] ^= 0x10
            // A bit after the end of the deflated stream counts for nothing.
            let output = try? Gzip.decompress(damaged, limit: 1_000)
            #expect(output == nil || output == plain, "byte \(at)")
        }
    }

    @Test func `refuses more bytes than allowed`() throws {
        let packed = Gzip.compress([UInt8](repeating: 7, count: 5_000))
        #expect(try Gzip.decompress(packed, limit: 5_000).count == 5_000)
        let error = #expect(throws: ArchiveError.self) {
            try Gzip.decompress(packed, limit: 4_999)
        }
        #expect(error?.kind == .tooLarge)
    }

    @Test func `refuses a bomb long before its end`() {
        let bomb = Gzip.compress([UInt8](repeating: 0, count: 64 << 20))
        let piece = Array(bomb.prefix(10_000))
        var output: [UInt8] = []
        let error = #expect(throws: ArchiveError.self) {
            var inflater = try Inflater(.gzip, bytesMax: 1 << 30)
            try inflater.feed(piece.span, into: &output)
        }
        #expect(error?.kind == .tooLarge)
        #expect(output.count < 4 << 20)
    }
}
