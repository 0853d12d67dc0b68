import Archive
import Testing

@Suite("Writing tar archives")
struct TarWriterTests {
    @Test func `gives the same bytes for the same entries`() throws {
        func archive() throws -> [UInt8] {
            var writer = TarWriter()
            try writer.addDirectory("d")
            try writer.addFile("d/run", [1, 2, 3], isExecutable: true)
            try writer.addFile("d/ü", [])
            return writer.finish()
        }
        let bytes = try archive()
        #expect(try archive() == bytes)
        #expect(Gzip.compress(bytes) == Gzip.compress(bytes))
        #expect(bytes.count == 512 + 1024 + 512 * 3 + 1024)
        // The whole first header, so that a change of the form is noticed.
        #expect(Array(bytes[..<2]) == Array("d/".utf8))
        #expect(Array(bytes[100..<108]) == Array("0000755\0".utf8))
        #expect(
            Array(bytes[108..<124]) == Array("0000000\0000000000\0".utf8).prefix(8)
                + Array("0000000\0".utf8)
        )
        #expect(
            Array(bytes[124..<148]) == Array("00000000000\0".utf8) + Array("00000000000\0".utf8)
        )
        #expect(bytes[156] == UInt8(ascii: "5"))
    }

    @Test(arguments: [1, 99, 100, 101, 155, 200, 254, 255, 256, 257, 400])
    func `paths of any length read back`(length: Int) throws {
        var path = ""
        while path.utf8.count < length {
            path += String(repeating: "n", count: min(49, length - path.utf8.count))
            if length - path.utf8.count > 1 { path += "/" }
        }
        for name in [path, String(repeating: "x", count: min(length, 255))] {
            var writer = TarWriter()
            try writer.addFile(name, [7])
            let archive = try TarReader.read(writer.finish())
            #expect(archive.entries.map(\.path) == [name])
            #expect(archive.contents(at: name) == [7])
        }
    }

    @Test func `refuses what the reader would refuse`() throws {
        var writer = TarWriter()
        try writer.addFile("a", [])
        for path in ["a", "../b", "/b", "a/b", "b//c", ""] {
            #expect(throws: ArchiveError.self) { try writer.addFile(path, []) }
        }
        let archive = try TarReader.read(writer.finish())
        #expect(archive.entries.map(\.path) == ["a"])
    }

    @Test func `random folders read back`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var source = SampleSource(seed: seed)
        let limits = ArchiveLimits(pathBytesMax: 2_000)
        for _ in 0..<100 {
            var writer = TarWriter(limits: limits)
            var expected: [(String, [UInt8])] = []
            for number in 0..<source.below(20) {
                let parts = (0...source.below(5)).map { _ in
                    String(
                        repeating: ["a", "ß", "long-part-"][source.below(3)],
                        count: source.below(20) + 1
                    )
                }
                let path = "\(number)/" + parts.joined(separator: "/")
                let contents = source.bytes(source.below(2_000))
                try writer.addFile(path, contents, isExecutable: source.below(2) == 0)
                expected.append((path, contents))
            }
            let archive = try TarReader.read(Gzip.compress(writer.finish()), limits: limits)
            #expect(archive.entries.map(\.path) == expected.map(\.0), "seed \(seed)")
            for (path, contents) in expected {
                #expect(archive.contents(at: path) == contents, "seed \(seed)")
            }
        }
    }
}
