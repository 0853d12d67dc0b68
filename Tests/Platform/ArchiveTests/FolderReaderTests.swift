import Archive
import Glibc
import Testing

@Suite("Reading and writing on disk")
struct FolderReaderTests {
    /// Runs a body with a fresh folder that is removed afterwards.
    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/easel-archive-XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { removeTree(Array(path.utf8CString)) }
        try body(path)
    }

    @Test func `reads a folder like an archive, sorted`() throws {
        try withFolder { folder in
            mkdir(folder + "/b", 0o755)
            try Files.atomicWrite(path: folder + "/b/run", bytes: [1], mode: 0o755)
            try Files.atomicWrite(path: folder + "/c", bytes: [2, 3])
            try Files.atomicWrite(path: folder + "/a", bytes: [])
            let archive = try FolderReader.read(folder)
            #expect(archive.entries.map(\.path) == ["a", "b", "b/run", "c"])
            #expect(archive.entries.map(\.isExecutable) == [false, true, true, false])
            #expect(archive.contents(at: "c") == [2, 3])
            #expect(archive.contents(at: "b/run") == [1])
        }
    }

    @Test func `refuses links, pipes and sockets without waiting`() throws {
        let makers: [(String) -> Int32] = [
            { symlink("/etc/passwd", $0 + "/x") }, { symlink("/tmp", $0 + "/x") },
            { symlink("nowhere", $0 + "/x") }, { mkfifo($0 + "/x", 0o600) },
        ]
        for make in makers {
            try withFolder { folder in
                #expect(make(folder) == 0)
                let error = #expect(throws: ArchiveError.self) { try FolderReader.read(folder) }
                #expect(error?.kind == .unsafe)
                #expect(error?.entry == "x")
            }
        }
    }

    @Test func `keeps to its limits`() throws {
        try withFolder { folder in
            var deep = folder
            for _ in 0..<5 {
                deep += "/d"
                mkdir(deep, 0o755)
            }
            try Files.atomicWrite(path: deep + "/f", bytes: [UInt8](repeating: 1, count: 100))
            #expect(try FolderReader.read(folder).entries.count == 6)
            #expect(throws: ArchiveError.self) {
                try FolderReader.read(folder, limits: ArchiveLimits(pathPartsMax: 4))
            }
            for limits in [ArchiveLimits(entriesMax: 5), ArchiveLimits(bytesMax: 99)] {
                let error = #expect(throws: ArchiveError.self) {
                    try FolderReader.read(folder, limits: limits)
                }
                #expect(error?.kind == .tooLarge)
            }
        }
    }

    @Test func `refuses names that are not UTF-8 or hold a backslash`() throws {
        for name in [[-1, 0], [0x61, 0x5C, 0x62, 0], [0x61, 0x0A, 0]] as [[CChar]] {
            try withFolder { folder in
                let path = folder.utf8CString.dropLast() + [0x2F] + name
                #expect(close(creat(Array(path), 0o600)) == 0)
                #expect(throws: ArchiveError.self) { try FolderReader.read(folder) }
            }
        }
    }

    @Test func `tells which folder is missing`() {
        let error = #expect(throws: ArchiveError.self) { try FolderReader.read("/nowhere/at/all") }
        #expect(error?.kind == .system(ENOENT))
    }

    @Test func `replaces a file with the mode asked for and leaves nothing behind`() throws {
        try withFolder { folder in
            let path = folder + "/secret"
            let large = [UInt8](repeating: 9, count: 1 << 20)
            try Files.atomicWrite(path: path, bytes: [1, 2, 3])
            try Files.atomicWrite(path: path, bytes: large, mode: 0o600)
            #expect(try Files.read(path, bytesMax: large.count) == large)
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o600)
            #expect(try FolderReader.read(folder).entries.count == 1)
            let error = #expect(throws: FileError.self) {
                try Files.read(path, bytesMax: large.count - 1)
            }
            #expect(error?.number == EFBIG)
            #expect(throws: FileError.self) { try Files.read(folder, bytesMax: 10) }
            mkdir(folder + "/d", 0o755)
            #expect(throws: FileError.self) {
                try Files.atomicWrite(path: folder + "/d", bytes: [1])
            }
            #expect(throws: FileError.self) {
                try Files.atomicWrite(path: folder + "/none/f", bytes: [1])
            }
            #expect(try FolderReader.read(folder).entries.map(\.path) == ["d", "secret"])
        }
    }
}

/// Removes a file or a folder with everything in it; names are C strings, not all are UTF-8.
private func removeTree(_ path: [CChar]) {
    if remove(path) == 0 { return }
    guard let stream = opendir(path) else { return }
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { field in
            field.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
        }
        if name == [0x2E] || name == [0x2E, 0x2E] { continue }
        removeTree(path.dropLast() + [0x2F] + name + [0])
    }
    closedir(stream)
    remove(path)
}
