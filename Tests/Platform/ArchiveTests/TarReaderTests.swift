import Archive
import Testing

@Suite("Reading tar archives")
struct TarReaderTests {
    private func refusal(
        of bytes: [UInt8],
        limits: ArchiveLimits = ArchiveLimits()
    ) -> ArchiveError? {
        do throws(ArchiveError) {
            _ = try TarReader.read(bytes, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func `reads files and folders`() throws {
        let bytes = TarBlocks.archive {
            $0.add("./", type: "5")
            $0.add("./pack.json", text: "{}")
            $0.add("manifests/", type: "5")
            $0.add("manifests/a.yaml", text: String(repeating: "x", count: 1_000))
            $0.add("old", type: "\0", text: "old")
        }
        let archive = try TarReader.read(bytes)
        #expect(
            archive.entries.map(\.path) == ["pack.json", "manifests", "manifests/a.yaml", "old"]
        )
        #expect(archive["manifests"]?.kind == .directory)
        #expect(archive.contents(at: "pack.json") == Array("{}".utf8))
        #expect(archive.contents(at: "manifests/a.yaml")?.count == 1_000)
        #expect(archive.contents(at: "manifests") == nil)
        #expect(archive.contents(at: "none") == nil)
        #expect(archive["old"]?.size == 3)
        #expect(try TarReader.read(Gzip.compress(bytes)).entries == archive.entries)
    }

    @Test func `reads prefixes, GNU long names, pax paths and base 256 sizes`() throws {
        let long = String(repeating: "d/", count: 20) + String(repeating: "n", count: 120)
        let bytes = TarBlocks.archive {
            var prefixed = TarBlocks.Header("name")
            prefixed.prefix = "some/prefix"
            $0.add(prefixed)
            $0.add("pax_global_header", type: "g", text: "14 comment=ab\n")
            $0.add("././@LongLink", type: "L", text: long + "\0")
            $0.add("short", text: "gnu")
            $0.add("x", type: "x", text: "21 mtime=1700000000.\n20 path=ünder/wege\n")
            $0.add("short", text: "pax")
            var binary = TarBlocks.Header("binary", size: 5)
            binary.sizeField = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]
            binary.magic = "ustar  \0"
            binary.prefix = "ignored"
            $0.add(binary, Array("12345".utf8))
        }
        let archive = try TarReader.read(bytes)
        #expect(archive.entries.map(\.path) == ["some/prefix/name", long, "ünder/wege", "binary"])
        #expect(archive.contents(at: long) == Array("gnu".utf8))
        #expect(archive.contents(at: "binary") == Array("12345".utf8))
    }

    @Test(arguments: [
        ("/etc/passwd", "absolute"), ("../up", "upwards"), ("a/../../up", "upwards"),
        ("a/..", "upwards"), ("..", "upwards"), ("a\\b", "backslash"), ("a\nb", "control"),
        ("a\u{7f}", "control"), ("a\u{85}b", "control"), ("a//b", "empty part"),
        ("a/", "empty part"), ("a/./b", "empty part"), ("././a", "empty part"), (".", "name"),
        ("", "empty"), (String(repeating: "p/", count: 40) + "q", "parts"),
    ])
    func `refuses paths that lead elsewhere or read two ways`(path: String, word: String) {
        let error = refusal(of: TarBlocks.archive { $0.add(path, text: "x") })
        #expect(error?.kind == .unsafe)
        #expect(error?.reason.contains(word) == true, "\(String(describing: error))")
    }

    @Test(
        arguments: [
            ("1", "Hard links"), ("2", "Symbolic links"), ("3", "Device"), ("4", "Device"),
            ("6", "pipes"), ("7", "neither"), ("S", "neither"), ("K", "Symbolic"), ("V", "neither"),
            ("z", "neither"),
        ] as [(Character, String)]
    )
    func `refuses everything but files and folders`(type: Character, word: String) {
        let error = refusal(
            of: TarBlocks.archive {
                $0.add("fine", text: "fine")
                $0.add("odd", type: type)
            }
        )
        #expect(error?.kind == .unsafe)
        #expect(error?.entry == "odd")
        #expect(error?.reason.contains(word) == true, "\(String(describing: error))")
    }

    @Test(
        arguments: [
            [("a", "0"), ("a", "0")], [("a", "0"), ("./a", "0")], [("d/", "5"), ("d", "5")],
            [("a", "0"), ("a/b", "0")], [("a/b", "0"), ("a", "0")], [("a", "0"), ("a/", "5")],
            [("d/", "5"), ("d", "0")], [("a/b/c", "0"), ("a/b", "0")],
            [("\u{e9}", "0"), ("e\u{301}", "0")],
        ] as [[(String, Character)]]
    )
    func `refuses a path that is there twice`(entries: [(String, Character)]) {
        let error = refusal(
            of: TarBlocks.archive { for (path, type) in entries { $0.add(path, type: type) } }
        )
        #expect(error?.kind == .unsafe)
        #expect(error?.reason.contains("archive") == true, "\(String(describing: error))")
    }

    @Test func `refuses sizes that lie`() {
        let fields: [[UInt8]] = [
            Array("00000004000\0".utf8), Array("77777777777\0".utf8), Array("-0000000001\0".utf8),
            Array("0000000001 x".utf8), Array("            ".utf8), Array("00000000008\0".utf8),
            [0x80] + [UInt8](repeating: 0xFF, count: 11), [UInt8](repeating: 0xFF, count: 12),
            [0x80, 0, 0, 0, 0x7F] + [UInt8](repeating: 0xFF, count: 7),
        ]
        for field in fields {
            var header = TarBlocks.Header("lie")
            header.sizeField = field
            let error = refusal(of: TarBlocks.archive { $0.add(header, [1, 2, 3]) })
            #expect(error?.kind == .malformed, "\(field)")
            #expect(error?.entry == "lie", "\(field)")
        }
    }

    @Test(arguments: [
        "9999999 path=a\n", "1 path=a\n", "0 path=a\n", "x path=a\n", "10 path=a", "8 =abcd\n",
        "99999999999999999999999999 path=a\n", "noblank", "10 size=-1\n", "5 ab\n",
        "11 path=ab\n12 path=abc\n", "16 linkpath=/etc\n", "23 GNU.sparse.major=12\n",
        "28 size=9223372036854775807\n", "11 path=/b\n", "13 path=../a\n", "8 path=\n",
        "11 path=a\u{0}\n",
    ])
    func `refuses extended headers that are damaged or dangerous`(records: String) {
        let error = refusal(
            of: TarBlocks.archive {
                $0.add("x", type: "x", text: records)
                $0.add("file", text: "abc")
            }
        )
        #expect(error != nil)
    }

    @Test func `refuses extended headers in a wrong place`() {
        let path = "10 path=a\n"
        let bad: [[UInt8]] = [
            TarBlocks.archive { $0.add("x", type: "x", text: path) },
            TarBlocks.archive {
                $0.add("x", type: "x", text: path)
                $0.add("x", type: "x", text: path)
                $0.add("f")
            },
            TarBlocks.archive {
                $0.add("x", type: "x", text: path)
                $0.add("x", type: "L", text: "b")
                $0.add("f")
            },
            TarBlocks.archive {
                $0.add("x", type: "g", text: path)
                $0.add("f")
            },
            TarBlocks.archive {
                $0.add("x", type: "L", text: String(repeating: "a", count: 70_000))
                $0.add("f")
            },
        ]
        for bytes in bad { #expect(refusal(of: bytes) != nil) }
    }

    @Test func `refuses wrong checksums, other formats and folders with contents`() {
        var sum = TarBlocks.Header("sum")
        sum.checksum = 1
        #expect(refusal(of: TarBlocks.archive { $0.add(sum) })?.reason.contains("checksum") == true)
        var old = TarBlocks.Header("old")
        old.magic = ""
        #expect(refusal(of: TarBlocks.archive { $0.add(old) })?.reason.contains("ustar") == true)
        let folder = TarBlocks.archive { $0.add("d/", type: "5", text: "data") }
        #expect(refusal(of: folder)?.reason.contains("contents") == true)
    }

    @Test func `refuses an archive that is cut off or goes on after its end`() {
        let good = TarBlocks.archive { $0.add("a", text: String(repeating: "x", count: 700)) }
        #expect(refusal(of: good) == nil)
        for count in good.indices { #expect(refusal(of: Array(good[..<count])) != nil) }
        #expect(refusal(of: good + [UInt8](repeating: 0, count: 5 * 512)) == nil)
        #expect(refusal(of: good + [0]) != nil)
        var tail = good + [UInt8](repeating: 0, count: 1024)
        tail[tail.count - 1] = 1
        #expect(refusal(of: tail)?.reason.contains("follows") == true)
        var second = good
        second += good
        #expect(refusal(of: second)?.reason.contains("follows") == true)
        #expect(refusal(of: []) != nil)
        #expect(refusal(of: Gzip.compress([])) != nil)
    }

    @Test func `keeps to its limits`() {
        let many = TarBlocks.archive { for number in 0..<50 { $0.add("f\(number)") } }
        #expect(refusal(of: many, limits: ArchiveLimits(entriesMax: 50)) == nil)
        #expect(refusal(of: many, limits: ArchiveLimits(entriesMax: 49))?.kind == .tooLarge)
        #expect(
            refusal(of: many, limits: ArchiveLimits(bytesMax: many.count - 1))?.kind == .tooLarge
        )
        #expect(
            refusal(of: Gzip.compress(many), limits: ArchiveLimits(bytesMax: many.count - 1))?.kind
                == .tooLarge
        )
        #expect(refusal(of: many, limits: ArchiveLimits(pathBytesMax: 2))?.kind == .unsafe)
    }

    @Test func `a million entries are refused in bounded time`() {
        var blocks = TarBlocks()
        blocks.add("x")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512 << 17)
        for _ in 0..<(1 << 17) { bytes += blocks.bytes }
        let limits = ArchiveLimits(bytesMax: .max)
        #expect(refusal(of: bytes, limits: limits)?.reason.contains("twice") == true)
        var header = TarBlocks()
        header.add("g", type: "g")
        bytes = []
        for _ in 0..<(1 << 16) { bytes += header.bytes }
        #expect(refusal(of: bytes, limits: limits)?.kind == .tooLarge)
    }

    @Test func `a changed byte never traps`() {
        let good = TarBlocks.archive {
            $0.add("x", type: "x", text: "10 path=a\n")
            $0.add("f", text: "abc")
        }
        let seed = UInt64.random(in: .min ... .max)
        var source = SampleSource(seed: seed)
        for _ in 0..<2_000 {
            var changed = good
            for _ in 0...source.below(3) {
                changed[source.below(UInt64(changed.count))] = UInt8(source.below(256))
            }
            // Either answer is right; a trap would end the process.
            if let archive = try? TarReader.read(changed) {
                for entry in archive.entries {
                    #expect(archive.contents(of: entry).count == entry.size)
                }
            }
        }
    }
}
